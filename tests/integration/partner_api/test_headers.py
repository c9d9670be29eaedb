"""The headers of real answers are those that the OpenAPI document names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from stratumd.http.whole import SECURITY
from stratumd.plugin import MINUTE
from stratumd_partner_api.limits import RATES, headers
from tests.integration.partner_api.test_leaks import paths, reports
from tests.integration.partner_api.test_webhooks import ALLOW
from tests.integration.partner_api.world import START, World, make_signal, world
from tests.support.openapi import followed, parameters

pytestmark = pytest.mark.anyio

PLAIN = {
    *("connection", "content-disposition", "content-length", "content-type", "date", "server", "transfer-encoding"),
    *("vary", "x-accel-buffering"),
    *SECURITY,
}
"""What connections, proxies, caches and browsers read: HTTP describes it, and every answer may have it."""
QUOTA = {"x-usage-included", "x-usage-overage", "x-usage-remaining", "x-usage-used"}


class Document:
    """What the OpenAPI document says of headers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def headers(self, method: str, path: str, status: int) -> dict[str, Any]:
        """Return what it says of an answer's headers, by name."""
        named = self.operation(method, path)["responses"]
        return {
            name: followed(self.document, header)
            for name, header in named.get(str(status), named["default"])["headers"].items()
        }

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """Return an operation by a path with its open parts filled in."""
        parts = path.partition("?")[0].split("/")
        for known, verbs in sorted(self.document["paths"].items(), key=lambda item: item[0].count("{")):
            wanted = known.removeprefix("/api/v1/").split("/")
            if (
                method.lower() in verbs
                and len(wanted) == len(parts)
                and all(one == other or one.startswith("{") for one, other in zip(wanted, parts, strict=True))
            ):
                found: dict[str, Any] = verbs[method.lower()]
                return found
        raise LookupError(path)

    def check(self, answer: httpx.Response, path: str, *missing: str) -> None:
        """Hold an answer's headers against it; `missing` are those that are named for others."""
        method = answer.request.method
        told = self.headers(method, path, answer.status_code)
        sent = {name: value for name, value in answer.headers.items() if name not in PLAIN}
        assert sent.keys() <= told.keys(), f"{method} {path} {answer.status_code}"
        always = {name for name, header in told.items() if header.get("required")}
        assert always <= sent.keys()
        if answer.status_code < 400:
            assert told.keys() - sent.keys() == set(missing), f"{method} {path} {answer.status_code}"
        for name, value in sent.items():
            assert told[name]["schema"]["type"] != "integer" or value.isdecimal(), name


async def documented(held: World) -> Document:
    return Document((await held.get("openapi.json")).json())


async def test_answers_have_the_headers_that_the_document_names(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", ALLOW, reports=reports) as held:
        await held.signals(
            *[make_signal(id, START - n * MINUTE, event=f"e{n}") for n, id in ((1, "SIGNAL"), (2, "s2"))]
        )
        document = await documented(held)
        tagged = 0
        for path in [*await paths(held), "docs"]:
            answer = await held.get(path)
            assert answer.status_code == 200, path
            document.check(answer, path)
            if path != "docs":
                document.check(await held.get(path, "session_ann"), path, *QUOTA)
            asked = {each["name"] for each in parameters(document.document, document.operation("GET", path))}
            assert ("if-none-match" in asked) == ("etag" in answer.headers), path
            if "etag" in answer.headers and path != "intel/usage":  # which tells of the request itself
                again = await held.get(path, headers={"if-none-match": answer.headers["etag"]})
                assert again.status_code == 304, path
                document.check(again, path)
                tagged += 1
        assert tagged >= 15


async def test_so_have_those_of_webhooks(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", ALLOW) as held:
        document = await documented(held)
        made = await held.ask("POST", "intel/webhooks", json={"url": "https://example.com/hook"})
        assert made.status_code == 201
        document.check(made, "intel/webhooks")
        one = f"intel/webhooks/{made.json()['id']}"
        for method, path in (("GET", one), ("GET", f"{one}/deliveries"), ("POST", f"{one}/rotate"), ("DELETE", one)):
            answer = await held.ask(method, path)
            assert answer.status_code < 300, answer.text
            document.check(answer, path)


async def test_so_have_streams(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", background=True) as held:
        document = await documented(held)
        for path in ("stream/signals", "stream/changes"):
            bearer = {"authorization": "Bearer key_ann"}
            async with held.held.client.stream("GET", f"/api/v1/{path}", headers=bearer) as answer:
                document.check(answer, path)


async def test_so_have_problems(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", {"per_address": 3}) as held:
        document = await documented(held)
        statuses = []
        for path, key in (
            ("intel/signals", "nobody"),
            ("intel/signals", "key_none"),
            ("intel/signals?since=now", "key_ann"),
            ("intel/signals/none", "key_ann"),
            ("intel/clv?books=true", "key_free"),
            ("intel/signals", "key_ann"),
            ("intel/signals", "key_ann"),
        ):
            answer = await held.get(path, key)
            document.check(answer, path)
            statuses.append(answer.status_code)
        assert statuses == [401, 401, 422, 404, 403, 200, 429]


async def test_each_header_is_described_once(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        document = (await documented(held)).document
    used = [
        (name, header)
        for verbs in document["paths"].values()
        for operation in verbs.values()
        for answer in operation["responses"].values()
        for name, header in answer["headers"].items()
    ]
    assert all(header == {"$ref": f"#/components/headers/{name}"} for name, header in used)
    assert {name for name, _ in used} == document["components"]["headers"].keys()
    assert all(each["description"] for each in document["components"]["headers"].values())


def test_what_limits_tell_is_described() -> None:
    assert headers("key", 60, 30.0, START).keys() == RATES.keys()


async def test_streams_say_that_they_go_on_behind_an_event(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db", ALLOW) as held:
        document = await documented(held)
        for path in ("stream/signals", "stream/changes"):
            asked = {each["name"]: each for each in parameters(document.document, document.operation("GET", path))}
            header = asked["last-event-id"]
            assert (header["in"], header["required"], header["schema"]["pattern"]) == ("header", False, "^[0-9]{0,16}$")
            assert "newest event" in header["description"]
