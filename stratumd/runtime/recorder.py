"""The record: each day is closed once it is over."""

from __future__ import annotations

from functools import partial

from stratumd.observe.logs import logger
from stratumd.plugin import MINUTE
from stratumd.redaction import described
from stratumd.runtime.core import Core, transaction
from stratumd.store import StoreError

EVERY = 5 * MINUTE

_log = logger("stratumd.record")


async def close_days(core: Core) -> None:
    """Close every day of the record that is over, until cancelled."""
    while True:
        try:
            while (head := await transaction(partial(core.store.roots.close, core.timer.now()))) is not None:
                _log.info("day closed", day=head.day, signals=head.size, root=head.root)
        except StoreError as error:  # it is tried again
            _log.warning("a day could not be closed", error=str(error))
        except Exception as error:  # noqa: BLE001  # rows that were tampered with must not stop the daemon
            _log.error("a day could not be closed", error=described(error))
        await core.timer.sleep(EVERY)
