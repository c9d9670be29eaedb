"""DISLOCATION: one operator against the others."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import pytest

from stratumd.plugin import HOUR, Micros, Signal, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread, total

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
EVEN = 1.91
cdf = NormalDist().cdf


def signals(books: dict[str, Any], *, sport: str = "basketball_nba", **options: Any) -> list[Signal]:
    harness = Harness([detector("consensus"), detector("dislocation", **options)])
    return harness.feed(observation(NOON, {game(NOON + 6 * HOUR, sport=sport): books})).signals


def everyone(offer: Any, **own: Any) -> dict[str, Any]:
    return {book: [own.get(book, offer)] for book in BOOKS}


def test_the_cheap_side_of_a_spread_is_named() -> None:
    """Home gives 2.5 points at fanduel and 3.5 everywhere else: home is cheap there."""
    (signal,) = signals(everyone(spread(-3.5, EVEN, EVEN), fanduel=spread(-2.5, EVEN, EVEN)))
    assert (signal.operator, signal.outcome, signal.direction, signal.magnitude) == ("fanduel", "home", "up", 1.0)
    assert signal.metadata["best"] == {"book": "fanduel", "line": -2.5, "price": EVEN}
    assert (signal.metadata["value"], signal.metadata["consensus"]) == (-2.5, -3.5)


def test_the_cheap_side_of_a_total_is_named() -> None:
    (signal,) = signals(everyone(total(226.5, EVEN, EVEN), fanduel=total(229.5, EVEN, EVEN)))
    assert (signal.outcome, signal.magnitude) == ("under", 3.0)


def test_the_cheap_side_of_a_moneyline_is_named() -> None:
    (signal,) = signals(everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)))
    assert (signal.outcome, signal.direction) == ("home", "down")
    assert signal.metadata["difference"] == pytest.approx(-signal.magnitude)


def test_expected_value_comes_under_three_methods_and_their_worst() -> None:
    (signal,) = signals(everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)))
    ev = signal.metadata["ev_percent"]
    assert set(ev) == {"multiplicative", "additive", "power", "worst_case"}
    assert ev["worst_case"] == min(ev.values())
    assert ev["multiplicative"] == pytest.approx(100 * (2.02 * 2.05 / (1.80 + 2.05) - 1), abs=1e-3)


def test_a_price_at_another_line_may_make_no_difference() -> None:
    """−3 at a price that gives back what the half point costs is the same bet: no dislocation."""
    assert not signals(everyone(spread(-3.5, EVEN, EVEN), fanduel=spread(-2.5, 1.80, 2.04)))


def test_all_books_of_the_operator_are_listed() -> None:
    books = everyone(spread(-3.5, EVEN, EVEN))
    books |= {book: [spread(-2.0, EVEN, EVEN)] for book in ("lowvig", "betonlineag")}
    (signal,) = signals(books)
    assert (signal.operator, signal.books) == ("betonlineag", ("betonlineag", "lowvig"))


def test_it_takes_enough_others() -> None:
    books = everyone(spread(-3.5, EVEN, EVEN), fanduel=spread(-1.5, EVEN, EVEN))
    five = {book: books[book] for book in BOOKS[1:6]}
    assert not signals(five)
    assert signals({book: books[book] for book in BOOKS[:6]})


def test_without_a_margin_model_the_threshold_is_a_probability() -> None:
    run_line = spread(-1.5, 2.3, 1.65)
    (signal,) = signals(everyone(run_line, fanduel=spread(-1.5, 2.6, 1.53)), sport="baseball_mlb")
    assert (signal.outcome, signal.metadata["unit"]) == ("home", "probability")


def test_another_run_line_is_not_compared() -> None:
    assert not signals(everyone(spread(-1.5, 2.3, 1.65), fanduel=spread(1.5, 1.4, 2.9)), sport="baseball_mlb")


def test_an_operators_other_book_at_another_run_line_is_not_its_best() -> None:
    """Away −1.5 at 2.9 is no bargain for those who sell away +1.5 at 1.65."""
    books = everyone(spread(-1.5, 2.3, 1.65))
    books |= {"betonlineag": [spread(-1.5, 2.1, 1.85)], "lowvig": [spread(1.5, 1.35, 2.9)]}
    (signal,) = signals(books, sport="baseball_mlb")
    assert (signal.operator, signal.outcome) == ("betonlineag", "away")
    assert signal.metadata["best"] == {"book": "betonlineag", "line": -1.5, "price": 1.85}


def test_it_needs_a_consensus_before_it() -> None:
    harness = Harness([detector("dislocation")])
    books = everyone(spread(-3.5, EVEN, EVEN), fanduel=spread(-1.5, EVEN, EVEN))
    assert not harness.feed(observation(NOON, {game(NOON + 6 * HOUR): books})).signals


def test_of_three_ways_the_cheap_one_is_measured() -> None:
    """The magnitude is the named outcome's own difference."""
    three = everyone(moneyline(2.5, 2.9, 3.2), fanduel=moneyline(2.15, 3.3, 3.3))
    found = signals(three, sport="soccer_epl", thresholds={"probability": 0.02})
    assert found
    assert all(s.magnitude == pytest.approx(-s.metadata["difference"]) for s in found)


def test_in_play_is_left_out_even_where_consensus_goes_on() -> None:
    books = everyone(spread(-3.5, EVEN, EVEN), fanduel=spread(-1.5, EVEN, EVEN))
    live = observation(NOON, {game(NOON - HOUR): books})

    def found(**options: Any) -> list[Signal]:
        return Harness([detector("consensus", in_play=True), detector("dislocation", **options)]).feed(live).signals

    assert not found()
    assert found(in_play=True)


def test_refunds_are_counted_in_what_a_stake_is_worth() -> None:
    """The others say −4.5. At −3 a win by three gives the stake back: nothing is won or lost in one game of thirty."""
    (whole,) = signals(everyone(spread(-4.5, EVEN, EVEN), fanduel=spread(-3.0, EVEN, EVEN)))
    assert whole.metadata["best"]["line"] == -3.0
    sigma, half = 11.2, 0.5
    wins = cdf((-3.0 + 4.5) / sigma)
    refunds = cdf((half - 1.5) / sigma) - cdf((-half - 1.5) / sigma)
    worth = (1 - refunds) * (EVEN * wins - 1)
    assert whole.metadata["ev_percent"]["multiplicative"] == pytest.approx(100 * worth, abs=6e-4)
