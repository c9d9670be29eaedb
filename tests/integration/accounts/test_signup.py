"""Signing up by letter or invitation, and getting back in: over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import anyio
import pytest

from stratumd.plugin import DAY, MINUTE, Notice
from stratumd.testing.house import Serving
from tests.integration.accounts.conftest import BOTH, PASSWORD, Opened, Person

pytestmark = pytest.mark.anyio
NEW = "another Passw0rd of Ann"


@pytest.fixture
async def mailing(opened: Opened) -> AsyncIterator[Serving]:
    async with opened(mail=True) as house:
        yield house


async def letter(house: Serving, kind: str, number: int = 1, to: str = "ann@example.org") -> Notice:
    """Wait for so many letters of a kind to somebody, and return the newest."""
    with anyio.fail_after(10):
        while len(found := [n for n in house.notices if (n.kind, n.to) == (kind, to)]) < number:  # noqa: ASYNC110  # another task or process changes it
            await anyio.sleep(0.01)
    return found[-1]


def token(notice: Notice) -> str:
    found = re.search(r"https://odds\.example\.com/[a-z-]+#(\S+)", notice.text)
    assert found, notice.text
    return found[1]


@BOTH
async def test_an_address_is_confirmed_before_there_is_an_account(mailing: Serving) -> None:
    ann = await Person(mailing, "ann@example.org").sign_up()
    assert (await ann.try_login()).status_code == 401
    sent = await letter(mailing, "address_verification")
    assert sent.to == "ann@example.org"
    await ann.ok("POST", "/account/verification", {"token": token(sent)})
    await ann.log_in()
    again = await ann.call("POST", "/account/verification", {"token": token(sent)})
    assert again.status_code == 422, "it works once"


async def test_who_signs_up_again_gets_the_same_answer_and_another_letter(mailing: Serving) -> None:
    body = {"email": "ann@example.org", "password": PASSWORD}
    first = await mailing.client.post("/api/v1/account", json=body)
    ann = Person(mailing, "ann@example.org")
    await ann.ok("POST", "/account/verification", {"token": token(await letter(mailing, "address_verification"))})
    second = await mailing.client.post("/api/v1/account", json=body | {"password": NEW})
    assert (second.status_code, second.json()) == (first.status_code, first.json()) == (202, first.json())
    assert (await letter(mailing, "address_known")).to == ann.email
    assert (await ann.try_login(password=NEW)).status_code == 401
    await ann.log_in()


async def test_nobody_confirms_the_password_of_another(mailing: Serving) -> None:
    """Mallory signs up with Ann's address; what Ann confirms is what Ann typed."""
    ann, mallory = Person(mailing, "ann@example.org"), Person(mailing, "ann@example.org", NEW)
    await mallory.sign_up()
    of_mallory = await letter(mailing, "address_verification")
    await ann.sign_up()
    of_ann = await letter(mailing, "address_verification", 2)
    await ann.ok("POST", "/account/verification", {"token": token(of_ann)})
    assert (await ann.call("POST", "/account/verification", {"token": token(of_mallory)})).status_code == 422
    assert (await mallory.try_login()).status_code == 401
    await ann.log_in()


async def test_a_letter_that_is_too_old_confirms_nothing(mailing: Serving) -> None:
    ann = await Person(mailing, "ann@example.org").sign_up()
    sent = await letter(mailing, "address_verification")
    mailing.clock.advance(2 * DAY)
    assert (await ann.call("POST", "/account/verification", {"token": token(sent)})).status_code == 422


async def test_accounts_by_invitation_alone(opened: Opened) -> None:
    async with opened(sign_up="invite") as house:
        body = {"email": "ann@example.org", "password": PASSWORD}
        assert (await house.client.post("/api/v1/account", json=body)).status_code == 403
        (made,) = await house.operate("accounts.invite", {"email": "ann@example.org"})
        body["invitation"] = made["link"].partition("#")[2]
        wrong = await house.client.post("/api/v1/account", json=body | {"email": "mallory@example.org"})
        assert wrong.status_code == 403
        assert (await house.client.post("/api/v1/account", json=body)).status_code == 201
        again = await house.client.post("/api/v1/account", json=body | {"email": "bob@example.org"})
        assert again.status_code == 403


async def test_accounts_made_by_staff_alone(opened: Opened) -> None:
    async with opened(sign_up="off") as house:
        body = {"email": "ann@example.org", "password": PASSWORD}
        assert (await house.client.post("/api/v1/account", json=body)).status_code == 403
        (made,) = await house.operate("accounts.create", {"email": "Ann@example.org"})
        ann = Person(house, "ann@example.org")
        assert (await ann.try_login(password="")).status_code == 422
        assert (await ann.try_login()).status_code == 401
        await ann.ok("PUT", "/account/reset", {"token": made["link"].partition("#")[2], "password": PASSWORD})
        await ann.log_in()


# ---- a forgotten password


@BOTH
async def test_a_password_is_reset_by_a_letter_once(opened: Opened) -> None:
    async with opened(mail=True) as house:
        ann = await confirmed(house)
        assert (await ann.call("POST", "/account/reset", {"email": ann.email})).status_code == 202
        sent = token(await letter(house, "password_reset"))
        answer = await ann.call("PUT", "/account/reset", {"token": sent, "password": "short"})
        assert answer.status_code == 422, "it still works after a password that is too short"
        await ann.ok("PUT", "/account/reset", {"token": sent, "password": NEW})
        assert (await ann.call("GET", "/account")).status_code == 401, "all sessions have ended"
        assert (await ann.try_login()).status_code == 401
        assert (await ann.try_login(password=NEW)).status_code == 201
        assert (await ann.call("PUT", "/account/reset", {"token": sent, "password": NEW})).status_code == 422
        assert (await letter(house, "security")).to == ann.email


async def test_one_reset_closes_the_other_links(opened: Opened) -> None:
    async with opened(mail=True) as house:
        ann = await confirmed(house)
        links = []
        for number in (1, 2):
            await ann.ok("POST", "/account/reset", {"email": ann.email})
            links.append(token(await letter(house, "password_reset", number)))
        await ann.ok("PUT", "/account/reset", {"token": links[1], "password": NEW})
        assert (await ann.call("PUT", "/account/reset", {"token": links[0], "password": NEW})).status_code == 422


async def test_a_link_is_too_old_after_half_an_hour(opened: Opened) -> None:
    async with opened(mail=True) as house:
        ann = await confirmed(house)
        await ann.ok("POST", "/account/reset", {"email": ann.email})
        sent = token(await letter(house, "password_reset"))
        house.clock.advance(30 * MINUTE)
        assert (await ann.call("PUT", "/account/reset", {"token": sent, "password": NEW})).status_code == 422


async def test_a_reset_is_answered_the_same_for_everybody(opened: Opened) -> None:
    async with opened(mail=True) as house:
        ann = await confirmed(house)
        answers = [await ann.call("POST", "/account/reset", {"email": e}) for e in (ann.email, "nobody@example.org")]
        assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
        await letter(house, "password_reset")
        assert {notice.to for notice in house.notices} == {ann.email}


async def test_nobody_is_flooded_with_letters(opened: Opened) -> None:
    async with opened(mail=True, throttle={"per_address": 3}) as house:
        ann = await confirmed(house)
        for _ in range(6):
            await ann.ok("POST", "/account/reset", {"email": ann.email})
        bob = await confirmed(house, "bob@example.org")
        await bob.ok("POST", "/account/reset", {"email": bob.email})
        await letter(house, "password_reset", to=bob.email)
        assert len([each for each in house.notices if each.to == ann.email and each.kind == "password_reset"]) == 3


async def test_a_token_for_one_thing_is_none_for_another(opened: Opened) -> None:
    async with opened(mail=True) as house:
        ann = await confirmed(house)
        await ann.ok("POST", "/account/reset", {"email": ann.email})
        sent = token(await letter(house, "password_reset"))
        assert (await ann.call("POST", "/account/verification", {"token": sent})).status_code == 422
        await ann.ok("PUT", "/account/reset", {"token": sent, "password": NEW})


async def confirmed(house: Serving, email: str = "ann@example.org") -> Person:
    """Return somebody whose address is confirmed, logged in."""
    person = await Person(house, email).sign_up()
    sent = await letter(house, "address_verification", to=email)
    await person.ok("POST", "/account/verification", {"token": token(sent)})
    return await person.log_in()


async def test_no_address_is_an_error_of_ours(house: Serving) -> None:
    headers = {"content-type": "application/json"}
    for email in ("ann", "ann@\ud800.org", "a\x00@example.org", "a" * 300 + "@example.org", 7, None):
        body = json.dumps({"email": email, "password": PASSWORD}).encode()
        for path in ("account", "session"):
            answer = await house.client.post(f"/api/v1/{path}", content=body, headers=headers)
            assert answer.status_code in (400, 422), email
