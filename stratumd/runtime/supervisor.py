"""Keeping a part of the daemon running: what fails is named, shown, and started again after a while."""

from __future__ import annotations

from typing import Protocol

from stratumd.errors import ConfigError, PluginError, StratumError, Unauthorized
from stratumd.observe.logs import logger
from stratumd.redaction import described, told
from stratumd.runtime.backoff import FOR_STORE, Backoff
from stratumd.runtime.core import Core
from stratumd.runtime.journal import Fault
from stratumd.runtime.posts import Turns
from stratumd.runtime.states import State
from stratumd.store import StoreBroken, StoreBusy, StoreDown, StoreFull

_log = logger("stratumd.supervisor")

_PASSING = (StoreBusy, StoreDown, StoreFull)


class Part(Protocol):
    """Something that runs until it has ended or fails."""

    kind: str
    """`source`, `pipeline`, …"""
    name: str

    async def run(self) -> None:
        """Run. It sets the state OK itself once it is."""


class Held(Part, Protocol):
    """A part that a reload may replace."""

    turns: Turns
    """What it is to end first once it was begun."""


async def keep(part: Part, core: Core, backoff: Backoff | None = None) -> None:
    """Run `part` until it has ended, again and again where that can help.

    Returns where it ended or where only a person can help: `Unauthorized`, `ConfigError`. Raises where the daemon
    cannot go on: `StoreBroken`.
    """
    backoff = backoff or Backoff()
    while True:
        core.states.put(part.kind, part.name, State.STARTING, attempts=backoff.failures)
        try:
            await part.run()
        except StoreBroken as error:
            _tell(part, core, State.FATAL_ERROR, error, backoff.failures)
            raise
        except (Unauthorized, ConfigError) as error:
            _tell(part, core, State.PERMANENT_ERROR, error, backoff.failures)
            return
        except Exception as error:  # noqa: BLE001  # the supervisor: whatever a part fails with, the others go on
            if core.states.get(part.kind, part.name).state is State.OK:
                backoff.succeeded()
            wait = backoff.failed(FOR_STORE if isinstance(error, _PASSING) else None)
            _tell(part, core, State.RECOVERABLE_ERROR, error, backoff.failures)
            await core.timer.sleep(wait)
        else:
            core.states.put(part.kind, part.name, State.STOPPED)
            return


async def attempt(part: Part, core: Core) -> bool:
    """Run `part` once and say whether it ended well."""
    core.states.put(part.kind, part.name, State.STARTING)
    try:
        await part.run()
    except StoreBroken as error:
        _tell(part, core, State.FATAL_ERROR, error, 1)
        raise
    except Exception as error:  # noqa: BLE001  # the supervisor: whatever a part fails with, the others go on
        _tell(part, core, State.PERMANENT_ERROR, error, 1)
        return False
    state = core.states.get(part.kind, part.name)
    if state.state is not State.RECOVERABLE_ERROR:
        core.states.put(part.kind, part.name, State.STOPPED)
    return state.state is not State.RECOVERABLE_ERROR


def _tell(part: Part, core: Core, state: State, error: Exception, attempts: int) -> None:
    """Say in the log, in the state and in the counters what went wrong."""
    core.states.put(part.kind, part.name, state, _line(error), attempts)
    if isinstance(error, PluginError):
        at = core.timer.now()
        core.metrics.plugin_failures.labels(error.plugin, error.component).inc()
        core.journal.blame(Fault(error.component, error.plugin, error.version, told(error), error.where, at))
    known = isinstance(error, StratumError)
    _log.error(_SAID[state], kind=part.kind, name=part.name, error=_line(error), exc_info=None if known else error)


def _line(error: Exception) -> str:
    return told(error) if isinstance(error, StratumError) else described(error)


_SAID = {
    State.RECOVERABLE_ERROR: "failed; it is started again",
    State.PERMANENT_ERROR: "failed; it stays off until the cause is removed and stratumd reloaded",
    State.FATAL_ERROR: "failed; stratumd cannot go on without it",
}
