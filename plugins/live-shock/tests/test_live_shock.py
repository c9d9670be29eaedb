"""LIVE_SHOCK: jumps of a market in play, who jumped, who was away, and what is no jump."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd import recording
from stratumd.plugin import MINUTE, SECOND, Micros, Observation, Signal, parse_iso
from stratumd.testing.harness import Books, Harness, detector, game, moneyline, normalizer, observation, spread
from stratumd_live_shock import LiveShock
from stratumd_live_shock.options import Options
from tests.support import shared

TIP: Micros = parse_iso("2026-01-10T20:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
EVEN, AHEAD, FAR_AHEAD = (1.91, 1.91), (1.57, 2.40), (1.16, 5.20)
"""Fair probabilities of home: 0.500, 0.605, 0.818."""


def everyone(prices: tuple[float, ...], **own: tuple[float, ...] | None) -> Books:
    """Return a moneyline of every book; `own` prices of some, None for one that is away."""
    offered = {book: own.get(book, prices) for book in BOOKS}
    return {book: [moneyline(*each)] for book, each in offered.items() if each is not None}


def polls(
    stories: Sequence[Books], *, begin: Micros = TIP + 30 * MINUTE, every: Micros = MINUTE, sport: str = "", **more: Any
) -> Iterable[Observation]:
    event = game(more.get("starts", TIP), sport=sport or "basketball_nba")
    return [observation(begin + number * every, {event: books}) for number, books in enumerate(stories)]


def signals(*stories: Books, options: dict[str, Any] | None = None, **more: Any) -> list[Signal]:
    return Harness([LiveShock(Options.model_validate(options or {}))]).run(polls(stories, **more))


def test_a_jump_in_play_is_a_signal() -> None:
    (signal,) = signals(everyone(EVEN), everyone(AHEAD))
    assert (signal.market, signal.outcome, signal.direction, signal.books) == ("h2h", "home", "up", BOOKS)
    assert signal.magnitude == pytest.approx(0.1045, abs=1e-3)
    assert signal.metadata["before"] == 0.5
    assert signal.metadata["severity"] == "minor"
    assert signal.metadata["minutes_in_play"] == 31


def test_it_claims_no_information() -> None:
    (signal,) = signals(everyone(EVEN), everyone(AHEAD))
    assert "moves with the score" in signal.metadata["reading"]
    assert "not that somebody knew" in signal.metadata["reading"]


@pytest.mark.parametrize(("prices", "severity"), [(AHEAD, "minor"), ((1.35, 3.3), "major"), (FAR_AHEAD, "extreme")])
def test_severity_is_the_size_of_the_jump(prices: tuple[float, float], severity: str) -> None:
    (signal,) = signals(everyone(EVEN), everyone(prices))
    assert signal.metadata["severity"] == severity


def test_the_same_before_the_start_is_nothing() -> None:
    assert not signals(everyone(EVEN), everyone(FAR_AHEAD), begin=TIP - 2 * MINUTE)


def test_a_jump_over_the_start_is_nothing() -> None:
    """The last poll before the start and the first after it are never compared."""
    assert not signals(everyone(EVEN), everyone(FAR_AHEAD), begin=TIP - 30 * SECOND)


def test_from_the_start_on_polls_are_compared() -> None:
    (signal,) = signals(everyone(EVEN), everyone(EVEN), everyone(FAR_AHEAD), begin=TIP - 30 * SECOND)
    assert signal.metadata["since"] == "2026-01-10T20:00:30Z"


def test_a_start_that_is_put_off_makes_what_came_before_pre_match() -> None:
    """The game was announced for 20:00, and at 20:30 turns out to begin at 20:30: nothing of before counts."""
    first, second = polls([everyone(EVEN), everyone(FAR_AHEAD)])
    late = observation(second.received_at, {game(TIP + 30 * MINUTE + SECOND): everyone(FAR_AHEAD)})
    assert not Harness([detector("live-shock")]).run([first, late])


def test_a_slow_drift_is_no_shock() -> None:
    prices = [
        (1.91, 1.91),
        (1.87, 1.95),
        (1.83, 2.0),
        (1.79, 2.05),
        (1.75, 2.1),
        (1.71, 2.16),
        (1.67, 2.22),
        (1.63, 2.3),
    ]
    assert not signals(*[everyone(each) for each in prices])


def test_one_book_alone_is_no_shock() -> None:
    assert not signals(everyone(EVEN), everyone(EVEN, betmgm=FAR_AHEAD))


def test_a_book_that_leaves_moves_nothing() -> None:
    """Three of seven that thought otherwise leave; the others have not moved."""
    apart = dict.fromkeys(BOOKS[:3], FAR_AHEAD)
    assert not signals(everyone(EVEN, **apart), everyone(EVEN, **dict.fromkeys(BOOKS[:3])), options={"min_books": 4})


def test_too_few_operators_say_nothing() -> None:
    few = dict.fromkeys(BOOKS[4:])
    assert not signals(everyone(EVEN, **few), everyone(FAR_AHEAD, **few))
    assert signals(everyone(EVEN, **few), everyone(FAR_AHEAD, **few), options={"min_books": 4})


def test_a_suspended_book_counts_when_it_is_back() -> None:
    gone = dict.fromkeys(BOOKS[:3])
    stories = everyone(EVEN), everyone(EVEN, **gone), everyone(AHEAD)
    (signal,) = signals(*stories)
    assert [mover["suspended"] for mover in signal.metadata["movers"]] == [True] * 3 + [False] * 4
    assert signal.metadata["away"] == []


def test_a_book_that_was_away_when_the_window_began_counts_with_what_it_last_stood_by() -> None:
    """Four leave at 20:31 and are back at 20:33; the window begins at 20:31, when three were left that do not move."""
    gone, slow = dict.fromkeys(BOOKS[:4]), dict.fromkeys(BOOKS[4:], EVEN)
    (signal,) = signals(everyone(EVEN), everyone(EVEN, **gone), everyone(EVEN, **gone), everyone(AHEAD, **slow))
    assert {tuple(mover["interval"]) for mover in signal.metadata["movers"]} == {
        ("2026-01-10T20:30:00Z", "2026-01-10T20:33:00Z")
    }
    assert len(signal.metadata["movers"]) == 4


def test_a_market_that_suspends_as_a_whole_speaks_when_it_is_back() -> None:
    (signal,) = signals(everyone(EVEN), {}, everyone(AHEAD))
    assert signal.metadata["minutes"] == 2
    assert all(mover["suspended"] for mover in signal.metadata["movers"])


def test_a_suspension_that_outlasts_the_window_is_no_jump_within_it() -> None:
    assert not signals(everyone(EVEN), {}, {}, everyone(FAR_AHEAD), everyone(FAR_AHEAD))


def test_books_that_are_still_away_are_listed() -> None:
    (signal,) = signals(everyone(EVEN), everyone(AHEAD, betmgm=None, fanduel=None))
    assert [(each["book"], each["since"]) for each in signal.metadata["away"]] == [
        ("betmgm", "2026-01-10T20:31:00Z"),
        ("fanduel", "2026-01-10T20:31:00Z"),
    ]
    assert signal.metadata["compared"] == 5


def test_one_signal_while_the_jump_is_in_the_window() -> None:
    assert len(signals(everyone(EVEN), *[everyone(AHEAD)] * 4)) == 1


def test_a_second_jump_waits_for_the_cooldown() -> None:
    back_and_forth = [everyone(EVEN), everyone(AHEAD), *[everyone(EVEN)] * 4, everyone(AHEAD)]
    found = signals(*back_and_forth)
    assert [(each.outcome, each.observed_at - TIP) for each in found] == [
        ("home", 31 * MINUTE),
        ("away", 33 * MINUTE),
    ]
    assert len(signals(*back_and_forth, options={"cooldown": "1m"})) == 3


def test_of_three_outcomes_the_one_that_moved_most() -> None:
    before, after = (2.6, 2.8, 3.2), (1.45, 7.0, 4.4)
    (signal,) = signals(everyone(before), everyone(after), sport="soccer_epl")
    assert (signal.outcome, signal.direction) == ("home", "up")


def test_spreads_are_compared_by_their_fair_line() -> None:
    posted = [{book: [spread(line, 1.91, 1.91)] for book in BOOKS} for line in (-3.5, -7.5)]
    (signal,) = signals(*posted, options={"markets": ["spreads"]})
    assert (signal.outcome, signal.direction, signal.magnitude, signal.metadata["unit"]) == (
        "home",
        "down",
        4,
        "points",
    )


def test_without_a_margin_model_other_lines_are_not_compared() -> None:
    posted = [{book: [spread(line, 1.6, 2.4)] for book in BOOKS} for line in (-1.5, 1.5)]
    assert not signals(*posted, options={"markets": ["spreads"]}, sport="baseball_mlb")


def test_polls_that_are_far_apart_say_nothing() -> None:
    assert not signals(everyone(EVEN), everyone(FAR_AHEAD), every=5 * MINUTE)


@given(begin=st.integers(-40, 40), jump=st.integers(1, 9), every=st.sampled_from([20, 40, 55]))
def test_whatever_fires_compares_two_polls_in_play(begin: int, jump: int, every: int) -> None:
    stories = [everyone(EVEN)] * jump + [everyone(FAR_AHEAD)] * 4
    for signal in signals(*stories, begin=TIP + begin * 10 * SECOND, every=every * SECOND):
        assert parse_iso(signal.metadata["since"]) >= signal.commence_at
        assert signal.observed_at - parse_iso(signal.metadata["since"]) <= 2 * MINUTE


def test_recorded_polls_in_play() -> None:
    """Polls are 15 minutes apart: two minutes say nothing, sixteen do, and every one of them is in play."""
    harness = Harness([detector("live-shock", window="16m")], [normalizer("odds-api")])
    found = harness.run(islice(recording.read(shared("recordings/wnba-2026-07-14--07-31.jsonl.xz")), 300))
    assert (len(found), len({signal.event for signal in found})) == (9, 6)
    assert all(parse_iso(signal.metadata["since"]) >= signal.commence_at for signal in found)


def test_a_stale_price_brings_no_old_minutes_into_the_window() -> None:
    """Its books last stood by the old price ten minutes ago: what happened since did not happen in two minutes."""
    stories = polls([everyone(EVEN), everyone(FAR_AHEAD)])
    first, second = stories
    old = observation(
        first.received_at, {game(TIP): everyone(EVEN)}, confirmed=dict.fromkeys(BOOKS, first.received_at - 10 * MINUTE)
    )
    assert not Harness([detector("live-shock")]).run([old, second])
    assert Harness([detector("live-shock", max_age="10m")]).run([old, second])


def test_what_a_book_confirmed_before_the_start_is_no_live_quote() -> None:
    begin = TIP + 30 * SECOND
    old = observation(begin, {game(TIP): everyone(EVEN)}, confirmed=dict.fromkeys(BOOKS, TIP - SECOND))
    new = observation(begin + MINUTE, {game(TIP): everyone(FAR_AHEAD)})
    assert not Harness([detector("live-shock")]).run([old, new])
