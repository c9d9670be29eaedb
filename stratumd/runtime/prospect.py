"""Keeping at hand what `stratumd plan` says of the configuration that runs, and warning of what cannot work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from anyio import to_thread

from stratumd.config import Config
from stratumd.observe.logs import logger
from stratumd.plugin import SECOND
from stratumd.runtime.core import Core
from stratumd.runtime.planning import Outlook, outlook

LOOK = SECOND
"""How often it is looked whether the configuration is another one."""

_log = logger("stratumd.plan")


async def foresee(current: Callable[[], Config], core: Core) -> None:
    """Work out the plan at the start and after each reload, until cancelled."""
    planned: Config | None = None
    while True:
        config = current()
        if config is not planned:
            planned = config
            take(await to_thread.run_sync(partial(outlook, config, core.timer), abandon_on_cancel=True), core)
        await core.timer.sleep(LOOK)


def take(found: Outlook, core: Core) -> None:
    """Show a plan in `/status`, and say in the log what cannot work."""
    core.journal.outlook, core.journal.outlook_warnings = found.public(), found.warnings()
    for line in found.warnings():
        _log.warning("as configured", plan=line)
