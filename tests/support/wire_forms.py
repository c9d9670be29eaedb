"""Whether a query fits its schema as it is sent: what was a list, a truth or nothing is a text by then.

schemathesis takes `?market=false` for wrong where it wrote a truth in place of a text. Who reads it cannot tell the two
apart, and takes it for the text that it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs


def fits(query: str, parameters: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a query, as it stands in a URL, is what the parameters of an OpenAPI operation allow."""
    known = {each["name"]: each for each in parameters if each.get("in") == "query"}
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        given.setdefault(name, []).append(value)
    if not given.keys() <= known.keys():
        return False
    if any(each.get("required") and name not in given for name, each in known.items()):
        return False
    return all(_fits(values, known[name]["schema"]) for name, values in given.items())


def may_be_sent(value: str) -> bool:
    """Say whether a header may have a value: one with a control character reaches no endpoint (RFC 9110, 5.5)."""
    return not any((each < " " and each != "\t") or each == "\x7f" for each in value)


def _fits(values: list[str], schema: Mapping[str, Any]) -> bool:
    valid = jsonschema_rs.validator_for(dict(schema), validate_formats=True).is_valid
    if valid([part for value in values for part in value.split(",")]):
        return True
    return len(values) == 1 and any(valid(meant) for meant in _meanings(values[0]))


def _meanings(text: str) -> Iterator[Any]:
    yield text
    for kind in (int, float):
        try:
            yield kind(text)
        except ValueError:
            continue
    if text == "null":
        yield None
    if text in ("true", "false"):
        yield text == "true"
