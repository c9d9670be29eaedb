"""The simulated books are as far apart, as restless and as dear as the real ones were when they were measured.

Measured the same way, with nothing injected. Bands are wide where a day of games is a small sample.
"""

from collections.abc import Callable
from statistics import median

import pytest

from stratumd.plugin import HOUR, parse_iso
from stratumd_demo.books import DISPERSION, OPERATORS, Book, Operator
from stratumd_demo.market import Market
from stratumd_demo.quoting import MARKETS
from stratumd_demo.wire import odds
from tests.support.figures import POLL, Figures, figures

OPENED = parse_iso("2026-01-10T12:00:00Z")
RECORDED = [(operator, book) for operator in OPERATORS for book in operator.books if book.region == "us"]


@pytest.fixture(scope="module")
def measured() -> Figures:
    market = Market(1, OPENED, games=15, incidents=0.0)
    polls = []
    for poll in range(24 * HOUR // POLL):
        market.advance(OPENED + poll * POLL)
        polls.append((market.now, odds(market)))
    return figures(polls)


def ratios(found: Callable[[Book], float], real: Callable[[Operator, Book], float]) -> list[float]:
    return [found(book) / real(operator, book) for operator, book in RECORDED]


@pytest.mark.parametrize("market", MARKETS)
def test_holds(measured: Figures, market: str) -> None:
    for _, book in RECORDED:
        real = book.h2h_hold if market == "h2h" else book.line_hold
        assert measured.hold[book.key, market] == pytest.approx(real, abs=0.0015)


@pytest.mark.parametrize("market", MARKETS)
def test_changes_per_hour(measured: Figures, market: str) -> None:
    found = ratios(
        lambda book: measured.changes[book.key, market], lambda operator, _: getattr(operator.changes, market)
    )
    assert 0.7 < median(found) < 1.4
    assert all(0.3 < ratio < 2.0 for ratio in found)


@pytest.mark.parametrize("market", MARKETS)
def test_deviations_from_the_median(measured: Figures, market: str) -> None:
    """Real ones include the mistakes, so the market left alone is allowed less."""
    found = ratios(
        lambda book: measured.deviation[book.key, market], lambda operator, _: getattr(operator.deviation, market)
    )
    assert 0.6 < median(found) < 1.2
    assert all(0.4 < ratio < 1.6 for ratio in found)


@pytest.mark.parametrize("market", MARKETS)
def test_dispersion_over_the_books(measured: Figures, market: str) -> None:
    assert 0.6 < measured.dispersion[market] / getattr(DISPERSION, market) < 1.8


def test_ages_of_quotes(measured: Figures) -> None:
    for _, book in RECORDED:
        assert measured.age[book.key] == pytest.approx(book.age, rel=0.15)


def test_the_sharpest_stand_nearer_to_the_market_than_the_widest(measured: Figures) -> None:
    assert measured.deviation["fanatics", "spreads"] < measured.deviation["betrivers", "spreads"]
