"""The board: what is offered, since when, and what may be concluded from silence."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from stratumd.engine.board import Board, Update
from stratumd.odds import Pricing
from stratumd.plugin import (
    DAY,
    HOUR,
    MINUTE,
    Change,
    Event,
    Listing,
    Market,
    MarketKey,
    Micros,
    Offer,
    Place,
    Quote,
    Scope,
    Snapshot,
)

NBA = "basketball_nba"
GAME = Event("game", NBA, "Home", "Away", 10 * DAY)
SPREADS = MarketKey("spreads")


def board(lookback: Micros = HOUR) -> Board:
    return Board(Pricing(), {}, lookback)


def spread(book: str, line: float) -> Offer:
    return Offer(book, "spreads", (Quote("home", 1.9, line), Quote("away", 1.9, -line)))


def moneyline(book: str, price: float) -> Offer:
    return Offer(book, "h2h", (Quote("home", price), Quote("away", price)))


def snapshot(
    *offers: Offer,
    lane: str = "regions=us",
    markets: frozenset[str] | None = None,
    unreadable: tuple[Place, ...] = (),
    event: Event = GAME,
) -> Snapshot:
    listing = Listing(event, [(offer, None) for offer in offers], unreadable)
    return Snapshot(Scope(NBA, lane, markets=markets), [listing], [])


def nothing(*, lane: str = "regions=us", complete: bool = True, events: frozenset[str] | None = None) -> Snapshot:
    return Snapshot(Scope(NBA, lane, events), [], [], complete)


def changes(updates: list[Update]) -> list[Change]:
    return [change for update in updates for change in update.changes]


def gone(updates: list[Update]) -> set[tuple[str, str]]:
    return {(change.book, change.market) for change in changes(updates) if change.price is None}


def market(updates: list[Update], key: MarketKey = SPREADS) -> Market:
    return next(each for update in updates for each in update.markets if each.key == key)


def test_a_first_offer_appears_and_a_confirmed_one_does_not_change() -> None:
    b = board()
    assert len(changes(b.apply(snapshot(spread("fanduel", -3.5)), 0))) == 2
    updates = b.apply(snapshot(spread("fanduel", -3.5)), MINUTE)
    assert changes(updates) == []
    span = market(updates).lines["fanduel"].spans[-1]
    assert (span.since, span.confirmed) == (0, MINUTE)


def test_only_the_outcome_that_changed_is_a_change() -> None:
    b = board()
    b.apply(snapshot(Offer("fanduel", "h2h", (Quote("home", 1.9), Quote("away", 1.9)))), 0)
    updates = b.apply(snapshot(Offer("fanduel", "h2h", (Quote("home", 1.9), Quote("away", 2.0)))), MINUTE)
    assert [(change.outcome, change.price) for change in changes(updates)] == [("away", 2.0)]


def test_a_missing_offer_is_gone() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5), spread("betmgm", -3.5)), 0)
    assert gone(b.apply(snapshot(spread("betmgm", -3.5)), MINUTE)) == {("fanduel", "spreads")}


def test_a_market_that_was_not_asked_for_is_not_gone() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5), moneyline("fanduel", 1.9)), 0)
    updates = b.apply(snapshot(moneyline("fanduel", 1.9), markets=frozenset({"h2h"})), MINUTE)
    assert gone(updates) == set()
    assert [each.key.market for update in updates for each in update.markets] == ["h2h"]


def test_a_poll_of_other_books_says_nothing_about_these() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    assert gone(b.apply(snapshot(spread("pinnacle", -3.5), lane="regions=eu"), MINUTE)) == set()
    assert gone(b.apply(nothing(lane="regions=eu"), 2 * MINUTE)) == {("pinnacle", "spreads")}


def test_what_is_malformed_is_not_gone() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5), moneyline("fanduel", 1.9), spread("betmgm", -3.5)), 0)
    updates = b.apply(snapshot(unreadable=(Place("fanduel", "spreads"),)), MINUTE)
    assert gone(updates) == {("fanduel", "h2h"), ("betmgm", "spreads")}


def test_an_event_that_could_not_be_named_is_not_gone() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    assert b.apply(nothing(complete=False), MINUTE) == []


def test_an_event_outside_the_scope_is_not_gone() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    assert b.apply(nothing(events=frozenset({"other"})), MINUTE) == []
    assert gone(b.apply(nothing(events=frozenset({"game"})), 2 * MINUTE)) == {("fanduel", "spreads")}


def test_an_event_ticks_once_when_it_vanishes() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    (update,) = b.apply(nothing(), MINUTE)
    assert [each.key for each in update.markets] == [SPREADS]
    assert b.apply(nothing(), 2 * MINUTE) == []


def test_a_move_needs_presence_without_a_gap() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5), spread("betmgm", -3.5)), 0)
    b.apply(snapshot(spread("betmgm", -3.5)), MINUTE)
    found = market(b.apply(snapshot(spread("fanduel", -4.5), spread("betmgm", -4.5)), 2 * MINUTE))
    assert [move.line.book for move in found.moves(HOUR)] == ["betmgm"]


def test_a_baseline_needs_two_observations_in_the_window() -> None:
    b = board()
    assert market(b.apply(snapshot(spread("fanduel", -3.5)), 0)).baseline(10 * MINUTE) is None
    assert market(b.apply(snapshot(spread("fanduel", -3.5)), 11 * MINUTE)).baseline(10 * MINUTE) is None
    assert market(b.apply(snapshot(spread("fanduel", -3.5)), 15 * MINUTE)).baseline(10 * MINUTE) == 11 * MINUTE


def test_a_window_is_the_lanes_own() -> None:
    """A lane polled every minute says nothing of the books of a lane polled every fifteen."""
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    for minute in range(1, 15):
        b.apply(snapshot(spread("pinnacle", -3.5), lane="regions=eu"), minute * MINUTE)
    found = market(b.apply(snapshot(spread("fanduel", -6.5)), 15 * MINUTE))
    assert found.baseline(3 * MINUTE) is None
    assert found.moves(3 * MINUTE) == []
    assert [move.line.book for move in found.moves(15 * MINUTE)] == ["fanduel"]


def test_a_book_that_goes_over_to_another_lane_is_measured_by_that_lane() -> None:
    """Also where what it offers did not change at that moment."""
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    b.apply(snapshot(spread("pinnacle", -3.5), lane="regions=eu"), MINUTE)
    b.apply(snapshot(spread("fanduel", -4.5)), 2 * MINUTE)
    same = snapshot(spread("pinnacle", -3.5), spread("fanduel", -4.5), lane="regions=eu")
    over = market(b.apply(same, 2 * MINUTE))
    assert over.lines["fanduel"].lane == "regions=eu"
    again = board()
    again.apply(snapshot(spread("fanduel", -3.5)), 0)
    again.apply(snapshot(spread("pinnacle", -3.5), lane="regions=eu"), MINUTE)
    again.apply(snapshot(spread("fanduel", -4.5)), 2 * MINUTE)
    market(again.apply(snapshot(spread("fanduel", -4.5)), 2 * MINUTE)).moves(10 * MINUTE)
    fresh = market(again.apply(same, 2 * MINUTE))
    assert [move.line.book for move in fresh.moves(10 * MINUTE)] == [m.line.book for m in over.moves(10 * MINUTE)]


@pytest.mark.parametrize("seed", range(20))
def test_moves_are_the_same_however_often_they_are_asked_for(seed: int) -> None:
    """Books come, go, move and change lanes: what is patched is what one look at the end finds."""
    chance = random.Random(seed)
    asked, unasked = board(10 * MINUTE), board(10 * MINUTE)
    posted: dict[str, tuple[str, float]] = {}
    at = 0
    for _ in range(60):
        at += chance.choice((0, 1, 1, 2, 4)) * MINUTE
        lane = chance.choice(("regions=us", "regions=us", "regions=eu"))
        for book in ("betmgm", "bovada", "draftkings", "fanduel"):
            if chance.random() < 0.2:
                posted.pop(book, None)
            if chance.random() < 0.4:
                posted[book] = (lane, chance.choice((-3.5, -4.0, -5.0)))
        offers = [spread(book, line) for book, (seen_in, line) in posted.items() if seen_in == lane]
        updates, same = [each.apply(snapshot(*offers, lane=lane), at)[0] for each in (asked, unasked)]
        for often, never in zip(updates.markets, same.markets, strict=True):
            for window in (3 * MINUTE, 10 * MINUTE):
                moves, fresh = often.moves(window), copy.deepcopy(never).moves(window)
                assert [(m.line.book, m.shifts) for m in moves] == [(m.line.book, m.shifts) for m in fresh]
                far = [m for m in moves if any(shift.magnitude >= 1.0 for shift in m.shifts)]
                assert often.moves(window, 1.0) == far


def test_two_answers_of_one_instant_are_one_observation() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    b.apply(snapshot(spread("fanduel", -3.5)), MINUTE)
    found = market(b.apply(snapshot(spread("fanduel", -4.5)), MINUTE))
    assert found.observed["regions=us"] == [0, MINUTE]


def test_a_ladder_keeps_its_rungs_apart() -> None:
    b = board()
    rungs = tuple(Quote("over", price, line) for line, price in ((22.5, 1.8), (24.5, 2.4)))
    b.apply(snapshot(Offer("bovada", "player_points", rungs, "Trae Young")), 0)
    moved = (rungs[0], Quote("over", 2.5, 24.5))
    (change,) = changes(b.apply(snapshot(Offer("bovada", "player_points", moved, "Trae Young")), MINUTE))
    assert (change.player, change.rung, change.line, change.price) == ("Trae Young", 24.5, 24.5, 2.5)


def test_a_start_that_moves_is_announced() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    later = Event("game", NBA, "Home", "Away", 10 * DAY + HOUR)
    (update,) = b.apply(snapshot(spread("fanduel", -3.5), event=later), MINUTE)
    assert update.announced
    assert update.event.commence_at == later.commence_at


def test_history_is_kept_no_longer_than_the_lookback() -> None:
    b = board(lookback=10 * MINUTE)
    for minute in range(60):
        updates = b.apply(snapshot(spread("fanduel", -3.5 - minute)), minute * MINUTE)
    found = market(updates)
    assert found.lines["fanduel"].spans[0].since == 49 * MINUTE
    assert found.observed["regions=us"][0] == 49 * MINUTE


def test_an_event_is_forgotten_a_day_after_it_left() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    assert b.forget(2 * DAY) == []
    b.apply(nothing(), 2 * DAY)
    assert b.forget(2 * DAY + HOUR) == []
    assert b.forget(4 * DAY) == ["game"]
    assert len(b) == 0


def test_what_nothing_may_be_concluded_from_changes_nothing() -> None:
    b = board()
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    assert b.apply(Snapshot(None, [], []), MINUTE) == []


def test_a_poll_of_all_sports_changes_quotes_and_proves_no_event_gone() -> None:
    """Such a scope names a sport that no event is of."""
    b, other = board(), Event("other", NBA, "Third", "Fourth", 10 * DAY)
    b.apply(snapshot(spread("fanduel", -3.5)), 0)
    listing = Listing(other, [(spread("fanduel", 1.5), None)])
    updates = b.apply(Snapshot(Scope("upcoming", "regions=us"), [listing], []), MINUTE)
    assert {change.event for change in changes(updates)} == {"other"}
    assert len(changes(updates)) == 2


@pytest.mark.parametrize("junk", [(None, 12), ("an offer", None), (spread("bovada", 4.5), "5 minutes ago")])
@pytest.mark.parametrize("others", [[], [(spread("draftkings", 2.5), 7), (spread("pointsbet", 2.5), 7)]])
def test_what_a_part_of_an_answer_left_behind_is_mended_by_the_next_whole_one(junk: Any, others: list[Any]) -> None:
    """A stranger's normalizer put something into its offers that is none: its failure is contained."""
    state, offered = board(), [spread("betmgm", 3.5), spread("fanduel", 4.5), spread("bovada", 5.5)]
    state.apply(snapshot(*offered), 0)
    listing = Listing(GAME, [(spread("betmgm", 7.5), None), *others, junk])
    with pytest.raises((AttributeError, TypeError)):
        state.apply(Snapshot(Scope(NBA, "regions=us"), [listing], []), MINUTE)
    for minute in (2, 3, 4):
        (update,) = state.apply(snapshot(*offered), minute * MINUTE)
        assert len(update.taken) == (minute == 2 and junk[1] != "5 minutes ago")
    (market,) = update.markets
    assert {line.book: line.now.offer for line in market.present() if line.now} == {each.book: each for each in offered}
    assert {line.now.confirmed for line in market.present() if line.now} == {4 * MINUTE}
    assert market.offering == 3


def test_a_lane_in_which_nothing_is_offered_any_more_says_nothing_of_how_fresh_the_others_are() -> None:
    """Else every market of the event would be looked through for stale books at every poll."""
    state = board()
    state.apply(snapshot(spread("unibet", 3.5), lane="regions=eu"), 0)
    for minute, gone in enumerate((snapshot(lane="regions=eu"), nothing(lane="regions=eu")), 1):
        state.apply(gone, minute * MINUTE)
        (update,) = state.apply(snapshot(spread("betmgm", 3.5)), minute * MINUTE)
        (market,) = update.markets
        assert market.updated_since == minute * MINUTE
        state.apply(snapshot(spread("unibet", 3.5), lane="regions=eu"), minute * MINUTE)
