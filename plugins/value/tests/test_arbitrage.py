"""ARBITRAGE and LOW_HOLD: the best prices of all outcomes together."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.plugin import HOUR, MINUTE, Micros, Quote, Signal, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread
from stratumd_value import Value
from stratumd_value.legs import stakes
from stratumd_value.options import Options

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
CONSENSUS = detector("consensus")
PRICES = st.floats(1.05, 20.0)


def signals(
    books: dict[str, Any], *, sport: str = "basketball_nba", confirmed: dict[str, Micros] | None = None, **options: Any
) -> list[Signal]:
    harness = Harness([CONSENSUS, Value(Options.model_validate(options))])
    event = game(NOON + 6 * HOUR, sport=sport)
    return list(harness.feed(observation(NOON, {event: books}, confirmed=confirmed)).signals)


def test_two_books_whose_best_prices_leave_something() -> None:
    (signal,) = signals({"fanduel": [moneyline(2.10, 1.80)], "betmgm": [moneyline(1.85, 2.05)]})
    assert (signal.type, signal.books, signal.operator) == ("ARBITRAGE", ("betmgm", "fanduel"), None)
    metadata = signal.metadata
    assert [(leg["outcome"], leg["book"], leg["price"]) for leg in metadata["legs"]] == [
        ("home", "fanduel", 2.10),
        ("away", "betmgm", 2.05),
    ]
    assert metadata["margin_percent"] == pytest.approx(100 * (1 / (1 / 2.10 + 1 / 2.05) - 1), abs=1e-5)
    assert signal.magnitude == pytest.approx(1 - metadata["value"], abs=1e-6)
    assert metadata["consensus"] > 1, "one book alone keeps its margin"


def test_a_draw_needs_its_own_leg() -> None:
    books = {"a": [moneyline(3.2, 2.6, 3.1)], "b": [moneyline(2.4, 3.4, 3.1)], "c": [moneyline(2.4, 2.6, 3.6)]}
    (signal,) = signals(books, sport="soccer_epl")
    assert [(leg["outcome"], leg["book"]) for leg in signal.metadata["legs"]] == [
        ("home", "a"),
        ("draw", "c"),
        ("away", "b"),
    ]
    assert sum(leg["stake"] for leg in signal.metadata["legs"]) == pytest.approx(100)


def test_a_market_without_its_draw_is_not_put_together_with_one_that_has_it() -> None:
    books = {"a": [moneyline(3.2, 2.6, 3.1)], "b": [moneyline(1.9, 1.9)]}
    assert not signals(books, sport="soccer_epl")


@settings(max_examples=60, deadline=None)
@given(st.lists(PRICES, min_size=2, max_size=4))
def test_stakes_pay_out_the_same_whichever_wins(prices: list[float]) -> None:
    shares = stakes(prices)
    payouts = [share * price for share, price in zip(shares, prices, strict=True)]
    assert sum(shares) == pytest.approx(100)
    assert payouts == pytest.approx([payouts[0]] * len(payouts))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PRICES, PRICES), min_size=2, max_size=5))
def test_it_is_found_exactly_where_the_best_prices_imply_less_than_certainty(rows: list[tuple[float, float]]) -> None:
    """Against every pair of prices of two operators, tried one by one."""
    books = {f"book{i}": [moneyline(*row)] for i, row in enumerate(rows)}
    found = [s for s in signals(books, arbitrage={"min_margin_percent": 1e-7}) if s.type == "ARBITRAGE"]
    pairs = [1 / rows[i][0] + 1 / rows[j][1] for i, j in product(range(len(rows)), repeat=2) if i != j]
    if abs(min(pairs) - 1) > 1e-8:
        assert bool(found) == (min(pairs) < 1)
    for signal in found:
        assert signal.metadata["value"] == pytest.approx(min(pairs), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PRICES, PRICES, PRICES), min_size=2, max_size=4))
def test_it_is_found_exactly_where_three_best_prices_do(rows: list[tuple[float, float, float]]) -> None:
    books = {f"book{i}": [moneyline(*row)] for i, row in enumerate(rows)}
    found = signals(books, sport="soccer_epl", arbitrage={"min_margin_percent": 1e-7})
    triples = [
        1 / rows[i][0] + 1 / rows[j][1] + 1 / rows[k][2]
        for i, j, k in product(range(len(rows)), repeat=3)
        if len({i, j, k}) > 1
    ]
    if abs(min(triples) - 1) > 1e-8:
        assert ("ARBITRAGE" in {signal.type for signal in found}) == (min(triples) < 1)


def test_one_operator_alone_makes_none() -> None:
    """Two books of one operator are one counterparty: the second-best price of somebody else counts."""
    own = {"lowvig": [moneyline(2.2, 1.8)], "betonlineag": [moneyline(1.8, 2.2)]}
    assert not signals(own)
    (signal,) = signals(own | {"fanduel": [moneyline(2.0, 1.9)]})
    assert {leg["operator"] for leg in signal.metadata["legs"]} == {"betonlineag", "fanduel"}


def test_other_lines_are_not_put_together() -> None:
    apart = {"fanduel": [spread(-3.5, 2.10, 1.80)], "betmgm": [spread(-4.5, 1.85, 2.05)]}
    assert not signals(apart)
    assert signals(apart | {"betmgm": [spread(-3.5, 1.85, 2.05)]})


def test_the_line_that_leaves_most_is_taken() -> None:
    books = {
        "a": [spread(-3.5, 2.05, 1.80)], "b": [spread(-3.5, 1.80, 2.05)],
        "c": [spread(-4.5, 2.20, 1.80)], "d": [spread(-4.5, 1.80, 2.05)],
    }  # fmt: skip
    (signal,) = signals(books)
    assert (signal.metadata["line"], signal.books) == (-4.5, ("c", "d"))


def test_old_prices_are_not_put_together() -> None:
    books = {"fanduel": [moneyline(2.10, 1.80)], "betmgm": [moneyline(1.85, 2.05)]}
    assert signals(books, confirmed={"fanduel": NOON - 2 * MINUTE})
    assert not signals(books, confirmed={"fanduel": NOON - 2 * MINUTE - 1})
    (signal,) = signals(books, confirmed={"fanduel": NOON - 4 * MINUTE}, max_age="8m")
    assert signal.metadata["oldest_seconds"] == 240.0
    assert signal.metadata["components"]["freshness"]["value"] == 0.5


def test_it_ends_when_a_price_grows_old_though_nothing_changed() -> None:
    harness = Harness([detector("consensus"), detector("value", arbitrage={"cooldown": "0s"})])
    books, event = {"fanduel": [moneyline(2.10, 1.80)], "betmgm": [moneyline(1.85, 2.05)]}, game(NOON + 6 * HOUR)
    updated = [0, 0, 0, 0, 4]
    fired = [
        len(
            harness.feed(
                observation(NOON + i * MINUTE, {event: books}, confirmed={"fanduel": NOON + u * MINUTE})
            ).signals
        )
        for i, u in enumerate(updated)
    ]
    assert fired == [1, 0, 0, 0, 1], "it held until minute 2, and holds again from minute 4 on"


def test_a_lay_price_is_no_leg() -> None:
    lay = [("h2h_lay", (Quote("home", 3.0), Quote("away", 3.0)))]
    assert not signals({"exchange": lay, "fanduel": [moneyline(1.9, 1.9)]}, markets=["h2h", "h2h_lay"])


def test_one_side_alone_is_no_leg() -> None:
    books = {"fanduel": [("h2h", (Quote("home", 3.0),))], "betmgm": [moneyline(1.85, 2.05)]}
    assert not signals(books)


def test_a_low_hold_is_no_arbitrage() -> None:
    (signal,) = signals({"fanduel": [moneyline(2.0, 1.85)], "betmgm": [moneyline(1.85, 1.99)]})
    hold = 100 * (1 - 1 / (1 / 2.0 + 1 / 1.99))
    assert signal.type == "LOW_HOLD"
    assert signal.metadata["hold_percent"] == pytest.approx(hold, abs=1e-5)
    assert signal.magnitude == pytest.approx(1 - hold / 100)
    assert signal.threshold == pytest.approx(0.995)


@pytest.mark.parametrize(("percent", "fires"), [(0.2, False), (0.3, True)])
def test_how_low_is_an_option(percent: float, fires: bool) -> None:
    books = {"fanduel": [moneyline(2.0, 1.85)], "betmgm": [moneyline(1.85, 1.99)]}
    assert bool(signals(books, low_hold={"max_hold_percent": percent})) == fires


def test_a_margin_too_small_for_an_arbitrage_is_a_low_hold() -> None:
    books = {"fanduel": [moneyline(2.02, 1.85)], "betmgm": [moneyline(1.85, 2.0)]}
    assert [signal.type for signal in signals(books)] == ["ARBITRAGE"]
    (signal,) = signals(books, arbitrage={"min_margin_percent": 1.0})
    assert signal.type == "LOW_HOLD"
    assert signal.metadata["hold_percent"] < 0


def test_each_type_has_its_own_limits() -> None:
    value = detector("value", arbitrage={"cooldown": "3m", "per_hour": 2, "lifetime": "90s"})
    assert value.limits("ARBITRAGE") == (3 * MINUTE, 2, 90 * MINUTE // 60)
    assert value.limits("LOW_HOLD") == value.limits("MIDDLE") == (15 * MINUTE, 6, 5 * MINUTE)


def test_a_clock_that_runs_fast_makes_nobody_younger_than_now() -> None:
    books = {"fanduel": [moneyline(2.10, 1.80)], "betmgm": [moneyline(1.85, 2.05)]}
    (signal,) = signals(books, confirmed={"fanduel": NOON + MINUTE, "betmgm": NOON + MINUTE})
    assert signal.metadata["oldest_seconds"] == 0.0
    assert signal.metadata["components"]["freshness"]["value"] == 1.0
