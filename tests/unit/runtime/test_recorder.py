"""Days are closed while the daemon runs, and after the database was away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest

from stratumd.plugin import Micros
from stratumd.record import BEFORE_ALL, Head
from stratumd.runtime.recorder import EVERY, close_days
from stratumd.store import StoreDown
from tests.unit.runtime import bench

pytestmark = pytest.mark.anyio


class Days:
    """The database is gone at first, then a row is not what was written; then two days are over."""

    def __init__(self) -> None:
        self.asked: list[Micros] = []

    def close(self, now: Micros) -> Head | None:
        self.asked.append(now)
        if len(self.asked) == 1:
            raise StoreDown("the server is gone")
        if len(self.asked) == 2:
            raise ValueError("Invalid isoformat string: 'tampered with'")
        return Head("2026-07-14", 1, 0, "", BEFORE_ALL) if len(self.asked) < 5 else None


async def test_all_days_that_are_over_are_closed_and_what_failed_is_tried_again() -> None:
    core = bench.core()
    timer, days = bench.timer_of(core), Days()
    store: Any = bench.MemoryStore()
    store.roots = days
    began = timer.now()
    with anyio.CancelScope() as scope:

        def later() -> None:
            if len(days.asked) == 5:
                scope.cancel()
            timer.while_asleep = later

        timer.while_asleep = later
        await close_days(replace(core, store=store))
    assert [at - began for at in days.asked] == [0, EVERY, 2 * EVERY, 2 * EVERY, 2 * EVERY]
    assert timer.sleeps == [EVERY] * 3
