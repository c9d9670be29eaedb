"""A ping says that quotes arrive now, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from stratumd.errors import DeliveryError
from stratumd.plugin import MINUTE, SECOND, Micros
from stratumd.testing.clock import VirtualClock
from stratumd.testing.conformance.sinks import delivery, sample
from stratumd.testing.receiver import Receiver
from stratumd_heartbeat import ping
from stratumd_heartbeat.options import Options
from stratumd_heartbeat.sink import HeartbeatSink

pytestmark = pytest.mark.anyio

START: Micros = 1_784_000_000 * SECOND
CANARY = "canary-T0ken"


class Beating:
    """A sink and its monitor, on a clock that the test moves."""

    def __init__(self, monitor: Receiver, **options: Any) -> None:
        self.monitor = monitor
        self.clock = VirtualClock(START)
        context: Any = SimpleNamespace(name="heartbeat", clock=self.clock, log=None)
        self.sink = HeartbeatSink(Options.model_validate({"url": monitor.url} | options), context)

    async def beat(self, after: float, age: float = 0.0) -> int:
        """Beat `after` seconds with quotes that are `age` seconds old; return how many pings there have been."""
        self.clock.advance(round(after * SECOND))
        await self.sink.beat(self.clock.now() - round(age * SECOND))
        return len(self.monitor.requests)


@pytest.fixture
async def beating() -> AsyncIterator[Beating]:
    async with Receiver(path=f"/ping/{CANARY}?ok=1") as monitor:
        found = Beating(monitor)
        await found.sink.open()
        yield found
        await found.sink.close()


async def test_a_beat_is_a_ping(beating: Beating) -> None:
    assert await beating.beat(0) == 1
    (request,) = beating.monitor.requests
    assert (request.method, request.path) == ("GET", f"/ping/{CANARY}?ok=1")
    assert request.headers["host"] == f"127.0.0.1:{beating.monitor.port}"


async def test_starting_is_no_sign_of_life(beating: Beating) -> None:
    assert beating.monitor.connections == 0


async def test_pings_no_more_often_than_it_may(beating: Beating) -> None:
    assert [await beating.beat(10) for _ in range(7)] == [1, 1, 1, 2, 2, 2, 3]


async def test_old_quotes_are_no_sign_of_life(beating: Beating) -> None:
    """They are worked off after a stop, while the source may be down."""
    assert await beating.beat(0, age=301) == 0
    assert await beating.beat(0, age=300) == 1


async def test_a_clock_that_is_set_back_does_not_end_the_pings(beating: Beating) -> None:
    await beating.beat(0)
    beating.sink.context.clock = beating.clock = VirtualClock(START - 60 * MINUTE)
    assert await beating.beat(0) == 2


async def test_wants_no_signal(beating: Beating) -> None:
    assert not beating.sink.wants(sample())


async def test_a_delivery_pings_so_that_it_can_be_tested(beating: Beating) -> None:
    await beating.sink.deliver([delivery()])
    assert len(beating.monitor.requests) == 1


@pytest.mark.parametrize("status", [301, 404, 410, 429, 500, 503])
async def test_any_other_answer_is_a_failure_and_the_next_beat_pings_again(beating: Beating, status: int) -> None:
    beating.monitor.answer_next(status, headers={"Location": beating.monitor.url})
    with pytest.raises(DeliveryError, match=f"the monitor answered {status}"):
        await beating.beat(0)
    assert await beating.beat(1) == 2


async def test_a_broken_connection_is_a_failure(beating: Beating) -> None:
    beating.monitor.reset_next()
    with pytest.raises(DeliveryError, match="the monitor cannot be reached") as failure:
        await beating.beat(0)
    assert CANARY not in str(failure.value)


async def test_a_monitor_that_hangs_is_left_at_the_deadline(beating: Beating) -> None:
    beating.monitor.hang_next()
    pinging = ping.Ping(beating.sink.options.url, deadline=0.1)
    with anyio.fail_after(30), pytest.raises(DeliveryError, match=r"did not answer within 0\.1 s"):
        await pinging.send()
    await pinging.close()


@pytest.mark.parametrize("way", ["drip_next", "flood_next"])
async def test_a_body_is_not_waited_for(beating: Beating, way: str) -> None:
    getattr(beating.monitor, way)()
    with anyio.fail_after(30):
        assert await beating.beat(0) == 1


async def test_ignores_proxies_of_the_environment(beating: Beating, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    fresh = Beating(beating.monitor)
    await fresh.sink.open()
    assert await fresh.beat(0) == 1
    await fresh.sink.close()


@pytest.mark.parametrize(
    "url",
    [f"ftp://example.com/{CANARY}", f"https:///{CANARY}", f"https://u:{CANARY}@example.com/", CANARY, "", "http://["],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError, match="expected a URL") as refused:
        Options.model_validate({"url": url})
    assert CANARY not in str(refused.value)


def test_more_than_a_ping_a_second_is_refused() -> None:
    with pytest.raises(ValidationError, match="every"):
        Options.model_validate({"url": "https://example.com/", "every": "500ms"})


def test_the_options_do_not_show_the_url() -> None:
    options = Options.model_validate({"url": f"https://example.com/{CANARY}"})
    assert CANARY not in f"{options!r} {options.model_dump_json()}"
