"""What does not fit into a query or a body, said in words of JSON: where it is, and what may stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

MOMENT = "expected a time with its zone, such as 2026-07-15T15:45:30Z (in a query, write + as %2B)"
"""What a time has to look like."""
_DAY = "expected a day such as 2026-07-15"
_TIMES = {
    "Invalid RFC3339 encoded datetime": MOMENT,
    "Expected `datetime` with a timezone component": MOMENT,
    "Invalid RFC3339 encoded date": _DAY,
}
_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a time",
    "date": "a day",
}
_TYPE = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")


def worded(error: msgspec.ValidationError, model: Any, *, of_query: bool = False) -> str:
    """Say in which field it is, and what it takes: `at $.limit` becomes `limit: …`. In a query everything is text."""
    text, _, place = str(error).partition(" - at `")
    name = place.rstrip("`").removeprefix("$").removeprefix(".")
    if missing := _MISSING.fullmatch(text):
        return f"{_inside(name, missing[1])}: this is required"
    if unknown := _UNKNOWN.fullmatch(text):
        return f"unknown field {_inside(name, unknown[1])!r}" + ("" if name else _fields(model))
    wrong = text.removeprefix("Invalid enum value ")
    known = () if wrong == text else _known_values(model, name.partition("[")[0])
    if known:
        text = f"unknown value {wrong}: there are {', '.join(known)}"
    elif text in _TIMES:
        text = _TIMES[text]
    else:
        text = _plain(text.removesuffix(", got `str`") if of_query else text)
        text = text.replace(" or null", "") if of_query else text
    return f"{name}: {text}" if name else text


def bare(described: Any) -> Any:
    """Return a type without what is said about it."""
    while isinstance(described, msgspec.inspect.Metadata):
        described = described.type
    return described


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _fields(model: Any) -> str:
    described: Any = msgspec.inspect.type_info(model)
    names = sorted(field.encode_name for field in getattr(described, "fields", ()))
    return f": there are {', '.join(names)}" if names else ""


def _plain(text: str) -> str:
    """Return a sentence of msgspec's with the names of JSON in place of Python's."""
    told = _TYPE.sub(lambda found: " or ".join([_NAMES.get(each, each) for each in found[1].split(" | ")]), text)
    return told[:1].lower() + told[1:]


@cache
def _known_values(model: Any, name: str) -> tuple[str, ...]:
    """Return the values that a field of `model`, or each part of it, may have where they are listed."""
    described: Any = msgspec.inspect.type_info(model)
    types = [field.type for field in getattr(described, "fields", ()) if field.encode_name == name]
    return tuple([str(value) for type in types for value in _listed(type)])


def _listed(described: Any) -> Iterator[Any]:
    inspect, plain = msgspec.inspect, bare(described)
    if isinstance(plain, inspect.LiteralType):
        yield from plain.values
    elif isinstance(plain, inspect.EnumType):
        yield from [each.value for each in plain.cls]
    elif isinstance(plain, inspect.UnionType):
        for each in plain.types:
            yield from _listed(each)
    elif isinstance(plain, (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)):
        yield from _listed(plain.item_type)
