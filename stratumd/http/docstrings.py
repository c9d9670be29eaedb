"""What the docstrings below a struct's fields say, read from the source: Python keeps them nowhere else."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

import msgspec


def of_fields(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the docstrings of a struct's fields by name, those that it inherits too. Without its source: none."""
    found: dict[str, str] = {}
    for each in reversed(struct.__mro__):
        found |= _classes(each.__module__).get(each.__name__, {})
    return found


@cache
def _classes(module: str) -> Mapping[str, Mapping[str, str]]:
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return {}
    return {node.name: dict(_told(node)) for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


def _told(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, after in pairwise(node.body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            yield field.target.id, " ".join(after.value.value.split())
