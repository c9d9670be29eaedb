"""Retention: what is old is deleted, a little at a time, the store's own rows and those of plugins' jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

from stratumd.config import Config
from stratumd.config.models import Retention
from stratumd.observe.logs import logger
from stratumd.plugin import HOUR, SECOND, Job, Ledger, Micros, micros
from stratumd.redaction import described
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.jobs import assigned
from stratumd.store import LENGTHS, Cleaned, Keep, StoreError

EVERY = HOUR
REST = SECOND // 20
"""Between two transactions, for whoever waits for its turn."""

_log = logger("stratumd.retention")


class Forgetful(Protocol):
    """The store, as far as retention goes."""

    def clean(self, keep: Keep, now: Micros) -> Iterator[Cleaned]:
        """Delete what is older than `keep` says: each item is a transaction."""

    def ledger(self, pipeline: str) -> Ledger:
        """Return the store as the jobs of `pipeline` see it."""


class _Working(NamedTuple):
    name: str
    pipeline: str
    job: Job
    ledger: Ledger


def kept(config: Config) -> Keep:
    """Return for the store what the file says."""
    return Keep() if config.retention is None else keeping(config, config.retention)


def keeping(config: Config, retention: Retention) -> Keep:
    """Return for the store what `retention` says, with the sinks and pipelines of the file."""
    given = {name: getattr(retention, name) for name in LENGTHS}
    lengths: dict[str, Any] = {name: None if length is None else micros(length) for name, length in given.items()}
    sinks = frozenset(sink.name for spec in config.pipelines.values() for sink in spec.sinks)
    # Where a plugin is missing nobody knows which of the sinks are there still.
    return Keep(**lengths, sinks=None if config.absent else sinks, pipelines=frozenset(config.pipelines))


def forgetting(
    config: Config, store: Forgetful, now: Micros, keep: Keep, length: Micros | None = None, *, jobs: bool = True
) -> Iterator[Cleaned]:
    """Delete what is older than `keep` says, then what jobs wrote that is older than they say, or than `length`.

    Each item is a transaction. Without `jobs` these keep all that they wrote. What a job fails with is logged; as long
    as nobody knows which signals it has yet to work over, none is deleted.
    """
    found: list[_Working] = []
    try:
        found += _jobs(config, store)
        owed = frozenset((each.pipeline, event) for each in found for event in each.job.owes(now, each.ledger))
        keep = keep._replace(owed=owed)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        _log.warning("no signals are deleted: a job cannot say which it needs", error=described(error))
        keep = keep._replace(signals=None)
    yield from store.clean(keep, now)
    for each in found if jobs else ():
        try:
            for rows in each.job.forget(now, each.ledger, length):
                yield Cleaned(each.name, rows)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            _log.warning("a job could not delete what is old", job=each.name, error=described(error))


def _jobs(config: Config, store: Forgetful) -> Iterator[_Working]:
    for spec in config.pipelines.values():
        for each in spec.jobs:
            job = assigned(config.registry.jobs[each.use], each.options, spec, each.name)
            yield _Working(each.name, spec.name, job, store.ledger(spec.name))


async def forget(config: Callable[[], Config], core: Core) -> None:
    """Delete each hour what is older than the configuration says, until cancelled."""
    while True:
        await _clean(config(), core)
        await core.timer.sleep(EVERY)


async def _clean(config: Config, core: Core) -> None:
    deleted: Counter[str] = Counter()
    keep, now = kept(config), core.timer.now()
    # Without the section only what nobody keeps for ever goes: old notices.
    batches = core.store.clean(keep, now) if config.retention is None else forgetting(config, core.store, now, keep)
    try:
        while (done := await transaction(partial(next, batches, None))) is not None:
            if done.rows:
                deleted[done.table] += done.rows
            await core.timer.sleep(REST)
    except StoreError as error:  # in an hour it is tried again; what was deleted stays so
        _log.warning("retention was broken off", error=str(error))
    if deleted:
        _log.info("old rows deleted", **deleted)
