"""The sink `discord` over HTTP: what arrives, and what every answer of Discord's does to the queue."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from stratumd.errors import DeliveryError
from stratumd.plugin import Delivery, Secret
from stratumd.runtime.attempts import Target
from stratumd.runtime.delivery import Worker
from stratumd.runtime.states import State, States
from stratumd.testing.discord import TOKEN, FakeDiscord
from stratumd_discord import webhook
from stratumd_discord.budget import MOST, Budget
from stratumd_discord.options import Options
from stratumd_discord.sink import DiscordSink
from tests.unit.runtime.delivery_fakes import MemoryContext, MemoryLog, MemoryQueue, StillClock, make_signal

pytestmark = pytest.mark.anyio

Open = Callable[[], Any]


@pytest.fixture(autouse=True)
def own_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has the invalid answers of its own process only."""
    monkeypatch.setattr(webhook, "OURS", Budget())


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake


@pytest.fixture
async def sink(discord: FakeDiscord) -> AsyncIterator[DiscordSink]:
    found = make_sink(discord.webhook)
    await found.open()
    yield found
    await found.close()


def make_sink(url: str) -> DiscordSink:
    return DiscordSink(Options(webhook=Secret(url), allow_loopback=True), MemoryContext(log=MemoryLog()))


def deliveries(count: int, home: str = "Boston Celtics") -> list[Delivery]:
    signals = [msgspec.structs.replace(make_signal(f"s{n}", event=f"e{n}"), home=home) for n in range(count)]
    return [Delivery(f"d{n}", signal) for n, signal in enumerate(signals)]


class Run:
    """The sink under core's own delivery, step by step."""

    def __init__(self, sink: DiscordSink, count: int) -> None:
        self.queue = MemoryQueue()
        self.queue.add("chat", *(each.signal for each in deliveries(count)))
        self.clock = StillClock()
        self.states = States(self.clock.now)
        target = Target("chat", sink, "discord", "1")
        log = MemoryLog()
        self.worker = Worker(target, self.queue, self.states, clock=self.clock, log=log, chance=lambda: 1.0)

    async def step(self) -> float:
        rest = await self.worker.step()
        self.clock.advance(rest.seconds)
        return rest.seconds

    @property
    def state(self) -> State:
        return self.states.get("sink", "chat").state


async def test_posts_ten_signals_as_one_message_that_mentions_nobody(sink: DiscordSink, discord: FakeDiscord) -> None:
    await sink.deliver(deliveries(10, home="@everyone"))
    message = discord.messages[0]
    assert [embed["footer"]["text"] for embed in message.embeds] == [f"nba · s{n}" for n in range(10)]
    assert message.payload["allowed_mentions"] == {"parse": []}


async def test_the_messages_id_is_the_receipt(sink: DiscordSink, discord: FakeDiscord) -> None:
    assert await sink.deliver(deliveries(1)) == discord.messages[0].id


async def test_messages_that_are_too_long_are_cut_and_taken(sink: DiscordSink, discord: FakeDiscord) -> None:
    await sink.deliver(deliveries(10, home="😀" * 3_000))
    assert len(discord.messages[0].embeds) == 10


async def test_what_is_refused_is_sent_tersely_once(sink: DiscordSink, discord: FakeDiscord) -> None:
    discord.answer_next(400, {"message": "Invalid Form Body", "code": 50035})
    await sink.deliver(deliveries(1))
    assert discord.statuses == [400, 200]
    assert discord.messages[0].embeds[0]["fields"] == []


async def test_what_is_refused_twice_is_a_dead_letter_and_blocks_nobody(
    sink: DiscordSink, discord: FakeDiscord
) -> None:
    run = Run(sink, 1)
    discord.answer_next(400, {"message": "Invalid Form Body", "code": 50035}, times=2)
    await run.step()
    run.queue.add("chat", make_signal("next"))
    await run.step()
    assert run.queue.states() == ["dead", "delivered"]
    assert discord.statuses == [400, 400, 200]


async def test_waits_as_long_as_a_429_asks_and_loses_nothing(sink: DiscordSink, discord: FakeDiscord) -> None:
    run = Run(sink, 3)
    discord.limit_next(64.57)
    assert await run.step() == 64.57
    assert run.queue.states() == ["pending"] * 3
    await run.step()
    assert run.queue.states() == ["delivered"] * 3
    assert discord.statuses == [429, 200]


async def test_an_empty_bucket_is_waited_for_before_the_next_message() -> None:
    """Discord never has to say 429."""
    async with FakeDiscord(limit=2, window=0.2) as discord:
        sink = make_sink(discord.webhook)
        await sink.open()
        for _ in range(6):
            await sink.deliver(deliveries(1))
        await sink.close()
    assert discord.statuses == [200] * 6


async def test_a_long_wait_for_the_bucket_is_the_queues_business(sink: DiscordSink, discord: FakeDiscord) -> None:
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "60"}
    discord.answer_next(200, {"id": "1"}, headers=spent)
    await sink.deliver(deliveries(1))
    with pytest.raises(DeliveryError, match="rate limit") as limited:
        await sink.deliver(deliveries(1))
    assert limited.value.retry_after == pytest.approx(60, abs=5)
    assert len(discord.statuses) == 1


async def test_a_global_limit_stops_every_webhook_of_the_process(discord: FakeDiscord) -> None:
    budget = Budget()
    first, second = (webhook.Webhook(Secret(discord.webhook), budget=budget) for _ in range(2))
    discord.limit_next(30.0, is_global=True)
    with pytest.raises(DeliveryError, match="rate limit"):
        await first.post({"content": "hello"})
    with pytest.raises(DeliveryError, match="rate limit") as limited:
        await second.post({"content": "hello"})
    assert limited.value.retry_after == pytest.approx(30, abs=5)
    assert discord.statuses == [429]
    for each in (first, second):
        await each.close()


async def test_discord_is_asked_no_more_before_it_would_ban_us(discord: FakeDiscord) -> None:
    """However short the waits that it asks for are."""
    budget = Budget()
    for _ in range(MOST - 10):
        budget.count(429, shared=False)
    posting = webhook.Webhook(Secret(discord.webhook), budget=budget)
    discord.answer_next(429, {"retry_after": 0.0}, times=30)
    for _ in range(30):
        with pytest.raises(DeliveryError):
            await posting.post({"content": "hello"})
    assert len(discord.statuses) == 10
    await posting.close()


async def test_a_deleted_webhook_is_asked_once_and_never_again(sink: DiscordSink, discord: FakeDiscord) -> None:
    discord.delete_webhook()
    run = Run(sink, 2)
    for _ in range(5):
        await run.step()
    assert discord.statuses == [404]
    assert run.state is State.PERMANENT_ERROR
    assert "set a new one" in run.states.get("sink", "chat").reason


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302])
async def test_an_outage_is_waited_out(sink: DiscordSink, discord: FakeDiscord, status: int) -> None:
    run = Run(sink, 3)
    discord.answer_next(status, b"<html>", headers={"Location": "http://127.0.0.1:1/"}, times=3)
    assert [await run.step() for _ in range(4)] == [1, 2, 4, 0]
    assert run.queue.states() == ["delivered"] * 3
    assert len(discord.messages) == 1


@pytest.mark.parametrize("way", ["hang_next", "drip_next"])
async def test_no_exchange_takes_longer_than_its_deadline(discord: FakeDiscord, way: str) -> None:
    """A body that drips for ever ends no sooner than one that never comes, and no later."""
    getattr(discord, way)()
    posting = webhook.Webhook(Secret(discord.webhook), deadline=0.2)
    with anyio.fail_after(30), pytest.raises(DeliveryError, match=r"did not answer within 0\.2 s") as late:
        await posting.post({"content": "hello"})
    assert not late.value.permanent
    await posting.close()


async def test_an_endless_answer_is_read_no_further_than_needed(discord: FakeDiscord) -> None:
    discord.answer_next(200, b"x" * 30_000_000)
    posting = webhook.Webhook(Secret(discord.webhook))
    assert await posting.post({"content": "hello"}) is None
    await posting.close()


async def test_ignores_proxies_of_the_environment(
    sink: DiscordSink, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    fresh = make_sink(discord.webhook)
    await fresh.open()
    await fresh.deliver(deliveries(1))
    await fresh.close()
    assert discord.statuses == [200]


class Breaking(httpx.AsyncBaseTransport):
    """Fails with `error`."""

    def __init__(self, error: type[httpx.HTTPError]) -> None:
        self.error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise self.error("broken", request=request)  # type: ignore[call-arg]  # transport errors take one


def transport_errors() -> list[type[httpx.TransportError]]:
    def below(kind: type[httpx.TransportError]) -> list[type[httpx.TransportError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    return below(httpx.TransportError)


@pytest.mark.parametrize("error", transport_errors(), ids=lambda error: error.__name__)
async def test_every_failure_of_the_connection_is_a_delivery_error(
    monkeypatch: pytest.MonkeyPatch, error: type[httpx.HTTPError]
) -> None:
    monkeypatch.setattr("httpx.AsyncHTTPTransport", lambda **options: Breaking(error))
    posting = webhook.Webhook(Secret(f"https://discord.com/api/webhooks/1/{TOKEN}"))
    with pytest.raises(DeliveryError, match=error.__name__) as failure:
        await posting.post({"content": "hello"})
    assert (failure.value.permanent, failure.value.disable) == (False, False)
    assert TOKEN not in "".join(traceback.format_exception(failure.value))


async def test_the_webhook_is_seen_nowhere(
    sink: DiscordSink, discord: FakeDiscord, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither httpx's own log lines, nor errors with their causes, nor the state, nor our log."""
    caplog.set_level(logging.DEBUG)
    run = Run(sink, 4)
    discord.answer_next(400, {"message": "no"})
    discord.limit_next(1.5)
    discord.answer_next(500)
    for _ in range(3):
        await run.step()
    refused = make_sink("http://127.0.0.1:9/api/webhooks/1/" + TOKEN)
    await refused.open()
    with pytest.raises(DeliveryError) as failure:
        await refused.deliver(deliveries(1))
    await refused.close()
    discord.delete_webhook()
    run.queue.add("chat", make_signal("last", event="last"))
    await run.step()
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    seen = [*lines, str(list(run.states)), str([row.error for row in run.queue.rows])]
    log: Any = sink.context.log
    seen += [str(log.lines), "".join(traceback.format_exception(failure.value)), repr(sink.options)]
    assert any("HTTP Request: POST" in line for line in lines)
    assert run.state is State.PERMANENT_ERROR
    assert not [text for text in seen if TOKEN in text or "1199" in text]
