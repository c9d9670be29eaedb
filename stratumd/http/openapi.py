"""The OpenAPI 3.1 document of all endpoints, from what they declare of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from stratumd.http import docstrings
from stratumd.http.headers import ASKED_BEFORE, IF_NONE_MATCH, answers_by_tag, of_answer, of_problem
from stratumd.http.problems import MEDIA_TYPE
from stratumd.plugin.routes import Endpoint, Header, Scheme

_REF = "#/components/schemas/{name}"
_CONDITION = "IfNoneMatch"
_OPEN = re.compile(r"\{(\w+)\}")
_KINDS = {str: "string", int: "integer"}
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
    models, headers = _Models(endpoints), _Headers()
    paths: dict[str, Schema] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, models, headers)
    return {
        "openapi": "3.1.0",
        "info": {"title": "stratumd", "version": version, "description": "Odds in, explained signals out."},
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": {"Problem": _PROBLEM, **models.components},
            "parameters": {_CONDITION: _condition()},
            "headers": {name: headers.components[name] for name in sorted(headers.components)},
            "securitySchemes": {name: dict(scheme.openapi) for name, scheme in sorted(schemes.items())},
        },
    }


class _Models:
    """The schemas of every type that an endpoint names."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        types = {_key(each): each for endpoint in endpoints for each in _types(endpoint)}
        schemas, self.components = msgspec.json.schema_components(types.values(), ref_template=_REF)
        self._schemas = dict(zip(types, schemas, strict=True))
        for struct in _structs(types.values()):
            self._describe(struct)

    def _describe(self, struct: type[msgspec.Struct]) -> None:
        """Say of each field what its docstring says."""
        fields = self.components.get(struct.__name__, {}).get("properties", {})
        told = docstrings.of_fields(struct)
        for field in msgspec.structs.fields(struct):
            if field.name in told and field.encode_name in fields:
                fields[field.encode_name] = fields[field.encode_name] | {"description": told[field.name]}

    def of(self, type: Any) -> Schema:
        return self._schemas[_key(type)]


class _Headers:
    """What answers say beside their bodies: each header is described once."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, headers: Mapping[str, Header]) -> Schema:
        """Return the headers of an answer."""
        return {name: self._of(name, headers[name]) for name in sorted(headers)}

    def _of(self, name: str, header: Header) -> Schema:
        told: Schema = {"description": header.about, "schema": {"type": _KINDS[header.kind]}}
        if header.always:
            told["required"] = True
        # What two plugins send under one name need not mean the same.
        return {"$ref": f"#/components/headers/{name}"} if self.components.setdefault(name, told) == told else told


def _key(type: Any) -> str:
    return repr(type)


def _structs(types: Iterable[Any]) -> set[type[msgspec.Struct]]:
    """Return every struct in these types, those inside of others too."""
    found: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(types))
    while waiting:
        each = waiting.pop()
        if isinstance(each, list | tuple):
            waiting += each
        elif isinstance(each, msgspec.inspect.StructType):
            if each.cls not in found:
                found.add(each.cls)
                waiting += [field.type for field in each.fields]
        elif isinstance(each, msgspec.inspect.Type):
            waiting += [getattr(each, name) for name in each.__struct_fields__]
    return found


def _types(endpoint: Endpoint) -> Iterable[Any]:
    if endpoint.query is not None:
        for field in msgspec.structs.fields(endpoint.query):
            yield field.type
    yield from endpoint.asked.values()
    if endpoint.body not in (None, bytes):
        yield endpoint.body
    yield from (kind for kind in endpoint.answers.values() if kind is not None)


def _operation(endpoint: Endpoint, models: _Models, headers: _Headers) -> Schema:
    found: Schema = {"operationId": endpoint.name, "summary": endpoint.summary}
    if endpoint.description:
        found["description"] = endpoint.description
    if endpoint.tag:
        found["tags"] = [endpoint.tag]
    if endpoint.deprecated is not None:
        found["deprecated"] = True
    parameters = [*_path(endpoint), *_query(endpoint, models), *_asked(endpoint, models)]
    if answers_by_tag(endpoint):
        parameters.append({"$ref": f"#/components/parameters/{_CONDITION}"})
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
    found["responses"] = _responses(endpoint, models, headers)
    return found


def _condition() -> Schema:
    return {
        "name": IF_NONE_MATCH,
        "in": "header",
        "required": False,
        "description": ASKED_BEFORE,
        "schema": {"type": "string"},
    }


def _path(endpoint: Endpoint) -> Iterable[Schema]:
    for name in _OPEN.findall(endpoint.path):
        part: Schema = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        if name in endpoint.parts:
            part["description"] = endpoint.parts[name]
        yield part


def _query(endpoint: Endpoint, models: _Models) -> Iterable[Schema]:
    told = docstrings.of_fields(endpoint.query) if endpoint.query else {}
    for field in msgspec.structs.fields(endpoint.query) if endpoint.query else ():
        schema = dict(models.of(field.type))
        described = told.get(field.name) or _described(schema)
        parameter: Schema = {"name": field.encode_name, "in": "query", "required": field.required, "schema": schema}
        if described:
            parameter["description"] = described
        if field.default not in (msgspec.NODEFAULT, None):
            schema["default"] = msgspec.to_builtins(field.default)
        if "array" in str(schema.get("type", schema.get("anyOf", ""))):
            parameter |= {"style": "form", "explode": False, "schema": _filled(schema)}
        yield parameter


def _asked(endpoint: Endpoint, models: _Models) -> Iterable[Schema]:
    for name, kind in endpoint.asked.items():
        schema = dict(models.of(kind))
        described = _described(schema)
        parameter: Schema = {"name": name, "in": "header", "required": False, "schema": schema}
        yield parameter | ({"description": described} if described else {})


def _filled(schema: Schema) -> Schema:
    """Return a list's schema as a query has it, where nothing and an empty text look alike: neither is one."""
    if "anyOf" in schema:
        return schema | {"anyOf": [_filled(each) for each in schema["anyOf"]]}
    if schema.get("type") != "array":
        return schema
    filled = {name: value for name, value in schema.items() if (name, value) != ("default", [])}
    items = dict(schema["items"])
    if items.get("type") == "string":
        items["minLength"] = max(1, items.get("minLength", 1))
    return filled | {"items": items, "minItems": max(1, schema.get("minItems", 1))}


def _described(schema: Schema) -> str | None:
    """Take out what a schema says of itself, or one of those of which it is any."""
    found: str | None = schema.pop("description", None)
    if found is None and "anyOf" in schema:
        schema["anyOf"] = [dict(each) for each in schema["anyOf"]]
        found = next(filter(None, [each.pop("description", None) for each in schema["anyOf"]]), None)
    return found


def _responses(endpoint: Endpoint, models: _Models, headers: _Headers) -> Schema:
    found: Schema = {}
    for status, kind in (endpoint.answers or {200: None}).items():
        found[str(status)] = {"description": _told(status), "headers": headers.of(of_answer(endpoint, status))}
        if kind is not None:
            found[str(status)]["content"] = {endpoint.media_type: {"schema": models.of(kind)}}
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    told = "A problem, which says what to do next."
    found["default"] = {"description": told, "headers": headers.of(of_problem(endpoint)), **problem}
    return found


def _told(status: int) -> str:
    if status == HTTPStatus.NOT_MODIFIED:
        return "What `If-None-Match` names is as it was."
    return "The answer." if status < HTTPStatus.BAD_REQUEST else "A problem."
