"""MOVE, MULTIBOOK_SYNC and KEY_CROSS."""

from __future__ import annotations

from typing import Any

import pytest

from stratumd.plugin import HOUR, MINUTE, Micros, Signal, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel")
EVEN = 1.91


def signals(*stories: dict[str, Any], sport: str = "basketball_nba", every: float = 1, **options: Any) -> list[Signal]:
    """Return what fires over observations that lie `every` minutes apart."""
    harness = Harness([detector("consensus"), detector("move", **options)])
    event = game(NOON + 6 * HOUR, sport=sport)
    polls = [observation(NOON + round(number * every * MINUTE), {event: books}) for number, books in enumerate(stories)]
    return harness.run(polls)


def everyone(line: float, *, price: float = EVEN, **own: float) -> dict[str, Any]:
    return {book: [spread(own.get(book, line), price, EVEN)] for book in BOOKS}


def test_a_book_that_moves_half_a_point_is_a_move() -> None:
    (signal,) = signals(everyone(-3.5), everyone(-3.5, fanduel=-4.0))
    assert (signal.type, signal.market, signal.outcome, signal.direction) == ("MOVE", "spreads", "home", "down")
    assert (signal.magnitude, signal.books) == (0.5, ("fanduel",))
    (moved,) = signal.metadata["moves"]
    assert (moved["from"]["line"], moved["to"]["line"], moved["move"]) == (-3.5, -4.0, -0.5)


def test_one_finding_lists_every_book_of_its_side() -> None:
    found = signals(everyone(-3.5), everyone(-3.5, fanduel=-4.5, betmgm=-4.0, betus=-3.0))
    assert [(s.outcome, s.books, s.magnitude) for s in found] == [
        ("home", ("betmgm", "fanduel"), 1.0),
        ("away", ("betus",), 0.5),
    ]


def test_a_price_alone_is_no_move_of_a_line() -> None:
    assert not [s for s in signals(everyone(-3.5), everyone(-3.5, price=1.87)) if s.type == "MOVE"]


def test_moneylines_move_in_probability() -> None:
    before = {book: [moneyline(2.0, 1.85)] for book in BOOKS}
    after = before | {"fanduel": [moneyline(1.74, 2.15)]}
    (signal,) = signals(before, after)
    assert (signal.market, signal.outcome, signal.direction) == ("h2h", "home", "up")
    assert signal.magnitude == pytest.approx(0.0726, abs=1e-3)


def test_a_run_line_that_flips_is_no_move() -> None:
    """From −1.5 to +1.5 is another market, not three points."""
    flipped = everyone(1.5)
    assert not signals(everyone(-1.5), flipped, sport="baseball_mlb")


def test_a_window_with_one_observation_says_nothing() -> None:
    assert not signals(everyone(-3.5), everyone(-4.5), every=15)


def test_three_operators_together_are_a_sync() -> None:
    """Half the threshold is enough: a change of price alone moves the fair line by a quarter of a point."""
    moved = {book: [spread(-3.5, 1.80, 2.03)] for book in BOOKS[:3]}
    found = signals(everyone(-3.5), everyone(-3.5) | moved)
    assert [(s.type, s.outcome, len(s.books)) for s in found] == [("MULTIBOOK_SYNC", "home", 3)]


def test_two_books_of_one_operator_are_no_sync() -> None:
    books = {"lowvig": -3.5, "betonlineag": -3.5, "fanduel": -3.5}
    before = everyone(-3.5) | {book: [spread(line, EVEN, EVEN)] for book, line in books.items()}
    after = everyone(-3.5) | {book: [spread(line - 0.5, EVEN, EVEN)] for book, line in books.items()}
    assert {s.type for s in signals(before, after)} == {"MOVE"}


def test_the_consensus_crosses_a_key_number_of_football() -> None:
    nfl = {"sport": "americanfootball_nfl"}
    (signal,) = [s for s in signals(everyone(-2.5), everyone(-3.5), **nfl) if s.type == "KEY_CROSS"]
    assert (signal.outcome, signal.metadata["keys"]) == ("home", [-3.0])
    assert (signal.metadata["before"], signal.metadata["after"]) == (-2.5, -3.5)


def test_a_pause_on_the_key_number_is_no_crossing_until_it_is_left() -> None:
    nfl = {"sport": "americanfootball_nfl"}
    back = signals(everyone(-2.5), everyone(-3.0), everyone(-2.5), **nfl)
    through = signals(everyone(-2.5), everyone(-3.0), everyone(-3.5), **nfl)
    assert not [s for s in back if s.type == "KEY_CROSS"]
    assert [s.metadata["before"] for s in through if s.type == "KEY_CROSS"] == [-2.5]


def test_basketball_has_no_key_numbers() -> None:
    assert not [s for s in signals(everyone(-2.5), everyone(-3.5)) if s.type == "KEY_CROSS"]
