"""What staff does with accounts and keys, what the audit says of it, and what is never to be seen anywhere."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import sqlalchemy as sa

from stratumd.plugin import Secret
from stratumd.plugin.desk import Act, AuditRow
from stratumd.plugin.routes import Refused
from stratumd.testing.discord import TOKEN, FakeDiscord
from stratumd.testing.discord_consent import CLIENT_SECRET
from stratumd.testing.house import Serving
from tests.integration.accounts.conftest import BOTH, PASSWORD, SECRET, Opened, Person
from tests.integration.accounts.test_discord import URL, begun, options

pytestmark = pytest.mark.anyio


async def rows(house: Serving) -> list[AuditRow]:
    found: list[AuditRow] = await house.routes("accounts").context.desk.read(lambda reading: reading.find(AuditRow))
    return found


async def test_an_account_is_shown_by_id_or_address(ann: Person, house: Serving) -> None:
    by_address = await house.operate("accounts.show", {"account": " ANN@example.org "})
    by_id = await house.operate("accounts.show", {"account": await ann.id()})
    assert by_address == by_id
    assert by_id[0]["web"] == "free"
    with pytest.raises(Refused) as refused:
        await house.operate("accounts.show", {"account": "nobody"})
    assert refused.value.status == 404


async def test_accounts_are_listed_the_newest_first(ann: Person, house: Serving) -> None:
    house.clock.advance(1)
    await Person(house, "bob@example.org").sign_up()
    await house.operate("accounts.set-role", {"account": "bob@example.org", "role": "ops_admin"})
    everybody = await house.operate("accounts.list")
    assert [row["email"] for row in everybody] == ["bob@example.org", "ann@example.org"]
    assert [row["email"] for row in await house.operate("accounts.list", {"role": "ops_admin"})] == ["bob@example.org"]
    assert [row["email"] for row in await house.operate("accounts.list", {"limit": 1})] == ["bob@example.org"]


async def test_a_role_is_that_of_the_next_session(ann: Person, house: Serving) -> None:
    await house.operate("accounts.set-role", {"account": ann.email, "role": "super_admin"})
    assert (await ann.call("GET", "/account")).status_code == 401
    await ann.log_in()
    assert (await ann.ok("GET", "/account"))["role"] == "super_admin"
    with pytest.raises(Refused):
        await house.operate("accounts.set-role", {"account": ann.email, "role": "emperor"})
    await house.operate("accounts.set-role", {"account": ann.email})
    assert (await (await ann.log_in()).ok("GET", "/account"))["role"] == ""


async def test_a_plan_that_cannot_be_is_refused(ann: Person, house: Serving) -> None:
    for wrong in [
        {"kind": "web", "plan": "api_monthly"},
        {"kind": "api", "plan": "nothing"},
        {"kind": "web", "plan": "pro", "until": "yesterday"},
        {"kind": "web", "plan": "pro", "until": "2020-01-01T00:00:00Z"},
        {"kind": "web", "plan": "pro", "until": "9999-12-31T23:59:59-23:59"},
    ]:
        with pytest.raises(Refused):
            await house.operate("accounts.set-plan", {"account": ann.email} | wrong)


@BOTH
async def test_staff_issues_rotates_and_revokes_keys(ann: Person, house: Serving) -> None:
    await ann.plan("api", "api_monthly")
    (made,) = await house.operate("accounts.keys.issue", {"account": ann.email, "name": "x", "expires_in": "2d"})
    assert made["key"].startswith("strm_live_")
    assert made["expires_at"] == "2026-01-12T12:00:00Z"
    (new,) = await house.operate("accounts.keys.rotate", {"key": made["id"], "overlap": "0s"})
    assert new["key"] != made["key"]
    (revoked,) = await house.operate("accounts.keys.revoke", {"key": new["id"]})
    assert revoked["status"] == "revoked"
    assert "key" not in revoked
    listed = await house.operate("accounts.keys.list", {"account": ann.email})
    assert {row["id"]: row["status"] for row in listed} == {made["id"]: "expired", new["id"]: "revoked"}
    (shown,) = await house.operate("accounts.keys.show", {"key": made["id"]})
    assert shown["successor"] == new["id"]


async def test_a_password_is_reset_by_staff(ann: Person, house: Serving) -> None:
    (made,) = await house.operate("accounts.reset-password", {"account": ann.email})
    await ann.ok("PUT", "/account/reset", {"token": made["link"].partition("#")[2], "password": "a Passw0rd of staff"})
    assert (await ann.try_login(password="a Passw0rd of staff")).status_code == 201


async def test_with_letters_no_link_is_shown_to_staff(opened: Opened) -> None:
    async with opened(mail=True) as house:
        (made,) = await house.operate("accounts.create", {"email": "ann@example.org"})
        assert (made["sent"], "link" in made) == (True, False)
        (reset,) = await house.operate("accounts.reset-password", {"account": "ann@example.org"})
        assert (reset["sent"], "link" in reset) == (True, False)
        assert [notice.kind for notice in house.notices] == ["password_reset"] * 2


@BOTH
async def test_every_write_of_staff_is_on_record_with_before_and_after(ann: Person, house: Serving) -> None:
    act = Act(actor="console:root", action="accounts.suspend", target=ann.email, reason="a reason", request_id="r1")
    await house.operate("accounts.suspend", {"account": ann.email}, act)
    row = (await rows(house))[-1]
    assert (row.actor, row.action, row.reason, row.request_id) == ("console:root", act.action, "a reason", "r1")
    changed = {each["table"]: each["row"] for each in json.loads(row.after)}
    assert (changed["accounts_accounts"]["status"], changed["accounts_accounts"]["password"]) == ("suspended", "***")
    assert "accounts_versions" not in row.after
    before = len(await rows(house))
    await house.operate("accounts.suspend", {"account": ann.email}, act)
    assert len(await rows(house)) == before, "nothing was changed"
    assert house.reader.audit_breaks() == []


async def test_the_audit_names_an_account_by_its_id_however_it_was_typed(ann: Person, house: Serving) -> None:
    (made,) = await house.operate("accounts.create", {"email": "bob@example.org"})
    await house.operate("accounts.set-plan", {"account": "Bob@Example.org", "kind": "api", "plan": "api_monthly"})
    await house.operate("accounts.keys.issue", {"account": "bob@example.org", "name": "x"})
    await house.operate("accounts.reset-password", {"account": "bob@example.org"})
    await house.operate("accounts.suspend", {"account": made["id"]})
    assert [row.target for row in await rows(house)][-4:] == [made["id"]] * 4


def test_every_operation_says_what_it_needs() -> None:
    """Whatever takes access away or gives it is sensitive; whatever only shows writes nothing."""
    from stratumd_accounts import key_operations, operations

    for operation in (*operations.OPERATIONS, *key_operations.OPERATIONS):
        group, verb = operation.command
        assert operation.permission.endswith(":write" if operation.writes else ":read"), operation.name
        assert operation.writes == (verb not in ("list", "show")), operation.name
        sensitive = {
            "suspend",
            "set-role",
            "set-plan",
            "reset-password",
            "remove-second-factor",
            "issue",
            "rotate",
            "revoke",
        }
        assert operation.sensitive == (verb in sensitive), operation.name
        assert group in ("accounts", "keys", "plans")


# ---- what nobody sees


@BOTH
async def test_no_secret_is_in_the_database_the_audit_the_logs_or_an_error(
    opened: Opened, url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with FakeDiscord() as discord, opened(mail=True, **options(discord)) as house:
        secrets, answers = await lived(house, discord)
        dumped = dump(url)
    out = capfd.readouterr()
    for name, secret in secrets.items():
        assert secret not in dumped, f"{name} is in the database"
        assert secret not in out.out + out.err + caplog.text, f"{name} is in the logs"
        assert secret not in answers, f"{name} is in an error"


async def lived(house: Serving, discord: FakeDiscord) -> tuple[dict[str, str], str]:
    """Do everything that makes a secret; return them, and the texts of answers that refuse something."""
    ann = await Person(house, "ann@example.org").sign_up()
    verification = house.notices[-1].text.partition("#")[2].split()[0]
    await ann.ok("POST", "/account/verification", {"token": verification})
    await ann.log_in()
    await ann.plan("web", "pro")
    await ann.plan("api", "api_monthly")
    key = (await ann.ok("POST", "/account/keys", {"name": "x"}))["key"]
    second, codes = await ann.totp()
    await ann.ok("POST", "/account/discord/connections", {"url": URL})
    state = discord.consent.give(await begun(ann))["state"]
    (invited,) = await house.operate("accounts.invite", {})
    refused = [
        await ann.try_login(code="000000"),
        await ann.try_login(password=PASSWORD + "x"),
        await ann.call("POST", "/account/password", {"current": PASSWORD, "new": "canary-short"[:11]}),
        await ann.call("POST", "/account/password", {"current": PASSWORD, "new": 7}),
        await ann.call("POST", "/account/discord/connections", {"url": URL}),
        await house.client.get("/api/v1/account", headers={"authorization": "Bearer " + key}),
    ]
    secrets = {
        "the file's secret": SECRET,
        "the password": PASSWORD,
        "the session's token": ann.headers["authorization"].removeprefix("Bearer "),
        "the key": key,
        "the second factor": second.secret,
        "a recovery code": codes[0],
        "the webhook's token": TOKEN,
        "the application's secret": CLIENT_SECRET,
        "an OAuth state": state,
        "a letter's token": verification,
        "an invitation": invited["link"].partition("#")[2],
    }
    return secrets, "".join(answer.text for answer in refused)


def dump(url: str) -> str:
    """Return everything in the database as text."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        tables = sa.inspect(engine).get_table_names()
        found: list[Any] = [connection.execute(sa.text(f'SELECT * FROM "{table}"')).all() for table in tables]
    engine.dispose()
    return repr(found)


def test_the_options_show_no_secret() -> None:
    from stratumd_accounts.options import Options

    shown = Options.model_validate(
        {"secret": SECRET, "public_url": "https://x.example", "discord": {"client_secret": "canary-cs"}}
    )
    assert "canary" not in repr(shown) + shown.model_dump_json()
    assert isinstance(shown.secret, Secret)
