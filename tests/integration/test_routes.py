"""Routes of a plugin over real HTTP: what they declare is what holds, and whatever else comes is a problem."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from types import ModuleType
from typing import Annotated, Any, ClassVar

import anyio
import msgspec
import pytest
from msgspec import Meta
from structlog.testing import capture_logs

from stratumd import hookimpl
from stratumd.http.refusals import TOLD
from stratumd.plugin import HOUR, MINUTE, SECOND, PluginConfig, iso
from stratumd.plugin.desk import Act
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Identity, Refused, Routes, Scheme, Stream
from stratumd.testing.house import Serving, serving

pytestmark = pytest.mark.anyio


class Query(msgspec.Struct, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="At most so many.")] = 10
    types: tuple[str, ...] = ()
    """Only of these types,
    such as STEAM."""
    since: Annotated[datetime, Meta(tz=True)] | None = None
    day: date | None = None
    least: int | None = None


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=20)]
    """What it is called."""


class Shown(msgspec.Struct):
    path: str
    limit: int | None = None
    types: tuple[str, ...] = ()
    name: str | None = None
    who: str | None = None


class Pages(Routes):
    """Answers what the tests ask."""

    name: ClassVar[str] = "pages"

    async def show(self, call: Call) -> Answer:
        query, body, who = call.query, call.body, call.identity
        return Answer(
            body=Shown(
                call.params.get("part", call.path),
                query.limit if query else None,
                query.types if query else (),
                body.name if body else None,
                who.account if who else None,
            )
        )

    async def fail(self, call: Call) -> Answer:
        raise {"refused": Refused(409, "not now", type="urn:x"), "other": LookupError("canary-1c")}[call.params["how"]]

    async def sleep(self, call: Call) -> Answer:
        await anyio.sleep(30)
        return Answer()

    async def raw(self, call: Call) -> Answer:
        return Answer(body=bytes(reversed(call.body)), media_type="application/octet-stream", status=201)

    async def stream(self, call: Call) -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                for number in range(1_000_000):
                    yield b"data: %d\n\n" % number
                    await anyio.sleep(0.01)
            finally:
                self.closed.set()

        self.closed = anyio.Event()
        return Stream(chunks=chunks())

    async def check(self, call: Call) -> Identity | None:
        word = call.headers.get("authorization", "").removeprefix("Bearer ")
        if word == "wrong":
            raise Refused(401, "no such key")
        scopes = frozenset({"read"} if word == "reader" else {"read", "write"})
        return Identity(scheme="word", account=word, credential=word, scopes=scopes) if word else None

    def schemes(self) -> Mapping[str, Scheme]:
        return {"word": Scheme(authenticate=self.check, openapi={"type": "http", "scheme": "bearer"})}

    def endpoints(self) -> Sequence[Endpoint]:
        def at(method: str, path: str, call: Any, name: str, **more: Any) -> Endpoint:
            return Endpoint(method=method, path=f"/api/v1/{path}", call=call, name=name, summary=name, **more)

        return [
            at("GET", "things", self.show, "list_things", query=Query, answers={200: Shown}),
            at("POST", "things", self.show, "make_thing", body=Body, most_bytes=100, answers={200: Shown}),
            at("GET", "things/{part}", self.show, "get_thing", deprecated=0, sunset=86_400 * SECOND),
            at("GET", "things/first", self.show, "first_thing"),
            at("GET", "mine", self.show, "mine", access=Access(("word",), "write")),
            at("GET", "fail/{how}", self.fail, "fail"),
            at("GET", "sleep", self.sleep, "sleep", deadline=SECOND // 10),
            at("POST", "raw", self.raw, "raw", body=bytes),
            at("GET", "stream", self.stream, "stream", media_type="text/event-stream"),
        ]


class Greeting(PluginConfig):
    name: str


class Greet(Operation):
    """Greets somebody."""

    name, config, command, permission = "pages.greet", Greeting, ("pages", "greet"), "pages:read"

    async def run(self, act: Act) -> list[dict[str, Any]]:
        return [{"said": f"hello {self.options.name}", "by": act.actor}]


@hookimpl
def register_routes() -> list[type[Routes]]:
    return [Pages]


@hookimpl
def register_operations() -> list[type[Operation]]:
    return [Greet]


def plugin() -> ModuleType:
    module = ModuleType("stratumd_pages")
    module.register_routes = register_routes
    module.register_operations = register_operations
    return module


@pytest.fixture
async def house(tmp_path: Any) -> AsyncIterator[Serving]:
    url = f"sqlite:///{tmp_path / 'stratum.db'}"
    async with serving(url, {"pages": {}}, extra=[plugin()]) as held:
        yield held


async def test_a_query_is_read_by_its_types(house: Serving) -> None:
    answer = await house.client.get("/api/v1/things?limit=5&types=STEAM,MOVE&types=VALUE")
    assert answer.json()["limit"] == 5
    assert answer.json()["types"] == ["STEAM", "MOVE", "VALUE"]
    assert (await house.client.get("/api/v1/things")).json()["limit"] == 10


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("limit=0", 422, "limit: "),
        ("limit=x", 422, "limit: "),
        ("limit=1&limit=2", 422, "'limit' is given twice"),
        ("limt=1", 422, "unknown parameter 'limt': there are day, least, limit, since, types"),
        ("limit=%00", 400, "NUL"),
        ("types=", 422, "types: "),
        ("types=STEAM,", 422, "types: "),
        ("types=%ff", 400, "UTF-8"),
        ("types=" + "x" * 9000, 414, "8192"),
        ("&".join(["types=a"] * 70), 400, "cannot be read"),
    ],
)
async def test_a_query_that_does_not_fit_is_a_problem(house: Serving, query: str, status: int, said: str) -> None:
    answer = await house.client.get(f"/api/v1/things?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"name": "a"}', {}, 200),
        (b'{"name": "a"}', {"content-type": "application/merge-patch+json"}, 200),
        (b'{"name": "a"}', {"content-type": "text/plain"}, 415),
        (b'{"name": "a"}', {"content-encoding": "gzip"}, 415),
        (b'{"name": "' + b"a" * 200 + b'"}', {}, 413),
        (b'{"name": "' + b"a" * 30 + b'"}', {}, 422),
        (b'{"name": 1}', {}, 422),
        (b'{"nam": "a"}', {}, 422),
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"[" * 99, {}, 422),
        (b'{"name": "\xff"}', {}, 400),
    ],
)
async def test_a_body_is_what_the_endpoint_takes(
    house: Serving, content: bytes, headers: dict[str, str], status: int
) -> None:
    sent = {"content-type": "application/json", **headers}
    answer = await house.client.post("/api/v1/things", content=content, headers=sent)
    assert answer.status_code == status, answer.text


MOMENT = "expected a time with its zone, such as 2026-07-15T15:45:30Z (in a query, write + as %2B)"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=x", "limit: expected a whole number"),
        ("limit=0", "limit: expected a whole number >= 1"),
        ("least=1.5", "least: expected a whole number"),
        ("since=yesterday", f"since: {MOMENT}"),
        ("since=2026-07-15", f"since: {MOMENT}"),
        ("since=2026-07-15T15:45:30", f"since: {MOMENT}"),
        ("since=2026-07-15T15:45:30+02:00", f"since: {MOMENT}"),
        ("since=2026-02-30T15:45:30Z", f"since: {MOMENT}"),
        ("day=today", "day: expected a day such as 2026-07-15"),
    ],
)
async def test_what_does_not_fit_is_said_in_words_for_people(house: Serving, query: str, said: str) -> None:
    assert (await house.client.get(f"/api/v1/things?{query}")).json()["detail"] == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "name: this is required"),
        ({"name": 1}, "name: expected a text, got a whole number"),
        ({"name": "a", "nmae": "b"}, "unknown field 'nmae': there are name"),
        ([], "expected an object, got a list"),
    ],
)
async def test_what_is_wrong_with_a_body_is_named(house: Serving, body: Any, said: str) -> None:
    assert (await house.client.post("/api/v1/things", json=body)).json()["detail"] == said


async def test_the_document_is_not_sent_twice(house: Serving) -> None:
    first = await house.client.get("/api/v1/openapi.json")
    again = await house.client.get("/api/v1/openapi.json", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_bytes_come_as_they_are(house: Serving) -> None:
    answer = await house.client.post("/api/v1/raw", content=b"abc")
    assert (answer.status_code, answer.content) == (201, b"cba")


async def test_a_fixed_path_goes_before_an_open_one(house: Serving) -> None:
    assert (await house.client.get("/api/v1/things/first")).json()["path"] == "/api/v1/things/first"
    answer = await house.client.get("/api/v1/things/a%20b")
    assert answer.json()["path"] == "a b"
    assert answer.headers["deprecation"] == "@0"
    assert answer.headers["sunset"] == "Fri, 02 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(("word", "status"), [("", 401), ("wrong", 401), ("reader", 403), ("writer", 200)])
async def test_who_may_is_asked_first(house: Serving, word: str, status: int) -> None:
    headers = {"authorization": f"Bearer {word}"} if word else {}
    answer = await house.client.get("/api/v1/mine", headers=headers)
    assert answer.status_code == status
    if word == "reader":
        assert answer.json()["detail"] == "this needs the scope 'write'; shown was one with: read"
    if not word:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["detail"] == (
            "show who you are, by word, as `Authorization: Bearer …`: /api/v1/openapi.json says how"
        )


async def test_what_a_plugin_refuses_says_so_and_what_it_fails_with_does_not(house: Serving) -> None:
    refused = (await house.client.get("/api/v1/fail/refused")).json()
    assert (refused["status"], refused["type"], refused["detail"]) == (409, "urn:x", "not now")
    failed = await house.client.get("/api/v1/fail/other", headers={"x-request-id": "mine-1"})
    assert failed.status_code == 500
    assert failed.json()["request_id"] == "mine-1"
    assert "canary" not in failed.text


async def test_a_method_and_a_path_that_are_not_there(house: Serving) -> None:
    wrong = await house.client.delete("/api/v1/things")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")
    assert (await house.client.get("/api/v1/nothing")).status_code == 404
    head = await house.client.head("/api/v1/things")
    assert (head.status_code, head.content) == (200, b"")


async def test_what_takes_too_long_ends(house: Serving) -> None:
    answer = await house.client.get("/api/v1/sleep")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_a_stream_ends_with_its_caller(house: Serving) -> None:
    async with house.client.stream("GET", "/api/v1/stream") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: 0"
    with anyio.fail_after(30):
        await house.routes("pages").closed.wait()


async def test_the_document_describes_every_endpoint(house: Serving) -> None:
    found = (await house.client.get("/api/v1/openapi.json")).json()
    assert found["openapi"] == "3.1.0"
    listed = found["paths"]["/api/v1/things"]["get"]
    by_name = {each["name"]: each for each in listed["parameters"]}
    assert by_name["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert by_name["types"]["explode"] is False
    assert by_name["types"]["description"] == "Only of these types, such as STEAM."
    assert found["components"]["schemas"]["Body"]["properties"]["name"]["description"] == "What it is called."
    assert found["paths"]["/api/v1/mine"]["get"]["security"] == [{"word": []}]
    assert found["paths"]["/api/v1/things/{part}"]["get"]["deprecated"] is True
    going = found["paths"]["/api/v1/things/{part}"]["get"]["responses"]["200"]["headers"]
    assert going.keys() == {"x-request-id", "deprecation", "sunset"}
    refused = found["paths"]["/api/v1/mine"]["get"]["responses"]["default"]["headers"]
    assert refused.keys() == {"x-request-id", "retry-after", "www-authenticate"}
    assert len([each for path in found["paths"].values() for each in path]) == 9


async def test_security_headers_stand_on_everything(house: Serving) -> None:
    for path in ("/api/v1/things", "/api/v1/fail/other", "/api/v1/nothing"):
        headers = (await house.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


async def test_an_operation_is_built_from_its_arguments(house: Serving) -> None:
    assert await house.operate("pages.greet", {"name": "Ann"}) == [{"said": "hello Ann", "by": "console:test"}]
    with pytest.raises(LookupError):
        house.operation("pages.nothing", {})


def refusals(lines: Sequence[Mapping[str, Any]], level: str = "info") -> list[tuple[Any, ...]]:
    """What the log says of refusals: status, id, endpoint and account."""
    told = [each for each in lines if each["event"] == "a request was refused" and each["log_level"] == level]
    return [(each["status"], each["request"], each["endpoint"], each["account"]) for each in told]


@pytest.mark.parametrize(
    ("method", "path", "word", "expected"),
    [
        ("GET", "mine", "", (401, "/api/v1/mine", None)),
        ("GET", "mine", "wrong", (401, "/api/v1/mine", None)),
        ("GET", "mine", "reader", (403, "/api/v1/mine", "reader")),
        ("GET", "mine?limit=1", "writer", (422, "/api/v1/mine", "writer")),
        ("GET", "fail/refused", "", (409, "/api/v1/fail/{how}", None)),
        ("DELETE", "things", "", (405, "/api/v1/things", None)),
        ("GET", "sleep", "", (503, "/api/v1/sleep", None)),
        ("GET", "nothing/canary-1c", "", (404, "none", None)),
    ],
)
async def test_what_was_refused_is_in_the_log_under_the_id_that_the_caller_has(
    house: Serving, method: str, path: str, word: str, expected: tuple[Any, ...]
) -> None:
    headers = {"authorization": f"Bearer {word}"} if word else {}
    with capture_logs() as lines:
        answer = await house.client.request(method, f"/api/v1/{path}", headers=headers)
    (told,) = refusals(lines)
    status, endpoint, account = expected
    assert told == (status, answer.json()["request_id"], endpoint, account)
    assert "canary" not in str(lines)


async def test_a_flood_of_refusals_is_counted(house: Serving) -> None:
    """An account's flood hides nobody else's refusals, and the ids of all are there for who looks closer."""
    with capture_logs() as lines:
        for _ in range(TOLD + 5):
            await house.client.get("/api/v1/mine", headers={"authorization": "Bearer reader"})
        await house.client.get("/api/v1/mine")
        begun = house.clock.now() // MINUTE * MINUTE
        house.clock.advance(3 * HOUR)
        await house.client.get("/api/v1/mine")
    assert [each[0] for each in refusals(lines)] == [403] * TOLD + [401, 401]
    assert len(refusals(lines, "debug")) == 5
    (more,) = [each for each in lines if each["event"] == "more requests were refused"]
    assert (more["status"], more["account"], more["requests"]) == (403, "reader", 5)
    assert more["minute"] == iso(begun), "of when it tells, which may be long ago"
