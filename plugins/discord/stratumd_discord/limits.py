"""Embeds, and the rule by which they are cut to what Discord takes.

Each text is cut to its own limit. Where all embeds of a message are too long together, the long ones give way to an
equal share of the room: first the last fields, then the description, then the title.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import msgspec

EMBEDS, TOTAL = 10, 6_000
"""Embeds of a message, and the characters of all of them together."""
TITLE, DESCRIPTION, FOOTER = 256, 4_096, 2_048
FIELDS, FIELD_NAME, FIELD_VALUE = 25, 256, 1_024
_WORTH_SHOWING = 40
"""Characters: a field cut to less says nothing and is left out."""


class Field(msgspec.Struct, frozen=True):
    """A name and what it stands for; `inline` fields share a row."""

    name: str
    value: str
    inline: bool = False


class Embed(msgspec.Struct, frozen=True):
    """One signal as Discord shows it."""

    title: str
    description: str
    color: int
    footer: str
    timestamp: str
    """ISO 8601."""
    fields: tuple[Field, ...] = ()

    def size(self) -> int:
        """Return the characters that count towards the total of a message."""
        texts = [self.title, self.description, self.footer]
        return sum(map(length, texts)) + sum(length(each.name) + length(each.value) for each in self.fields)

    def payload(self) -> dict[str, Any]:
        """Return the embed as Discord's JSON."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found | {"footer": {"text": self.footer}}


def length(text: str) -> int:
    """Count UTF-16 code units: the strictest of the ways in which Discord may count."""
    return len(text) + sum(character > "\uffff" for character in text)


def shorten(text: str, limit: int) -> str:
    """Cut `text` to `limit` characters, the last of them an ellipsis where anything is missing."""
    if length(text) <= limit:
        return text
    if limit <= 0:
        return ""
    kept = sum(end < limit for end in accumulate(map(length, text)))
    return f"{text[:kept]}…"


def fit(embeds: Sequence[Embed]) -> list[Embed]:
    """Return the embeds, in their order, cut to what one message may hold. More than ten raise `ValueError`."""
    if len(embeds) > EMBEDS:
        raise ValueError(f"a message has at most {EMBEDS} embeds, not {len(embeds)}")
    own = [bounded(embed) for embed in embeds]
    room = TOTAL
    by_size = sorted(range(len(own)), key=lambda index: own[index].size())
    for waiting, index in zip(range(len(own), 0, -1), by_size, strict=True):
        own[index] = shrunk(own[index], room // waiting)
        room -= own[index].size()
    return own


def bounded(embed: Embed) -> Embed:
    """Cut each text to its own limit."""
    fields = [Field(shorten(f.name, FIELD_NAME), shorten(f.value, FIELD_VALUE), f.inline) for f in embed.fields]
    return msgspec.structs.replace(
        embed,
        title=shorten(embed.title, TITLE),
        description=shorten(embed.description, DESCRIPTION),
        footer=shorten(embed.footer, FOOTER),
        fields=tuple(fields[:FIELDS]),
    )


def shrunk(embed: Embed, room: int) -> Embed:
    """Cut the embed to `room` characters over all: last fields, then description, then title, then footer."""
    fields = list(embed.fields)
    size = embed.size()
    while fields and size > room:
        last = fields.pop()
        size -= length(last.name) + length(last.value)
        left = room - size - length(last.name)
        if left >= _WORTH_SHOWING:
            fields.append(msgspec.structs.replace(last, value=shorten(last.value, left)))
            break
    embed = msgspec.structs.replace(embed, fields=tuple(fields))
    for name in ("description", "title", "footer"):
        over = embed.size() - room
        if over > 0:
            value = getattr(embed, name)
            embed = msgspec.structs.replace(embed, **{name: shorten(value, max(0, length(value) - over))})
    return embed


def terse(embed: Embed) -> Embed:
    """Return the least that still says what happened: for a message that Discord refused as it was."""
    return msgspec.structs.replace(
        embed, title=shorten(embed.title, 100), description=shorten(embed.description, 200), fields=()
    )
