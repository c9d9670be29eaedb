"""What somebody might try with an account, or without one: to fill tables, and to keep others from writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stratumd.plugin import DAY, MINUTE
from stratumd.testing.house import Serving
from stratumd_accounts.rows import ApiKey, Use
from stratumd_accounts.sessions import MOST
from tests.integration.accounts.conftest import Person

pytestmark = pytest.mark.anyio
People = Callable[..., Person]


async def rows(house: Serving, kind: Any) -> list[Any]:
    desk = house.house.office("accounts").desk
    found: list[Any] = await desk.read(lambda reading: reading.find(kind))
    return found


async def test_an_account_is_logged_in_so_often_at_most(ann: Person, house: Serving, person: People) -> None:
    first = await person("ann@example.org").log_in()
    house.clock.advance(1)
    for _ in range(MOST):
        newest = await person("ann@example.org").log_in()
        house.clock.advance(1)
    assert len((await newest.ok("GET", "/account/sessions"))["items"]) == MOST
    assert (await first.call("GET", "/session")).status_code == 401


async def test_who_tries_too_often_writes_no_more(house: Serving, person: People, monkeypatch: Any) -> None:
    """A flood of tries does not take the writer's turn from the pipelines."""
    for n in range(100):
        await person(f"{n % 20}@example.org").try_login()
    writes: list[Any] = []
    desk = house.routes("accounts")._parts.throttle._desk
    monkeypatch.setattr(desk, "write", lambda *given: writes.append(given))
    with pytest.raises(TypeError):  # the database has to be asked once
        await house.routes("accounts")._parts.throttle.count("login", client="10.0.0.9")
    monkeypatch.undo()
    assert (await person("a@example.org").try_login()).status_code == 429
    monkeypatch.setattr(desk, "write", lambda *given: writes.append(given))
    writes.clear()
    assert [(await person("a@example.org").try_login()).status_code for _ in range(5)] == 5 * [429]
    assert writes == []
    monkeypatch.undo()
    house.clock.advance(15 * MINUTE)
    assert (await person("a@example.org").try_login()).status_code == 401


async def test_changes_of_one_account_are_limited(ann: Person, house: Serving, person: People) -> None:
    bob = await (await person("bob@example.org").sign_up()).log_in()
    statuses = [(await ann.call("DELETE", "/account/watchlist/none")).status_code for _ in range(305)]
    assert 299 <= statuses.count(204) <= 300
    assert set(statuses) == {204, 429}
    assert (await ann.call("GET", "/account")).status_code == 200
    assert (await bob.call("DELETE", "/account/watchlist/none")).status_code == 204
    house.clock.advance(MINUTE)
    assert (await ann.call("DELETE", "/account/watchlist/none")).status_code == 204


async def test_of_sessions_that_are_over_nothing_stays(ann: Person, house: Serving, person: People) -> None:
    routes = house.routes("accounts")
    ben, eve = [await person("ann@example.org").log_in() for _ in range(2)]
    for each in (ben, eve):
        await each.ok("GET", "/account")
    await routes._write_uses()
    assert len(await rows(house, Use)) >= 2
    await ben.ok("GET", "/account")
    used = dict(routes._parts.credentials.used)
    await ben.ok("DELETE", "/session")
    routes._parts.credentials.used.update(used)  # as another daemon remembers it, for some seconds
    await routes._write_uses()
    house.clock.advance(60 * DAY)
    await routes._sweep()
    assert await rows(house, Use) == []


async def test_rotation_makes_no_more_keys_than_there_may_be(ann: Person, house: Serving) -> None:
    await house.operate("accounts.set-plan", {"account": "ann@example.org", "kind": "api", "plan": "api_monthly"})
    key = await ann.ok("POST", "/account/keys", {"name": "k"})
    statuses = []
    for _ in range(25):
        answer = await ann.call("POST", f"/account/keys/{key['id']}/rotation", {})
        statuses.append(answer.status_code)
        key = answer.json() if answer.status_code == 201 else key
    assert statuses == 20 * [201] + 5 * [409]
    house.clock.advance(2 * DAY)
    assert (await ann.call("POST", f"/account/keys/{key['id']}/rotation", {})).status_code == 201


async def test_keys_that_work_no_more_are_forgotten_some_time(
    ann: Person, house: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratumd_accounts.keys.KEPT", 3)
    await house.operate("accounts.set-plan", {"account": "ann@example.org", "kind": "api", "plan": "api_monthly"})
    for _ in range(6):
        house.clock.advance(1)
        key = await ann.ok("POST", "/account/keys", {"name": "k"})
        await ann.ok("DELETE", f"/account/keys/{key['id']}")
    assert len(await rows(house, ApiKey)) == 4
