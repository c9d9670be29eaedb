"""Print precision and recall of STEAM and DISLOCATION on the simulated market.

`python -m stratumd_demo.score --seed 7`. The market is polled in virtual time; every body goes through the odds-api
normalizer and the real pipeline, once per poll interval. The detectors have their default options but for the cap per
hour, which is lifted: incidents are injected far more often than they happen. What counts as true is stated in
`stratumd_demo.matching`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from math import gcd
from typing import Any, Final, NamedTuple

import msgspec

from stratumd.plugin import HOUR, MINUTE, SECOND, Observation, Request, Signal, parse_iso
from stratumd.testing.harness import Harness, detector, normalizer
from stratumd_demo.labels import Kind, Label
from stratumd_demo.market import Market
from stratumd_demo.matching import APART, STEAMS, Apart, Lifetimes, Matched, match
from stratumd_demo.quoting import SPORT
from stratumd_demo.wire import odds

OPENED: Final = parse_iso("2026-01-10T12:00:00Z")
WINDOW: Final = 3 * MINUTE
"""The steam detector's default window, in which a label's operators are counted."""
MIN_AGE: Final = 30 * MINUTE
"""The steam detector's default."""
STEAM_LEAST: Final = {"spreads": 0.5, "totals": 1.0, "h2h": 0.02}
"""The steam detector's default thresholds: who moved less is no mover."""
APART_LEAST: Final = {"spreads": 1.0, "totals": 2.0, "h2h": 0.03}
"""The dislocation detector's."""
AFTERMATH: Final = 2 * HOUR
"""So long after the last poll every incident that it may have seen is over, and labelled."""
UNCAPPED: Final = 1_000_000
POLLS: Final = (30, 60, 120, 300)
REQUEST: Final = Request(
    f"/v4/sports/{SPORT}/odds", {"markets": "h2h,spreads,totals", "oddsFormat": "american", "regions": "us,us2"}
)


class Run(NamedTuple):
    """What one simulation gave: the signals by poll interval in seconds, and the truth."""

    signals: dict[int, list[Signal]]
    labels: list[Label]
    lifetimes: Lifetimes


class Row(NamedTuple):
    """One line of a table; None where there is nothing to divide by."""

    title: str
    labels: int
    found: int
    signals: int
    true: int

    @property
    def recall(self) -> float | None:
        """Return the share of labels that were found."""
        return self.found / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        """Return the share of signals that are true."""
        return self.true / self.signals if self.signals else None


def simulate(seed: int, hours: float, games: int, polls: Sequence[int]) -> Run:
    """Run the market for `hours` and poll it every so many seconds, each interval with a pipeline of its own."""
    market = Market(seed, OPENED, games=games)
    harnesses = {poll: pipeline() for poll in polls}
    signals: dict[int, list[Signal]] = {poll: [] for poll in polls}
    lifetimes = Lifetimes(OPENED + round(hours * HOUR), {}, {})
    step = gcd(*polls)
    for seconds in range(0, round(hours * HOUR / SECOND) + 1, step):
        market.advance(OPENED + seconds * SECOND)
        due = [poll for poll in polls if seconds % poll == 0]
        if due:
            seen = observe(market)
            for poll in due:
                signals[poll] += harnesses[poll].feed(seen).signals
        _note(lifetimes, market)
    market.advance(market.now + AFTERMATH)
    return Run(signals, market.labels, lifetimes)


def pipeline() -> Harness:
    """Return the pipeline that is scored."""
    detectors = [
        detector("consensus"),
        detector("dislocation", per_hour=UNCAPPED),
        detector("steam", per_hour=UNCAPPED),
    ]
    return Harness(detectors, [normalizer("odds-api")], name="score")


def observe(market: Market) -> Observation:
    """Return what a poll of the market would be answered now."""
    return Observation("demo", "odds-api", market.now, REQUEST, 200, msgspec.json.encode(odds(market)))


def _note(lifetimes: Lifetimes, market: Market) -> None:
    for game in market.games.values():
        lifetimes.seen.setdefault(game.fixture.id, market.now)
        lifetimes.starts[game.fixture.id] = game.announced


# STEAM

STEAM_ROWS: Final[tuple[tuple[str, Callable[[int], bool]], ...]] = (
    ("0–3", lambda count: count <= 3),
    ("4", lambda count: count == 4),
    ("5–6", lambda count: 5 <= count <= 6),
    ("7–9", lambda count: 7 <= count <= 9),
    ("10+", lambda count: count >= 10),
)


def steam(run: Run, poll: int) -> list[Row]:
    """Return the rows of STEAM: by operators that moved by the threshold inside one window, and the sum."""
    matched = _steam_matched(run, poll)
    rows = []
    for title, fits in STEAM_ROWS:
        labels = [(one, hit) for one, hit in matched.labels if fits(_breadth(one))]
        signals = [(one, true) for one, true in matched.signals if fits(_movers(one))]
        rows.append(_row(title, labels, signals))
    return [*rows, _row("all", matched.labels, matched.signals)]


def clear_steam(run: Run, poll: int) -> Row:
    """Return the row of the clear cases: at least 1 point by at least 5 operators inside one window."""
    matched = _steam_matched(run, poll)
    pointed = ("spreads", "totals")
    labels = [pair for pair in matched.labels if pair[0].market in pointed and pair[0].breadth(WINDOW, 1.0) >= 5]
    signals = [
        (one, true)
        for one, true in matched.signals
        if one.market in pointed and one.magnitude >= 1.0 and _movers(one) >= 5
    ]
    return _row("≥ 1 point by ≥ 5", labels, signals)


def _steam_matched(run: Run, poll: int) -> Matched:
    signals = [signal for signal in run.signals[poll] if signal.type == "STEAM"]
    matched = match(signals, run.labels, STEAMS, WINDOW + poll * SECOND)
    scored = [(one, hit) for one, hit in matched.labels if one.kind is Kind.STEAM and run.lifetimes.open(one, MIN_AGE)]
    return matched._replace(labels=scored)


def _breadth(label: Label) -> int:
    return label.breadth(WINDOW, STEAM_LEAST[label.market or ""])


def _movers(signal: Signal) -> int:
    return len(signal.metadata["movers"])


# DISLOCATION

APART_ROWS: Final[tuple[tuple[str, Callable[[int], bool]], ...]] = (
    ("1", lambda count: count == 1),
    ("2–3", lambda count: 2 <= count <= 3),
    ("4+", lambda count: count >= 4),
)


def dislocation(run: Run, poll: int) -> list[Row]:
    """Return the rows of DISLOCATION: by operators that stood apart the same way at once, and the sum."""
    spoken = [signal for signal in run.signals[poll] if signal.type == "DISLOCATION"]
    matched = match(spoken, run.labels, APART, 0)
    visible = [(one, hit) for one, hit in matched.labels if _is_visible(one, run, poll)]
    apart = Apart(run.labels)
    rows = []
    for title, fits in APART_ROWS:
        labels = [(one, hit) for one, hit in visible if fits(apart.during(one))]
        signals = [(one, true) for one, true in matched.signals if fits(apart.at(one))]
        rows.append(_row(title, labels, signals))
    return [*rows, _row("all", visible, matched.signals)]


def _is_visible(label: Label, run: Run, poll: int) -> bool:
    large = label.size >= APART_LEAST[label.market or ""]
    return large and label.until - label.at >= 2 * poll * SECOND and run.lifetimes.open(label, 0)


def _row(title: str, labels: Iterable[tuple[Any, bool]], signals: Iterable[tuple[Any, bool]]) -> Row:
    found, true = [hit for _, hit in labels], [hit for _, hit in signals]
    return Row(title, len(found), sum(found), len(true), sum(true))


# The command


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, simulate, print the tables."""
    asked = _parser().parse_args(arguments)
    polls = sorted(asked.poll or POLLS)
    run = simulate(asked.seed, asked.hours, asked.games, polls)
    sys.stdout.write("\n".join(report(run, asked.seed, asked.hours, asked.games)) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stratumd_demo.score", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="any whole number; the same one gives the same table")
    parser.add_argument("--poll", type=int, action="append", metavar="SECONDS", help="may be repeated; 30 60 120 300")
    parser.add_argument("--hours", type=float, default=48.0, help="length of the simulation")
    parser.add_argument("--games", type=int, default=8, help="games in the feed at once")
    return parser


def report(run: Run, seed: int, hours: float, games: int) -> Iterable[str]:
    """Yield the lines of the tables."""
    yield f"seed {seed}, {hours:g} h, {games} games, window {WINDOW // MINUTE} min; {len(run.labels)} labels in all"
    for title, rows in TABLES:
        yield f"\n{title}"
        yield "  poll  operators          labels  found  recall  signals   true  precision"
        for poll in run.signals:
            yield from (_line(poll, row) for row in rows(run, poll))


def _steam_rows(run: Run, poll: int) -> list[Row]:
    return [*steam(run, poll), clear_steam(run, poll)]


TABLES: Final = (
    ("STEAM, by operators that moved inside one window", _steam_rows),
    ("DISLOCATION, by operators that stood apart at once", dislocation),
)


def _line(poll: int, row: Row) -> str:
    recall, precision = _share(row.recall), _share(row.precision)
    labels, signals = f"{row.labels:>7}{row.found:>7}{recall:>8}", f"{row.signals:>9}{row.true:>7}{precision:>11}"
    return f"{poll:>5}s  {row.title:<18}{labels}{signals}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
