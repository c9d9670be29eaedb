"""Every endpoint × everybody × their own and another tenant's ids, and every operation × every role."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from stratumd.plugin.routes import Endpoint
from tests.integration.admin.policy import Caller, admits
from tests.integration.admin.world import CANARY, World

BODIES: dict[str, Any] = {
    "PATCH /api/v1/account/keys/{key}": {"name": "renamed"},
    "PATCH /api/v1/account/discord/connections/{connection}": {"name": "renamed"},
    "POST /api/v1/account/keys": {"name": "another"},
    "PATCH /api/v1/intel/webhooks/{webhook}": {"min_strength": 5},
    "POST /api/v1/ops/deliveries/replay": {"reason": "r"},
}
"""Bodies that are taken; of the others an empty one is refused for what it lacks, after it was asked who calls."""
ENDING = re.compile(r"DELETE /api/v1/(session|account/sessions|account/sessions/\{session\}|account/totp)")
"""What takes away what the callers show: only those who are refused ask it, and whoever asks for another's."""
FEWER = 10
"""Of those who show nothing of worth, every so-many-th cell is tried in the suite."""
TENANTS = {"session", "key", "connection", "webhook", "receipt"}
"""Ids that belong to somebody, under paths that are not of staff alone."""
_ADMIN = "/api/v1/admin/"


class Cell(NamedTuple):
    """One request, and what the policy says of it."""

    endpoint: Endpoint
    caller: Caller
    whose: str
    """`own`, `foreign`, or empty where the path has no id."""
    path: str
    body: Any
    admitted: bool


class Outcome(NamedTuple):
    """What came of a cell."""

    cell: Cell
    status: int
    text: str

    def leak(self, world: World) -> str | None:
        """Say what is wrong, None where nothing is."""
        cell = self.cell
        refused = self.status in (401, 403)
        if self.status >= 500 or self.status == 429:
            return f"{self}: it failed"
        if refused == cell.admitted:
            return f"{self}: expected to be {'let in' if cell.admitted else 'refused'}"
        if cell.admitted and cell.whose == "foreign" and self.status != 404:
            return f"{self}: expected 404"
        if not _sees_others(cell) and self._tells(world):
            return f"{self}: tells of another tenant"
        return None

    def _tells(self, world: World) -> bool:
        text = self.text.replace(self.cell.path, "")  # a problem names the path that was asked for
        return CANARY in text or world.foreign["account"] in text

    def __str__(self) -> str:
        cell = self.cell
        return f"{cell.endpoint.method} {cell.path} as {cell.caller.name} ({cell.whose or 'no id'}): {self.status}"


def cells(world: World, *, thorough: bool) -> Iterator[Cell]:
    """Yield all cells; `thorough` with HEAD wherever there is GET. Else those who show nothing of worth ask less."""
    number = 0
    for endpoint in world.house.house.endpoints:
        for caller in world.callers:
            for cell in _of(world, endpoint, caller):
                number += 1
                if thorough or caller.shows or number % FEWER == 0:
                    yield cell
                if thorough and endpoint.method == "GET" and endpoint.media_type != "text/event-stream":
                    yield cell._replace(body="HEAD")


def _of(world: World, endpoint: Endpoint, caller: Caller) -> Iterator[Cell]:
    admitted = admits(endpoint, caller)
    named = f"{endpoint.method} {endpoint.path}"
    body = BODIES.get(named, {}) if endpoint.method != "GET" else None
    names = _parts(endpoint)
    if endpoint.name == "admin_run_operation":
        yield from _operations(world, endpoint, caller)
        return
    if not names:
        if not (admitted and ENDING.fullmatch(named)):
            yield Cell(endpoint, caller, "", endpoint.path, body, admitted)
        return
    is_foreign = "foreign" if TENANTS & set(names) and _ADMIN not in endpoint.path else ""
    yield Cell(endpoint, caller, is_foreign, _filled(endpoint, world.foreign), body, admitted)
    if set(names) <= caller.own.keys() and not (admitted and endpoint.method == "DELETE"):
        yield Cell(endpoint, caller, "own", _filled(endpoint, caller.own), body, admitted)


def _operations(world: World, endpoint: Endpoint, caller: Caller) -> Iterator[Cell]:
    """Ask for every operation with arguments that none takes: it is said who may before what is missing."""
    held = caller.shows.get("staff", frozenset())
    for operation in world.house.house.office("admin").operations():
        path = endpoint.path.replace("{name}", operation.name)
        body = {"arguments": {"no such argument": 1}, "reason": "r"}
        yield Cell(endpoint, caller, "", path, body, operation.permission in held)


async def outcomes(world: World, *, thorough: bool) -> AsyncIterator[Outcome]:
    """Ask for every cell."""
    client = world.house.client
    for cell in cells(world, thorough=thorough):
        head = cell.body == "HEAD"
        method = "HEAD" if head else cell.endpoint.method
        sent = {} if head or cell.body is None else {"json": cell.body}
        async with client.stream(method, cell.path, headers=cell.caller.headers, **sent) as answer:
            is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
            text = "" if is_stream else (await answer.aread()).decode("utf-8", "replace")
        yield Outcome(cell, answer.status_code, text)


def _sees_others(cell: Cell) -> bool:
    """Say whether the cell is one of staff or a service that is let in to see what is others'."""
    of_staff = ("/api/v1/admin/", "/api/v1/ops/", "/api/v1/dashboard/")
    return cell.admitted and cell.endpoint.path.startswith(of_staff)


def _parts(endpoint: Endpoint) -> list[str]:
    return re.findall(r"\{(\w+)\}", endpoint.path)


def _filled(endpoint: Endpoint, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], endpoint.path)


async def belongings(world: World) -> dict[str, Any]:
    """Return what the other tenant has, as staff sees it."""
    account = world.foreign["account"]
    keys = await world.house.operate("accounts.keys.list", {"account": account})
    (shown,) = await world.house.operate("accounts.show", {"account": account})
    for key in keys:
        key.pop("last_used_at", None)
    return {"account": shown, "keys": keys}
