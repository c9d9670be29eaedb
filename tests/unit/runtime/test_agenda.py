"""Which events are asked about: due ones, nearest first, and what is kept for those nearer still."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.config import Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, Fixture, parse_iso
from stratumd.runtime.agenda import affordable, due, kept
from stratumd.runtime.cadence import Cadence, cadence_of

NOON = parse_iso("2026-01-10T12:00:00Z")
ADAPTIVE = cadence_of(Schedule(cadence="adaptive"))
assert isinstance(ADAPTIVE, Cadence)


def game(id: str, starts: int, sport: str = "nba") -> Fixture:
    return Fixture(id, sport, NOON + starts)


def price(events: Sequence[Fixture]) -> int:
    return 3 * len({event.sport for event in events})


SOON, LATER, FAR = game("soon", 30 * MINUTE), game("later", 2 * HOUR), game("far", 30 * HOUR)


def test_what_was_never_polled_is_due_and_the_nearest_is_first() -> None:
    found = due(ADAPTIVE, [FAR, LATER, SOON], {}, NOON + 7)
    assert [each.fixture.id for each in found] == ["soon", "later", "far"]


def test_what_was_polled_since_its_instant_is_not_due() -> None:
    polled = {"soon": NOON, "later": NOON, "far": NOON}
    assert due(ADAPTIVE, [SOON, LATER, FAR], polled, NOON + MINUTE - 1) == []
    assert [each.fixture for each in due(ADAPTIVE, [SOON, LATER, FAR], polled, NOON + MINUTE)] == [SOON]
    assert [each.fixture for each in due(ADAPTIVE, [SOON, LATER, FAR], polled, NOON + 5 * MINUTE)] == [SOON, LATER]


def test_an_instant_that_was_missed_is_made_up_for() -> None:
    (found,) = due(ADAPTIVE, [LATER], {"later": NOON - 1}, NOON + 4 * MINUTE)
    assert found.instant == NOON


def test_what_is_over_or_not_yet_in_a_band_is_not_due() -> None:
    assert due(ADAPTIVE, [game("over", -15 * MINUTE)], {}, NOON) == []


def test_credits_go_to_the_nearest_first() -> None:
    waiting = due(ADAPTIVE, [SOON, LATER, game("other", HOUR, "nhl")], {}, NOON)
    assert [each.fixture.id for each in affordable(waiting, price, lambda phase: 3)] == ["soon", "later"]
    assert affordable(waiting, price, lambda phase: 2) == []
    assert len(affordable(waiting, price, lambda phase: 6)) == 3


def test_a_phase_leaves_to_the_nearer_ones_what_they_will_want() -> None:
    """One start in 3 hours: the last hour and a quarter want 75 polls of 3 credits, the two hours before 24."""
    games = [game("a", 3 * HOUR), game("b", 3 * HOUR)]
    hours, day = ADAPTIVE.phases[2], ADAPTIVE.phases[1]
    assert kept(ADAPTIVE, hours, games, price, 0, NOON).today == 75 * 3
    assert kept(ADAPTIVE, day, games, price, 0, NOON).today == (75 + 24) * 3
    assert kept(ADAPTIVE, ADAPTIVE.phases[3], games, price, 0, NOON) == (0, 0)


def test_what_a_bucket_gains_until_then_need_not_be_kept() -> None:
    """240 credits a day are 20 in the two hours before the last, and 12.5 in the hour and a quarter."""
    hours = ADAPTIVE.phases[2]
    found = kept(ADAPTIVE, hours, [game("a", 3 * HOUR)], price, 240, NOON)
    assert found.bucket == 225 - 20 - 12


def test_only_what_comes_before_midnight_is_kept_of_todays_credits() -> None:
    found = kept(ADAPTIVE, ADAPTIVE.phases[2], [game("a", 12 * HOUR)], price, 0, NOON)
    assert found.today == 60 * 3
    assert kept(ADAPTIVE, ADAPTIVE.phases[2], [game("a", 3 * DAY)], price, 0, NOON) == (0, 0)
