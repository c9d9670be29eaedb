"""What fails is named, shown and started again; what only a person can mend stays off."""

from __future__ import annotations

import pytest

from stratumd.errors import ConfigError, PluginError, StartupError, Unauthorized
from stratumd.plugin import SECOND
from stratumd.runtime.backoff import Backoff
from stratumd.runtime.core import Core
from stratumd.runtime.states import State
from stratumd.runtime.supervisor import attempt, keep
from stratumd.store import StoreBroken, StoreDown, StoreFull
from tests.unit.runtime.bench import core, timer_of

pytestmark = pytest.mark.anyio

PLUGIN_ERROR = PluginError("plugin quiet 2.0 failed", plugin="quiet", version="2.0", component="quiet", where="a.py:3")


class Part:
    """Fails as scripted, then is OK and ends."""

    kind = "source"
    name = "nba"

    def __init__(self, shared: Core, *script: Exception) -> None:
        self._core = shared
        self._script = list(script)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        error = self._script.pop(0) if self._script else None
        if error is not None:
            raise error
        self._ok()

    def _ok(self) -> None:
        self._core.states.put(self.kind, self.name, State.OK)


def state(shared: Core) -> tuple[State, str, int]:
    found = shared.states.get("source", "nba")
    return found.state, found.reason, found.attempts


def certain() -> Backoff:
    return Backoff(chance=lambda: 1.0)


async def test_a_part_whose_error_has_no_text_is_started_again() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    shared = core()
    part = Part(shared, Mute())
    await keep(part, shared, certain())
    assert part.runs == 2


@pytest.mark.parametrize("error", [StartupError("down"), PLUGIN_ERROR, StoreDown("gone"), ZeroDivisionError()])
async def test_a_failed_part_is_started_again(error: Exception) -> None:
    shared = core()
    part = Part(shared, error, error, error)
    await keep(part, shared, certain())
    assert part.runs == 4
    assert [length // SECOND for length in timer_of(shared).sleeps] == [1, 2, 4]
    assert state(shared) == (State.STOPPED, "", 0)


async def test_who_waits_for_the_store_looks_again_soon() -> None:
    """However long the disk was full: five minutes of nothing after that are for parts whose own code fails."""
    shared = core()
    await keep(Part(shared, *[StoreFull("full")] * 8, *[ZeroDivisionError()] * 2), shared, certain())
    assert [length // SECOND for length in timer_of(shared).sleeps] == [1, 2, 4, 8, 16, 30, 30, 30, 256, 300]


async def test_a_part_that_was_ok_begins_its_waits_anew() -> None:
    shared = core()

    class Relapsing(Part):
        async def run(self) -> None:
            self._ok()
            await super().run()

    await keep(Relapsing(shared, *[StartupError("down")] * 3), shared, certain())
    assert [length // SECOND for length in timer_of(shared).sleeps] == [1, 1, 1]


@pytest.mark.parametrize("error", [Unauthorized("wrong key"), ConfigError("no such file")])
async def test_what_a_person_must_mend_stays_off(error: Exception) -> None:
    shared = core()
    part = Part(shared, error)
    await keep(part, shared)
    assert part.runs == 1
    assert state(shared) == (State.PERMANENT_ERROR, str(error), 0)


async def test_a_damaged_store_ends_the_daemon() -> None:
    shared = core()
    with pytest.raises(StoreBroken):
        await keep(Part(shared, StoreBroken("damaged")), shared)
    assert state(shared)[0] is State.FATAL_ERROR


async def test_a_plugins_failure_is_shown_with_its_line() -> None:
    shared = core()
    await keep(Part(shared, PLUGIN_ERROR, PLUGIN_ERROR), shared)
    fault = shared.journal.faults["quiet"]
    assert (fault.plugin, fault.version, fault.where, fault.count) == ("quiet", "2.0", "a.py:3", 2)
    assert 'stratumd_plugin_failures_total{component="quiet",plugin="quiet"} 2.0' in shared.metrics.expose().decode()


async def test_an_error_of_the_own_code_shows_its_type() -> None:
    shared = core()
    assert not await attempt(Part(shared, ZeroDivisionError("by zero")), shared)
    assert state(shared)[:2] == (State.PERMANENT_ERROR, "ZeroDivisionError: by zero")


async def test_one_attempt_that_ends_well() -> None:
    shared = core()
    assert await attempt(Part(shared), shared)
    assert state(shared)[0] is State.STOPPED


async def test_one_attempt_after_which_something_is_wrong() -> None:
    shared = core()

    class Limping(Part):
        async def run(self) -> None:
            shared.states.put(self.kind, self.name, State.RECOVERABLE_ERROR, "half of it")

    assert not await attempt(Limping(shared), shared)
    assert state(shared)[:2] == (State.RECOVERABLE_ERROR, "half of it")
