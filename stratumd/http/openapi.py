"""The OpenAPI 3.1 document of all endpoints, from what they declare of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from stratumd.http.problems import MEDIA_TYPE
from stratumd.plugin.routes import Endpoint, Scheme

_REF = "#/components/schemas/{name}"
_OPEN = re.compile(r"\{(\w+)\}")
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, and what to do next (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status"],
}

Schema = dict[str, Any]


def document(endpoints: Sequence[Endpoint], schemes: Mapping[str, Scheme], version: str) -> Schema:
    """Return the document, as JSON values."""
    models = _Models(endpoints)
    paths: dict[str, Schema] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, models)
    return {
        "openapi": "3.1.0",
        "info": {"title": "stratumd", "version": version, "description": "Odds in, explained signals out."},
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": {"Problem": _PROBLEM, **models.components},
            "securitySchemes": {name: dict(scheme.openapi) for name, scheme in sorted(schemes.items())},
        },
    }


class _Models:
    """The schemas of every type that an endpoint names."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        types = {_key(each): each for endpoint in endpoints for each in _types(endpoint)}
        schemas, self.components = msgspec.json.schema_components(types.values(), ref_template=_REF)
        self._schemas = dict(zip(types, schemas, strict=True))

    def of(self, type: Any) -> Schema:
        return self._schemas[_key(type)]


def _key(type: Any) -> str:
    return repr(type)


def _types(endpoint: Endpoint) -> Iterable[Any]:
    if endpoint.query is not None:
        for field in msgspec.structs.fields(endpoint.query):
            yield field.type
    if endpoint.body not in (None, bytes):
        yield endpoint.body
    yield from (kind for kind in endpoint.answers.values() if kind is not None)


def _operation(endpoint: Endpoint, models: _Models) -> Schema:
    found: Schema = {"operationId": endpoint.name, "summary": endpoint.summary}
    if endpoint.description:
        found["description"] = endpoint.description
    if endpoint.tag:
        found["tags"] = [endpoint.tag]
    if endpoint.deprecated is not None:
        found["deprecated"] = True
    parameters = [*_path(endpoint), *_query(endpoint, models)]
    if parameters:
        found["parameters"] = parameters
    if endpoint.body is bytes:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": {}}}}
    elif endpoint.body is not None:
        content = {"application/json": {"schema": models.of(endpoint.body)}}
        found["requestBody"] = {"required": True, "content": content}
    if endpoint.access.schemes:
        found["security"] = [{name: []} for name in endpoint.access.schemes]
        if endpoint.access.scope:
            found["x-scope"] = endpoint.access.scope
    found["responses"] = _responses(endpoint, models)
    return found


def _path(endpoint: Endpoint) -> Iterable[Schema]:
    for name in _OPEN.findall(endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(endpoint: Endpoint, models: _Models) -> Iterable[Schema]:
    for field in msgspec.structs.fields(endpoint.query) if endpoint.query else ():
        schema = dict(models.of(field.type))
        described = schema.pop("description", None)
        parameter: Schema = {"name": field.encode_name, "in": "query", "required": field.required, "schema": schema}
        if described:
            parameter["description"] = described
        if "array" in str(schema.get("type", schema.get("anyOf", ""))):
            parameter |= {"style": "form", "explode": False}
        if field.default not in (msgspec.NODEFAULT, None):
            schema["default"] = msgspec.to_builtins(field.default)
        yield parameter


def _responses(endpoint: Endpoint, models: _Models) -> Schema:
    found: Schema = {}
    for status, kind in (endpoint.answers or {200: None}).items():
        found[str(status)] = {"description": "The answer." if status < 400 else "A problem."}
        if kind is not None:
            found[str(status)]["content"] = {endpoint.media_type: {"schema": models.of(kind)}}
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    found["default"] = {"description": "A problem, which says what to do next.", **problem}
    return found
