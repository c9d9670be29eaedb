"""Reload: the new configuration is loaded, checked and built beside the old one, then what changed is exchanged."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import msgspec

from stratumd.config import Config
from stratumd.errors import StratumError, fit
from stratumd.observe import logs
from stratumd.observe.logs import logger
from stratumd.plugin import SECOND
from stratumd.redaction import described, redact
from stratumd.runtime import absences
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.exchange import Exchange
from stratumd.runtime.journal import Reloaded
from stratumd.runtime.notify import Notifier, extending
from stratumd.runtime.plan import Item, Plan, difference, difference_beside
from stratumd.runtime.states import State
from stratumd.runtime.stop import Stop
from stratumd.runtime.view import DaemonView
from stratumd.store import StoreError, migrate_plugins, plugin_migrations

_WAITING = ("pending", "in_flight")
_log = logger("stratumd.reload")


class Answer(msgspec.Struct, frozen=True):
    """What came of a reload, for whoever asked for it."""

    pid: int
    exit_code: int = 0
    error: str = ""
    """Why nothing was changed."""
    warnings: list[str] = []
    plan: dict[str, list[str]] = {}
    """Components by what becomes of them, see `Plan`."""
    waiting: dict[str, int] = {}
    """Deliveries that stay in the store, by the name of their stopped sink."""


class Reloader:
    """Reloads the configuration of a running daemon, one reload at a time."""

    def __init__(
        self, load: Callable[[], Config], core: Core, exchange: Exchange | None, view: DaemonView, notifier: Notifier
    ) -> None:
        """`load` reads the file again; it blocks. `view` holds the configuration that is used.

        Without an `exchange` no part runs here: this daemon serves HTTP alone.
        """
        self._load = load
        self._core = core
        self._exchange = exchange
        self._view = view
        self._notifier = notifier
        self._turn = anyio.Lock()

    async def follow(self, stop: Stop) -> None:
        """Reload whenever a signal asks for it, until cancelled. Those that come meanwhile ask for one more."""
        while True:
            await stop.reload.wait()
            stop.reload = anyio.Event()
            await self.reload()

    async def reload(self) -> Answer:
        """Go over to what the file says now. Where anything is wrong with it, nothing changes."""
        async with self._turn:
            self._notifier.reloading()
            async with extending(self._notifier, self._core.timer):
                answer = await self._reload()
            self._notifier.ready()
            return answer

    async def preview(self) -> Answer:
        """Say what a reload would do now."""
        async with self._turn:
            try:
                new = await transaction(self._load)
            except Exception as error:  # noqa: BLE001  # plugins are imported: anything may be raised
                return _refusal(error)
            return _answer(self._plan(new), new)

    async def _reload(self) -> Answer:
        old = self._view.config
        try:
            new = await transaction(self._load)
            plan = self._plan(new)
            made = None if self._exchange is None else self._exchange.make(plan, old, new, self._off())
            await self._migrate(old, new)
            if new.log != old.log:
                logs.configure(new.log.level, new.log.format, file=new.log.file)
        except Exception as error:  # noqa: BLE001  # plugins are imported and built: anything may be raised
            return self._refuse(error)
        self._view.config = replace(new, database=old.database, http=old.http, routes=old.routes)
        if self._exchange is not None and made is not None:
            self._exchange.swap(plan, made, self._view.config)
        absences.show(self._core, new)
        self._succeed(plan, new)
        return msgspec.structs.replace(_answer(plan, new), waiting=await self._waiting(plan))

    async def _migrate(self, old: Config, new: Config) -> None:
        """Make the tables of plugins that are loaded for the first time, where this daemon migrates at all."""
        known, wanted = _migrations(old), _migrations(new)
        missing = {plugin: folder for plugin, folder in wanted.items() if plugin not in known}
        if missing and self._exchange is not None:
            await transaction(partial(migrate_plugins, old.database.connect_url(), missing))

    def _plan(self, new: Config) -> Plan:
        old = self._view.config
        return difference_beside(old, new) if self._exchange is None else difference(old, new, self._off())

    def _off(self) -> set[Item]:
        return {Item(each.kind, each.name) for each in self._core.states if each.state is State.PERMANENT_ERROR}

    # ---- what is said of it

    def _succeed(self, plan: Plan, new: Config) -> None:
        now = self._core.timer.now()
        self._core.journal.reloaded = Reloaded(now, True, fixed=plan.fixed)
        self._core.metrics.reload_ok.set(1)
        self._core.metrics.reload_at.set(now / SECOND)
        said = {fate: ", ".join(items) for fate, items in plan.listed().items() if items and fate != "keep"}
        _log.info("reloaded", config=str(new.path), **said)
        if plan.fixed:
            _log.warning("changed, but needs a restart; the old value stays", settings=", ".join(plan.fixed))
        for problem in new.warnings:
            _log.warning("configuration", problem=problem.render())

    def _refuse(self, error: Exception) -> Answer:
        answer = _refusal(error)
        self._core.journal.reloaded = Reloaded(self._core.timer.now(), False, answer.error)
        self._core.metrics.reload_ok.set(0)
        known = isinstance(error, StratumError)
        _log.error("reload failed; nothing was changed", error=answer.error, exc_info=None if known else error)
        return answer

    async def _waiting(self, plan: Plan) -> dict[str, int]:
        """Return how many deliveries the stopped sinks leave in the store; nothing while it does not answer."""
        stopped = {item.name for item in plan.stop if item.kind == "sink"}
        if not stopped:
            return {}
        try:
            counts = await transaction(self._core.store.delivery_counts)
        except StoreError as error:
            _log.warning("it is not known what the stopped sinks leave in the store", error=str(error))
            return {}
        left = dict.fromkeys(sorted(stopped), 0)
        for (sink, state), waiting in counts.items():
            if sink in stopped and state in _WAITING:
                left[sink] += waiting.number
        return {sink: number for sink, number in left.items() if number}


def _migrations(config: Config) -> dict[str, Path]:
    return plugin_migrations((each.plugin, each.component) for _, each in config.registry.components())


def _answer(plan: Plan, new: Config) -> Answer:
    return Answer(os.getpid(), warnings=[problem.render() for problem in new.warnings], plan=plan.listed())


def _refusal(error: Exception) -> Answer:
    if isinstance(error, StratumError):
        return Answer(os.getpid(), error.exit_code, redact(fit(str(error))))
    return Answer(os.getpid(), StratumError.exit_code, described(error))
