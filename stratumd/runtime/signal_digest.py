"""The digest of a sink's signals: what it says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple

from stratumd.config.digests import SignalDigest
from stratumd.plugin import Micros, Notice, Signal, iso, one_line, to_datetime
from stratumd.plugin.evidence import number, text
from stratumd.plugin.wording import MINUS, plain, points
from stratumd.runtime.digest import moment, named

KIND = "signal_digest"
_REFERENCES = ("stale", "named", "consensus")
"""Whose price is held against the close, the first that has a value: a book's that was left behind, that of a book of
the signal, the consensus."""

Close = Mapping[str, Any]
"""What a price of a signal was worth at the close: a row of the report `clv.values`."""


class Tally(NamedTuple):
    """The signals of a period."""

    types: Mapping[str, int]
    markets: Mapping[str, int]
    strongest: Sequence[Signal]


def tally(signals: Iterable[Signal], top: int) -> Tally:
    """Count signals, and pick the strongest; of equal ones the earlier."""
    types, markets = Counter[str](), Counter[str]()

    def counted() -> Iterator[Signal]:
        for signal in signals:
            types[signal.type] += 1
            markets[signal.market] += 1
            yield signal

    strongest = nsmallest(top, counted(), key=lambda each: (-each.strength, each.observed_at, each.id))
    return Tally(types, markets, strongest)


def chosen(rows: Iterable[Close]) -> Close | None:
    """Return the row that says most plainly what a signal was worth; None where none has a value yet."""
    valued = {row["reference"]: row for row in rows if row["status"] == "valued" and row["after_seconds"] == 0}
    told = (valued[name] for name in _REFERENCES if name in valued)
    return next((row for row in told if None not in (number(row, "price"), number(row, "ev_percent"))), None)


def notice(
    sink: str, options: SignalDigest, since: Micros, until: Micros, found: Tally, closes: Mapping[str, Close]
) -> Notice:
    """Return the digest of [since, until), which is the same notice however often it is made.

    `closes` has a row for those of the strongest, by id, whose close is known.
    """
    count = sum(found.types.values())
    title = f"{_called(options, until)}: {count:,} signal{'s' if count != 1 else ''}"
    lines = [
        f"{moment(since)} to {moment(until)} UTC",
        f"Types: {named(found.types)}",
        f"Markets: {named(found.markets)}",
        *(line for each in found.strongest for line in _lines(each, closes.get(each.id))),
    ]
    return Notice(
        f"{KIND}/{sink}/{iso(until)}",
        KIND,
        title,
        "\n".join(map(plain, lines)),
        until,
        figures=_figures(since, until, found, closes),
    )


def _called(options: SignalDigest, until: Micros) -> str:
    day = to_datetime(until).date()
    if options.every == "daily":
        return f"Daily digest {day}"
    year, week, _ = day.isocalendar()
    return f"Weekly digest {year}-W{week:02}"


def _lines(signal: Signal, close: Close | None) -> Iterator[str]:
    yield f"- {' · '.join(one_line(signal).split('  '))}"
    when = f"{signal.away} at {signal.home}, start {moment(signal.commence_at)}, seen {moment(signal.observed_at)}"
    yield f"{when}; {_closed(signal.market, close)}" if close is not None else when


def _closed(market: str, close: Close) -> str:
    """Return `betmgm −3.5 at 1.91 was worth +2.1 % at the close of −4.5`."""
    price, ev = number(close, "price"), number(close, "ev_percent")
    assert price is not None, "it was chosen"
    assert ev is not None, "it was chosen"
    taken = [text(close, "book") or "the consensus", _line(market, number(close, "line")), f"at {price:.2f}"]
    of = _line(market, number(close, "close_line"))
    at = f"at the close of {of}" if of else "at the close"
    few = "" if close.get("quality") == "good" else " (of few books)"
    worth = f"{ev:+.1f} %".replace("-", MINUS)
    return f"{' '.join(filter(None, taken))} was worth {worth} {at}{few}"


def _line(market: str, line: float | None) -> str:
    """Return a line from the bettor's side; nothing where there is none."""
    return "" if line is None else points(market, line)


def _figures(since: Micros, until: Micros, found: Tally, closes: Mapping[str, Close]) -> dict[str, Any]:
    return {
        "since": iso(since),
        "until": iso(until),
        "types": dict(found.types),
        "markets": dict(found.markets),
        "strongest": [{"signal": each.public(), "close": closes.get(each.id)} for each in found.strongest],
    }
