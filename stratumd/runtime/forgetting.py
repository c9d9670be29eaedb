"""Retention while the daemon runs: what is old is deleted, a little at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from stratumd.config import Config
from stratumd.config.models import Retention
from stratumd.observe.logs import logger
from stratumd.plugin import HOUR, SECOND, micros
from stratumd.runtime.core import Core, transaction
from stratumd.store import Keep, StoreError

EVERY = HOUR
REST = SECOND // 20
"""Between two transactions, for whoever waits for its turn."""

_log = logger("stratumd.retention")


def kept(retention: Retention) -> Keep:
    """Return the same for the store."""
    given = {name: getattr(retention, name) for name in Keep._fields}
    return Keep(**{name: None if length is None else micros(length) for name, length in given.items()})


async def forget(config: Callable[[], Config], core: Core) -> None:
    """Delete each hour what is older than the configuration says, until cancelled."""
    while True:
        retention = config().retention
        if retention is not None:
            await _clean(retention, core)
        await core.timer.sleep(EVERY)


async def _clean(retention: Retention, core: Core) -> None:
    deleted: Counter[str] = Counter()
    batches = core.store.clean(kept(retention), core.timer.now())
    try:
        while (done := await transaction(partial(next, batches, None))) is not None:
            deleted[done.table] += done.rows
            await core.timer.sleep(REST)
    except StoreError as error:  # in an hour it is tried again; what was deleted stays so
        _log.warning("retention was broken off", error=str(error))
    if deleted:
        _log.info("old rows deleted", **deleted)
