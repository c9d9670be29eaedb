"""The source: the market behind the fake provider, over HTTP, through the very odds-api source."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import httpx
import pytest
import structlog

from stratumd.errors import TransientError
from stratumd.plugin import (
    HOUR,
    MINUTE,
    SECOND,
    Clock,
    Context,
    Log,
    Micros,
    Observation,
    Poll,
    Signal,
    Source,
    parse_iso,
)
from stratumd.registry import load
from stratumd.testing.clock import VirtualClock
from stratumd.testing.harness import Harness, detector, normalizer
from stratumd.testing.purse import OpenPurse
from stratumd_demo import DemoSource
from stratumd_demo.source import DemoOptions

pytestmark = pytest.mark.anyio

OPENED = parse_iso("2026-01-10T12:00:00Z")


class Lent:
    """A context that builds sources as core does, and remembers them."""

    def __init__(self, clock: Clock) -> None:
        self.name = "demo"
        self.clock: Clock = clock
        self.log: Log = structlog.get_logger()
        self.built: list[Source] = []
        self.options: list[Mapping[str, Any]] = []

    def source(self, use: str, options: Mapping[str, Any]) -> Source:
        component = load([use]).sources[use].component
        self.options.append(options)
        self.built.append(component(component.config.model_validate(options), self))
        return self.built[-1]

    purse = OpenPurse()

    def is_over(self, event: str) -> bool:
        return False


class Demo:
    """A source that is open while entered."""

    def __init__(self, opened: Micros = OPENED, **options: Any) -> None:
        self.clock = VirtualClock(opened)
        self.lent = Lent(self.clock)
        self.source = DemoSource(DemoOptions(**options), self.lent)

    async def __aenter__(self) -> Self:
        await self.source.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.source.close()

    async def poll(self, after: int = 2 * SECOND) -> Observation:
        self.clock.advance(after)
        [poll] = [poll async for poll in self.source.poll()]
        assert poll.observation is not None, poll.error
        return poll.observation


async def test_a_poll_is_one_answer_of_all_books_in_the_provider_s_format() -> None:
    async with Demo(games=3) as demo:
        seen = await demo.poll()
    assert (seen.format, seen.status) == (DemoSource.format, 200)
    assert seen.request.params["regions"] == "us,us2"
    snapshot = normalizer("odds-api").normalize(seen)
    assert snapshot.issues == []
    assert len(snapshot.listings) == 3
    assert len({offer.book for listing in snapshot.listings for offer, _ in listing.offers}) == 14


async def test_the_market_goes_on_with_the_clock_and_is_the_same_for_the_seed() -> None:
    async with Demo(seed=3) as one, Demo(seed=3) as same, Demo(seed=4) as other:
        first, second = await one.poll(), await one.poll(30 * SECOND)
        assert first.body != second.body
        assert [(await same.poll()).body, (await same.poll(30 * SECOND)).body] == [first.body, second.body]
        assert (await other.poll()).body != first.body


async def test_a_restart_shows_the_same_games() -> None:
    """Not twins of them under other ids, beside those that the store knows."""

    def games(seen: Observation) -> set[str]:
        return {listing.event.id for listing in normalizer("odds-api").normalize(seen).listings}

    async with Demo() as first, Demo(opened=OPENED + 40 * SECOND) as again:
        assert games(await first.poll()) == games(await again.poll())


async def test_a_restart_soon_after_goes_on_where_the_market_would_be() -> None:
    """Otherwise everything would seem to have moved at once."""
    stopped = OPENED + 37 * MINUTE
    async with Demo(opened=stopped) as first:
        before, now = await first.poll(), await first.poll(20 * SECOND)
    async with Demo(opened=stopped + 8 * SECOND) as again:
        after = await again.poll(14 * SECOND)
    assert after.body == now.body != before.body


@pytest.mark.parametrize("pace", [1, 3600])
async def test_at_any_pace_little_has_to_be_gone_through_first(pace: float) -> None:
    """At a pace of 3,600 an hour is five months."""
    async with Demo(opened=OPENED + 59 * MINUTE, pace=pace) as demo:
        assert demo.lent.built, "it is open"
        market = demo.source._market()
    assert market.now - market.opened <= 30 * HOUR / pace


async def test_it_reports_the_credits_of_its_provider() -> None:
    async with Demo() as demo:
        assert demo.source.credits() is None
        await demo.poll()
        credits = demo.source.credits()
    assert credits is not None
    assert (credits.last, credits.used) == (6, 6)


async def test_no_secret_is_in_what_it_observes() -> None:
    async with Demo() as demo:
        seen = await demo.poll()
        key = demo.lent.options[0]["api_key"]
    assert key not in repr(seen)


async def test_it_may_be_closed_from_another_task() -> None:
    demo = Demo(games=1)
    await asyncio.create_task(demo.source.open())
    await demo.poll()
    await asyncio.create_task(demo.source.close())
    await unreachable(demo.lent)


async def test_closing_ends_the_provider() -> None:
    async with Demo(games=1) as demo:
        await demo.poll()
    await unreachable(demo.lent)


async def unreachable(lent: Lent) -> None:
    async with httpx.AsyncClient(base_url=lent.options[0]["base_url"]) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/v4/sports")


async def test_it_can_be_closed_where_it_was_never_opened() -> None:
    lent: Context = Lent(VirtualClock(OPENED))
    await DemoSource(DemoOptions(), lent).close()


async def test_it_goes_on_where_it_is_opened_again_after_it_was_closed() -> None:
    """So it is where something of it failed."""
    demo = Demo(games=1)
    for _ in range(2):
        async with demo:
            assert (await demo.poll()).status == 200
        await unreachable(demo.lent)


async def test_a_poll_that_fails_is_yielded_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is gone: that is the odds-api source's word, passed on."""
    demo = Demo(games=1)
    await demo.source.open()
    options = demo.lent.built[0].options
    demo.lent.built[0].options = options.model_copy(update={"retries": 0})
    await demo.source.close()
    await demo.lent.built[0].open()
    polls: list[Poll] = [poll async for poll in demo.source.poll()]
    await demo.lent.built[0].close()
    assert [type(poll.error) for poll in polls] == [TransientError]


@pytest.mark.parametrize("wrong", [{"games": 0}, {"games": 16}, {"books": 15}, {"pace": 0}, {"incidents": -1}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DemoOptions(**wrong)  # type: ignore[arg-type]  # numbers all


@pytest.mark.parametrize(("seed", "minute"), [(7, 0), (7, 62), (7, 119), (8, 52), (9, 0)])
async def test_the_first_minute_shows_every_kind_of_signal(seed: int, minute: int) -> None:
    """The pipeline of the README: consensus at once, then MOVE, STEAM and DISLOCATION within a minute."""
    harness = Harness(
        [
            detector("consensus"),
            detector("move", window="20s", sync_window="10s", cooldown="1m", per_hour=100),
            detector("dislocation", cooldown="1m", per_hour=60, lifetime="30s"),
            detector("steam", window="10s", min_age="0s", cooldown="1m", per_hour=60, lifetime="30s"),
        ],
        [normalizer("odds-api")],
    )
    signals: list[Signal] = []
    async with Demo(opened=OPENED + minute * MINUTE, seed=seed) as demo:
        first = harness.feed(await demo.poll())
        assert any(record.reason is None for _, record in first.records)  # type: ignore[attr-defined]  # consensus
        for _ in range(29):
            signals += harness.feed(await demo.poll()).signals
    assert {"MOVE", "STEAM", "DISLOCATION"} <= {signal.type for signal in signals}
