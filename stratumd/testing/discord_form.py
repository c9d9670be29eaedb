"""What Discord accepts as the body of a message (documented limits of the "Execute Webhook" call)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

CONTENT, EMBEDS, TOTAL, USERNAME = 2_000, 10, 6_000, 80
"""Characters of the text; embeds; characters of all embeds together; characters of the sender's name."""
TEXTS = {"title": 256, "description": 4_096}
FIELDS, FIELD_NAME, FIELD_VALUE, FOOTER, AUTHOR = 25, 256, 1_024, 2_048, 256
MENTIONS = frozenset({"roles", "users", "everyone"})

Mistake = tuple[str, str]
"""Where, as `embeds.0.title`, and what."""


def mistakes(payload: Any) -> dict[str, str]:
    """Return what Discord would refuse, by place; nothing where it would take the message."""
    if not isinstance(payload, dict):
        return {"body": "Only dictionaries may be used"}
    return dict(_message(payload))


def _message(payload: Mapping[str, Any]) -> Iterator[Mistake]:
    embeds = payload.get("embeds", [])
    if not payload.get("content") and not embeds:
        yield "content", "Cannot send an empty message"
    yield from _text("content", payload.get("content"), CONTENT)
    yield from _text("username", payload.get("username"), USERNAME)
    yield from _mentions(payload.get("allowed_mentions", {}))
    if len(embeds) > EMBEDS:
        yield "embeds", f"Must be {EMBEDS} or fewer in length."
    for number, embed in enumerate(embeds):
        yield from ((f"embeds.{number}.{place}", what) for place, what in _embed(embed))
    if sum(_size(embed) for embed in embeds) > TOTAL:
        yield "embeds", f"Embed size exceeds maximum size of {TOTAL}"


def _embed(embed: Mapping[str, Any]) -> Iterator[Mistake]:
    for key, limit in TEXTS.items():
        yield from _text(key, embed.get(key), limit)
    yield from _text("footer.text", embed.get("footer", {}).get("text"), FOOTER)
    yield from _text("author.name", embed.get("author", {}).get("name"), AUTHOR)
    fields = embed.get("fields", [])
    if len(fields) > FIELDS:
        yield "fields", f"Must be {FIELDS} or fewer in length."
    for number, field in enumerate(fields):
        yield from _required(f"fields.{number}.name", field.get("name"), FIELD_NAME)
        yield from _required(f"fields.{number}.value", field.get("value"), FIELD_VALUE)
    if not 0 <= embed.get("color", 0) <= 0xFFFFFF:
        yield "color", "Value should be less than or equal to 16777215."
    if _size(embed) == 0:
        yield "description", "This field is required"
    yield from _timestamp(embed.get("timestamp"))


def _timestamp(value: Any) -> Iterator[Mistake]:
    try:
        if value is not None:
            datetime.fromisoformat(value)
    except (TypeError, ValueError):
        yield "timestamp", f"Could not parse {value}. Should be ISO8601."


def _mentions(allowed: Mapping[str, Any]) -> Iterator[Mistake]:
    if not set(allowed.get("parse", [])) <= MENTIONS:
        yield "allowed_mentions.parse", "Value must be one of roles, users, everyone."


def _required(place: str, text: Any, limit: int) -> Iterator[Mistake]:
    if not isinstance(text, str) or not text.strip():
        yield place, "This field is required"
    yield from _text(place, text, limit)


def _text(place: str, text: Any, limit: int) -> Iterator[Mistake]:
    if text is not None and not isinstance(text, str):
        yield place, "Could not interpret as string."
    elif text is not None and length(text) > limit:
        yield place, f"Must be {limit} or fewer in length."


def _size(embed: Mapping[str, Any]) -> int:
    """Return the characters that count towards the total of a message."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    for field in embed.get("fields", []):
        texts += [field.get("name"), field.get("value")]
    return sum(length(text) for text in texts if isinstance(text, str))


def length(text: str) -> int:
    """Count UTF-16 code units: the strictest of the ways in which Discord may count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
