"""The fake says what Discord's documentation says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from stratumd.testing.discord import FakeDiscord

pytestmark = pytest.mark.anyio


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(limit=3) as fake:
        yield fake


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as found:
        yield found


def embed(**changes: Any) -> dict[str, Any]:
    return {"embeds": [{"title": "t"} | changes]}


async def test_answers_with_the_message_only_where_it_is_waited_for(
    discord: FakeDiscord, client: httpx.AsyncClient
) -> None:
    silent = await client.post(discord.webhook, json={"content": "hello"})
    spoken = await client.post(discord.webhook, params={"wait": "true"}, json=embed())
    assert (silent.status_code, silent.content) == (204, b"")
    assert (spoken.status_code, spoken.json()["id"]) == (200, discord.messages[1].id)
    assert discord.messages[1].embeds == [{"title": "t"}]


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({}, "content"),
        ({"content": "x" * 2_001}, "content"),
        (embed(title="x" * 257), "embeds.0.title"),
        (embed(title="😀" * 129), "embeds.0.title"),
        (embed(description="x" * 4_097), "embeds.0.description"),
        (embed(fields=[{"name": "n", "value": "v"}] * 26), "embeds.0.fields"),
        (embed(fields=[{"name": "", "value": "v"}]), "embeds.0.fields.0.name"),
        (embed(fields=[{"name": "n", "value": " "}]), "embeds.0.fields.0.value"),
        (embed(fields=[{"name": "n", "value": "x" * 1_025}]), "embeds.0.fields.0.value"),
        (embed(footer={"text": "x" * 2_049}), "embeds.0.footer.text"),
        (embed(timestamp="yesterday"), "embeds.0.timestamp"),
        (embed(color=0x1000000), "embeds.0.color"),
        ({"embeds": [{"title": "t"}] * 11}, "embeds"),
        ({"embeds": [{"description": "x" * 3_001}] * 2}, "embeds"),
        (embed() | {"allowed_mentions": {"parse": ["all"]}}, "allowed_mentions.parse"),
        ([], "body"),
    ],
)
async def test_refuses_what_breaks_a_limit_and_says_where(
    discord: FakeDiscord, client: httpx.AsyncClient, payload: Any, place: str
) -> None:
    answer = await client.post(discord.webhook, json=payload)
    assert answer.status_code == 400
    assert answer.json()["code"] == 50035
    assert place in answer.json()["errors"]
    assert discord.messages == []


async def test_refuses_a_body_that_is_no_json(discord: FakeDiscord, client: httpx.AsyncClient) -> None:
    form = await client.post(discord.webhook, data={"content": "hello"})
    broken = await client.post(discord.webhook, content=b"{", headers={"content-type": "application/json"})
    assert (form.status_code, broken.status_code) == (400, 400)


async def test_counts_a_bucket_down_and_then_refuses(discord: FakeDiscord, client: httpx.AsyncClient) -> None:
    answers = [await client.post(discord.webhook, json=embed()) for _ in range(4)]
    assert [each.headers["x-ratelimit-remaining"] for each in answers] == ["2", "1", "0", "0"]
    assert [each.status_code for each in answers] == [204, 204, 204, 429]
    limited = answers[3].json()
    assert 0 < limited["retry_after"] <= 2
    assert limited["global"] is False
    assert len(discord.messages) == 3


async def test_knows_no_other_webhook(discord: FakeDiscord, client: httpx.AsyncClient) -> None:
    known = discord.webhook
    wrong = await client.post(f"{known}x", json=embed())
    discord.delete_webhook()
    deleted = await client.post(known, json=embed())
    assert [wrong.json()["code"], deleted.json()["code"]] == [10015, 10015]


async def test_gives_the_answers_it_is_told_to(discord: FakeDiscord, client: httpx.AsyncClient) -> None:
    discord.limit_next(0.25, is_global=True)
    discord.answer_next(502, b"<html>bad gateway</html>", times=2)
    answers = [await client.post(discord.webhook, json=embed()) for _ in range(4)]
    assert [each.status_code for each in answers] == [429, 502, 502, 204]
    assert answers[0].json()["retry_after"] == 0.25
    assert answers[0].headers["x-ratelimit-global"] == "true"
    assert discord.statuses == [429, 502, 502, 204]
