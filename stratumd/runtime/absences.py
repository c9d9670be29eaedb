"""Components that the configuration lets the daemon start without: shown, and tried again where it says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from stratumd import registry
from stratumd.config import Config
from stratumd.observe.logs import logger
from stratumd.plugin import MINUTE, SECOND
from stratumd.runtime.backoff import Backoff
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.states import State

KIND = "absent"
_log = logger("stratumd.plugins")


def show(core: Core, config: Config) -> None:
    """Show what is left out now, and nothing else of the kind."""
    absent = {f"{each.kind} {each.name}": each for each in config.absent}
    for gone in [each.name for each in core.states if each.kind == KIND and each.name not in absent]:
        core.states.drop(KIND, gone)
    for name, each in absent.items():
        core.states.put(KIND, name, State.RECOVERABLE_ERROR if each.again else State.PERMANENT_ERROR, each.reason)


async def retry(core: Core, config: Callable[[], Config], reload: Callable[[], Awaitable[object]]) -> None:
    """Until cancelled: see whether what is missing can be loaded by now, less and less often, and reload if so."""
    backoff = Backoff(first=30 * SECOND, longest=10 * MINUTE)
    while True:
        wanted = {each.plugin for each in config().absent if each.again and each.plugin}
        if not wanted:
            backoff.succeeded()
        await core.timer.sleep(max(SECOND, backoff.failed()) if wanted else MINUTE)
        loaded = await transaction(partial(registry.load, sorted(wanted))) if wanted else None
        back = wanted - {failure.plugin for failure in loaded.failures} if loaded else set()
        if back:
            _log.info("a plugin can be loaded by now; reloading", plugins=", ".join(sorted(back)))
            await reload()
