"""What is too long is cut by rule, and no further than needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd_discord.limits import (
    DESCRIPTION,
    FIELD_NAME,
    FIELD_VALUE,
    FIELDS,
    TITLE,
    TOTAL,
    Embed,
    Field,
    bounded,
    fit,
    length,
    shorten,
    shrunk,
    terse,
)


def make_embed(title: str = "t", description: str = "d", fields: tuple[Field, ...] = ()) -> Embed:
    return Embed(title, description, 1, "f", "2026-07-14T00:00:00Z", fields)


@given(st.text(), st.integers(0, 40))
def test_a_shortened_text_is_within_the_limit_and_keeps_its_beginning(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert length(short) <= limit
    assert short == text or text.startswith(short.removesuffix("…"))


@given(st.text())
def test_a_text_that_fits_is_left_alone(text: str) -> None:
    assert shorten(text, length(text)) == text


def test_counts_as_strictly_as_discord_may() -> None:
    assert length("a😀") == 3
    assert shorten("😀😀", 3) == "😀…"


def test_each_text_has_its_own_limit() -> None:
    embed = bounded(make_embed("t" * 300, "d" * 5_000, (Field("n" * 300, "v" * 2_000),) * 30))
    assert (length(embed.title), length(embed.description)) == (TITLE, DESCRIPTION)
    assert len(embed.fields) == FIELDS
    assert (length(embed.fields[0].name), length(embed.fields[0].value)) == (FIELD_NAME, FIELD_VALUE)


def test_the_last_fields_give_way_first() -> None:
    embed = make_embed(description="d" * 100, fields=(Field("a", "v" * 100), Field("b", "w" * 100)))
    cut = shrunk(embed, 250)
    assert [field.value for field in cut.fields] == ["v" * 100, "w" * 45 + "…"]
    assert cut.description == "d" * 100


def test_a_field_that_would_say_nothing_is_left_out() -> None:
    embed = make_embed(description="d" * 100, fields=(Field("a", "v" * 100), Field("b", "w" * 100)))
    assert [field.name for field in shrunk(embed, 220).fields] == ["a"]


def test_then_the_description_and_the_title() -> None:
    cut = shrunk(make_embed("t" * 50, "d" * 50, (Field("a", "v"),)), 40)
    assert cut.fields == ()
    assert (cut.description, length(cut.title)) == ("", 39)


def test_short_embeds_leave_their_room_to_long_ones() -> None:
    short, long = make_embed(description="d" * 10), make_embed(description="d" * 4_000)
    cut = fit([long, short, long])
    assert cut[1] == short
    assert sum(embed.size() for embed in cut) == TOTAL


def test_nothing_is_cut_where_everything_fits() -> None:
    embeds = [make_embed(description="d" * 500, fields=(Field("a", "v" * 90),))] * 10
    assert fit(embeds) == embeds


@given(st.lists(st.tuples(st.integers(0, 9_000), st.lists(st.integers(1, 2_000), max_size=30)), max_size=10))
def test_no_message_is_too_long(shapes: list[tuple[int, list[int]]]) -> None:
    embeds = [make_embed(description="d" * size, fields=tuple(Field("n", "v" * v) for v in f)) for size, f in shapes]
    cut = fit(embeds)
    assert len(cut) == len(embeds)
    assert sum(embed.size() for embed in cut) <= TOTAL
    assert all(field.value for embed in cut for field in embed.fields)


def test_an_eleventh_embed_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at most 10 embeds, not 11"):
        fit([make_embed()] * 11)


def test_the_tersest_form_keeps_what_happened() -> None:
    embed = terse(make_embed("t" * 200, "d" * 400, (Field("a", "v"),)))
    assert (length(embed.title), length(embed.description), embed.fields) == (100, 200, ())
