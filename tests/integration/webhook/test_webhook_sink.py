"""The sink `webhook` over HTTP: what arrives, and what every answer does to the queue."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import anyio
import httpcore
import pytest
from anyio.from_thread import start_blocking_portal

from stratumd.client.webhooks import SCHEDULE
from stratumd.client.webhooks.guard import Guard
from stratumd.client.webhooks.posting import Endpoint
from stratumd.errors import DeliveryError
from stratumd.plugin import SECOND, Delivery, Micros, Secret
from stratumd.runtime.attempts import Target
from stratumd.runtime.delivery import Worker
from stratumd.runtime.states import State, States
from stratumd.testing.conformance import verify_sink
from stratumd.testing.receiver import Receiver
from stratumd_webhook.options import Options
from stratumd_webhook.sink import WebhookSink
from tests.unit.runtime.delivery_fakes import MemoryContext, MemoryLog, MemoryQueue, StillClock, make_signal

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_l24Y9Jd7FxrMJSEqVco2Ij7Jq3+vOm9g"
CANARY = "canary-T0ken"
LOOPBACK = ("127.0.0.0/8",)


class WallClock:
    def now(self) -> Micros:
        return time.time_ns() // 1_000


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver(SECRET, path=f"/hooks/{CANARY}?of=mine") as found:
        yield found


@pytest.fixture
async def sink(receiver: Receiver) -> AsyncIterator[WebhookSink]:
    found = make_sink(receiver.url)
    await found.open()
    yield found
    await found.close()


def make_sink(url: str, clock: Any = None, **options: Any) -> WebhookSink:
    checked = Options.model_validate({"url": url, "secret": SECRET, "allow": LOOPBACK} | options)
    return WebhookSink(checked, MemoryContext(log=MemoryLog(), clock=clock or WallClock()))


def delivery(number: int = 0, attempt: int = 1) -> Delivery:
    return Delivery(f"d{number}", make_signal(f"s{number}", event=f"e{number}"), attempt)


class Run:
    """The sink under core's own delivery, in virtual time."""

    def __init__(self, sink: WebhookSink, clock: StillClock, *events: str) -> None:
        self.queue = MemoryQueue()
        self.queue.add("hook", *(make_signal(f"s{n}", event=event) for n, event in enumerate(events)))
        self.clock = clock
        self.states = States(clock.now)
        target = Target("hook", sink, "webhook", "1")
        self.worker = Worker(target, self.queue, self.states, clock=clock, log=MemoryLog(), chance=lambda: 0.0)

    async def run(self, seconds: float) -> None:
        """Step until `seconds` of virtual time have passed."""
        end = self.clock.time + round(seconds * SECOND)
        while self.clock.time < end:
            rest = await self.worker.step()
            idle = max(0.0, (self._next(end) - self.clock.time) / SECOND) if rest.wakeable else 0.0
            self.clock.advance(max(rest.seconds, idle))

    def _next(self, end: Micros) -> Micros:
        """Return when the next delivery may be sent: of each event the oldest one."""
        oldest = {row.delivery.signal.event: row.due_at for row in reversed(self.queue.rows) if row.state == "pending"}
        return min(oldest.values(), default=end)

    @property
    def state(self) -> State:
        return self.states.get("sink", "hook").state


@contextmanager
def still(receiver: Receiver) -> Iterator[StillClock]:
    """Put a receiver and a sink on the same virtual clock."""
    clock = StillClock()
    receiver._now = lambda: clock.time / SECOND
    yield clock


async def test_a_probe_connects_and_asks_nothing(receiver: Receiver) -> None:
    sink = make_sink(receiver.url)
    assert await sink.probe() == "the receiver takes connections; nothing was sent"
    await sink.close()
    assert receiver.taken == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://127.0.0.1:{port}/", "the receiver cannot be reached"),  # it is there, and speaks no TLS
        ("http://127.0.0.1:9/", "the receiver cannot be reached"),
        ("http://nowhere.invalid/", "the address of nowhere.invalid was not found"),
    ],
)
async def test_a_probe_tells_what_is_in_the_way(
    receiver: Receiver, url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratumd.client.webhooks.posting.CONNECTING", 0.2)
    sink = make_sink(url.format(port=receiver.port))
    with pytest.raises(DeliveryError, match=said):
        await sink.probe()
    await sink.close()


async def test_a_probe_is_guarded_as_a_delivery_is() -> None:
    sink = make_sink("https://localhost:8443/", allow=())
    with pytest.raises(DeliveryError, match="nothing is sent to localhost"):
        await sink.probe()
    await sink.close()


async def test_posts_a_signed_signal(sink: WebhookSink, receiver: Receiver) -> None:
    await sink.deliver([delivery()])
    (request,) = receiver.taken
    assert (request.method, request.path) == ("POST", f"/hooks/{CANARY}?of=mine")
    assert request.verified
    assert request.id == "d0"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    signal = json.loads(make_signal("s0", event="e0").to_json())
    assert request.json() == {"type": "signal.created", "timestamp": signal["observed_at"], "data": signal}


async def test_a_repeat_has_the_same_id_and_body_and_a_new_signature(receiver: Receiver) -> None:
    with still(receiver) as clock:
        sink = make_sink(receiver.url, clock)
        await sink.open()
        await sink.deliver([delivery()])
        clock.advance(3_600)
        await sink.deliver([delivery(attempt=2)])
        await sink.close()
    first, second = receiver.taken
    assert (first.id, first.body) == (second.id, second.body)
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3_600


async def test_a_connection_is_used_again(sink: WebhookSink, receiver: Receiver) -> None:
    receiver.answer_next(200, b"x" * 1_000)
    for number in range(5):
        await sink.deliver([delivery(number)])
    assert (len(receiver.taken), receiver.connections) == (5, 1)


async def test_no_request_is_unverified_while_a_secret_is_changed() -> None:
    """The receiver learns the new secret some time after the sender: until then both sign."""
    async with Receiver(OLD_SECRET) as receiver:
        for options in ({"secret": OLD_SECRET}, {"previous_secrets": [OLD_SECRET]}):
            sink = make_sink(receiver.url, **options)
            await sink.open()
            await sink.deliver([delivery()])
            receiver._secrets = (SECRET,) if "previous_secrets" in options else receiver._secrets
            if receiver._secrets == (SECRET,):
                await sink.deliver([delivery()])
            await sink.close()
    assert [request.problem for request in receiver.requests] == [None] * 3


async def test_a_wrong_secret_is_refused_by_the_receiver(receiver: Receiver) -> None:
    sink = make_sink(receiver.url, secret=OLD_SECRET)
    await sink.open()
    with pytest.raises(DeliveryError, match="answered 400"):
        await sink.deliver([delivery()])
    await sink.close()


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 413, 422, 429, 500, 502, 503, 504])
async def test_a_failure_follows_the_schedule_and_then_is_a_dead_letter(receiver: Receiver, status: int) -> None:
    with still(receiver) as clock:
        sink = make_sink(receiver.url, clock)
        await sink.open()
        run = Run(sink, clock, "e1")
        receiver.answer_next(status, headers={"Location": receiver.url}, times=20)
        await run.run(4 * 86_400)
        await sink.close()
    at = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    waits = [round(after - before) for before, after in pairwise(at)]
    assert waits == [round(each.total_seconds()) for each in SCHEDULE]
    assert run.queue.states() == ["dead"]
    assert run.queue.rows[0].error == f"the receiver answered {status}"


async def test_410_is_asked_once_and_never_again(receiver: Receiver) -> None:
    with still(receiver) as clock:
        sink = make_sink(receiver.url, clock)
        await sink.open()
        run = Run(sink, clock, "e1", "e2")
        receiver.answer_next(410)
        await run.run(60)
        await sink.close()
    assert len(receiver.requests) == 1
    assert run.state is State.PERMANENT_ERROR


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_throttling_receiver_is_left_alone_as_long_as_it_asks(receiver: Receiver, status: int) -> None:
    with still(receiver) as clock:
        sink = make_sink(receiver.url, clock)
        await sink.open()
        run = Run(sink, clock, "e1", "e2", "e3")
        receiver.answer_next(status, headers={"Retry-After": "900"})
        await run.run(3_600)
        await sink.close()
    first, second, *_ = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert second - first == 900
    assert run.queue.states() == ["delivered"] * 3


async def test_a_receiver_that_is_down_for_a_day_gets_everything_in_order(receiver: Receiver) -> None:
    with still(receiver) as clock:
        sink = make_sink(receiver.url, clock)
        await sink.open()
        run = Run(sink, clock, *(f"e{n % 7}" for n in range(50)))
        receiver.usual = receiver.usual._replace(status=503)
        await run.run(86_400)
        assert receiver.taken == []
        receiver.usual = receiver.usual._replace(status=200)
        await run.run(86_400)
        await sink.close()
    assert run.queue.states() == ["delivered"] * 50
    taken = [request.json()["data"] for request in receiver.taken]
    assert len(taken) == 50
    for event in range(7):
        ids = [int(each["id"][1:]) for each in taken if each["event"] == f"e{event}"]
        assert ids == sorted(ids)


async def test_one_bad_signal_keeps_no_other_event_waiting(receiver: Receiver) -> None:
    with still(receiver) as clock:
        sink = make_sink(receiver.url, clock)
        await sink.open()
        run = Run(sink, clock, "e1", "e2", "e3")
        receiver.answer_next(422)
        await run.run(4)
        await sink.close()
    assert run.queue.states() == ["pending", "delivered", "delivered"]


async def test_a_day_of_an_http_date_is_understood(receiver: Receiver) -> None:
    clock = StillClock()  # 2026-07-14T03:33:20Z
    receiver._now = lambda: clock.time / SECOND
    sink = make_sink(receiver.url, clock)
    await sink.open()
    receiver.answer_next(503, headers={"Retry-After": "Tue, 14 Jul 2026 03:43:20 GMT"})
    with pytest.raises(DeliveryError) as late:
        await sink.deliver([delivery()])
    await sink.close()
    assert late.value.retry_after == 600


@pytest.mark.parametrize("body", [b'{"error": "no"}', b"", b"\xff\x00"])
async def test_the_status_counts_and_not_the_body(sink: WebhookSink, receiver: Receiver, body: bytes) -> None:
    receiver.answer_next(200, body)
    await sink.deliver([delivery()])
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("way", ["flood_next", "drip_next"])
async def test_a_body_without_end_is_not_read_to_its_end(sink: WebhookSink, receiver: Receiver, way: str) -> None:
    """The status has said that the signal arrived; it is not sent again because of the rest."""
    getattr(receiver, way)()
    with anyio.fail_after(30):
        await sink.deliver([delivery(0)])
        await sink.deliver([delivery(1)])
    assert [request.id for request in receiver.taken] == ["d0", "d1"]
    assert receiver.sent < 10_000_000


async def test_a_receiver_that_hangs_is_left_at_the_deadline(receiver: Receiver) -> None:
    receiver.hang_next()
    options = Options.model_validate({"url": receiver.url, "secret": SECRET, "allow": LOOPBACK})
    posting = Endpoint(options.url, Guard(tls=False, allow=options.allow), deadline=0.2)
    with anyio.fail_after(30), pytest.raises(DeliveryError, match=r"did not answer within 0\.2 s") as late:
        await posting.post(b"{}", {})
    assert (late.value.permanent, late.value.disable) == (False, False)
    assert (await posting.post(b"{}", {})).status == 400  # unsigned, but answered
    await posting.close()


async def test_a_broken_connection_is_a_failure_that_passes(sink: WebhookSink, receiver: Receiver) -> None:
    receiver.reset_next()
    with pytest.raises(DeliveryError, match="cannot be reached") as broken:
        await sink.deliver([delivery()])
    assert (broken.value.permanent, broken.value.disable) == (False, False)
    await sink.deliver([delivery(attempt=2)])
    assert [request.id for request in receiver.taken] == ["d0"]


async def test_ignores_proxies_of_the_environment(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    sink = make_sink(receiver.url)
    await sink.open()
    await sink.deliver([delivery()])
    await sink.close()
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.1", "[::ffff:127.0.0.1]"])
async def test_a_receiver_on_this_machine_gets_no_connection_unless_it_is_allowed(
    receiver: Receiver, host: str
) -> None:
    """Also where the check of the options is passed by."""
    url = Secret(f"https://{host}:{receiver.port}/")
    options = Options.model_construct(url=url, secret=Secret(SECRET), previous_secrets=(), allow=())
    sink = WebhookSink(options, MemoryContext(log=MemoryLog(), clock=WallClock()))
    await sink.open()
    with pytest.raises(DeliveryError, match="nothing is sent to"):
        await sink.deliver([delivery()])
    await sink.close()
    assert receiver.connections == 0


def failures() -> list[type[Exception]]:
    """Return everything that httpcore may raise while a request is under way."""
    kinds = [kind for kind in vars(httpcore).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    inside = (httpcore.ConnectionNotAvailable, httpcore.ProxyError)  # of the pool itself, and of proxies
    return [kind for kind in kinds if not issubclass(kind, inside)]


@pytest.mark.parametrize("kind", failures(), ids=lambda kind: kind.__name__)
async def test_every_failure_of_the_connection_is_a_delivery_error(
    sink: WebhookSink, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise kind("broken")

    monkeypatch.setattr(httpcore.AsyncConnectionPool, "stream", fail)
    with pytest.raises(DeliveryError, match=kind.__name__) as failure:
        await sink.deliver([delivery()])
    assert (failure.value.permanent, failure.value.disable) == (False, False)


async def test_the_url_and_the_secret_are_seen_nowhere(
    sink: WebhookSink, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the libraries' own log lines, nor in errors with their causes."""
    for name in ("", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    seen = []
    for status in (500, None, 410):
        receiver.answer_next(status) if status else receiver.reset_next()
        with pytest.raises(DeliveryError) as failure:
            await sink.deliver([delivery()])
        seen.append("".join(traceback.format_exception(failure.value)))
    await sink.deliver([delivery()])
    seen += [record.getMessage() for record in caplog.records] + [repr(sink.options)]
    assert any("send_request_headers" in line for line in seen), "nothing was logged"
    assert not [line for line in seen if re.search(f"{CANARY}|{SECRET[6:]}", line)]


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    """At once, then 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: 75 hours and 35 minutes."""
    assert [each.total_seconds() for each in SCHEDULE] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert WebhookSink.retries == SCHEDULE


def test_conforms() -> None:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Receiver()) as receiver:
        options = {"url": receiver.url, "secret": SECRET, "allow": LOOPBACK}
        verdicts = verify_sink(WebhookSink, options)
        assert [verdict for verdict in verdicts if verdict.problem] == []
        assert len(receiver.taken) == 5


async def test_the_options_say_how_much_at_once_and_whether_stale_signals_are_left_out(receiver: Receiver) -> None:
    usual = make_sink(receiver.url)
    assert (usual.concurrency, usual.per_second, usual.expires) == (1, None, False)
    changed = make_sink(receiver.url, concurrency=4, per_second=2.5, skip_stale=True)
    assert (changed.concurrency, changed.per_second, changed.expires) == (4, 2.5, True)


async def test_as_many_requests_are_under_way_as_the_options_allow(receiver: Receiver) -> None:
    receiver.answer_next(200, delay=0.2, times=3)
    sink = make_sink(receiver.url, concurrency=3)
    await sink.open()
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(sink.deliver, [delivery(number)])
    await sink.close()
    assert receiver.connections == 3
