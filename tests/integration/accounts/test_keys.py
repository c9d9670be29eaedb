"""Keys over real HTTP: made, used, replaced, revoked. A probe's endpoint stands for those of the partner API."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import anyio
import pytest

from stratumd import hookimpl
from stratumd.errors import StratumError
from stratumd.plugin import DAY, HOUR
from stratumd.plugin.partners import API, WEB, Accounts
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Routes
from stratumd.testing.house import Serving, serving
from tests.integration.accounts.conftest import BOTH, OPTIONS, Person

pytestmark = pytest.mark.anyio
People = Callable[..., Person]


class Probe(Routes):
    """Says what the caller may do."""

    name: ClassVar[str] = "probe"
    needs: ClassVar[tuple[type[Any], ...]] = (Accounts,)

    def endpoints(self) -> Sequence[Endpoint]:
        access = Access(("key", "session"), "intel:read")
        return [Endpoint(method="GET", path="/api/v1/probe", call=self.show, name="probe", summary="x", access=access)]

    async def show(self, call: Call) -> Answer:
        assert call.identity is not None
        who = call.identity
        return Answer(
            body={
                "scheme": who.scheme,
                "account": who.account,
                "credential": who.credential,
                "scopes": sorted(who.scopes),
                "plan": who.details.plan.name,
                "per_minute": who.details.plan.per_minute,
                "web": who.details.rights.web.name,
            }
        )


def probe() -> ModuleType:
    module = ModuleType("stratumd_probe")
    module.register_routes = hookimpl(lambda: [Probe], specname="register_routes")
    return module


@pytest.fixture
async def house(url: str) -> AsyncIterator[Serving]:
    async with serving(url, {"accounts": OPTIONS, "probe": {}}, extra=[probe()]) as held:
        yield held


@pytest.fixture
async def partner(house: Serving, ann: Person) -> Person:
    """Ann with a plan for the API."""
    await ann.plan("api", "api_monthly")
    return ann


async def by_key(house: Serving, key: str, **headers: str) -> Any:
    return await house.client.get("/api/v1/probe", headers={"authorization": f"Bearer {key}"} | headers)


@BOTH
async def test_a_key_is_shown_once_and_does_what_the_plan_allows(partner: Person, house: Serving) -> None:
    made = await partner.ok("POST", "/account/keys", {"name": "desk"})
    assert made["key"].startswith(f"strm_live_{made['id']}_")
    assert made["scopes"] == ["export:read", "intel:read", "stream:read", "webhooks:write"]
    answer = (await by_key(house, made["key"])).json()
    assert (answer["scheme"], answer["plan"], answer["web"], answer["per_minute"]) == (
        "key",
        "api_monthly",
        "free",
        600,
    )
    listed = (await partner.ok("GET", "/account/keys"))["items"]
    assert [(key["id"], key["key"], key["status"]) for key in listed] == [(made["id"], None, "active")]
    assert listed[0]["last_used_at"] == "2026-01-10T12:00:00Z"
    assert (await partner.ok("GET", f"/account/keys/{made['id']}"))["key"] is None


async def test_scopes_are_those_of_the_key_and_of_the_plan(partner: Person, house: Serving) -> None:
    made = await partner.ok("POST", "/account/keys", {"name": "narrow", "scopes": ["export:read"]})
    assert (await by_key(house, made["key"])).status_code == 403
    wide = await partner.call("POST", "/account/keys", {"name": "wide", "scopes": ["accounts:write"]})
    assert wide.status_code == 422
    assert (await partner.call("POST", "/account/keys", {"name": "none", "scopes": []})).status_code == 422


async def test_web_and_api_are_independent(ann: Person, house: Serving) -> None:
    assert (await ann.call("POST", "/account/keys", {"name": "x"})).status_code == 403
    await ann.plan("web", "pro")
    assert (await ann.call("POST", "/account/keys", {"name": "x"})).status_code == 403, "pro is a plan of the web"
    await ann.plan("api", "api_annual")
    key = (await ann.ok("POST", "/account/keys", {"name": "x"}))["key"]
    await ann.plan("web", None)
    assert (await by_key(house, key)).json()["web"] == "free"
    assert (await ann.call("GET", "/probe")).json()["plan"] == "free", "a session goes by the plan of the web"
    await ann.plan("api", None)
    answer = await by_key(house, key)
    assert (answer.status_code, "plan for the API" in answer.json()["detail"]) == (403, True)
    assert (await ann.call("GET", "/probe")).status_code == 200


async def test_an_entitlement_that_is_over_has_ended_at_once(partner: Person, house: Serving) -> None:
    await partner.plan("api", "api_monthly", until="2026-01-11T12:00:00Z")
    key = (await partner.ok("POST", "/account/keys", {"name": "x"}))["key"]
    house.clock.advance(DAY - 1)
    assert (await by_key(house, key)).status_code == 200
    house.clock.advance(1)
    assert (await by_key(house, key)).status_code == 403
    assert (await partner.ok("GET", "/account"))["api"] is None


async def test_a_key_ends_when_it_expires(partner: Person, house: Serving) -> None:
    made = await partner.ok("POST", "/account/keys", {"name": "x", "expires_in_days": 1})
    house.clock.advance(DAY - 1)
    assert (await by_key(house, made["key"])).status_code == 200
    house.clock.advance(1)
    assert (await by_key(house, made["key"])).status_code == 401
    assert (await partner.ok("GET", f"/account/keys/{made['id']}"))["status"] == "expired"


@BOTH
async def test_a_rotated_key_works_beside_the_new_one_for_a_while(partner: Person, house: Serving) -> None:
    old = await partner.ok("POST", "/account/keys", {"name": "desk", "scopes": ["intel:read"]})
    new = await partner.ok("POST", f"/account/keys/{old['id']}/rotation", {"overlap_seconds": 3600})
    assert (new["name"], new["scopes"]) == ("desk", ["intel:read"])
    assert (await partner.call("POST", f"/account/keys/{old['id']}/rotation", {})).status_code == 409
    house.clock.advance(HOUR - 1)
    assert [(await by_key(house, each["key"])).status_code for each in (old, new)] == [200, 200]
    house.clock.advance(1)
    assert [(await by_key(house, each["key"])).status_code for each in (old, new)] == [401, 200]
    assert (await partner.ok("GET", f"/account/keys/{old['id']}"))["successor"] == new["id"]


@BOTH
async def test_a_revoked_key_is_refused_from_the_next_request_on(partner: Person, house: Serving) -> None:
    made = await partner.ok("POST", "/account/keys", {"name": "x"})
    assert (await by_key(house, made["key"])).status_code == 200
    await partner.ok("DELETE", f"/account/keys/{made['id']}")
    assert (await by_key(house, made["key"])).status_code == 401
    await partner.ok("DELETE", f"/account/keys/{made['id']}")
    listed = (await partner.ok("GET", "/account/keys"))["items"]
    assert (listed[0]["status"], listed[0]["revoked_at"]) == ("revoked", "2026-01-10T12:00:00Z")


async def test_the_keys_of_others_are_not_there(partner: Person, person: People) -> None:
    made = await partner.ok("POST", "/account/keys", {"name": "x"})
    mallory = await (await person("mallory@example.org").sign_up()).log_in()
    assert (await mallory.ok("GET", "/account/keys"))["items"] == []
    for method, path, body in (
        ("GET", "", None), ("DELETE", "", None), ("PATCH", "", {"name": "y"}), ("POST", "/rotation", {}),
    ):  # fmt: skip
        assert (await mallory.call(method, f"/account/keys/{made['id']}{path}", body)).status_code == 404


async def test_a_key_manages_no_account(partner: Person, house: Serving) -> None:
    key = (await partner.ok("POST", "/account/keys", {"name": "x"}))["key"]
    for path in ("account", "account/keys", "session"):
        answer = await house.client.get(f"/api/v1/{path}", headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 401


async def test_names_are_kept_as_they_are_shown(partner: Person) -> None:
    made = await partner.ok("POST", "/account/keys", {"name": " cafe\u0301 🏀 "})
    assert made["name"] == "caf\u00e9 🏀"
    renamed = await partner.ok("PATCH", f"/account/keys/{made['id']}", {"name": "бюро"})
    assert renamed["name"] == "бюро"
    for wrong in ("", " ", "a\u202eb", "a\nb", "a\x00b", "x" * 81):
        assert (await partner.call("POST", "/account/keys", {"name": wrong})).status_code == 422


async def test_an_account_has_so_many_keys_at_most(partner: Person) -> None:
    made = [await partner.ok("POST", "/account/keys", {"name": f"k{n}"}) for n in range(20)]
    assert (await partner.call("POST", "/account/keys", {"name": "more"})).status_code == 409
    await partner.ok("DELETE", f"/account/keys/{made[0]['id']}")
    await partner.ok("POST", "/account/keys", {"name": "more"})


async def test_a_suspended_account_is_refused_by_key_and_by_session(partner: Person, house: Serving) -> None:
    key = (await partner.ok("POST", "/account/keys", {"name": "x"}))["key"]
    assert (await by_key(house, key)).status_code == 200
    await house.operate("accounts.suspend", {"account": partner.email})
    answer = await by_key(house, key)
    assert (answer.status_code, "suspended" in answer.json()["detail"]) == (403, True)
    assert (await partner.call("GET", "/account")).status_code == 401
    assert (await partner.try_login()).status_code == 403
    assert (await partner.try_login(password="wrong password")).status_code == 401
    await house.operate("accounts.restore", {"account": partner.email})
    assert (await by_key(house, key)).status_code == 200


async def test_who_guesses_keys_is_stopped_and_a_remembered_key_is_not(partner: Person, house: Serving) -> None:
    good = (await partner.ok("POST", "/account/keys", {"name": "x"}))["key"]
    await remembered(house, good)
    from stratumd_accounts import tokens

    statuses = []
    for _ in range(22):
        id = good.split("_")[2]
        body = f"strm_live_{id}_" + tokens.make(tokens.KEY).token.split("_")[3][:32]
        statuses.append((await by_key(house, body + tokens.checksum(body))).status_code)
    assert statuses == [401] * 20 + [429] * 2
    assert (await by_key(house, good)).status_code == 200


async def remembered(house: Serving, key: str) -> None:
    """Wait until this process answers for the key from memory."""
    from stratumd_accounts import tokens

    memory = house.routes("accounts")._parts.memory
    with anyio.fail_after(10):
        while memory.find(tokens.digest(key), house.clock.now()) is None:
            await by_key(house, key)
            await anyio.sleep(0.02)


async def test_a_remembered_key_costs_no_look_up(
    partner: Person, house: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (await partner.ok("POST", "/account/keys", {"name": "x"}))["key"]
    credentials = house.routes("accounts")._parts.credentials
    await remembered(house, key)
    looked: list[str] = []
    known = credentials._known

    def counted(*arguments: Any) -> Any:
        looked.append(arguments[2])
        return known(*arguments)

    monkeypatch.setattr(credentials, "_known", counted)
    for _ in range(20):
        assert (await by_key(house, key)).status_code == 200
    assert len(looked) <= 1, "but where the database was not looked at in time"


async def test_nothing_is_taken_from_memory_while_the_database_is_away(
    partner: Person, house: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revocation could not be seen then. When the database is back, so are the keys, without a restart."""
    key = (await partner.ok("POST", "/account/keys", {"name": "x"}))["key"]
    await remembered(house, key)
    desk = house.routes("accounts").context.desk

    async def away(work: Any) -> Any:
        raise StratumError("the database is away")

    with monkeypatch.context() as outage:
        outage.setattr(desk, "read", away)
        with anyio.fail_after(10):
            while (answer := await by_key(house, key)).status_code == 200:  # noqa: ASYNC110  # another task or process changes it
                await anyio.sleep(0.02)
        assert answer.status_code == 503
    assert (await by_key(house, key)).status_code == 200
    await remembered(house, key)


async def test_when_a_key_was_used_is_kept_over_a_restart(url: str) -> None:
    for turn in range(2):
        async with serving(url, {"accounts": OPTIONS, "probe": {}}, extra=[probe()]) as house:
            ann = Person(house, "ann@example.org")
            if turn == 0:
                await (await ann.sign_up()).log_in()
                await ann.plan("api", "api_monthly")
                key = (await ann.ok("POST", "/account/keys", {"name": "x"}))["key"]
                assert (await ann.ok("GET", "/account/keys"))["items"][0]["last_used_at"] is None
                await by_key(house, key)
            else:
                await ann.log_in()
            listed = (await ann.ok("GET", "/account/keys"))["items"]
            assert listed[0]["last_used_at"] == "2026-01-10T12:00:00Z"


async def test_a_wrong_key_of_a_known_id_is_looked_up_as_one_of_an_unknown_id_is(
    partner: Person, house: Serving
) -> None:
    """By its hash: nothing that is read depends on whether there is a key of that id."""
    from stratumd_accounts import tokens

    class Watched:
        def __init__(self, reading: Any) -> None:
            self.reading = reading

        def __getattr__(self, name: str) -> Any:
            def call(kind: type[Any], **more: Any) -> Any:
                found = getattr(self.reading, name)(kind, **more)
                asked.append((name, kind.__name__, sorted(more), found))
                return found

            return call

    made = await partner.ok("POST", "/account/keys", {"name": "x"})
    accounts = house.routes("accounts")
    body = f"strm_live_{made['id']}_{'a' * 32}"
    every: list[list[Any]] = []
    for wrong in (body + tokens.checksum(body), tokens.make(tokens.KEY).token):
        asked: list[Any] = []
        id, hash = tokens.id_of(wrong, tokens.KEY), tokens.digest(wrong)
        known = accounts._parts.credentials._known
        at = house.clock.now()
        await accounts.context.desk.read(lambda r: known(Watched(r), tokens.KEY, id, hash, at))  # noqa: B023  # called at once
        every.append(asked)
    assert every[0] == every[1] == [("find", "ApiKey", ["hash", "limit"], [])]


async def test_what_stands_is_told_to_who_serves_one_request_for_long(partner: Person, house: Serving) -> None:
    made = [await partner.ok("POST", "/account/keys", {"name": f"k{n}"}) for n in range(2)]
    accounts = house.routes("accounts")
    ids = [each["id"] for each in made]

    async def standing() -> Mapping[str, Any]:
        found: Mapping[str, Any] = await accounts.context.desk.read(lambda r: accounts.standing(r, [*ids, "none"]))
        return found

    assert {*await standing()} == {*ids}
    await partner.ok("DELETE", f"/account/keys/{ids[0]}")
    assert {*await standing()} == {ids[1]}
    await house.operate("accounts.suspend", {"account": partner.email})
    assert await standing() == {}


async def test_a_grant_is_part_of_the_transaction_of_who_grants(ann: Person, house: Serving) -> None:
    accounts, id = house.routes("accounts"), await ann.id()

    def fails(writing: Any) -> None:
        accounts.grant(writing, id, API, "api_monthly", until=None, source="stripe")
        raise LookupError

    with pytest.raises(LookupError):
        await accounts.context.desk.write(fails)
    assert (await ann.ok("GET", "/account"))["api"] is None
    await accounts.context.desk.write(lambda w: accounts.grant(w, id, WEB, "pro", until=None, source="stripe"))
    assert (await ann.ok("GET", "/account"))["web"]["plan"] == "pro"
    reading = accounts.context.desk.read
    assert await reading(lambda r: accounts.account_of(r, " ANN@example.org")) == id
    assert await reading(lambda r: accounts.account_of(r, "not an address")) is None
    assert await reading(lambda r: accounts.email_of(r, id)) == "ann@example.org"


async def test_a_revocation_is_obeyed_by_another_process_within_a_second(
    postgres_server: Any, postgres_template: str
) -> None:
    """Two daemons of one PostgreSQL: one revokes; the other, which remembers the key, refuses within a second.

    Measured is when the last request was begun that was accepted, not how long a busy machine took to answer it.
    """
    name = postgres_server.create(template=postgres_template)
    url = postgres_server.url(name)
    async with serving(url, {"accounts": OPTIONS, "probe": {}}, extra=[probe()]) as here:
        ann = await (await Person(here, "ann@example.org").sign_up()).log_in()
        await ann.plan("api", "api_monthly")
        made = await ann.ok("POST", "/account/keys", {"name": "x"})
        there = await anyio.open_process([sys.executable, "-c", OTHER_DAEMON, url, made["key"]])
        assert there.stdout is not None
        async with there:
            lines = there.stdout
            assert b"accepted" in await lines.receive()
            revoked_at = time.time()
            await ann.ok("DELETE", f"/account/keys/{made['id']}")
            revoked_by = time.time()
            with anyio.fail_after(20):
                last = float(b"".join([chunk async for chunk in lines]).split()[-1])
    assert revoked_at < revoked_by
    assert last - revoked_by < 1.0
    postgres_server.drop(name)


OTHER_DAEMON = textwrap.dedent(
    """
    import sys, time
    import anyio
    from stratumd.testing.house import serving
    from tests.integration.accounts.conftest import OPTIONS
    from tests.integration.accounts.test_keys import by_key, probe, remembered

    async def main(url, key):
        async with serving(url, {"accounts": OPTIONS, "probe": {}}, extra=[probe()]) as house:
            await remembered(house, key)
            print("accepted", flush=True)
            last, begun = 0.0, time.time()
            while (await by_key(house, key)).status_code == 200:
                last, begun = begun, time.time()
            print(last, flush=True)

    anyio.run(main, *sys.argv[1:])
    """
)
