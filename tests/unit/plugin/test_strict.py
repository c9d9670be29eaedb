"""Strict JSON: whatever could be read in two ways is refused, and says why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.errors import BadPayload
from stratumd.plugin import check_json


def code(body: bytes) -> str:
    try:
        check_json(body)
    except BadPayload as error:
        return error.code
    return "ok"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[NaN]", "not_json"),
        (b"[-Infinity]", "not_json"),
        (b"[1e400]", "not_finite"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a" : 1, "a" : 2}', "duplicate_key"),
        (b'[{"x":{"b":1,"b":1}}]', "duplicate_key"),
        (b'{"\\u0061":1,"a":2}', "duplicate_key"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b"[" * 64 + b"]" * 64, "ok"),
        (b"[" * 100_000, "too_deep"),
        (b'["' + b"[" * 500 + b'"]', "ok"),
        (b"\xef\xbb\xbf[]", "not_json"),
        ("[]".encode("utf-16"), "not_json"),
        (b'["\xff"]', "not_json"),
        (b'["\\ud800 alone"]', "not_json"),
        (b"", "not_json"),
        (b"][", "not_json"),
        (b"{} {}", "not_json"),
        (b'"a text"', "ok"),
    ],
)
def test_what_has_two_meanings_or_none_is_refused(body: bytes, expected: str) -> None:
    assert code(body) == expected


def test_a_long_array_is_looked_at_element_by_element() -> None:
    good = json.dumps([{"id": number, "name": "x" * 40} for number in range(5_000)], separators=(",", ":")).encode()
    assert code(good) == "ok"
    assert code(good.replace(b'{"id":4999,', b'{"id":4999,"id":5,')) == "duplicate_key"


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(trees, st.sampled_from([None, 2]), st.booleans())
def test_every_json_is_admitted_however_it_is_written(tree: Any, indent: int | None, ascii_only: bool) -> None:
    try:
        body = json.dumps(tree, indent=indent, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    if "\\ud" not in body.decode().lower():
        assert code(body) == "ok"


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), st.integers(), min_size=1, max_size=4))
def test_no_name_comes_twice_unnoticed(pairs: dict[str, int]) -> None:
    written = [json.dumps(name) + ":1" for name in pairs]
    twice = "[{" + ",".join([*written, written[0]]) + "}]"
    assert code(twice.encode()) == "duplicate_key"


@given(st.binary(max_size=60))
def test_nothing_but_a_refusal_is_raised(body: bytes) -> None:
    code(body)
