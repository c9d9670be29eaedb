"""A book posts what it believes, as exactly as half points and American prices allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import american_to_decimal, implied
from stratumd_demo.books import OPERATORS, Book
from stratumd_demo.quoting import (
    FIXED_SLACK,
    SLACK,
    Posted,
    choose_line,
    compared,
    post,
    rehung,
    to_half,
    win_probability,
)

BOOKS = [book for operator in OPERATORS for book in operator.books]
BOOK = BOOKS[0]
SPREADS = st.floats(-14, 14)
TOTALS = st.floats(200, 250)


@given(SPREADS, st.sampled_from(BOOKS))
def test_a_posted_spread_means_the_fair_line(fair: float, book: Book) -> None:
    posted = post("spreads", fair, choose_line(fair, None, SLACK), book, fixed=False)
    assert compared("spreads", posted) == pytest.approx(fair, abs=0.32)


@given(TOTALS, st.sampled_from(BOOKS))
def test_a_posted_total_means_the_fair_total(fair: float, book: Book) -> None:
    posted = post("totals", fair, choose_line(fair, None, SLACK), book, fixed=False)
    assert compared("totals", posted) == pytest.approx(fair, abs=0.45)


@given(SPREADS, st.sampled_from(BOOKS))
def test_a_posted_moneyline_means_the_win_probability(margin: float, book: Book) -> None:
    assert compared("h2h", post("h2h", margin, None, book, fixed=False)) == pytest.approx(
        win_probability(margin), abs=0.012
    )


@given(SPREADS, st.sampled_from(BOOKS))
def test_prices_are_american_and_keep_a_hold(fair: float, book: Book) -> None:
    for market, value in (("h2h", fair), ("spreads", fair)):
        prices = post(market, value, choose_line(fair, None, SLACK), book, fixed=False).prices
        assert all(abs(price) >= 100 and price != -100 for price in prices)
        assert 0.01 < 1 - 1 / sum(implied(american_to_decimal(price)) for price in prices) < 0.09


@given(SPREADS)
def test_a_book_that_moves_its_line_only_prices_it_at_110(fair: float) -> None:
    posted = post("spreads", fair, choose_line(fair, None, FIXED_SLACK), BOOK, fixed=True)
    assert posted.prices == (-110, -110)
    assert compared("spreads", posted) == pytest.approx(fair, abs=0.25 + 1e-9)


@given(TOTALS, st.floats(-0.55, 0.55))
def test_a_line_stays_while_the_price_can_make_up_for_it(fair: float, off: float) -> None:
    line = to_half(fair)
    if abs(fair + off - line) <= SLACK:
        assert choose_line(fair + off, line, SLACK) == line


@given(SPREADS, st.floats(0.56, 5), st.sampled_from([-1, 1]))
def test_a_line_moves_where_it_cannot(fair: float, off: float, way: int) -> None:
    line = fair + way * off
    moved = choose_line(fair, line, SLACK)
    assert moved == to_half(fair)
    assert moved != line or abs(fair - line) <= 0.25


@given(SPREADS)
def test_a_re_hung_line_is_a_half_point_away_and_still_makes_sense(fair: float) -> None:
    line = to_half(fair)
    other = rehung(fair, line)
    assert abs(other - line) == 0.5
    assert abs(other - fair) <= 0.5 <= SLACK
    first, second = (compared("spreads", post("spreads", fair, one, BOOK, fixed=False)) for one in (line, other))
    assert first == pytest.approx(second, abs=0.5)


def test_a_pick_em_is_zero_and_not_negative_zero() -> None:
    assert str(to_half(-0.2)) == "0.0"


@pytest.mark.parametrize(("margin", "price"), [(0.0, -105), (11.2, -690), (60.0, -9800)])
def test_prices_widen_with_the_favourite_and_are_capped(margin: float, price: int) -> None:
    posted = post("h2h", margin, None, BOOK, fixed=False)
    assert posted == Posted(None, (posted.prices[0], posted.prices[1]))
    assert posted.prices[0] == pytest.approx(price, rel=0.15)
