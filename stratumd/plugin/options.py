"""Options of components: pydantic models that read durations, prices of time and secrets as YAML writes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema

from stratumd.plugin.times import parse_duration

DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$",
    "examples": ["30s", "10m", "2h"],
}
"""How a duration looks in a JSON Schema."""


def read_duration(value: Any) -> Any:
    """Turn `10m` into a timedelta; leave a timedelta alone. A bare number is refused: it names no unit."""
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError("expected a duration such as 30s, 10m, 2h or 14d")


Duration = Annotated[timedelta, BeforeValidator(read_duration), WithJsonSchema(DURATION_SCHEMA)]
"""A length of time inside another type, such as `dict[str, Duration]`. A plain `timedelta` option needs no more."""


class PluginConfig(BaseModel):
    """Base of every component's options. Unknown options are errors; options never change after the start."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read_durations(cls, value: Any, info: Any) -> Any:
        annotation = cls.model_fields[info.field_name].annotation
        if annotation is timedelta or (annotation == timedelta | None and value is not None):
            return read_duration(value)
        return value


class Secret:
    """A value that must never be seen: it prints as `***`, cannot be serialised, and is read by `reveal()` only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Call it at the last moment, where it is sent."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not serialised")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept a text or a `Secret`; show `***` wherever the options are printed."""
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        """A secret is written as a text, usually a reference such as `${env:NAME}`."""
        return {"type": "string", "writeOnly": True}

    @classmethod
    def _read(cls, value: Any) -> Secret:
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return cls(value)
        raise ValueError("expected a text, or a reference such as ${env:NAME}")
