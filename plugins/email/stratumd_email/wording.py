"""A signal in the words of a mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from stratumd.plugin import SECOND, Micros, Signal, iso, one_line

SUBJECT = 150
"""Characters of a subject; the rest is left out."""


def subject(signals: Sequence[Signal]) -> str:
    """Say what it is about: the signal, or how many there are of each type."""
    if len(signals) == 1:
        return heading(f"{one_line(signals[0])} · {_fixture(signals[0])}")
    counts = Counter(signal.type for signal in signals)
    types = ", ".join(f"{count} {type}" for type, count in counts.most_common())
    return heading(f"{len(signals)} signals: {types}")


def heading(text: str) -> str:
    """Return a text as a subject: one line, not too long."""
    return _plain(text)[:SUBJECT]


def text(signals: Sequence[Signal]) -> str:
    """Return the mail as plain text."""
    return "\n\n".join("\n  ".join([one_line(signal), *details(signal)]) for signal in signals) + "\n"


def html(signals: Sequence[Signal]) -> str:
    """Return the same as HTML, with nothing in it that is fetched or runs."""
    parts = []
    for signal in signals:
        lines = "<br>".join(escape(each) for each in details(signal))
        parts.append(f"<p><strong>{escape(one_line(signal))}</strong><br>{lines}</p>")
    return f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{"".join(parts)}</body></html>\n'


def details(signal: Signal) -> list[str]:
    """Return the lines below: the game, when, who, and where to find the rest. Times are UTC."""
    lines = [
        f"{_fixture(signal)}, starts {_time(signal.commence_at)}",
        f"seen {_time(signal.observed_at)}{_until(signal)}",
        f"books: {', '.join(signal.books)}" if signal.books else "",
        f"{signal.pipeline} · {signal.id}",
    ]
    return [_plain(line) for line in lines if line]


def _fixture(signal: Signal) -> str:
    return f"{signal.away} at {signal.home}"


def _until(signal: Signal) -> str:
    return f", worth acting on until {_time(signal.expires_at)}" if signal.expires_at is not None else ""


def _time(at: Micros) -> str:
    """Return `2026-07-14 03:33:20 UTC`."""
    return iso(at - at % SECOND).replace("T", " ").replace("Z", " UTC")


def _plain(line: str) -> str:
    """Drop line breaks and other control characters: a provider's names are foreign text, and headers end at one."""
    return "".join(character for character in line if character.isprintable())
