"""A query is judged by what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.wire_forms import fits, may_be_sent

TEXT = {"type": "string", "pattern": "^[a-z]+$"}
PARAMETERS: list[dict[str, Any]] = [
    {"name": "market", "in": "query", "required": False, "schema": {"anyOf": [TEXT, {"type": "null"}]}},
    {"name": "events", "in": "query", "required": True, "schema": {"type": "array", "items": TEXT, "minItems": 1}},
    {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "maximum": 9}},
    {"name": "at", "in": "query", "required": False, "schema": {"type": "string", "format": "date-time"}},
]


@pytest.mark.parametrize(
    ("query", "does"),
    [
        ("events=false&market=false", True),
        ("events=a,b&events=c&limit=3", True),
        ("events=a&at=2026-01-01T00:00:00Z", True),
        ("events=a&market=null", True),
        ("events=a&limit=null", False),
        ("market=a", False),
        ("events=a&other=b", False),
        ("events=", False),
        ("events=a,", False),
        ("events=a&market=", False),
        ("events=a&market=b&market=c", False),
        ("events=a&market=7", False),
        ("events=a&limit=10", False),
        ("events=a&limit=x", False),
        ("events=a&at=yesterday", False),
    ],
)
def test_a_query_fits_as_it_is_sent(query: str, does: bool) -> None:
    assert fits(query, PARAMETERS) is does


def test_a_control_character_is_in_no_header() -> None:
    assert may_be_sent('W/"a", "é"\t*')
    assert not any(may_be_sent(f"a{each}b") for each in "\0\n\x1f\x7f")
