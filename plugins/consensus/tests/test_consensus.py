"""The consensus: whose quotes count, how they are weighed, and when there is none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from stratumd.plugin import HOUR, MINUTE, ConsensusPoint, Micros, Quote, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread, total
from stratumd_consensus.detector import Options

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
EVEN = 1.91


def points(books: dict[str, Any], *, sport: str = "basketball_nba", starts: Micros = NOON + 6 * HOUR, **options: Any):
    harness = Harness([detector("consensus", **options)])
    step = harness.feed(observation(NOON, {game(starts, sport=sport): books}))
    return {record.key.market: record for _, record in step.records if isinstance(record, ConsensusPoint)}


def at_lines(*lines: float) -> dict[str, Any]:
    return {book: [spread(line, EVEN, EVEN)] for book, line in zip(BOOKS, lines, strict=False)}


def test_the_line_is_one_that_somebody_posts() -> None:
    """Three books each at −3 and −4: the median −3.5 is posted by nobody; the nearer to the fair line is taken."""
    books = at_lines(-3, -3, -3, -4, -4, -4)
    books["bovada"] = [spread(-4, 1.95, 1.87)]
    point = points(books)["spreads"]
    assert point.line in (-3, -4)
    assert abs(point.line - point.fair_line) == min(abs(line - point.fair_line) for line in (-3, -4))


def test_prices_at_one_line_move_the_fair_line() -> None:
    """All post −3.5 but shade the price towards home: the fair line lies beyond −3.5."""
    point = points({book: [spread(-3.5, 1.83, 2.0)] for book in BOOKS})["spreads"]
    assert point.line == -3.5
    assert point.fair_line < -3.5
    assert sum(point.probabilities) == pytest.approx(1.0)


def test_books_of_one_operator_count_once() -> None:
    books = at_lines(-3.5, -3.5, -3.5)
    books |= {"lowvig": [spread(-3.5, 1.95, 1.95)], "betonlineag": [spread(-3.5, EVEN, EVEN)]}
    point = points(books, min_books=4)["spreads"]
    assert (point.operators, point.books) == (4, 5)
    speaker = next(each for each in point.contributors if each.operator == "betonlineag")
    assert (speaker.book, speaker.books) == ("lowvig", ("betonlineag", "lowvig"))


def test_too_few_operators_are_no_consensus_and_say_so() -> None:
    point = points(at_lines(-3.5, -3.5, -3.5, -3.5))["spreads"]
    assert (point.reason, point.operators, point.fair_line) == ("too_few_operators", 4, None)


def test_a_weight_pulls_the_median() -> None:
    books = at_lines(-3, -3, -3, -5, -5)
    assert points(books)["spreads"].line == -3
    assert points(books, weights={"draftkings": 3.0})["spreads"].line == -5


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_is_a_number_above_zero(weight: float) -> None:
    with pytest.raises(ValidationError, match=r"weights\.pinnacle"):
        Options(weights={"pinnacle": weight})


def test_a_lay_market_has_no_part() -> None:
    books = {book: [moneyline(1.8, 2.1)] for book in BOOKS}
    books["betfair_ex_uk"] = [("h2h_lay", (Quote("home", 1.5), Quote("away", 3.0)))]
    found = points(books, markets=("h2h", "h2h_lay"))
    assert set(found) == {"h2h"}
    assert found["h2h"].books == len(BOOKS)


def test_one_side_alone_is_no_quote() -> None:
    books: dict[str, Any] = at_lines(-3.5, -3.5, -3.5, -3.5, -3.5)
    books["fanduel"] = [("spreads", (Quote("home", EVEN, -9.5),))]
    assert points(books)["spreads"].operators == 5


def test_three_way_markets_have_a_draw() -> None:
    point = points({book: [moneyline(2.5, 2.9, 3.2)] for book in BOOKS}, sport="soccer_epl")["h2h"]
    assert point.outcomes == ("home", "draw", "away")
    assert sum(point.probabilities) == pytest.approx(1.0)


def test_without_a_margin_model_only_equal_lines_compare() -> None:
    """Run lines of −1.5 and +1.5 are two markets, not three points apart."""
    point = points(at_lines(-1.5, -1.5, -1.5, -1.5, -1.5, 1.5, 1.5), sport="baseball_mlb")["spreads"]
    assert (point.line, point.fair_line, point.operators) == (-1.5, None, 5)


def test_in_play_is_left_out_unless_asked_for() -> None:
    assert points(at_lines(-3.5, -3.5, -3.5, -3.5, -3.5), starts=NOON - HOUR) == {}
    assert points(at_lines(-3.5, -3.5, -3.5, -3.5, -3.5), starts=NOON - HOUR, in_play=True)


def test_dispersion_is_in_points_where_lines_are_compared() -> None:
    point = points(at_lines(-3, -3, -4, -5, -5))["spreads"]
    assert point.dispersion == pytest.approx(1.4826)


def test_totals_have_their_own_reference_side() -> None:
    point = points({book: [total(226.5, 1.95, 1.87)] for book in BOOKS})["totals"]
    assert point.outcomes == ("over", "under")
    assert point.fair_line < 226.5


def test_a_quote_grows_stale_without_any_change() -> None:
    """Ages move where prices do not: six minutes later the same quotes are too old to speak."""
    harness = Harness([detector("consensus")])
    old = dict.fromkeys(BOOKS, NOON - 5 * MINUTE)
    event = game(NOON + 6 * HOUR)
    books = at_lines(*[-3.5] * 7)
    first = harness.feed(observation(NOON, {event: books}, confirmed=old))
    second = harness.feed(observation(NOON + 6 * MINUTE, {event: books}, confirmed=old))
    assert [record.reason for _, record in (*first.records, *second.records)] == [None, "too_few_operators"]
