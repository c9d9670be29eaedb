"""What is hidden is gone from every corner of any evidence."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import Signal
from stratumd.testing import samples
from stratumd_partner_api import shapes
from stratumd_partner_api.shapes import BOOKS, COMPONENTS, VELOCITY

NAMES = ("canary-book", "canary-house", "canary-other")
EVERYTHING = frozenset({BOOKS, COMPONENTS, VELOCITY})
keys = st.sampled_from(
    ["book", "books", "operator", "originator", "movers", "legs", "unit", "velocity", "components", "x", "a b", *NAMES]
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(NAMES), st.sampled_from([f"near {name}!" for name in NAMES]), st.text(max_size=5),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=20,
)
metadata = st.dictionaries(keys, values, max_size=8)


def signal(evidence: dict[str, Any]) -> Signal:
    return samples.signal(type="STEAM", operator=NAMES[1], books=(NAMES[0], NAMES[2]), metadata=evidence)


@given(metadata)
def test_no_book_is_named(evidence: dict[str, Any]) -> None:
    shown = msgspec.json.encode(shapes.signal(signal(evidence), frozenset({BOOKS})))
    assert b"canary" not in shown.replace(b'"components":', b"") or b"canary" in _components(evidence)


def _components(evidence: dict[str, Any]) -> bytes:
    """The names of components and methods are a detector's own words: they are kept."""
    found = evidence.get("components")
    return msgspec.json.encode(found if isinstance(found, dict) else {})


@given(metadata)
def test_velocity_and_components_are_nowhere(evidence: dict[str, Any]) -> None:
    shown = msgspec.to_builtins(shapes.signal(signal(evidence), frozenset({VELOCITY, COMPONENTS})))
    assert not _names(shown["metadata"]) & {"velocity", "components", "minutes", "interval"}


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for each in value.values() for name in _names(each)}
    if isinstance(value, list):
        return {name for each in value for name in _names(each)}
    return set()


def test_nothing_is_lost_where_nothing_is_hidden() -> None:
    found = signal({"movers": [{"book": "x"}], "velocity": 1.5})
    assert shapes.signal(found, frozenset()) == found.public()
