"""A signal as a message of Discord's, with no more in it than the plan shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from stratumd.plugin import SECOND, Signal, iso, one_line
from stratumd.plugin.partners import Plan

MOST = 10
"""Embeds of one message."""
_TITLE, _TEAMS = 250, 900  # characters; Discord takes 256 and 4,096, and 6,000 of all embeds together
_TERSE_TITLE = 100
_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]#])")
_COLOR = 0x3B82F6


def message(signals: Sequence[Signal], plan: Plan, *, terse: bool = False) -> dict[str, Any]:
    """Return one message about up to ten signals. A team called @everyone wakes nobody."""
    embeds = [_embed(signal, plan, terse=terse) for signal in signals]
    return {"embeds": embeds, "allowed_mentions": {"parse": []}}


def _embed(signal: Signal, plan: Plan, *, terse: bool) -> dict[str, Any]:
    title = " · ".join(map(_plain, one_line(_shown(signal, plan)).split("  ")))
    if terse:
        return {"title": _cut(title, _TERSE_TITLE)}
    start = signal.commence_at // SECOND
    teams = _cut(f"**{_plain(signal.away)} at {_plain(signal.home)}**", min(_TEAMS, 6_000 // MOST - _TITLE - 120))
    return {
        "title": _cut(title, _TITLE),
        "description": f"{teams} · <t:{start}:f>",
        "color": _COLOR,
        "footer": {"text": signal.id},
        "timestamp": iso(signal.observed_at),
    }


def _shown(signal: Signal, plan: Plan) -> Signal:
    """Return the signal without what the plan hides: then its size is shown, and neither books nor their numbers."""
    if not plan.hidden:
        return signal
    unit = {"unit": signal.metadata["unit"]} if "unit" in signal.metadata else {}
    return msgspec.structs.replace(signal, books=(), operator=None, metadata=unit)


def _plain(text: str) -> str:
    """Return foreign text so that Discord shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
