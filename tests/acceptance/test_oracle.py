"""stratumd against a second reading of the rules, `tests/support/plain.py`: the same signals, to the last figure.

STRATUMD_ORACLE=full replays the recordings whole, and more of the simulated market.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from math import isclose
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stratumd import recording
from stratumd.config import load_config
from stratumd.plugin import Observation
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.replaying import replay
from tests.support import ROOT, plain, rough, shared
from tests.support.past import polled

FULL = os.environ.get("STRATUMD_ORACLE") == "full"
CONFIG = ROOT / "config" / "examples" / "replay.yaml"
TYPES = {"MOVE", "MULTIBOOK_SYNC", "DISLOCATION", "STEAM"}
SHOWN = {"ev_percent": 3}
"""Decimals that are shown of a figure; six of any other."""

Key = tuple[Any, ...]
Figures = Mapping[str, Any]


@pytest.mark.parametrize(
    ("name", "polls"),
    [("recordings/wnba-2026-07-14--07-31.jsonl.xz", 200), ("recordings/mlb-2026-08-04--08-06.jsonl.xz", 60)],
    ids=["wnba", "mlb"],
)
def test_a_recording_is_read_alike(name: str, polls: int, tmp_path: Path) -> None:
    observations = list(islice(recording.read(shared(name)), None if FULL else polls))
    theirs = alike(observations, tmp_path)
    assert {type_ for type_, *_ in theirs} == TYPES


@pytest.mark.parametrize("seed", range(1, 21) if FULL else [1])
def test_the_simulated_market_is_read_alike(seed: int, tmp_path: Path) -> None:
    """Books of more operators, outages, late moves and mistakes, polled every five minutes."""
    alike(polled(minutes=600 if FULL else 240, games=2, seed=seed)[::5], tmp_path)


@pytest.mark.parametrize("sport", ["basketball_nba", "baseball_mlb"])
@pytest.mark.parametrize("seed", range(100 if FULL else 3))
def test_a_rough_market_is_read_alike(seed: int, sport: str, tmp_path: Path) -> None:
    """Caps are reached in it, starts move, quotes are too old, and the books of an operator differ."""
    alike(recorded(rough.market(seed, sport), tmp_path), tmp_path)


def test_a_hand_made_recording_says_what_can_be_worked_out_by_hand() -> None:
    """Seven of nine operators give a point more. Both sides cost the same, so that fair lines are the lines."""
    found = {(signal.type, signal.operator): signal for signal in plain.signals(line_moves(-3.5, -4.5))}
    assert {key: (s.outcome, s.direction, s.magnitude, s.threshold, s.strength) for key, s in found.items()} == {
        ("MOVE", None): ("home", "down", 1.0, 0.5, 82),
        ("MULTIBOOK_SYNC", None): ("home", "down", 1.0, 0.25, 96),
        ("STEAM", None): ("home", "down", 1.0, 0.5, 61),
        ("DISLOCATION", "fanduel"): ("home", "up", 1.0, 1.0, 59),
        ("DISLOCATION", "mybookieag"): ("home", "up", 1.0, 1.0, 59),
    }
    steam = found["STEAM", None]
    assert steam.books == sorted(NINE[:7])
    assert (steam.evidence["present"], steam.evidence["minutes"]) == (9, 10.0)
    assert [each["book"] for each in steam.evidence["stale"]] == ["fanduel", "mybookieag"]
    assert steam.evidence["stale"][0]["ev_percent"] == pytest.approx(100 * (0.537938 * 21 / 11 - 1), abs=1e-3)
    assert found["DISLOCATION", "fanduel"].evidence == {"value": -3.5, "consensus": -4.5, "others": 8, "line": -3.5}


def test_a_hand_made_recording_is_read_alike(tmp_path: Path) -> None:
    assert len(alike(recorded(line_moves(-3.5, -4.5), tmp_path), tmp_path)) == 5


def test_a_refund_is_in_the_worth_of_what_was_left_behind(tmp_path: Path) -> None:
    """At −3 a win by three gives the stake back: nothing is won or lost then."""
    ours, theirs = both(line_moves(-3, -4), tmp_path, "STEAM")
    assert theirs["stale"][0]["ev_percent"] == pytest.approx(ours["stale"][0]["ev_percent"], abs=1e-3)


def test_the_chances_that_a_draw_is_held_against_add_up_to_one(tmp_path: Path) -> None:
    """As in the consensus itself, and in POSITIVE_EV: the medians 50, 30 and 30 % are 45, 27 and 27."""
    others = [(50, 30, 20), (50, 20, 30), (40, 30, 30), (50, 30, 20), (40, 30, 30)]
    quotes = {
        book: rough.Offer("h2h", list(zip(("Home", "Draw", "Away"), map(rough.american, chances), strict=True)))
        for book, chances in zip(NINE[:6], [*others, (30, 35, 35)], strict=True)
    }
    ours, theirs = both([one_game(0, "soccer_epl", quotes)], tmp_path, "DISLOCATION", operator=NINE[5])
    assert ours["consensus"] == pytest.approx(50 / 110, abs=0.005)
    assert theirs["consensus"] == pytest.approx(ours["consensus"], abs=1e-6)


def both(lines: list[bytes], folder: Path, type_: str, operator: str | None = None) -> tuple[Figures, Figures]:
    """Return the figures of the one signal of a type, in both readings."""
    (ours,) = [each for each in plain.signals(lines) if (each.type, each.operator) == (type_, operator)]
    recorded(lines, folder)
    theirs = found_by_stratumd(folder / "made.jsonl")
    return figures_of(ours), theirs[ours[:7]]


NINE = ("betmgm", "betonlineag", "betrivers", "betus", "bovada", "draftkings", "fanatics", "fanduel", "mybookieag")


def line_moves(before: float, after: float) -> list[bytes]:
    """Return four polls, ten minutes apart, of a home line that all but the last two books move in the last."""

    def quotes(moved: bool) -> dict[str, rough.Offer]:
        lines = {book: after if moved and book in NINE[:7] else before for book in NINE}
        return {
            book: rough.Offer("spreads", [("Away", -110, -line), ("Home", -110, line)]) for book, line in lines.items()
        }

    return [one_game(10 * poll, "basketball_wnba", quotes(moved=poll == 3)) for poll in range(4)]


def one_game(minute: int, sport: str, offers: Mapping[str, rough.Offer]) -> bytes:
    game = rough.Game("e1", rough.NOON + timedelta(hours=6), {book: [offer] for book, offer in offers.items()})
    return rough.answer(rough.NOON + timedelta(minutes=minute), sport, [game])


def recorded(lines: Iterable[bytes], folder: Path) -> list[Observation]:
    path = folder / "made.jsonl"
    path.write_bytes(b"".join(lines))
    return list(recording.read(path))


def alike(observations: Iterable[Observation], folder: Path) -> dict[Key, Figures]:
    """Assert that both find the same, and return it."""
    path = folder / "recording.jsonl"
    recording.write(path, observations)
    theirs = found_by_stratumd(path)
    with path.open("rb") as lines:
        ours = {signal[:7]: figures_of(signal) for signal in plain.signals(lines)}
    assert theirs.keys() == ours.keys()
    assert [(key, *differing(theirs[key], ours[key])) for key in ours if differing(theirs[key], ours[key])] == []
    return theirs


def found_by_stratumd(path: Path) -> dict[Key, Figures]:
    loaded = load_config(CONFIG)
    pipelines = [build_pipeline(spec, loaded.registry) for spec in loaded.pipelines.values()]
    signals = [signal for step in replay(recording.read(path), pipelines, None) for signal in step.signals]
    shown = [msgspec.json.decode(signal.to_json()) for signal in signals]
    fields = ("type", "event", "market", "outcome", "direction", "operator")
    return {
        (*[each[field] for field in fields], datetime.fromisoformat(each["observed_at"])): each | each["metadata"]
        for each in shown
    }


def figures_of(signal: plain.Signal) -> Figures:
    figures = {"books": signal.books, "magnitude": signal.magnitude, "threshold": signal.threshold}
    return figures | {"strength": signal.strength} | signal.evidence


def differing(theirs: Figures, ours: Figures) -> list[Any]:
    """Return the figures of `ours` that `theirs` has otherwise."""
    return [(name, theirs[name], value) for name, value in ours.items() if not same(name, theirs[name], value)]


def same(name: str, theirs: Any, ours: Any) -> bool:
    if isinstance(ours, list):
        return len(theirs) == len(ours) and all(same(name, *pair) for pair in zip(theirs, ours, strict=True))
    if isinstance(ours, dict):
        return not differing(theirs, ours)
    if isinstance(ours, float) and theirs is not None:
        return isclose(theirs, ours, rel_tol=0.0, abs_tol=0.6 * 10.0 ** -SHOWN.get(name, 6))
    return bool(theirs == ours)
