"""An option's default, as a file would hold it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stratumd.plugin import format_duration


def default_of(option: FieldInfo) -> Any:
    """Return the default in YAML's types; None where there is none."""
    value = option.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else plain(value)


def plain(value: Any) -> Any:
    """Return a value of a model in YAML's types, durations as texts."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
