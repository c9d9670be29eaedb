"""The known ways to get the numbers wrong, each with a test that fails when the mistake is made.

The mistakes are numbered as in docs/explanation/numbers.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stratumd.engine import Step
from stratumd.odds import american_to_decimal
from stratumd.plugin import DAY, HOUR, MINUTE, ConsensusPoint, Micros, Observation, Signal, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread, total

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
GAME = game(NOON + 8 * HOUR)
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag", "williamhill_us")
EVEN = 1.91


def everyone(line: float, **own: float) -> Mapping[str, list[object]]:
    """All books at one spread line with even prices, except those with a line of their own."""
    return {book: [spread(own.get(book, line), EVEN, EVEN)] for book in BOOKS}


def at(minutes: float, books: Mapping[str, object], **options: object) -> Observation:
    return observation(NOON + round(minutes * MINUTE), {GAME: books}, **options)


def of_type(steps: list[Step], kind: str) -> list[Signal]:
    return [signal for step in steps for signal in step.signals if signal.type == kind]


def consensus_of(step: Step) -> list[ConsensusPoint]:
    return [record for _, record in step.records if isinstance(record, ConsensusPoint)]


def test_1_steam_fires_on_a_move_of_one_step() -> None:
    """Asking for two stored changes per book inside the window would never see a move of one step."""
    harness = Harness([detector("consensus"), detector("steam", min_age="0s")])
    steps = [harness.feed(at(0, everyone(-3.5))), harness.feed(at(1, everyone(-4.5)))]
    assert [signal.outcome for signal in of_type(steps, "STEAM")] == ["home"]


def test_1_a_long_quiet_line_still_counts_as_the_start_of_the_window() -> None:
    """The last change may lie hours back; the observation at the start of the window confirms it."""
    harness = Harness([detector("consensus"), detector("steam")])
    quiet = [harness.feed(at(minute, everyone(-3.5))) for minute in range(45)]
    assert of_type([*quiet, harness.feed(at(45, everyone(-4.5)))], "STEAM")


def test_2_consensus_stands_on_a_quiet_market() -> None:
    """Nothing changes for 40 minutes, every poll confirms it: consensus is there at every minute."""
    harness = Harness([detector("consensus"), detector("dislocation")])
    for minute in range(40):
        harness.feed(at(minute, everyone(-3.5)))
    late = harness.feed(at(40, everyone(-3.5, fanduel=-6.5)))
    assert [signal.operator for signal in late.signals] == ["fanduel"]


def test_2_a_quiet_consensus_is_not_stored_again_and_not_withdrawn() -> None:
    harness = Harness([detector("consensus")])
    first, *later = [consensus_of(harness.feed(at(minute, everyone(-3.5)))) for minute in range(40)]
    assert [point.line for point in first] == [-3.5]
    assert not any(later)


def test_3_consensus_of_prices_is_taken_in_probability() -> None:
    """−108, −104, +102 and +105 are all about even; the median of the numbers would be −1, a near certainty."""
    american = (-108, -104, 102, 105)
    books = {
        book: [moneyline(american_to_decimal(price), american_to_decimal(-price if abs(price) > 100 else price))]
        for book, price in zip(BOOKS, american, strict=False)
    }
    harness = Harness([detector("consensus", min_books=4)])
    (point,) = consensus_of(harness.feed(at(0, books)))
    assert point.probabilities[0] == pytest.approx(0.5, abs=0.02)
    assert point.prices[0] == pytest.approx(2.0, abs=0.05)


def test_6_a_move_is_a_book_against_itself() -> None:
    """Two books that disagree all day have not moved, whichever of them answers."""
    harness = Harness([detector("consensus"), detector("move")])
    shown = {"betmgm": [spread(-3.5, EVEN, EVEN)]}, {"fanduel": [spread(-5.5, EVEN, EVEN)]}
    steps = [harness.feed(at(minute, shown[minute % 2])) for minute in range(8)]
    assert not of_type(steps, "MOVE")


def test_7_what_the_cooldown_holds_back_does_not_use_up_the_cap() -> None:
    """Flapping inside the cooldown costs nothing; the other market may still fire."""
    harness = Harness([detector("consensus"), detector("dislocation", cooldown="1h", per_hour=2)])
    steps = []
    for minute in range(12):
        line = -6.5 if minute % 2 == 0 else -3.5
        steps.append(harness.feed(at(minute, everyone(-3.5, fanduel=line))))
    last = {book: [spread(-3.5, EVEN, EVEN), total(230.5, EVEN, EVEN)] for book in BOOKS}
    last["fanduel"] = [spread(-3.5, EVEN, EVEN), total(236.5, EVEN, EVEN)]
    steps.append(harness.feed(at(13, last)))
    assert [signal.market for signal in of_type(steps, "DISLOCATION")] == ["spreads", "totals"]


def test_8_a_book_is_not_judged_by_a_consensus_that_contains_it() -> None:
    """With its own quote in the median, the difference would be half as large and stay under the threshold."""
    books = {book: [spread(line, EVEN, EVEN)] for book, line in zip(BOOKS, (-3, -3, -3, -4, -4, -4), strict=False)}
    books[BOOKS[3]] = [spread(-4.25, EVEN, EVEN)]
    harness = Harness([detector("consensus"), detector("dislocation", thresholds={"spread": 1.2})])
    (signal,) = harness.feed(at(0, books)).signals
    assert signal.metadata["consensus"] == pytest.approx(-3.0)
    assert signal.magnitude == pytest.approx(1.25)


def test_9_last_update_is_no_change() -> None:
    """It moves at every poll while the quote stays the same: no change, no move, no new consensus."""
    harness = Harness([detector("consensus"), detector("move"), detector("steam", min_age="0s")])
    first = harness.feed(at(0, everyone(-3.5)))
    later = [harness.feed(at(minute, everyone(-3.5))) for minute in range(1, 6)]
    assert first.changes
    assert not any(step.changes or step.signals or step.records for step in later)


def test_9_freshness_is_the_books_own_last_update() -> None:
    """A quote that is shown but was not confirmed by its book for eleven minutes does not speak."""
    stale = dict.fromkeys(BOOKS[:4], NOON - 11 * MINUTE)
    harness = Harness([detector("consensus")])
    (point,) = consensus_of(harness.feed(at(0, everyone(-3.5), confirmed=stale)))
    assert (point.operators, point.reason) == (4, "too_few_operators")


def test_10_a_pick_em_is_a_line() -> None:
    """A line of 0 is falsy, and a line all the same."""
    harness = Harness([detector("consensus"), detector("move", window="2m")])
    first, second = harness.feed(at(0, everyone(-0.5))), harness.feed(at(1, everyone(0.0)))
    assert [point.line for point in consensus_of(second)] == [0.0]
    assert [(signal.type, signal.outcome) for signal in second.signals if signal.type == "MOVE"] == [("MOVE", "away")]
    assert not first.signals


def test_11_a_start_that_moves_is_followed() -> None:
    """The game was announced for one o'clock and is now announced for two: at half past one it is not in play."""
    harness = Harness([detector("consensus")])
    early, late = game(NOON + HOUR), game(NOON + 2 * HOUR)
    harness.feed(observation(NOON, {early: everyone(-3.5)}))
    step = harness.feed(observation(NOON + 90 * MINUTE, {late: everyone(-4.5)}))
    assert [event.commence_at for event in step.events] == [late.commence_at]
    assert [point.line for point in consensus_of(step)] == [-4.5]


def test_11_a_vanished_book_is_gone_not_zero() -> None:
    """Its quotes are recorded as gone, without a line; nothing moved to 0."""
    harness = Harness([detector("consensus"), detector("move")])
    harness.feed(at(0, everyone(-3.5)))
    step = harness.feed(at(1, {book: offers for book, offers in everyone(-3.5).items() if book != "fanduel"}))
    assert [(change.book, change.line, change.price) for change in step.changes] == [("fanduel", None, None)] * 2
    assert not step.signals


def test_11_hours_of_absence_are_no_cancellation() -> None:
    """An event that comes back under its id goes on: no new announcement, and no move across the gap."""
    other = game(NOON + DAY, id="other")
    harness = Harness([detector("consensus"), detector("move", window="6h", sync_window="6h")])
    both = {GAME: everyone(-3.5), other: everyone(-1.5)}
    harness.feed(observation(NOON, both))
    gone = harness.feed(observation(NOON + HOUR, {other: everyone(-1.5)}))
    back = harness.feed(observation(NOON + 4 * HOUR, {GAME: everyone(-6.5), other: everyone(-1.5)}))
    assert {change.event for change in gone.changes} == {GAME.id}
    assert not back.events
    assert not back.signals
