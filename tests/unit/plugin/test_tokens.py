"""Credentials as texts: what was made is known again, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import tokens
from stratumd.plugin.times import parse_duration

MADE = tokens.make("strm_ops")


def test_what_was_made_is_known_again() -> None:
    assert MADE.token.startswith(f"strm_ops_{MADE.id}_")
    assert tokens.id_of(MADE.token, "strm_ops") == MADE.id
    assert tokens.digest(MADE.token) == MADE.hash
    assert MADE.token not in repr(MADE)
    assert tokens.make("strm_ops").token != MADE.token


def test_another_kind_is_another() -> None:
    assert tokens.id_of(MADE.token, "strm_live") is None
    assert tokens.id_of(MADE.token, "strm.ops") is None


@given(st.integers(0, len(MADE.token) - 1), st.characters())
def test_one_mistake_is_found_without_a_look_up(place: int, character: str) -> None:
    wrong = MADE.token[:place] + character + MADE.token[place + 1 :]
    assert (tokens.id_of(wrong, "strm_ops") is None) == (wrong != MADE.token)


@given(st.text(max_size=200))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert tokens.id_of(text, "strm_ops") is None
    assert len(tokens.digest(text + "\ud800")) == 64


def test_a_length_beyond_all_bounds_is_no_duration() -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration("9" * 30 + "d")
