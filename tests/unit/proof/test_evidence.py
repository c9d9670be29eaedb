"""The evidence of a stranger's signal may use the names of the bundled detectors' for anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.cli.why import _sentences
from stratumd.odds import Pricing
from stratumd.plugin import MarketKey, one_line
from stratumd.plugin.market import Market
from stratumd.proof.why import Why, _moved
from stratumd.proof.worth import Offer, offers
from stratumd.testing.samples import START, signal

NAMES = [
    *("movers", "moves", "legs", "stale", "best", "from", "to", "book", "operator", "outcome", "line", "price"),
    *("interval", "window_seconds", "regime", "context", "components", "unit", "before", "after", "value", "consensus"),
]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.sampled_from(["home", "fanduel", ""])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_whatever_it_is_it_is_read(evidence: dict[str, Any]) -> None:
    strange = signal(metadata=evidence)
    assert one_line(strange)
    assert all(isinstance(each.price, float) for each in offers(strange))
    market = Market(MarketKey("spreads"), strange.sport, Pricing(), START)
    moved = _moved(strange, market, frozenset())
    explained = Why(strange, "made", "/odds", [], [], moved, None, [], None, [], [], build_noted=True)
    assert [*_sentences(explained)]


@pytest.mark.parametrize(
    ("evidence", "named"),
    [
        ({"movers": 3}, []),
        ({"best": {"book": "a", "line": -2.5, "price": 1.9}}, [Offer("a", "home", -2.5, 1.9)]),
        ({"best": "a"}, []),
        ({"stale": [{"book": "a", "price": 2}, {"book": "b"}]}, [Offer("a", "home", None, 2.0)]),
        ({"legs": [], "moves": [{"book": "a", "to": {"line": 3.0, "price": 1.8}}]}, [Offer("a", "home", 3.0, 1.8)]),
        ({"best": {}, "movers": [{"book": "a", "to": {"price": 1.8}}]}, [Offer("a", "home", None, 1.8)]),
    ],
)
def test_prices_are_those_that_have_the_shape(evidence: dict[str, Any], named: list[Offer]) -> None:
    assert offers(signal(metadata=evidence)) == named
