"""Notices over real HTTP and SMTP: through the sinks that take them, at least once, and in nobody's way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.errors import DeliveryError
from stratumd.plugin import Notice, Sink
from stratumd.runtime.attempts import Target
from stratumd.runtime.backoff import Retry
from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.core import Core
from stratumd.runtime.courier import Courier
from stratumd.runtime.delivery import Worker
from stratumd.runtime.journal import Journal
from stratumd.runtime.notices import Notices
from stratumd.runtime.states import States
from stratumd.runtime.telling import Teller
from stratumd.store import Store, open_store
from stratumd.testing.discord import FakeDiscord
from stratumd.testing.receiver import Receiver
from stratumd.testing.smtp import FakeSmtp
from stratumd_discord.sink import DiscordSink
from stratumd_email.sink import EmailSink
from stratumd_file.sink import FileSink
from stratumd_webhook.sink import WebhookSink
from tests.support import steps
from tests.support.daemon import PATIENCE, Daemon
from tests.unit.runtime.delivery_fakes import MemoryContext, MemoryLog, Scripted

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
QUICK = Retry(first=0.001, longest=0.01, attempts=5, faults=3)
TIMER = SystemTimer()


def news(id: str = "usage/7/80", **changed: Any) -> Notice:
    given: dict[str, Any] = {"title": "80 % used", "text": "of *all*\ntoday", "at": TIMER.now()}
    return Notice(id=id, kind="usage", **given | changed)


def made(kind: type[Sink], **options: Any) -> Sink:
    return kind(kind.config.model_validate(options), MemoryContext(clock=TIMER, log=MemoryLog()))


def webhook(receiver: Receiver) -> Sink:
    return made(WebhookSink, url=receiver.url, secret=SECRET, allow=["127.0.0.0/8"])


def email(server: FakeSmtp) -> Sink:
    plain = {"host": "127.0.0.1", "port": server.port, "security": "none"}
    return made(EmailSink, **plain, sender="a@example.com", to=["ops@example.com"])


class Running:
    """Some sinks' workers, and the part that gives notices to them."""

    def __init__(self, store: Store, deaf: tuple[str, ...], sinks: dict[str, Sink]) -> None:
        self.store, self.log = store, MemoryLog()
        self.core = Core(store, States(TIMER.now), Journal(), timer=TIMER)
        self.courier = Courier([self._worker(name, sink, name in deaf) for name, sink in sinks.items()], store)
        self.notices = Notices(self.courier, self.core)

    def _worker(self, name: str, sink: Sink, deaf: bool) -> Worker:
        target, log = Target(name, sink, "test"), self.log
        teller = None if deaf else Teller(target, self.store.notices, clock=TIMER, log=log, retry=QUICK)
        return Worker(target, self.store, self.core.states, clock=TIMER, log=log, retry=QUICK, poll=0.02, teller=teller)

    async def sent(self) -> None:
        """Wait until no notice waits."""
        with anyio.fail_after(PATIENCE):
            while any(row.state != "dead" for row in self.store.notices.unsent()):  # noqa: ASYNC110  # the store's
                await anyio.sleep(0.01)


@asynccontextmanager
async def running(store: Store, deaf: tuple[str, ...] = (), **sinks: Sink) -> AsyncIterator[Running]:
    found = Running(store, deaf, sinks)
    async with anyio.create_task_group() as group:
        group.start_soon(found.courier.run)
        group.start_soon(found.notices.run)
        yield found
        group.cancel_scope.cancel()


@pytest.fixture
def store(database_url: str) -> Any:
    opened = open_store(database_url)
    yield opened
    opened.close()


async def test_every_bundled_sink_sends_it_in_its_own_way(store: Store, tmp_path: Path) -> None:
    lines = tmp_path / "out.jsonl"
    async with Receiver(SECRET) as receiver, FakeSmtp() as smtp, FakeDiscord() as discord:
        chat = made(DiscordSink, webhook=discord.webhook, allow_loopback=True)
        kept = made(FileSink, path=str(lines))
        async with running(store, hook=webhook(receiver), mail=email(smtp), chat=chat, file=kept) as all:
            await all.notices.notify(news())
            await all.sent()
    (posted,) = receiver.requests
    assert (posted.verified, posted.json()["type"], posted.json()["data"]["text"]) == (
        True,
        "stratumd.notice",
        "of *all*\ntoday",
    )
    (mail,) = smtp.mails
    assert (mail.recipients, mail.message["Subject"]) == (("ops@example.com",), "80 % used")
    assert "of *all*" in mail.message.get_content()
    (message,) = discord.messages
    assert (message.embeds[0]["title"], message.embeds[0]["description"]) == ("80 % used", "of \\*all\\*\ntoday")
    (line,) = map(json.loads, lines.read_text().splitlines())
    assert (line["type"], line["id"], line["kind"]) == ("stratumd.notice", "usage/7/80", "usage")


async def test_one_to_a_person_goes_to_that_person_alone(store: Store) -> None:
    async with (
        Receiver(SECRET) as receiver,
        FakeSmtp() as smtp,
        running(store, hook=webhook(receiver), mail=email(smtp)) as all,
    ):
        await all.notices.notify(news(to="me@example.com", text="https://example.com/reset?x"))
        await all.sent()
    assert [mail.recipients for mail in smtp.mails] == [("me@example.com",)]
    assert receiver.requests == []


@pytest.mark.parametrize("address", ["nobody", "a@b.org, c@d.org", "a@b.org\nBcc: c@d.org"])
async def test_what_is_no_address_is_given_up(store: Store, address: str) -> None:
    async with FakeSmtp() as smtp, running(store, mail=email(smtp)) as all:
        await all.notices.notify(news(to=address))
        await all.sent()
        assert [row.state for row in store.notices.unsent()] == ["dead"]
    assert smtp.mails == []


async def test_a_refused_address_is_given_up_and_the_deliveries_go_on(store: Store) -> None:
    async with FakeSmtp() as smtp, running(store, mail=email(smtp)) as all:
        smtp.reply_next("RCPT", 550, "no such user")
        await all.notices.notify(news(to="me@example.com"))
        await all.sent()
        (row,) = store.notices.unsent()
        assert (row.state, row.attempts) == ("dead", 1)
        assert store.outage("sink", "mail") is None
        assert all.core.states.get("sink", "mail").state.value == "OK"


async def test_a_sink_that_is_disabled_is_told_through_the_others(store: Store) -> None:
    """Its receiver says 410: the delivery finds out, and another receiver and a mailbox hear of it."""
    steps.keep(store, steps.step(steps.observation(steps.START)), sinks=("gone",))
    async with Receiver() as gone, Receiver(SECRET) as receiver, FakeSmtp() as smtp:
        gone.usual = gone.usual._replace(status=410)
        async with running(store, gone=webhook(gone), hook=webhook(receiver), mail=email(smtp)) as all:
            with anyio.fail_after(PATIENCE):
                await receiver.arrived(1)
                await smtp.reached(".")
            await all.sent()
        told = receiver.requests[0].json()["data"]
        assert (told["kind"], told["title"]) == ("sink_disabled", "The sink gone is disabled")
        assert "the receiver is gone (410)" in told["text"]
        assert "stratumd sinks enable gone" in told["text"]
        assert len(gone.requests) == 1, "the sink itself is not told"
        # Other options are another chance; the others hear of that, too.
        other = made(WebhookSink, url=gone.url + "/new", secret=SECRET, allow=["127.0.0.0/8"])
        async with running(store, gone=other, hook=webhook(receiver)):
            with anyio.fail_after(PATIENCE):
                await receiver.arrived(2)
    told = receiver.requests[1].json()["data"]
    assert (told["kind"], told["title"]) == ("sink_enabled", "The sink gone is enabled again")


async def test_a_sink_that_is_gone_is_found_out_by_a_notice_too(store: Store) -> None:
    async with Receiver() as gone, Receiver(SECRET) as receiver:
        gone.usual = gone.usual._replace(status=410)
        async with running(store, gone=webhook(gone), hook=webhook(receiver)) as all:
            await all.notices.notify(news())
            with anyio.fail_after(PATIENCE):
                await receiver.arrived(2)
    assert {request.json()["data"]["kind"] for request in receiver.requests} == {"usage", "sink_disabled"}
    assert "gone" in store.disabled()


async def test_what_fails_is_sent_again_under_the_same_id(store: Store) -> None:
    async with Receiver(SECRET) as receiver:
        receiver.answer_next(500)
        receiver.reset_next()
        async with running(store, hook=webhook(receiver)) as all:
            await all.notices.notify(news())
            await all.sent()
    assert len({request.id for request in receiver.requests}) == 1
    assert len(receiver.requests) == 3
    assert receiver.requests[0].body == receiver.requests[2].body


async def test_a_sink_that_does_not_ask_for_notices_gets_none_and_the_log_has_them(
    store: Store, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Receiver(SECRET) as receiver, running(store, deaf=("hook",), hook=webhook(receiver)) as all:
        await all.notices.notify(news())
        await all.notices.notify(news("reset", to="me@example.com", text="canary-t0ken"))
        await all.notices.route()
        await all.notices.route()
    said = caplog.text + "".join(capsys.readouterr())
    assert said.count("no sink takes a notice") == 2, "once of each"
    assert "80 % used" in said
    assert "canary" not in said
    assert receiver.requests == []
    assert [row.state for row in store.notices.unsent()] == ["new", "new"]


class Slow(Scripted):
    """Never gets a notice sent."""

    notices = True

    async def notify(self, notice: Notice) -> None:
        await anyio.sleep_forever()


class Breaking(Scripted):
    """Breaks on notices."""

    notices = True

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[str] = []

    async def notify(self, notice: Notice) -> None:
        self.tried.append(notice.id)
        raise DeliveryError("busy") if len(self.tried) == 1 else ZeroDivisionError


@pytest.mark.parametrize("kind", [Slow, Breaking])
async def test_deliveries_do_not_wait_for_notices(store: Store, kind: type[Scripted]) -> None:
    sink = kind()
    async with running(store, chat=sink) as all:
        await all.notices.notify(news())
        with anyio.fail_after(PATIENCE):
            while all.store.notices.unsent()[0].attempts == 0:  # noqa: ASYNC110  # the store's
                await anyio.sleep(0.01)
        signals = [steps.step(steps.observation(steps.START + n, path=f"/{n}"), event_number=n) for n in range(3)]
        steps.keep(store, *signals, sinks=("chat",))
        all.courier.wake()
        with anyio.fail_after(PATIENCE):
            while len(sink.taken) < 3:  # noqa: ASYNC110  # a fake's
                await anyio.sleep(0.01)
        if isinstance(sink, Breaking):
            await all.sent()
            assert len(sink.tried) == QUICK.faults, "then it is given up"
    assert store.outage("sink", "chat") is None


async def test_a_kill_between_send_and_mark_repeats_it_under_the_same_id(database_url: str, tmp_path: Path) -> None:
    store = open_store(database_url)
    store.notify(news())
    store.close()
    async with Receiver(SECRET) as receiver:
        config = tmp_path / "run.yaml"
        hook = {
            "url": receiver.url,
            "secret": SECRET,
            "allow": ["127.0.0.0/8"],
            "notices": True,
            "when": {"types": ["X"]},
        }
        config.write_text(
            json.dumps(
                {
                    "database": database_url,
                    "http": "off",
                    "sources": {"nba": {"use": "demo", "schedule": {"every": "1h"}}},
                    "pipelines": {"main": {"sources": ["nba"], "sinks": [{"webhook": hook}]}},
                }
            )
        )
        killed = Daemon(config, env={"STRATUMD_FAILPOINTS": "notice: sent"})
        assert await killed.end() == -9
        store = open_store(database_url)
        with store._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE notice_sinks SET lease_until = 0")
        store.close()
        daemon = Daemon(config)
        try:
            with anyio.fail_after(PATIENCE):
                await receiver.arrived(2)
            assert (await daemon.stop())[0] == 0
        finally:
            daemon.kill()
    assert len({request.id for request in receiver.requests}) == 1
    assert [request.json()["data"]["id"] for request in receiver.requests] == ["usage/7/80"] * 2


async def test_the_sink_whose_receiver_answers_is_preferred_for_one_to_a_person(store: Store) -> None:
    async with FakeSmtp() as first, FakeSmtp() as second:
        first.reply_next("MAIL", 451, "busy", times=1_000)
        steps.keep(store, steps.step(steps.observation(steps.START)), sinks=("a",))
        old = made(
            EmailSink, host="127.0.0.1", port=first.port, security="none", sender="a@example.com", to=["b@example.com"]
        )
        old.expires = False
        async with running(store, a=old, b=email(second)) as all:
            with anyio.fail_after(PATIENCE):
                while store.outage("sink", "a") is None:  # noqa: ASYNC110  # the worker's
                    await anyio.sleep(0.005)
                # A sink that is not open yet comes last, too.
                while [taker.sink for taker in all.courier.takers()] != ["b", "a"]:  # noqa: ASYNC110  # the workers'
                    await anyio.sleep(0.005)
            await all.notices.notify(news(to="me@example.com"))
            await all.sent()
    assert [mail.recipients for mail in second.mails] == [("me@example.com",)]
