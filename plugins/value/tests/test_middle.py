"""MIDDLE: two lines of two operators, between which both sides win."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.plugin import HOUR, MINUTE, Micros, Signal, one_line, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread, total
from stratumd_value import Value
from stratumd_value.options import Options

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
CONSENSUS = detector("consensus")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
EVEN = 1.91


def signals(
    books: dict[str, Any], *, sport: str = "basketball_nba", confirmed: dict[str, Micros] | None = None, **options: Any
) -> list[Signal]:
    """Return the MIDDLE signals of one observation."""
    harness = Harness([CONSENSUS, Value(Options.model_validate(options))])
    event = game(NOON + 6 * HOUR, sport=sport, home="Bears", away="Foxes")
    step = harness.feed(observation(NOON, {event: books}, confirmed=confirmed))
    return [signal for signal in step.signals if signal.type == "MIDDLE"]


def everyone(offer: Any, **own: Any) -> dict[str, Any]:
    return {book: [own.get(book, offer)] for book in BOOKS}


def test_over_at_the_lower_total_and_under_at_the_higher() -> None:
    (signal,) = signals(everyone(total(226.5, EVEN, EVEN), fanduel=total(221.5, EVEN, EVEN)))
    legs = [(leg["outcome"], leg["book"], leg["line"]) for leg in signal.metadata["legs"]]
    assert legs == [("over", "fanduel", 221.5), ("under", "betmgm", 226.5)]
    assert (signal.outcome, signal.direction, signal.magnitude) == ("over", "down", 5.0)
    assert one_line(signal).startswith("MIDDLE  totals  Foxes at Bears over ▼ 5  2 books")


def test_home_with_the_larger_handicap() -> None:
    (signal,) = signals(everyone(spread(-4.5, EVEN, EVEN), fanduel=spread(-1.5, EVEN, EVEN)))
    legs = [(leg["outcome"], leg["book"], leg["line"]) for leg in signal.metadata["legs"]]
    assert legs == [("home", "fanduel", -1.5), ("away", "betmgm", -4.5)]
    assert (signal.outcome, signal.direction, signal.magnitude) == ("home", "up", 3.0)


@settings(max_examples=60, deadline=None)
@given(
    apart=st.integers(2, 12),
    first=st.floats(1.8, 2.1),
    second=st.floats(1.8, 2.1),
    side=st.sampled_from([spread, total]),
)
def test_value_is_cost_and_the_chance_of_winning_twice(apart: int, first: float, second: float, side: Any) -> None:
    """At half points one leg always wins, so the value is `(1 − cost)·(1 + P) − 1`."""
    there = 200.5 + (apart if side is spread else -apart)
    books = everyone(side(200.5, 1.9, second), fanduel=side(there, first, 1.9))
    (signal,) = signals(books, middle={"min_ev_percent": -50})
    metadata = signal.metadata
    kept = 1 - metadata["cost_percent"] / 100
    assert kept == pytest.approx(1 / (1 / first + 1 / second), abs=1e-6)
    assert metadata["ev_percent"]["worst_case"] == pytest.approx(
        100 * (kept * (1 + metadata["probability"]) - 1), abs=2e-3
    )


def test_the_chance_is_the_margin_models() -> None:
    """Fair total 226.5, σ 16.1: from 221.5 to 226.5 lies Φ(0) − Φ(−5/16.1)."""
    (signal,) = signals(everyone(total(226.5, EVEN, EVEN), fanduel=total(221.5, EVEN, EVEN)))
    assert signal.metadata["probability"] == pytest.approx(0.1219, abs=2e-4)


@pytest.mark.parametrize(("line", "fires"), [(225.5, True), (226, False), (225, True)])
def test_there_must_be_a_result_at_which_both_win(line: float, fires: bool) -> None:
    """Between 226 and 226.5 there is none, and 226 itself is a refund."""
    books = everyone(total(226.5, 2.1, 2.1), fanduel=total(line, 2.1, 2.1))
    assert bool(signals(books, middle={"min_width": 0.5})) == fires


def test_it_must_be_wide_enough() -> None:
    books = everyone(total(226.5, EVEN, EVEN), fanduel=total(221.5, EVEN, EVEN))
    assert signals(books, middle={"min_width": 5})
    assert not signals(books, middle={"min_width": 5.5})


def test_it_must_be_worth_its_cost() -> None:
    books = everyone(total(226.5, 1.87, 1.87), fanduel=total(225.5, 1.87, 1.87))
    assert not signals(books)
    (signal,) = signals(books, middle={"min_ev_percent": -5})
    assert -5 <= signal.metadata["ev_percent"]["worst_case"] < 0


def test_both_legs_are_left_out_of_the_fair_line() -> None:
    books = everyone(total(226.5, EVEN, EVEN), fanduel=total(221.5, EVEN, EVEN))
    (signal,) = signals(books)
    assert [each["operator"] for each in signal.metadata["rests_on"]] == [b for b in BOOKS if b not in signal.books]
    assert not signals({book: books[book] for book in BOOKS[1:]})


def test_a_sharp_book_makes_the_fair_line() -> None:
    """To the crowd the middle lies in the middle; the sharp book says that the total will be far above."""
    books = everyone(total(226.5, EVEN, EVEN), fanduel=total(221.5, EVEN, EVEN))
    books["pinnacle"] = [total(250.5, EVEN, EVEN)]
    (signal,) = signals(books, sharp=["pinnacle"], middle={"min_ev_percent": -50})
    assert signal.metadata["reference"] == "sharp"
    assert [each["book"] for each in signal.metadata["rests_on"]] == ["pinnacle"]


@pytest.mark.parametrize(("sharp", "leg"), [(["fanduel"], "betus"), (["betmgm", "fanduel"], "fanduel")])
def test_the_only_sharp_book_judges_rather_than_being_a_leg(sharp: list[str], leg: str) -> None:
    """It has the best prices of both lines' sides; those that it can judge are worth something, too."""
    low = total(221.5, EVEN, EVEN)
    books = everyone(total(226.5, EVEN, EVEN), betmgm=total(226.5, EVEN, 1.95), fanduel=total(221.5, 1.98, EVEN))
    (signal,) = signals(books | {"betus": [low]}, sharp=sharp)
    assert signal.metadata["legs"][0]["book"] == leg
    assert {each["book"] for each in signal.metadata["rests_on"]} == set(sharp) - set(signal.books) != set()


def test_one_operator_alone_makes_none() -> None:
    books = {book: [total(226.5, EVEN, EVEN)] for book in BOOKS}
    books |= {"lowvig": [total(226.5, 2.0, 2.0)], "betonlineag": [total(221.5, EVEN, EVEN)]}
    (signal,) = signals(books)
    assert {leg["operator"] for leg in signal.metadata["legs"]} == {"betmgm", "betonlineag"}


def test_old_prices_are_not_put_together() -> None:
    books = everyone(total(226.5, EVEN, EVEN), fanduel=total(221.5, EVEN, EVEN))
    assert not signals(books, confirmed={"fanduel": NOON - 3 * MINUTE})


def test_without_a_margin_model_there_is_none() -> None:
    """Nor in a market without a line."""
    assert not signals(everyone(total(8.5, 2.1, 2.1), fanduel=total(6.5, 2.1, 2.1)), sport="baseball_mlb")
    assert not signals(everyone(moneyline(2.1, 2.1)))


def test_the_middle_of_the_greatest_value_is_taken() -> None:
    books = everyone(total(226.5, EVEN, EVEN), fanduel=total(221.5, EVEN, EVEN), betus=total(223.5, EVEN, EVEN))
    (signal,) = signals(books, min_books=4)
    assert signal.magnitude == 5.0


def test_width_is_no_value() -> None:
    """The wider one is sold too dear."""
    dear = total(220.5, 1.5, 2.6)
    books = everyone(total(226.5, EVEN, EVEN), fanduel=dear, betus=total(223.5, EVEN, EVEN))
    (signal,) = signals(books, min_books=4, middle={"min_ev_percent": -20})
    assert (signal.magnitude, signal.books) == (3.0, ("betmgm", "betus"))
