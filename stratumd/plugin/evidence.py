"""Reading the evidence of any signal: a stranger's may use the same names for something else.

What is not of the expected shape is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EMPTY: Mapping[str, Any] = {}


def number(evidence: object, key: str) -> float | None:
    """Return a number, or None."""
    value = evidence.get(key) if isinstance(evidence, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def text(evidence: object, key: str) -> str | None:
    """Return a text, or None. It may come from a provider: it is not made fit for a terminal."""
    value = evidence.get(key) if isinstance(evidence, Mapping) else None
    return value if isinstance(value, str) else None


def part(evidence: object, key: str) -> Mapping[str, Any]:
    """Return a mapping, or an empty one."""
    value = evidence.get(key) if isinstance(evidence, Mapping) else None
    return value if isinstance(value, Mapping) else _EMPTY


def rows(evidence: object, key: str) -> list[Mapping[str, Any]]:
    """Return the mappings in a list, or none."""
    value = evidence.get(key) if isinstance(evidence, Mapping) else None
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []
