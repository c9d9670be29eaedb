"""The detector as a whole: it keeps the contract, and does no work twice."""

from __future__ import annotations

from typing import Any

import pytest

from stratumd.plugin import HOUR, MINUTE, Micros, parse_iso
from stratumd.testing.conformance import verify_detector
from stratumd.testing.conformance.detectors import Detecting
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, total
from stratumd_value import Value
from stratumd_value import detector as module
from stratumd_value.options import Options

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
EASY: dict[str, Any] = {
    "positive_ev": {"min_ev_percent": 0.5},
    "low_hold": {"max_hold_percent": 5},
    "middle": {"min_ev_percent": -5},
}


def harness(*before: Any, **options: Any) -> Harness:
    return Harness([*before, Value(Options.model_validate(options))])


def test_it_keeps_the_contract() -> None:
    """Over a script in which it finds something."""
    before = (detector("consensus"),)
    found = {finding.type for _, finding in Detecting(Value, EASY, before).findings()}
    assert found == {"POSITIVE_EV", "LOW_HOLD", "MIDDLE"}
    assert [verdict for verdict in verify_detector(Value, EASY, before=before) if verdict.problem] == []


def test_what_did_not_change_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both markets; nothing; one market, where a price changed; both, but no fair price: a book grew old."""
    looked: list[str] = []
    names = ("best_together", "best_middle", "positive")
    for name in names:
        monkeypatch.setattr(module, name, _counted(getattr(module, name), name, looked))
    running, event = harness(detector("consensus")), game(NOON + 6 * HOUR)
    books: dict[str, Any] = {book: [moneyline(1.8, 2.05), total(226.5, 1.91, 1.91)] for book in BOOKS}
    changed = books | {"betus": [moneyline(1.8, 2.04), total(226.5, 1.91, 1.91)]}
    counts = []
    for minute, offers in ((0, books), (1, books), (2, changed), (3, changed)):
        looked.clear()
        running.feed(observation(NOON + minute * MINUTE, {event: offers}, confirmed={"bovada": NOON}))
        counts.append([looked.count(name) for name in names])
    assert counts == [[2, 2, 2], [0, 0, 0], [1, 1, 1], [2, 2, 0]]


def _counted(function: Any, name: str, looked: list[str]) -> Any:
    def counting(*arguments: Any) -> Any:
        looked.append(name)
        return function(*arguments)

    return counting


def test_without_a_consensus_only_prices_are_put_together() -> None:
    books = {"fanduel": [moneyline(2.1, 1.8)], "betmgm": [moneyline(1.8, 2.1)]}
    signals = harness().feed(observation(NOON, {game(NOON + 6 * HOUR): books})).signals
    assert [signal.type for signal in signals] == ["ARBITRAGE"]


def test_a_market_that_is_not_named_is_left_alone() -> None:
    books = {"fanduel": [moneyline(2.1, 1.8)], "betmgm": [moneyline(1.8, 2.1)]}
    running = harness(detector("consensus"), markets=["totals"])
    assert not running.feed(observation(NOON, {game(NOON + 6 * HOUR): books})).signals


def test_in_play_nothing_is_put_together_unless_asked_for() -> None:
    books, running = {"fanduel": [moneyline(2.1, 1.8)], "betmgm": [moneyline(1.8, 2.1)]}, game(NOON - HOUR)
    assert not harness().feed(observation(NOON, {running: books})).signals
    assert harness(in_play=True).feed(observation(NOON, {running: books})).signals


def test_an_arbitrage_that_grows_fires_again() -> None:
    """After the cooldown, and only by as much again as it has to have at all."""
    running, event = harness(arbitrage={"min_margin_percent": 1, "cooldown": "0s"}), game(NOON + 6 * HOUR)
    homes = (2.10, 2.11, 2.16, 2.16)
    fired = [
        len(
            running.feed(
                observation(NOON + i * MINUTE, {event: {"a": [moneyline(home, 1.8)], "b": [moneyline(1.8, 2.0)]}})
            ).signals
        )
        for i, home in enumerate(homes)
    ]
    assert fired == [1, 0, 1, 0]
