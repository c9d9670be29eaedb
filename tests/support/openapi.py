"""Parts of an OpenAPI document that are written down in another place of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def followed(document: Mapping[str, Any], part: Any) -> Any:
    """Return what a part refers to, or itself."""
    while isinstance(part, Mapping) and "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of an operation."""
    for each in operation.get("parameters", []):
        yield followed(document, each)
