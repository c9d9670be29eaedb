"""The breaker of a source, on virtual time, against a provider that fails: how often it is asked, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from stratumd.errors import SourceError
from stratumd.plugin import SECOND, Micros
from stratumd.runtime.build import build_source
from stratumd.runtime.collector import Collector
from stratumd.store import open_store
from stratumd.testing.provider import FakeOddsApi
from tests.hostile.provider import configured, core_of
from tests.support.provider import KEY, OneGame
from tests.unit.runtime.virtual import VirtualTimer

EVERY = 10 * SECOND
DOWN = 600 * SECOND
"""How long the provider fails."""


@dataclass(slots=True)
class Story:
    """What happened, in seconds from the start."""

    due: int = DOWN // EVERY
    """Polls that the schedule wanted while the provider was down."""
    made: int = 0
    """Requests that it got meanwhile."""
    opened: list[float] = field(default_factory=list)
    probed: list[float] = field(default_factory=list)
    closed: float = 0.0
    after_restart: float = 0.0
    """How long a new process still left the provider alone."""


async def tell(folder: Path) -> Story:
    """Fail for ten minutes, restart in the middle of an open breaker, come back."""
    story, timer = Story(), VirtualTimer()
    start = timer.now()

    def since() -> float:
        return (timer.now() - start) / SECOND

    async with FakeOddsApi(OneGame(), key=KEY) as provider:
        config = configured(folder, provider.url)
        store = open_store(config.database.connect_url())
        try:
            core = core_of(store, timer)
            entry = core.journal.source("odds")

            def collector() -> Collector:
                return Collector(build_source(config.sources["odds"], config.registry, timer), None, core, lambda: None)

            polled = collector()
            await polled._source.open()
            provider.fail_next("503", count=1_000)
            while since() < DOWN / SECOND or entry.breaker != "closed":
                if since() >= DOWN / SECOND and provider._faults:
                    story.made = len(provider.served)
                    provider._faults.clear()
                before = entry.breaker
                pause = await _poll(polled)
                if before == "open":
                    story.probed.append(since())
                if entry.breaker == "open":
                    story.opened.append(since())
                if len(story.opened) == 3 and not story.after_restart:
                    await polled._source.close()
                    polled = collector()
                    await polled._source.open()
                    story.after_restart = await polled._circuit.recall() / SECOND
                    pause = round(story.after_restart * SECOND)
                timer.pass_by(max(pause, EVERY))
            story.closed = story.probed[-1]
            await polled._source.close()
        finally:
            store.close()
    return story


async def _poll(polled: Collector) -> Micros:
    try:
        return await polled.poll()
    except SourceError:
        return EVERY
