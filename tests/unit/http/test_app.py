"""The pages, their status codes and their headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from stratumd.http.app import create_app
from stratumd.http.whole import SECURITY

pytestmark = pytest.mark.anyio


class FixedView:
    """A daemon that is as the test says."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.broken = False

    def unready(self) -> list[str]:
        return self.reasons

    def status(self) -> dict[str, Any]:
        if self.broken:
            raise RuntimeError("canary-71aa")
        return {"version": "1", "components": []}

    def metrics(self) -> tuple[bytes, str]:
        return b"up 1\n", "text/plain; version=1.0.0; charset=utf-8"


@pytest.fixture
def view() -> FixedView:
    return FixedView()


@pytest.fixture
async def client(view: FixedView) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(view), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://stratumd") as client:
        yield client


@pytest.mark.parametrize("path", ["/livez", "/health/live", "/readyz", "/health/ready"])
async def test_a_healthy_daemon(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.parametrize("path", ["/readyz", "/health/ready"])
async def test_a_daemon_that_is_not_ready_says_why(client: httpx.AsyncClient, view: FixedView, path: str) -> None:
    view.reasons = ["source nba: RecoverableError (down)", "store store: RecoverableError"]
    answer = await client.get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "; ".join(view.reasons),
        "reasons": view.reasons,
    }


async def test_a_daemon_that_is_not_ready_lives(client: httpx.AsyncClient, view: FixedView) -> None:
    view.reasons = ["source nba: RecoverableError (down)"]
    assert (await client.get("/livez")).status_code == 200


async def test_status_is_json(client: httpx.AsyncClient) -> None:
    answer = await client.get("/status")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"version": "1", "components": []}


async def test_metrics_keep_their_media_type(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.text == "up 1\n"
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nowhere", 404, "Not Found"),
        ("GET", "/livez/", 404, "Not Found"),
        ("POST", "/status", 405, "Method Not Allowed"),
    ],
)
async def test_errors_are_problem_details(
    client: httpx.AsyncClient, method: str, path: str, status: int, title: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.pop("request_id") == answer.headers["x-request-id"]
    problem.pop("detail", None)
    assert problem == {"type": "about:blank", "title": title, "status": status, "instance": path}


async def test_a_method_that_is_not_allowed_names_those_that_are(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/livez")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.json()["detail"] == f"this path answers {answer.headers['allow']}"


async def test_a_path_of_the_api_that_is_not_there_says_where_to_look(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/things/", headers={"x-request-id": "mine-1"})
    told = (
        "there is nothing at this path: /api/v1/openapi.json lists those that there are, and paths end without a slash"
    )
    assert answer.json()["detail"] == told
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine-1"


async def test_a_fault_of_the_own_code_tells_nothing_of_itself(client: httpx.AsyncClient, view: FixedView) -> None:
    view.broken = True
    answer = await client.get("/status")
    assert answer.status_code == 500
    assert answer.json()["title"] == "Internal Server Error"
    assert "canary" not in answer.text


@pytest.mark.parametrize(("path", "broken"), [("/livez", False), ("/nowhere", False), ("/status", True)])
async def test_every_answer_is_guarded(client: httpx.AsyncClient, view: FixedView, path: str, broken: bool) -> None:
    view.broken = broken
    headers = (await client.get(path)).headers
    assert {name: headers[name] for name in SECURITY} == SECURITY
