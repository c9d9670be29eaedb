"""One book's quote of one market: its fair price, or the reason why it has none."""

import copy
from itertools import permutations
from math import copysign, inf, isclose, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import (
    Fair,
    MarginModel,
    Pricing,
    Quote,
    compared_values,
    devig,
    fair_quotes,
    translate_spread,
)

NBA, MLB, EPL = "basketball_nba", "baseball_mlb", "soccer_epl"
PLAIN = Pricing()


def fair(market: str, sport: str, *quotes: Quote, pricing: Pricing = PLAIN) -> Fair:
    """Return the fair quote where there has to be one."""
    found = fair_quotes(market, sport, quotes, pricing)
    assert isinstance(found, Fair), found
    return found


def reason(market: str, sport: str, *quotes: Quote) -> str:
    """Return the reason where there must not be a fair quote."""
    found = fair_quotes(market, sport, quotes, PLAIN)
    assert not isinstance(found, Fair), found
    return found


def test_a_spread_by_hand() -> None:
    """Home −3.5 at 1.80 against 2.10: 2.1/3.9 = 53.8 % to cover, so the line at 50 % lies beyond −3.5."""
    quote = fair("spreads", NBA, ("away", 2.1, 3.5), ("home", 1.8, -3.5))
    assert quote.outcomes == ("home", "away")
    assert quote.prices == (1.8, 2.1)
    assert quote.probabilities == pytest.approx((2.1 / 3.9, 1.8 / 3.9))
    assert quote.line == -3.5
    assert quote.fair_line == pytest.approx(-3.5 - 11.2 * 0.0965586, abs=1e-4)  # Φ⁻¹(0.5384615) = 0.0965586
    assert isclose(quote.hold, 1 - 1 / (1 / 1.8 + 1 / 2.1))
    assert quote.flag is None


def test_a_total_by_hand() -> None:
    quote = fair("totals", NBA, ("under", 1.9, 221.5), ("over", 1.9, 221.5))
    assert (quote.outcomes, quote.line, quote.fair_line) == (("over", "under"), 221.5, 221.5)


def test_a_moneyline_has_no_line() -> None:
    quote = fair("h2h", NBA, ("away", 3.0, None), ("home", 1.5, None))
    assert quote == Fair(("home", "away"), (1.5, 3.0), (1 / 1.5, 1 / 3), None, None, 0.0, None)


def test_a_three_way_market_is_taken_by_power() -> None:
    quote = fair("h2h", EPL, ("away", 4.2, None), ("draw", 3.4, None), ("home", 1.9, None))
    assert quote.outcomes == ("home", "draw", "away")
    assert quote.prices == (1.9, 3.4, 4.2)
    assert quote.probabilities == devig((1.9, 3.4, 4.2), "power").probabilities


def test_methods_are_chosen_by_the_number_of_sides() -> None:
    pricing = Pricing(two_way="shin", three_way="additive")
    sides = ("home", 1.3, None), ("away", 3.9, None)
    assert fair("h2h", NBA, *sides, pricing=pricing).probabilities == devig((1.3, 3.9), "shin").probabilities
    three = (("home", 1.9, None), ("draw", 3.4, None), ("away", 4.2, None))
    expected = devig((1.9, 3.4, 4.2), "additive").probabilities
    assert fair("h2h", EPL, *three, pricing=pricing).probabilities == expected


MARKETS: list[tuple[str, str, list[Quote]]] = [
    ("spreads", NBA, [("home", 1.8, -3.5), ("away", 2.1, 3.5)]),
    ("spreads", MLB, [("home", 2.4, -1.5), ("away", 1.6, 1.5)]),
    ("totals", NBA, [("over", 1.95, 221.5), ("under", 1.87, 221.5)]),
    ("h2h", NBA, [("home", 1.8, None), ("away", 2.1, None)]),
    ("h2h", EPL, [("home", 1.9, None), ("draw", 3.4, None), ("away", 4.2, None)]),
    ("btts", EPL, [("yes", 1.7, None), ("no", 2.1, None)]),
    ("player_first_basket", NBA, [("Ann", 3.0, None), ("Bea", 3.5, None), ("Cid", 2.0, None)]),
]


@pytest.mark.parametrize(("market", "sport", "quotes"), MARKETS)
def test_outcomes_are_matched_by_name_in_whatever_order_they_come(market: str, sport: str, quotes: list[Quote]) -> None:
    """Providers list them alphabetically: home first in 58 of 100 only."""
    expected = fair(market, sport, *quotes)
    assert expected.outcomes == tuple(name for name, _, _ in quotes)
    for order in permutations(quotes):
        assert fair(market, sport, *order) == expected


@pytest.mark.parametrize("signs", [(0.0, 0.0), (-0.0, 0.0), (0.0, -0.0), (-0.0, -0.0), (0, 0)])
def test_a_pickem_is_a_line_and_has_one_zero(signs: tuple[float, float]) -> None:
    quote = fair("spreads", NBA, ("home", 1.9, signs[0]), ("away", 1.9, signs[1]))
    assert quote.line == 0.0
    assert quote.fair_line == 0.0
    assert copysign(1.0, quote.line) == copysign(1.0, quote.fair_line) == 1.0
    assert isinstance(quote.line, float)


def test_a_draw_is_taken_where_it_is_shown_and_asked_for_where_it_must_be() -> None:
    two = ("home", 1.5, None), ("away", 2.9, None)
    assert reason("h2h", EPL, *two) == "one_sided"
    assert reason("h2h_3_way", NBA, *two) == "one_sided"
    assert fair("draw_no_bet", EPL, *two).outcomes == ("home", "away")
    assert fair("to_qualify", EPL, *two).outcomes == ("home", "away")
    shown = fair("h2h", "rugbyunion_six_nations", *two, ("draw", 20.0, None))
    assert shown.outcomes == ("home", "draw", "away")


@pytest.mark.parametrize(
    ("market", "sport", "quotes", "why"),
    [
        ("h2h_lay", NBA, [("home", 1.5, None), ("away", 2.9, None)], "lay"),
        ("outrights_lay", NBA, [("Ann", 1.5, None)], "lay"),
        ("spreads", NBA, [], "one_sided"),
        ("spreads", NBA, [("home", 1.9, -3.5)], "one_sided"),
        ("player_points", NBA, [("over", 1.9, 20.5)], "one_sided"),
        ("player_double_double", NBA, [("yes", 4.0, None)], "one_sided"),
        ("h2h", NBA, [("home", 1.9, None), ("draw", 15.0, None)], "one_sided"),
        ("outrights", NBA, [("Ann", 1.9, None)], "one_sided"),
        ("outrights", NBA, [("Ann", 4.0, None), ("Bea", 5.0, None)], "one_sided"),
        ("outrights", NBA, [("Ann", 4.0, None), ("Bea", 5.0, None), ("Cid", 6.0, None)], "one_sided"),
        ("spreads", NBA, [("home", 1.9, -3.5), ("home", 2.1, -4.5)], "ladder"),
        ("totals", NBA, [("over", 1.9, 1.0), ("under", 1.9, 1.0), ("over", 2.1, 2.0)], "ladder"),
        ("spreads", NBA, [("home", 1.9, -3.5), ("away", 1.9, -3.5)], "lines_differ"),
        ("spreads", NBA, [("home", 1.9, -3.5), ("away", 1.9, 4.5)], "lines_differ"),
        ("spreads", NBA, [("home", 1.9, -3.5), ("away", 1.9, None)], "lines_differ"),
        ("spreads", NBA, [("home", 1.9, None), ("away", 1.9, None)], "lines_differ"),
        ("spreads", NBA, [("home", 1.9, 0.0), ("away", 1.9, None)], "lines_differ"),
        ("totals", NBA, [("over", 1.9, 221.5), ("under", 1.9, 222.5)], "lines_differ"),
        ("totals", NBA, [("over", 1.9, nan), ("under", 1.9, nan)], "lines_differ"),
        ("btts", EPL, [("yes", 1.9, None), ("no", 1.9, 2.5)], "lines_differ"),
        ("outrights", NBA, [("Ann", 1.9, 1.0), ("Bea", 2.9, None), ("Cid", 3.0, None)], "lines_differ"),
        ("h2h", NBA, [("Lakers", 1.9, None), ("Celtics", 1.9, None)], "unknown_outcomes"),
        ("spreads", NBA, [("over", 1.9, 2.5), ("under", 1.9, 2.5)], "unknown_outcomes"),
        ("spreads", NBA, [("home", 1.9, 1.0), ("away", 1.9, -1.0), ("draw", 9.0, None)], "unknown_outcomes"),
        (
            "player_double_double",
            NBA,
            [("yes", 4.0, None), ("New Orleans Pelicans", 1.2, None)],
            "unknown_outcomes",
        ),
        ("double_chance", EPL, [("1X", 1.3, None), ("12", 1.3, None), ("X2", 1.9, None)], "unknown_outcomes"),
        ("h2h", NBA, [("home", 1.0, None), ("away", 1.9, None)], "bad_price"),
        ("h2h", NBA, [("home", 1.9, None), ("away", nan, None)], "bad_price"),
        ("totals", NBA, [("over", inf, 221.5), ("under", 1.9, 221.5)], "bad_price"),
        ("h2h", EPL, [("home", 1.9, None), ("draw", -3.0, None), ("away", 4.0, None)], "bad_price"),
        ("spreads", NBA, [("home", 1.01, -3.5), ("away", 1e17, 3.5)], "bad_price"),
    ],
)
def test_no_fair_price_has_its_reason(market: str, sport: str, quotes: list[Quote], why: str) -> None:
    assert reason(market, sport, *quotes) == why
    assert reason(market, sport, *reversed(quotes)) == why


def test_a_run_line_has_no_fair_line_and_is_compared_by_probability() -> None:
    """A run line that flips from −1.5 to +1.5 is no three-point move."""
    quote = fair("spreads", MLB, ("home", 2.4, -1.5), ("away", 1.6, 1.5))
    assert (quote.line, quote.fair_line) == (-1.5, None)
    assert compared_values(quote) == quote.probabilities == pytest.approx((0.4, 0.6))


@pytest.mark.parametrize("market", ["spreads_h1", "spreads_q1"])
def test_a_period_has_no_fair_line(market: str) -> None:
    assert fair(market, NBA, ("home", 1.8, -3.5), ("away", 2.1, 3.5)).fair_line is None


def test_a_fair_line_is_compared_by_itself() -> None:
    quote = fair("alternate_totals", NBA, ("over", 1.8, 221.5), ("under", 2.1, 221.5))
    assert quote.fair_line is not None
    assert compared_values(quote) == (quote.fair_line,)


def test_margin_models_of_the_pricing_come_first() -> None:
    pricing = Pricing(margins={MLB: MarginModel(4.0, 4.4, True, "mine"), NBA: MarginModel(22.4, 1, True, "mine")})
    sides = ("home", 1.8, -1.5), ("away", 2.1, 1.5)
    plain, wide = fair("spreads", NBA, *sides), fair("spreads", NBA, *sides, pricing=pricing)
    assert plain.fair_line is not None
    assert wide.fair_line is not None
    assert wide.fair_line + 1.5 == pytest.approx(2 * (plain.fair_line + 1.5))
    assert fair("spreads", MLB, *sides, pricing=pricing).fair_line is not None
    assert fair("spreads_h1", NBA, *sides, pricing=pricing).fair_line is None


@pytest.mark.parametrize("pricing", [PLAIN, Pricing(two_way="power")])
def test_prices_that_leave_the_book_nothing_are_flagged(pricing: Pricing) -> None:
    quote = fair("h2h", NBA, ("home", 2.1, None), ("away", 2.05, None), pricing=pricing)
    assert quote.flag == "underround"
    assert quote.hold < 0


def test_a_props_line_is_posted_but_has_no_model() -> None:
    quote = fair("player_points", NBA, ("over", 1.8, 24.5), ("under", 2.0, 24.5))
    assert (quote.line, quote.fair_line) == (24.5, None)


@given(st.floats(1.2, 6), st.floats(1.2, 6), st.integers(-40, 40), st.sampled_from([1, 3, 8]))
def test_prices_that_compensate_a_moved_line_leave_the_fair_line(a: float, b: float, halves: int, move: int) -> None:
    """Re-hung lines: only what the price does not make up for is a move."""
    line = halves / 2
    before = fair("spreads", NBA, ("home", a, line), ("away", b, -line))
    p = translate_spread(before.probabilities[0], line, line + move, 11.2)
    after = fair("spreads", NBA, ("home", 1 / p, line + move), ("away", 1 / (1 - p), -line - move))
    assert before.fair_line == pytest.approx(after.fair_line, abs=1e-6)


def test_unknown_methods_are_refused_when_the_pricing_is_made() -> None:
    with pytest.raises(ValueError, match="unknown de-vig method 'goto'"):
        Pricing(three_way="goto")


def test_values_cannot_be_changed() -> None:
    quote = fair("h2h", NBA, ("home", 1.9, None), ("away", 1.9, None))
    with pytest.raises(AttributeError):
        quote.line = 1.0
    assert copy.deepcopy(quote) == quote
