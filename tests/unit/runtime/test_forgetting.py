"""Retention while the daemon runs: each hour, by the newest configuration, with a rest after each transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from stratumd.config.models import Retention
from stratumd.plugin import DAY, HOUR, Micros
from stratumd.runtime.forgetting import EVERY, REST, forget
from stratumd.store import Cleaned, Keep, StoreDown
from tests.unit.runtime import bench

pytestmark = pytest.mark.anyio


class Old(bench.MemoryStore):
    """A store with old rows for three transactions; the connection is lost in the second one, the first time."""

    def __init__(self, now: Any) -> None:
        super().__init__(now)
        self.asked: list[tuple[Keep, Micros]] = []

    def clean(self, keep: Keep, now: Micros) -> Iterator[Cleaned]:
        self.asked.append((keep, now))
        yield Cleaned("issues", 5)
        if len(self.asked) == 1:
            raise StoreDown("the server is gone")
        yield Cleaned("signals", 3)


async def test_it_goes_on_an_hour_later_where_it_was_broken_off() -> None:
    core = bench.core()
    timer = bench.timer_of(core)
    store = Old(timer.now)
    began = timer.now()
    config: Any = SimpleNamespace(retention=Retention())
    with anyio.CancelScope() as scope:

        def later() -> None:
            if len(store.asked) == 2 and timer.sleeps[-1] == EVERY:
                scope.cancel()
            timer.while_asleep = later

        timer.while_asleep = later
        await forget(lambda: config, replace(core, store=store))
    assert [each.signals for each, _ in store.asked] == [30 * DAY] * 2
    assert [at - began for _, at in store.asked] == [0, HOUR + REST]
    assert timer.sleeps == [REST, EVERY, REST, REST, EVERY]


async def test_without_the_section_nothing_is_deleted() -> None:
    core = bench.core()
    timer = bench.timer_of(core)
    store = Old(timer.now)
    config: Any = SimpleNamespace(retention=None)
    with anyio.CancelScope() as scope:
        timer.while_asleep = scope.cancel
        await forget(lambda: config, replace(core, store=store))
    assert store.asked == []
