"""Discord channels of people's own, over real HTTP and the fake Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest

from stratumd.plugin import MINUTE
from stratumd.testing.clock import VirtualClock
from stratumd.testing.discord import TOKEN, FakeDiscord
from stratumd.testing.discord_consent import CLIENT_ID, CLIENT_SECRET
from stratumd.testing.house import Serving
from tests.integration.accounts.conftest import BOTH, ORIGIN, Opened, Person
from tests.support.steps import START, keep, observation, step

pytestmark = pytest.mark.anyio
URL = f"https://discord.com/api/webhooks/1199/{TOKEN}"


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake


def options(discord: FakeDiscord, **more: Any) -> dict[str, Any]:
    found = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "api_url": discord.api,
        "token_url": f"{discord.api}/oauth2/token",
    }
    return {"discord": found | more}


@pytest.fixture
async def house(opened: Opened, discord: FakeDiscord) -> AsyncIterator[Serving]:
    async with opened(VirtualClock(START), **options(discord)) as held:
        yield held


@pytest.fixture
async def pro(ann: Person) -> Person:
    await ann.plan("web", "pro")
    return ann


def found(house: Serving, signals: int, *, at: int = START) -> None:
    """Commit signals, as a pipeline does."""
    keep(house.store, step(observation(at), signals=signals))
    house.told()


async def posted(discord: FakeDiscord, number: int) -> list[dict[str, Any]]:
    """Wait until so many signals were posted."""
    with anyio.fail_after(15):
        while len(embeds := [each for message in discord.messages for each in message.embeds]) < number:  # noqa: ASYNC110  # another task or process changes it
            await anyio.sleep(0.02)
    return embeds


# ---- connecting


async def test_a_channel_is_connected_by_its_webhook_and_shown_without_it(pro: Person) -> None:
    made = await pro.ok("POST", "/account/discord/connections", {"url": URL, "min_strength": 60, "types": ["STEAM"]})
    assert (made["name"], made["via"], made["status"], made["min_strength"]) == ("signals", "webhook", "active", 60)
    listed = await pro.call("GET", "/account/discord/connections")
    assert listed.json()["items"] == [made]
    assert TOKEN not in listed.text
    changed = await pro.ok("PATCH", f"/account/discord/connections/{made['id']}", {"name": "Steam", "types": []})
    assert (changed["name"], changed["types"], changed["min_strength"]) == ("Steam", [], 60)
    assert (await pro.call("POST", "/account/discord/connections", {"url": URL})).status_code == 409
    await pro.ok("DELETE", f"/account/discord/connections/{made['id']}")
    assert (await pro.ok("GET", "/account/discord/connections"))["items"] == []


async def test_a_type_that_nobody_gives_is_told(pro: Person, house: Serving) -> None:
    house.configured.signal_types = ("STEAM", "MOVE")
    path = "/account/discord/connections"
    made = await pro.ok("POST", path, {"url": URL, "types": ["MOVE"]})
    for refused in (
        await pro.call("POST", path, {"url": URL, "types": ["STEEM"]}),
        await pro.call("PATCH", f"{path}/{made['id']}", {"types": ["MOVE", "STEEM"]}),
    ):
        wanted = "types: there are no signals of type 'STEEM': did you mean 'STEAM'?"
        assert (refused.status_code, refused.json()["detail"]) == (422, wanted)
    assert (await pro.ok("GET", path))["items"] == [made]


async def test_a_plan_without_discord_connects_none(ann: Person) -> None:
    assert (await ann.call("POST", "/account/discord/connections", {"url": URL})).status_code == 403
    assert (await ann.call("POST", "/account/discord/authorizations")).status_code == 403


async def test_what_discord_does_not_know_is_not_connected(pro: Person) -> None:
    for address in ["http://127.0.0.1/api/webhooks/1199/" + TOKEN, "https://discord.com/", "x", URL + "x"]:
        answer = await pro.call("POST", "/account/discord/connections", {"url": address})
        assert answer.status_code == 422
        assert TOKEN not in answer.text


async def test_the_channels_of_others_are_not_there(pro: Person, house: Serving) -> None:
    made = await pro.ok("POST", "/account/discord/connections", {"url": URL})
    mallory = await (await Person(house, "mallory@example.org").sign_up()).log_in()
    await mallory.plan("web", "pro")
    path = f"/account/discord/connections/{made['id']}"
    assert (await mallory.call("PATCH", path, {"name": "x"})).status_code == 404
    assert (await mallory.call("DELETE", path)).status_code == 404
    assert (await mallory.ok("GET", "/account/discord/connections"))["items"] == []


# ---- by Discord's consent page


async def begun(person: Person) -> str:
    url: str = (await person.ok("POST", "/account/discord/authorizations"))["url"]
    return url


async def come_back(person: Person, query: dict[str, str]) -> Any:
    return await person.house.client.get("/api/v1/account/discord/callback", params=query, headers=person.headers)


@BOTH
async def test_a_channel_is_connected_by_consent_and_the_state_works_once(pro: Person, discord: FakeDiscord) -> None:
    await pro.log_in_by_cookie()
    url = await begun(pro)
    asked = parse_qs(urlsplit(url).query)
    assert asked["redirect_uri"] == [f"{ORIGIN}/api/v1/account/discord/callback"]
    query = discord.consent.give(url)
    pro.headers = {"cookie": pro.headers["cookie"]}  # the browser comes from another page: no header of ours
    answer = await come_back(pro, query)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ORIGIN}/?discord=connected")
    (made,) = (await pro.ok("GET", "/account/discord/connections"))["items"]
    assert (made["via"], made["channel"]) == ("oauth", "1200")
    assert (await come_back(pro, query)).status_code == 400, "the state is used up"
    again = discord.consent.give(url)
    assert (await come_back(pro, again)).status_code == 400, "also with another code"


async def test_a_state_belongs_to_the_session_that_began_it(pro: Person, house: Serving, discord: FakeDiscord) -> None:
    """Mallory's channel is not connected to Ann's account by a link that Ann opens, nor the other way round."""
    mallory = await (await Person(house, "mallory@example.org").sign_up()).log_in()
    await mallory.plan("web", "pro")
    query = discord.consent.give(await begun(mallory))
    assert (await come_back(pro, query)).status_code == 400
    other = await Person(house, mallory.email).log_in()
    assert (await come_back(other, query)).status_code == 400, "another session of the same account"
    assert (await come_back(mallory, query)).status_code == 303, "what others tried has not used it up"
    assert (await house.client.get("/api/v1/account/discord/callback", params=query)).status_code == 401


async def test_a_state_is_old_after_ten_minutes(pro: Person, house: Serving, discord: FakeDiscord) -> None:
    query = discord.consent.give(await begun(pro))
    house.clock.advance(10 * MINUTE)
    assert (await come_back(pro, query)).status_code == 400


async def test_a_code_of_another_begin_is_not_accepted(pro: Person, discord: FakeDiscord) -> None:
    """PKCE: a code that was given for one challenge is worth nothing with another one's verifier."""
    first, second = discord.consent.give(await begun(pro)), discord.consent.give(await begun(pro))
    assert (await come_back(pro, second | {"code": first["code"]})).status_code == 422


async def test_who_says_no_is_sent_back(pro: Person, discord: FakeDiscord) -> None:
    state = discord.consent.give(await begun(pro))["state"]
    answer = await come_back(pro, {"state": state, "error": "access_denied", "error_description": "no"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ORIGIN}/?discord=denied")


async def test_a_state_that_was_never_given_is_refused(pro: Person) -> None:
    queries: list[dict[str, str]] = [{}, {"state": "x", "code": "y"}, {"state": "\u2028" * 40}, {"code": "z"}]
    for query in queries:
        assert (await come_back(pro, query)).status_code == 400


async def test_without_an_application_there_is_no_consent(opened: Opened) -> None:
    async with opened() as house:
        ann = await (await Person(house, "ann@example.org").sign_up()).log_in()
        await ann.plan("web", "pro")
        assert (await ann.call("POST", "/account/discord/authorizations")).status_code == 409


# ---- what is sent


@BOTH
async def test_signals_from_the_connection_on_are_posted_in_order(
    pro: Person, house: Serving, discord: FakeDiscord
) -> None:
    found(house, 1)
    await pro.ok("POST", "/account/discord/connections", {"url": URL})
    for number in range(1, 4):
        found(house, 4, at=START + number)
    embeds = await posted(discord, 12)
    stored = [entry.signal.id for entry in house.reader.feed(0, 100)]
    assert [each["footer"]["text"] for each in embeds] == stored[1:]
    assert all(message.payload["allowed_mentions"] == {"parse": []} for message in discord.messages)


async def test_a_channel_gets_what_it_asks_for(pro: Person, house: Serving, discord: FakeDiscord) -> None:
    made = await pro.ok("POST", "/account/discord/connections", {"url": URL, "types": ["MOVE"]})
    found(house, 2)
    await settled(house, made["id"])
    assert discord.messages == []
    await pro.ok("PATCH", f"/account/discord/connections/{made['id']}", {"types": []})
    found(house, 1, at=START + 1)
    assert len(await posted(discord, 1)) == 1


async def settled(house: Serving, connection: str) -> None:
    """Wait until the connection has come to the end of the feed."""
    from stratumd_accounts.rows import Cursor

    desk, (_, newest) = house.routes("accounts").context.desk, house.reader.ends()
    with anyio.fail_after(15):
        while True:
            cursor = await desk.read(lambda reading: reading.get(Cursor, connection=connection))
            if cursor is not None and cursor.sequence >= newest:
                return
            await anyio.sleep(0.02)


async def test_a_plan_that_ended_gets_nothing_also_not_later(pro: Person, house: Serving, discord: FakeDiscord) -> None:
    made = await pro.ok("POST", "/account/discord/connections", {"url": URL})
    await pro.plan("web", None)
    found(house, 2)
    await settled(house, made["id"])
    await pro.plan("web", "pro")
    found(house, 1, at=START + 1)
    (embed,) = await posted(discord, 1)
    assert embed["footer"]["text"] == house.reader.feed(2, 1)[0].signal.id


async def test_a_plan_with_a_delay_gets_signals_late_and_without_what_it_hides(
    opened: Opened, discord: FakeDiscord
) -> None:
    plans = {"slow": {"kind": "web", "title": "Slow", "delay": "5m", "hidden": ["books"], "discord": True}}
    async with opened(VirtualClock(START), plans=plans, **options(discord)) as house:
        ann = await (await Person(house, "ann@example.org").sign_up()).log_in()
        await ann.plan("web", "slow")
        made = await ann.ok("POST", "/account/discord/connections", {"url": URL})
        found(house, 1)
        delivery = house.routes("accounts")._delivery
        for _ in range(3):
            await delivery.round()
        assert discord.messages == []
        house.clock.advance(5 * MINUTE)
        (embed,) = await posted(discord, 1)
        signal = house.reader.feed(0, 1)[0].signal
        assert not any(book in embed["title"] for book in signal.books)
        await settled(house, made["id"])


async def test_a_channel_that_discord_knows_no_more_is_given_up(
    pro: Person, house: Serving, discord: FakeDiscord
) -> None:
    await pro.ok("POST", "/account/discord/connections", {"url": URL})
    discord.delete_webhook()
    found(house, 1)
    with anyio.fail_after(15):
        while (await pro.ok("GET", "/account/discord/connections"))["items"][0]["status"] != "gone":  # noqa: ASYNC110  # another task or process changes it
            await anyio.sleep(0.05)


async def test_a_message_is_sent_again_after_a_failure_and_a_limit(
    pro: Person, house: Serving, discord: FakeDiscord
) -> None:
    await pro.ok("POST", "/account/discord/connections", {"url": URL})
    discord.limit_next(0.5)
    found(house, 1)
    assert len(await posted(discord, 1)) == 1
    discord.answer_next(400)
    found(house, 1, at=START + 1)
    embeds = await posted(discord, 2)
    assert set(embeds[1]) == {"title"}, "once more, tersely"


async def test_only_one_daemon_sends(opened: Opened) -> None:
    """A second delivery over the same database, as another daemon's is; neither sends by itself meanwhile."""
    from stratumd_accounts.discord_delivery import DiscordDelivery

    async with opened(background=False) as house:
        first = house.routes("accounts")._delivery
        second = DiscordDelivery(first._parts, first._discord)
        assert await first._is_ours()
        assert not await second._is_ours()
        await first.release()
        assert await second._is_ours()
        assert not await first._is_ours()
        house.clock.advance(MINUTE)
        assert await first._is_ours(), "a daemon that is gone is followed by another"
