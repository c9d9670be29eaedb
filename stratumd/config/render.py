"""The effective configuration as YAML that says in a comment where each value comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from stratumd.config.effective import Path, Value

_BARE = re.compile(r"[A-Za-z0-9_./*][A-Za-z0-9_ ./:@+*-]*")
_DATE = re.compile(r"\d{4}-\d")
_WORDS = frozenset({"true", "false", "null", "off", "on", "yes", "no"})


def as_yaml(values: Iterable[Value]) -> str:
    """Return `values` as YAML, their origins aligned in comments."""
    lines = list(_lines(values))
    width = min(60, max((len(text) for text, origin in lines if origin), default=0))
    return "\n".join(f"{text:<{width}}  # {origin}" if origin else text for text, origin in lines)


def _lines(values: Iterable[Value]) -> Iterator[tuple[str, str]]:
    shown: Path = ()
    for path, value, origin in values:
        common = _common(shown, path)
        if common == len(path) == len(shown):
            common -= 1
        for depth in range(common, len(path) - 1):
            if not _is_item(path, depth):
                yield f"{_lead(path, depth)}{_scalar(path[depth])}:", ""
        depth = len(path) - 1
        yield f"{_lead(path, depth)}{_scalar(path[depth])}: {_inline(value)}", origin
        shown = path


def _common(first: Path, second: Path) -> int:
    count = 0
    while count < min(len(first), len(second)) - 1 and first[count] == second[count]:
        count += 1
    return count


def _is_item(path: Path, depth: int) -> bool:
    """Say whether a step of a path is the number of a detector or a sink."""
    return depth == 3 and path[0] == "pipelines" and path[2] in ("detectors", "jobs", "sinks")


def _lead(path: Path, depth: int) -> str:
    """Return the indentation of a key; the name of a detector or a sink begins with a dash."""
    if depth > 0 and _is_item(path, depth - 1):
        return "  " * (depth - 1) + "- "
    return "  " * depth


def _inline(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_inline(item)}" for key, item in value.items()) + "}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = _BARE.fullmatch(value) and value.lower() not in _WORDS and not _numeric(value) and ": " not in value
        return value if plain and not value.endswith((" ", ":")) and not value.startswith("*") else _quoted(value)
    return json.dumps(value)


def _numeric(text: str) -> bool:
    """Say whether YAML could take a text for a number or a date."""
    try:
        float(text.replace("_", ""))
    except ValueError:
        return text.lower().startswith(("0x", "0o")) or _DATE.match(text) is not None
    return True


def _quoted(text: str) -> str:
    return "***" if text == "***" else json.dumps(text, ensure_ascii=False)
