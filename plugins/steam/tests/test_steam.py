"""STEAM: who moved together, who moved first, who was left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from stratumd.plugin import HOUR, MINUTE, Micros, Signal, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread, total
from stratumd_steam.options import Options
from stratumd_steam.synchrony import Shares

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
EVEN = 1.91


def signals(
    *stories: dict[str, Any], starts: float = 360, sport: str = "basketball_nba", **options: Any
) -> list[Signal]:
    """Return what fires over observations a minute apart; the market is old enough unless `min_age` says otherwise."""
    harness = Harness([detector("steam", **{"min_age": "0s", **options})])
    event = game(NOON + round(starts * MINUTE), sport=sport)
    return harness.run(observation(NOON + i * MINUTE, {event: books}) for i, books in enumerate(stories))


def everyone(line: float, **own: float) -> dict[str, Any]:
    return {book: [spread(own.get(book, line), EVEN, EVEN)] for book in BOOKS}


def test_four_operators_the_same_way_are_steam() -> None:
    moved = dict.fromkeys(BOOKS[:4], -4.5)
    (signal,) = signals(everyone(-3.5), everyone(-3.5, **moved))
    assert (signal.outcome, signal.direction, signal.magnitude, signal.books) == ("home", "down", 1.0, BOOKS[:4])
    assert [stale["book"] for stale in signal.metadata["stale"]] == list(BOOKS[4:])


def test_three_operators_are_not_enough() -> None:
    assert not signals(everyone(-3.5), everyone(-3.5, **dict.fromkeys(BOOKS[:3], -4.5)))


def test_opposite_ways_do_not_add_up() -> None:
    mixed = dict.fromkeys(BOOKS[:3], -4.5) | dict.fromkeys(BOOKS[3:6], -2.5)
    assert not signals(everyone(-3.5), everyone(-3.5, **mixed))


def test_books_of_one_operator_count_once() -> None:
    before, after = everyone(-3.5), everyone(-3.5, **dict.fromkeys(BOOKS[:2], -4.5))
    for books, line in ((before, -3.5), (after, -4.5)):
        books |= {book: [spread(line, EVEN, EVEN)] for book in ("lowvig", "betonlineag")}
    assert not signals(before, after)


def test_price_only_moves_count() -> None:
    """Nobody touches the line; the prices say that home got stronger by more than half a point."""
    dear = {book: [spread(-3.5, 1.74, 2.12)] for book in BOOKS[:5]}
    (signal,) = signals(everyone(-3.5), everyone(-3.5) | dear)
    assert signal.outcome == "home"
    assert {mover["to"]["line"] for mover in signal.metadata["movers"]} == {-3.5}


def test_a_rehung_line_whose_price_compensates_does_not_count() -> None:
    """A point more at a price that pays for it is the same offer: the fair line stays."""
    rehung = {book: [spread(-4.5, 2.05, 1.79)] for book in BOOKS[:5]}
    assert not signals(everyone(-3.5), everyone(-3.5) | rehung)


def test_a_stale_price_is_worth_what_the_movers_say() -> None:
    moved = dict.fromkeys(BOOKS[:4], -5.5)
    (signal,) = signals(everyone(-3.5), everyone(-3.5, **moved))
    stale = signal.metadata["stale"][0]
    assert stale["line"] == -3.5
    assert stale["ev_percent"] == pytest.approx(100 * (EVEN * 0.5709 - 1), abs=0.1)


def test_the_originator_is_named_where_the_intervals_tell() -> None:
    first = everyone(-3.5, betmgm=-4.5)
    then = everyone(-3.5, **dict.fromkeys(BOOKS[:5], -4.5))
    assert [s.metadata["originator"] for s in signals(everyone(-3.5), first, then)] == ["betmgm"]


def test_nobody_is_the_originator_of_a_single_step() -> None:
    (signal,) = signals(everyone(-3.5), everyone(-4.5))
    assert signal.metadata["originator"] is None
    interval = {tuple(mover["interval"]) for mover in signal.metadata["movers"]}
    assert interval == {("2026-01-10T12:00:00Z", "2026-01-10T12:01:00Z")}


def test_a_young_market_is_left_alone() -> None:
    stories = [everyone(-3.5)] * 20 + [everyone(-4.5)]
    assert not signals(*stories, min_age="30m")
    assert signals(*[everyone(-3.5)] * 30, everyone(-4.5), min_age="30m")


def test_the_last_minutes_before_the_start_are_left_alone() -> None:
    assert not signals(everyone(-3.5), everyone(-4.5), starts=5)
    assert signals(everyone(-3.5), everyone(-4.5), starts=7)


def test_in_play_is_left_alone_unless_asked_for() -> None:
    assert not signals(everyone(-3.5), everyone(-4.5), starts=-30)
    assert signals(everyone(-3.5), everyone(-4.5), starts=-30, in_play=True)


def test_a_market_of_few_operators_is_left_alone() -> None:
    before, after = everyone(-3.5), everyone(-4.5)
    few = BOOKS[:5]
    assert not signals({book: before[book] for book in few}, {book: after[book] for book in few})


def test_moneylines_steam_in_probability() -> None:
    before = {book: [moneyline(2.0, 1.85)] for book in BOOKS}
    after = {book: [moneyline(1.9, 1.95)] for book in BOOKS}
    (signal,) = signals(before, after)
    assert (signal.market, signal.outcome, signal.metadata["unit"]) == ("h2h", "home", "probability")


def test_velocity_is_the_median_move_a_minute() -> None:
    (signal,) = signals(everyone(-3.5), everyone(-4.5))
    assert (signal.metadata["minutes"], signal.metadata["velocity"]) == (1.0, 1.0)
    assert signal.strength == round(100 * (0.5 * 0.75 + 0.3 * 1.0 + 0.2 * 7 / 8))


def test_synchrony_is_unknown_at_first_and_small_for_a_common_move() -> None:
    """After hours in which nobody moved alone, seven at once is no chance."""
    lively = [everyone(-3.5, betmgm=-4.5 if (minute // 30) % 2 else -3.5) for minute in range(0, 300)]
    (early,) = signals(everyone(-3.5), everyone(-4.5))
    found = signals(*lively, everyone(-5.5), starts=600)
    assert early.metadata["synchrony"] is None
    assert found[-1].metadata["synchrony"] == 0.0


def test_shares_go_back_no_further_than_a_day() -> None:
    shares = Shares()
    for window in range(20):
        shares = shares.counted("spreads", window, window * 3 * MINUTE, [("fanduel", True)])
    assert shares.chance("spreads", ["fanduel"], 1, 20 * HOUR) == 1.0
    assert shares.chance("spreads", ["fanduel"], 1, 30 * HOUR) is None, "nobody was looked at for more than a day"
    later = shares.counted("spreads", 999, 30 * HOUR, [("fanduel", False)])
    assert later.chance("spreads", ["fanduel"], 1, 30 * HOUR) is None


def test_synchrony_rests_on_nothing_older_than_a_day_after_a_pause() -> None:
    lively = [everyone(-3.5, betmgm=-4.5 if (minute // 30) % 2 else -3.5) for minute in range(0, 300)]
    harness = Harness([detector("steam")])
    for minute, books in enumerate([*lively, *[everyone(-3.5)] * 5]):
        harness.feed(observation(NOON + minute * MINUTE, {game(NOON + 60 * HOUR): books}))
    after = NOON + 28 * HOUR  # an event that is away for longer begins anew altogether
    harness.feed(observation(after, {game(NOON + 60 * HOUR): everyone(-3.5)}))
    (found,) = harness.feed(observation(after + MINUTE, {game(NOON + 60 * HOUR): everyone(-5.5)})).signals
    assert found.metadata["synchrony"] is None


def test_the_interval_of_a_mover_is_that_of_the_move_itself() -> None:
    """betmgm twitches first and moves last: it is no originator."""
    twitch = everyone(-3.5)
    twitch["betmgm"] = [spread(-3.5, 1.92, 1.90)]
    moved = twitch | {book: [spread(-4.5, EVEN, EVEN)] for book in BOOKS[1:5]}
    last = moved | {"betmgm": [spread(-4.5, EVEN, EVEN)]}
    final = signals(everyone(-3.5), twitch, moved, last, operators=5)
    assert [s.metadata["originator"] for s in final] == [None]


def test_a_line_that_cannot_be_compared_is_not_left_behind() -> None:
    """Without a margin model another line is another market: it neither moved nor stayed."""
    before = {book: [total(8.0, EVEN, EVEN)] for book in BOOKS}
    after = {book: [total(8.0, 1.80, 2.05)] for book in BOOKS[:5]} | {
        "fanduel": [total(8.5, EVEN, EVEN)],
        "mybookieag": [total(8.0, EVEN, EVEN)],
    }
    (signal,) = signals(before, after, sport="baseball_mlb")
    assert [stale["book"] for stale in signal.metadata["stale"]] == ["mybookieag"]


def test_of_three_ways_the_one_that_gained_is_the_run() -> None:
    """Home gains what draw and away lose: one signal, and who stood still is left behind."""
    before = {book: [moneyline(2.5, 2.9, 3.2)] for book in BOOKS}
    after = {book: [moneyline(2.2, 3.3, 3.4)] for book in BOOKS[:5]} | {
        "fanduel": [moneyline(2.5005, 2.9, 3.2)],
        "mybookieag": [moneyline(2.5, 2.9, 3.2)],
    }
    (signal,) = signals(before, after, sport="soccer_epl")
    assert (signal.outcome, signal.direction) == ("home", "up")
    assert [stale["book"] for stale in signal.metadata["stale"]] == ["fanduel", "mybookieag"]


def test_two_answers_of_one_instant_do_not_break_it() -> None:
    harness = Harness([detector("steam", min_age="0s")])
    event = game(NOON + 6 * HOUR)
    polls = [(0, everyone(-3.5)), (1, everyone(-3.5)), (1, everyone(-4.5))]
    found = harness.run(observation(NOON + minute * MINUTE, {event: books}) for minute, books in polls)
    assert [s.metadata["minutes"] for s in found] == [1.0]


def test_a_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        Options(window=timedelta(0))
