"""The JSON Schema of a whole file, with the components of the plugins at hand: what editors complete from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from stratumd.config.alerts import Alerts
from stratumd.config.digests import SignalDigest
from stratumd.config.models import Database, HttpSpec, LogSpec, Name, PricingMethods, QualityRules, Retention, When
from stratumd.config.reader import ISOLATE, ON_ERROR
from stratumd.config.schedules import Budget, Schedule
from stratumd.config.timetable import Timetable
from stratumd.plugin import Secret, Severity, format_duration
from stratumd.plugin.options import DURATION_SCHEMA
from stratumd.registry import Registered, Registry

Schema = dict[str, Any]

_NAME = Name.__metadata__[0].metadata[0].pattern  # type: ignore[attr-defined]  # pydantic keeps it there
_REFERENCE: Schema = {
    "type": "string",
    "pattern": r"^\$\{(env|file|cred):",
    "description": "A reference, resolved at the start: ${env:X}, ${env:X:-default}, ${file:/path} or ${cred:name}",
}
_BY_NOTICE = ("notices", "digest")
"""What only sinks that take notices have."""
_ENABLED: Schema = {
    "description": "Whether it is used: true, false, if-env NAME, unless-env NAME",
    "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"^(if|unless)-env [A-Za-z_][A-Za-z0-9_]*$"}],
    "default": True,
}
_SAFETY: Schema = {
    "isolate": {
        "description": "Where it runs: in the daemon's process, or in one of its own, with limits. A source's is where"
        " its answers are read.",
        "enum": [*ISOLATE],
        "default": ISOLATE[0],
    },
    "on_error": {
        "description": "What becomes of it where its plugin cannot be loaded: nothing starts, it is tried again, or it"
        " stays away; then the rest starts without it.",
        "enum": [*ON_ERROR],
        "default": ON_ERROR[0],
    },
}


def file_schema(registry: Registry) -> Schema:
    """Return the schema (draft 2020-12) of a file that may use every component of `registry`."""
    detectors, sinks = _listed(registry.detectors, _SAFETY), _listed(registry.sinks, _sink_keys())
    jobs = _listed(registry.jobs, {"schedule": _model(Timetable), "on_error": _SAFETY["on_error"]})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stratumd configuration",
        "type": "object",
        "additionalProperties": False,
        "required": ["sources", "pipelines"],
        "properties": {
            "database": _either({"type": "string", "default": Database().url}, _model(Database), Database),
            "retention": _model(Retention),
            "alerts": _model(Alerts),
            "log": _model(LogSpec),
            "http": _either({"enum": ["off", False]}, _http(registry), HttpSpec),
            "sources": _named(_source(registry), "What is observed, by name."),
            "pipelines": _named(_pipeline(detectors, jobs, sinks), "What is made of it, by name."),
        },
        "$defs": {"reference": _REFERENCE, "enabled": _ENABLED},
    }


def _http(registry: Registry) -> Schema:
    schema = _model(HttpSpec)
    routes = {**_listed(registry.routes, {}), "description": "What plugins answer."}
    return {**schema, "properties": {**schema["properties"], "routes": routes}}


def _either(short: Schema, long: Schema, model: type[BaseModel]) -> Schema:
    description = long.pop("description", (model.__doc__ or "").strip())
    return {"description": description, "anyOf": [short, long]}


def _named(schema: Schema, description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "minProperties": 1,
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": schema,
    }


def _source(registry: Registry) -> Schema:
    """Say by `use` which options there are."""
    uses = [{"const": name, "description": _summary(found)} for name, found in sorted(registry.sources.items())]
    return {
        "type": "object",
        "required": ["use"],
        "properties": {"use": {"anyOf": uses, "description": "The plugin that fetches it."}},
        "allOf": [_use(name, found) for name, found in sorted(registry.sources.items())],
    }


def _use(name: str, found: Registered) -> Schema:
    # if/then rather than oneOf: an editor then shows the mistakes of the plugin in use, not those of all others.
    keys: Schema = {"use": {"const": name}, "enabled": {"$ref": "#/$defs/enabled"}, **_SAFETY}
    if not found.component.continuous:
        keys["schedule"] = _model(Schedule)
        keys["budget"] = _model(Budget)
    options = _model(found.component.config)
    required = [*options.get("required", []), *(["schedule"] if "schedule" in keys else [])]
    then = {"properties": {**keys, **options["properties"]}, "additionalProperties": False, "required": required}
    return {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": then}


def _pipeline(detectors: Schema, jobs: Schema, sinks: Schema) -> Schema:
    books = {"type": "array", "items": {"type": "string"}}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["sources"],
        "properties": {
            "sources": {
                "type": "array",
                "description": "Names of sources.",
                "items": {"type": "string"},
                "minItems": 1,
                "uniqueItems": True,
            },
            "detectors": {**detectors, "description": "Detectors, in the order in which they see an observation."},
            "jobs": {**jobs, "description": "What is done with the stored history, on a schedule."},
            "sinks": {**sinks, "description": "Where signals go."},
            "pricing": _model(PricingMethods),
            "quality": _model(QualityRules),
            "operators": {
                "type": "object",
                "description": "Books that count as one, by operator.",
                "additionalProperties": books,
            },
        },
    }


def _sink_keys() -> Schema:
    name = {"type": "string", "pattern": _NAME, "description": "Tells two sinks of a pipeline apart."}
    notices = {
        "enum": [False, *Severity, True],
        "description": "Whether the daemon's own messages, to its operator or to one person, go here too: those to the"
        " operator of this severity and above, or all.",
        "default": False,
    }
    return {"name": name, "when": _model(When), "notices": notices, "digest": _model(SignalDigest), **_SAFETY}


def _listed(components: dict[str, Registered], keys: Schema) -> Schema:
    """Return the schema of a list of bare names and one-key mappings."""
    options = {name: _options(found, keys) for name, found in sorted(components.items())}
    bare = [name for name, schema in options.items() if not schema.get("required")]
    item = {
        "type": "object",
        "properties": options,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"type": "array", "items": {"anyOf": [{"enum": bare}, item]}}


def _options(found: Registered, keys: Schema) -> Schema:
    schema = _model(found.component.config)
    own = {name: key for name, key in keys.items() if name not in _BY_NOTICE or found.component.notices}
    schema["properties"] = {"enabled": {"$ref": "#/$defs/enabled"}, **own, **schema["properties"]}
    return {
        **schema,
        "description": _summary(found),
        **({} if schema.get("required") else {"type": ["object", "null"]}),
    }


def _summary(found: Registered) -> str:
    return next(iter((found.component.__doc__ or "").strip().splitlines()), "")


def _model(model: type[BaseModel]) -> Schema:
    """Return a model's schema without references into itself, so that it can stand anywhere."""
    schema = model.model_json_schema(schema_generator=_Generator)
    nested = schema.pop("$defs", {})
    flat: Schema = _inlined(schema, nested)
    flat.pop("title", None)
    flat.setdefault("properties", {})
    return flat


def _inlined(schema: Any, nested: Schema) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, nested) for item in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name in nested:
        own = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**nested[name], **own}
    inlined = {key: _inlined(value, nested) for key, value in schema.items()}
    if "properties" in inlined:
        inlined["properties"] = {name: _referable(option) for name, option in inlined["properties"].items()}
    return inlined


def _referable(option: Schema) -> Schema:
    """Admit a reference where a plain text is not admitted anyway."""
    option = {key: value for key, value in option.items() if key != "title"}
    scalar = option.get("type") in ("integer", "number", "boolean") or "enum" in option or "const" in option
    if not (scalar or (option.get("type") == "string" and ("pattern" in option or "format" in option))):
        return option
    about: Schema = {key: option.pop(key) for key in ("description", "default") if key in option}
    return {**about, "anyOf": [option, {"$ref": "#/$defs/reference"}]}


class _Generator(GenerateJsonSchema):
    """Shows durations as the file writes them, in type and in default."""

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        return dict(DURATION_SCHEMA)

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, Secret):
            return "***"
        if isinstance(dft, BaseModel):
            values = {name: getattr(dft, name) for name in type(dft).model_fields}
            return {name: self.encode_default(value) for name, value in values.items()}
        return super().encode_default(dft)
