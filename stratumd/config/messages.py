"""What pydantic found wrong, in the words of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from stratumd.config.document import Items, Node, Scalar, Table
from stratumd.plugin.known import suggest

_CHARACTERS, _ENTRIES = ("character", "characters"), ("entry", "entries")
_LENGTH = re.compile(r"\s*(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)\s*")
_UNITS = {
    "ms": "ms",
    "mil": "ms",
    "s": "s",
    "sec": "s",
    "m": "m",
    "min": "m",
    "h": "h",
    "hr": "h",
    "hou": "h",
}
_UNITS |= {"d": "d", "day": "d", "w": "w", "wee": "w", "": "s"}


class Mistake(NamedTuple):
    """One thing that is wrong with a value."""

    kind: str
    """`extra`, `missing` or `value`."""
    text: str
    hint: str | None = None
    option: str = ""
    """The option that is missing."""

    @property
    def structural(self) -> bool:
        """True where the values themselves do not matter."""
        return self.kind != "value"


def told(error: Mapping[str, Any], node: Node | None) -> Mistake:
    """Return what a pydantic error says about the value at `node` (None: about the whole owner)."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return Mistake("extra", "unknown option")
    if kind == "missing":
        return Mistake("missing", "missing", option=str(error["loc"][-1]))
    if isinstance(node, Scalar) and node.value is None:
        return Mistake("value", "expected a value", "write one after the colon, or remove the line")
    for words, tell in _TOLD.items():
        if kind.startswith(words):
            return tell(context, node)
    return Mistake("value", _own_words(error["msg"]))


def _own_words(message: str) -> str:
    return re.sub(r"^Input should be (an? )?", lambda match: f"expected {match[1] or ''}", message)


def _expected(text: str, hint: str | None = None) -> Callable[[Mapping[str, Any], Node | None], Mistake]:
    return lambda context, node: Mistake("value", f"expected {text}", hint)


def _text(context: Mapping[str, Any], node: Node | None) -> Mistake:
    hint = None
    if isinstance(node, Scalar):
        hint = f'quote it: "{node.text}"'
    elif isinstance(node, Table):
        hint = "quote it if the colon belongs to the text"
    elif isinstance(node, Items):
        hint = "write one text, without brackets or dashes"
    return Mistake("value", "expected a text", hint)


def _list(context: Mapping[str, Any], node: Node | None) -> Mistake:
    hint = "write it in brackets: [a, b]"
    if isinstance(node, Scalar) and not node.text.startswith("$"):
        hint = f"write it in brackets: [{node.text}]"
    return Mistake("value", "expected a list", hint)


def _choice(context: Mapping[str, Any], node: Node | None) -> Mistake:
    options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    if not options:
        return Mistake("value", f"expected {context.get('expected', 'one of its values')}")
    near = suggest(node.text, options) if isinstance(node, Scalar) else None
    return Mistake("value", f"expected one of {', '.join(options)}", near)


def _limit(words: str, name: str) -> Callable[[Mapping[str, Any], Node | None], Mistake]:
    def tell(context: Mapping[str, Any], node: Node | None) -> Mistake:
        limit = context.get(name)
        return Mistake("value", f"must be {words} {f'{limit:g}' if isinstance(limit, float) else limit}")

    return tell


def _size(words: str, name: str, what: tuple[str, str]) -> Callable[[Mapping[str, Any], Node | None], Mistake]:
    def tell(context: Mapping[str, Any], node: Node | None) -> Mistake:
        count = context.get(name)
        return Mistake("value", f"must have {words} {count} {what[count != 1]}")

    return tell


def _pattern(context: Mapping[str, Any], node: Node | None) -> Mistake:
    """Guess at the spelling: keys are written small, with underscores."""
    pattern = str(context.get("pattern"))
    guess = re.sub(r"[\s-]+", "_", node.text.strip().lower()) if isinstance(node, Scalar) else ""
    near = guess if re.search(pattern, guess) else None
    return Mistake("value", f"expected a text that matches {pattern}", near and f"did you mean {near!r}?")


def _own(context: Mapping[str, Any], node: Node | None) -> Mistake:
    """Take the words of a validator, and find out which duration was meant."""
    error = context.get("error")
    text = " ".join(str(error).split()) or "this value is refused"
    hint = getattr(error, "hint", None)
    if hint is None and text.startswith("expected a duration such") and isinstance(node, Scalar):
        hint = _meant_duration(node.text)
    if hint is None and text.startswith("expected a duration of less"):
        hint = "write 14d, for example"
    return Mistake("value", text, hint)


def _meant_duration(text: str) -> str | None:
    match = _LENGTH.fullmatch(text)
    if match is None:
        return None
    word = match["unit"].lower()
    unit = _UNITS.get(word) or _UNITS.get(word[:3])
    return f"did you mean {match['count']}{unit}?" if unit else "its units are ms, s, m, h, d and w"


_TOLD: dict[str, Callable[[Mapping[str, Any], Node | None], Mistake]] = {
    "int_": _expected("a whole number"),
    "float_": _expected("a number"),
    "finite_number": _expected("a finite number", "write one that a person would, such as 11.2"),
    "decimal_": _expected("a number"),
    "bool_": _expected("true or false"),
    "string_type": _text,
    "path_": _text,
    "string_too_short": _size("at least", "min_length", _CHARACTERS),
    "string_too_long": _size("at most", "max_length", _CHARACTERS),
    "string_pattern": _pattern,
    "too_short": _size("at least", "min_length", _ENTRIES),
    "too_long": _size("at most", "max_length", _ENTRIES),
    "list_type": _list,
    "tuple_type": _list,
    "set_type": _list,
    "frozen_set_type": _list,
    "dict_type": _expected("a mapping", "write its keys below it, indented: 'key: value'"),
    "model_type": _expected("a mapping", "write its options below it, indented: 'option: value'"),
    "mapping_type": _expected("a mapping", "write its keys below it, indented: 'key: value'"),
    "literal_error": _choice,
    "enum": _choice,
    "greater_than_equal": _limit("at least", "ge"),
    "greater_than": _limit("more than", "gt"),
    "less_than_equal": _limit("at most", "le"),
    "less_than": _limit("less than", "lt"),
    "multiple_of": _limit("a multiple of", "multiple_of"),
    "value_error": _own,
    "assertion_error": _own,
}
