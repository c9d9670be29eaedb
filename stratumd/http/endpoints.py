"""One path of a plugin's routes: who may call it, what it takes, and what comes back; everything else is a problem."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import anyio
import msgspec
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stratumd.errors import StratumError
from stratumd.http import problems
from stratumd.http.connections import OUTLET
from stratumd.http.dates import deprecation
from stratumd.http.headers import CHALLENGE, REQUEST_ID, RETRY_AFTER
from stratumd.http.problems import OPENAPI
from stratumd.http.refusals import Refusals
from stratumd.http.whole import Whole
from stratumd.http.wording import MOMENT, bare, worded
from stratumd.observe.logs import logger
from stratumd.plugin import SECOND, Micros
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Refused, Scheme, Stream

MOST_FIELDS = 64
"""Parameters of a query, at most."""
LONGEST_QUERY = 8192
"""Bytes of a query, at most."""
SHORT_QUERY, MOST_ASKED = 256, 512
"""Bytes of a query, and queries of an endpoint, whose reading is remembered: most are asked again and again."""
PATIENCE = 30.0
"""Seconds that a caller may take over a chunk of a stream."""
_log = logger("stratumd.http")


class Door:
    """The ASGI application of one path."""

    def __init__(
        self,
        path: str,
        endpoints: Iterable[Endpoint],
        schemes: Mapping[str, Scheme],
        clock: Callable[[], Micros],
        refusals: Refusals,
    ) -> None:
        self._path = path
        self._refusals = refusals
        self._methods = {each.method: _Prepared(each, schemes) for each in endpoints}
        if "GET" in self._methods:
            self._methods.setdefault("HEAD", self._methods["GET"])
        self._allow = {"allow": ", ".join(sorted(self._methods))}
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = _headers(scope)
        request_id = problems.request_id(headers.get(REQUEST_ID, ""))
        answer: Whole | _Streaming | Response
        try:
            answer = await self._answer(scope, receive, headers, request_id)
        except Refused as refused:
            answer = problems.refusal(refused, scope["path"], request_id)
        except StratumError as error:
            _log.error("a request failed", path=scope["path"], request=request_id, error=str(error))
            answer = problems.problem(503, "try again in a moment", {RETRY_AFTER: "1"}, request_id=request_id)
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            _log.error("a request failed", path=scope["path"], request=request_id, exc_info=error)
            answer = problems.problem(500, "it is logged under this request id", request_id=request_id)
        answer.headers[REQUEST_ID] = request_id
        await answer(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str], request_id: str
    ) -> Whole | _Streaming:
        call = Call(
            method=scope["method"],
            path=scope["path"],
            params=scope.get("path_params", {}),
            query=None,
            body=None,
            headers=headers,
            client=(scope.get("client") or ("",))[0],
            identity=None,
            request_id=request_id,
            at=self._clock(),
        )
        try:
            return await self._served(call, scope, receive)
        except Refused as refused:
            account = call.identity.account if call.identity else ""
            self._refusals.tell(refused.status, request_id, call.method, self._path, account)
            raise

    async def _served(self, call: Call, scope: Scope, receive: Receive) -> Whole | _Streaming:
        prepared = self._methods.get(call.method)
        if prepared is None:
            raise Refused(405, f"this path answers {self._allow['allow']}", headers=self._allow)
        try:
            async with asyncio.timeout(prepared.seconds):
                await prepared.identify(call)
                prepared.check(call, scope["query_string"])
                if prepared.body is not None:
                    call.body = await prepared.read(call.headers, receive)
                found = await prepared.endpoint.call(call)
        except TimeoutError:
            raise Refused(503, "this took too long: ask for less", headers={RETRY_AFTER: "1"}) from None
        return prepared.response(found)


class _Prepared:
    """An endpoint with what can be worked out once."""

    def __init__(self, endpoint: Endpoint, schemes: Mapping[str, Scheme]) -> None:
        self.endpoint = endpoint
        self.seconds = endpoint.deadline / SECOND
        self._authenticators = [schemes[name].authenticate for name in endpoint.access.schemes]
        self._scope = endpoint.access.scope
        self._asked_for = _asked_for(endpoint.access)
        self._challenge = {CHALLENGE: ", ".join(_challenges(endpoint.access, schemes))}
        self._query = endpoint.query
        self._fields = _field_names(endpoint.query) if endpoint.query else frozenset()
        self._asked: dict[bytes, msgspec.Struct] = {}
        self._lists = _list_fields(endpoint.query) if endpoint.query else frozenset()
        self._moments = _moment_fields(endpoint.query) if endpoint.query else frozenset()
        self._no_query = None if endpoint.query is None else _defaults(endpoint.query)
        self.body = None if endpoint.body in (None, bytes) else msgspec.json.Decoder(endpoint.body)
        if endpoint.body is bytes:
            self.body = bytes  # type: ignore[assignment]  # as they came
        self._extra = deprecation(endpoint.deprecated, endpoint.sunset)

    async def identify(self, call: Call) -> None:
        """Find out whom the call comes from. `Refused` where that is nobody who may make it."""
        if not self._authenticators:
            return
        for authenticate in self._authenticators:
            found = await authenticate(call)
            if found is not None:
                call.identity = found
                if self._scope and self._scope not in found.scopes:
                    had = ", ".join(sorted(found.scopes)) or "none"
                    raise Refused(403, f"this needs the scope {self._scope!r}; shown was one with: {had}")
                return
        raise Refused(401, self._asked_for, headers=self._challenge)

    def check(self, call: Call, raw: bytes) -> None:
        """Read the query. `Refused` names what does not fit."""
        if any("\0" in value for value in call.params.values()):
            raise Refused(400, "the path holds a NUL")
        known = self._no_query if not raw else self._asked.get(raw)
        if known is not None:
            call.query = known
            return
        given = _parsed(raw)
        if self._query is None:
            if given:
                raise Refused(422, f"unknown parameter {given[0][0]!r}: this endpoint takes none")
            return
        call.query = self._converted(self._query, given)
        if self._query.__struct_config__.frozen and len(raw) <= SHORT_QUERY:
            if len(self._asked) >= MOST_ASKED:
                self._asked.clear()
            self._asked[raw] = call.query

    def _converted(self, model: type[msgspec.Struct], given: list[tuple[str, str]]) -> msgspec.Struct:
        values: dict[str, Any] = {}
        for name, value in given:
            if name not in self._fields:
                raise Refused(422, f"unknown parameter {name!r}: there are {', '.join(sorted(self._fields))}")
            if name in self._lists:
                values.setdefault(name, []).extend(_parts(name, value))
            elif name in values:
                raise Refused(422, f"{name!r} is given twice")
            elif name in self._moments and "T" not in value.upper():  # a bare number would be read as one
                raise Refused(422, f"{name}: {MOMENT}")
            else:
                values[name] = value
        try:
            return msgspec.convert(values, model, strict=False)
        except msgspec.ValidationError as error:
            raise Refused(422, worded(error, model, of_query=True)) from None

    async def read(self, headers: Mapping[str, str], receive: Receive) -> Any:
        """Read the body. `Refused` says what is wrong with it."""
        most = self.endpoint.most_bytes
        if headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "send the body without a content encoding")
        if self.endpoint.body is not bytes and not _is_json(headers.get("content-type", "")):
            raise Refused(415, "send JSON, with content-type: application/json")
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise Refused(413, f"the body may have {most} bytes")
        raw = await _collected(receive, most)
        if self.endpoint.body is bytes:
            return raw
        try:
            return self.body.decode(raw)  # type: ignore[union-attr]  # it is a decoder
        except msgspec.ValidationError as error:
            raise Refused(422, worded(error, self.endpoint.body)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refused(400, "the body is not JSON that can be read") from None

    def response(self, found: Answer | Stream) -> Whole | _Streaming:
        if isinstance(found, Stream):
            return _Streaming(found, self._extra)
        body = found.body
        if body is not None and not isinstance(body, bytes):
            body = msgspec.json.encode(body)
        media_type = None if body is None else found.media_type
        return Whole(body, found.status, {**found.headers, **self._extra}, media_type)


class _Streaming:
    """Sends chunks as they are made, until there are none, or nobody listens."""

    def __init__(self, stream: Stream, extra: Mapping[str, str]) -> None:
        self._stream = stream
        self.headers = {"content-type": stream.media_type, "x-accel-buffering": "no", **stream.headers, **extra}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._until_gone, receive, group.cancel_scope)
            with suppress(OSError, TimeoutError):  # the caller went, or takes nothing any more
                await self._send(scope, send)
            group.cancel_scope.cancel()

    async def _send(self, scope: Scope, send: Send) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            outlet = scope.get("extensions", {}).get(OUTLET)
            if self._stream.straight is not None and outlet is not None:
                self._stream.straight(outlet.write)
            async with aclosing(self._stream.chunks) as chunks:  # type: ignore[type-var]  # an async generator
                async for chunk in chunks:
                    async with asyncio.timeout(PATIENCE):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_gone(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()


def routes(
    endpoints: Sequence[Endpoint], schemes: Mapping[str, Scheme], clock: Callable[[], Micros], refusals: Refusals
) -> list[Route]:
    """Return a route for every path, those without an open part first."""
    by_path: dict[str, list[Endpoint]] = {}
    for each in endpoints:
        by_path.setdefault(each.path, []).append(each)
    ordered = sorted(by_path.items(), key=lambda item: item[0].count("{"))
    return [Route(path, Door(path, some, schemes, clock, refusals)) for path, some in ordered]


class Straight:
    """Goes straight to the door of a path without open parts, past the looking through all of them one by one."""

    def __init__(self, app: ASGIApp, routes: Iterable[Route]) -> None:
        self._app = app
        self._doors = {route.path: route.app for route in routes if "{" not in route.path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        await (door or self._app)(scope, receive, send)


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found


def _parsed(raw: bytes) -> list[tuple[str, str]]:
    if len(raw) > LONGEST_QUERY:
        raise Refused(414, f"the query may have {LONGEST_QUERY} bytes")
    try:
        given = parse_qsl(raw.decode("ascii"), True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:  # UnicodeDecodeError is one
        raise Refused(400, "the query cannot be read: write UTF-8, percent-encoded") from None
    if any("\0" in part for pair in given for part in pair):
        raise Refused(400, "the query holds a NUL")
    return given


async def _collected(receive: Receive, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the body ended early")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise Refused(413, f"the body may have {most} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _is_json(media_type: str) -> bool:
    name = media_type.partition(";")[0].strip().lower()
    return name == "application/json" or name.endswith("+json")


def _asked_for(access: Access) -> str:
    shown = " or ".join(access.schemes)
    return f"show who you are, by {shown}, as `Authorization: Bearer …`: {OPENAPI} says how"


def _challenges(access: Access, schemes: Mapping[str, Scheme]) -> list[str]:
    kinds = [schemes[name].openapi.get("scheme", "") for name in access.schemes]
    return list(dict.fromkeys(kind.capitalize() for kind in kinds if kind)) or ["Session"]


def _defaults(model: type[msgspec.Struct]) -> msgspec.Struct | None:
    """Return the query that says nothing, None where something must be said."""
    try:
        return model()
    except TypeError:
        return None


@cache
def _field_names(model: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset([field.encode_name for field in msgspec.structs.fields(model)])


@cache
def _list_fields(model: type[msgspec.Struct]) -> frozenset[str]:
    inspect = msgspec.inspect
    return _fields_of(model, (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType))


@cache
def _moment_fields(model: type[msgspec.Struct]) -> frozenset[str]:
    return _fields_of(model, (msgspec.inspect.DateTimeType,))


def _fields_of(model: type[msgspec.Struct], wanted: tuple[type[Any], ...]) -> frozenset[str]:
    described: Any = msgspec.inspect.type_info(model)
    return frozenset([field.encode_name for field in described.fields if _is_any(field.type, wanted)])


def _is_any(described: Any, wanted: tuple[type[Any], ...]) -> bool:
    """Say whether a type, or one of several, is a wanted one."""
    plain = bare(described)
    kinds = plain.types if isinstance(plain, msgspec.inspect.UnionType) else (plain,)
    return any(isinstance(bare(kind), wanted) for kind in kinds)


def _parts(name: str, value: str) -> list[str]:
    """Return the parts of a list; an empty one is none."""
    parts = value.split(",")
    if "" in parts:
        raise Refused(422, f"{name}: a part of the list is empty: leave out the comma, or the whole parameter")
    return parts
