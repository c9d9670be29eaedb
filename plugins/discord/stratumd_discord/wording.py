"""Words and numbers as a message shows them.

Metadata is read with care: it may be a stranger's, or of another version.
"""

from __future__ import annotations

import re
from typing import Any

from stratumd.odds import Kind, kind
from stratumd.plugin import SECOND, Micros, Signal, evidence
from stratumd.plugin.evidence import number
from stratumd.plugin.wording import MINUS, points_for

_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]#])")


def plain(text: str) -> str:
    """Return foreign text so that Discord shows it as it is: no markup, no links, one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def fixture(signal: Signal) -> str:
    """Return `away at home`."""
    return f"{plain(signal.away)} at {plain(signal.home)}"


def clock(at: Micros, style: str) -> str:
    """Return a time that Discord shows in the reader's own zone; style `f` date and time, `t` time, `R` relative."""
    return f"<t:{at // SECOND}:{style}>"


def decimal(value: float) -> str:
    """Return at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", MINUS)


def compared(signal: Signal, value: float) -> str:
    """Return a compared value: a fair line in points, or a probability in percent."""
    return percent(100.0 * value) if is_probability(signal) else points_for(signal, value)


def amount(signal: Signal, value: float) -> str:
    """Return a difference of compared values with its unit."""
    if is_probability(signal):
        return f"{percent(100.0 * value)} probability"
    return f"{decimal(value)} points"


def percent(value: float) -> str:
    """Return a number of percent."""
    return f"{value:.1f} %".replace("-", MINUS)


def signed_percent(value: float) -> str:
    """Return a number of percent with its sign."""
    return percent(value) if value < 0 else f"+{percent(value)}"


def is_probability(signal: Signal) -> bool:
    """Say whether the signal's magnitude is a probability; where it does not say so itself, by its market."""
    unit = signal.metadata.get("unit")
    if unit in ("points", "probability"):
        return bool(unit == "probability")
    return kind(signal.market) not in (Kind.SPREAD, Kind.TOTAL)


def quote(signal: Signal, terms: Any) -> str:
    """Return `−3.5 at 1.91` from `{line, price}`, as much of it as is there."""
    line, price = number(terms, "line"), number(terms, "price")
    parts = [points_for(signal, line) if line is not None else "", f"{price:.2f}" if price is not None else ""]
    return " at ".join(part for part in parts if part)


def text(terms: object, key: str) -> str:
    """Return a text of a mapping, shown as it is, or an empty one."""
    return plain(evidence.text(terms, key) or "")
