"""The daemon: one configuration, running."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import Literal

import anyio
from anyio import to_thread

from stratumd.config import Config
from stratumd.errors import ConfigError, StratumError
from stratumd.http.app import create_app
from stratumd.http.server import address, bind, serve
from stratumd.observe.logs import logger
from stratumd.observe.metrics import Metrics
from stratumd.plugin import micros
from stratumd.registry import Registry
from stratumd.runtime import absences, control, garbage, gauges, leases
from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.courier import Courier
from stratumd.runtime.digests import Digests
from stratumd.runtime.exchange import Exchange, hold
from stratumd.runtime.forgetting import forget
from stratumd.runtime.house import House
from stratumd.runtime.journal import Journal
from stratumd.runtime.lookout import Lookout
from stratumd.runtime.notices import Notices
from stratumd.runtime.notify import Notifier, attend, extending
from stratumd.runtime.once import run_once
from stratumd.runtime.parts import Parts, assemble
from stratumd.runtime.plugin_code import PluginCode
from stratumd.runtime.posts import open_posts
from stratumd.runtime.prospect import foresee
from stratumd.runtime.quarantines import watch
from stratumd.runtime.recorder import close_days
from stratumd.runtime.reload import Reloader
from stratumd.runtime.states import ComponentState, State, States
from stratumd.runtime.stop import Stop
from stratumd.runtime.supervisor import keep
from stratumd.runtime.turns import take_turns
from stratumd.runtime.view import DaemonView
from stratumd.runtime.watchdog import Watchdog
from stratumd.store import Store, open_store, plugin_migrations

Role = Literal["all", "worker", "api"]

_log = logger("stratumd")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run."""

    once: bool = False
    """Poll each source once, process and deliver everything, and end."""
    duration: timedelta | None = None
    """End after so long."""
    dry_run: Callable[[str], None] | None = None
    """Store no delivery and send none: write here what would be sent."""
    load: Callable[[], Config] | None = None
    """Reads the configuration again, for a reload; without it there is none."""
    announce: Callable[[str | None], None] = lambda address: None
    """Called when everything is open, with the address that HTTP listens at."""
    role: Role = "all"
    """`worker`: without HTTP. `api`: HTTP alone; nothing is polled, processed or delivered."""


async def run(config: Config, options: RunOptions = RunOptions()) -> int:
    """Run until asked to stop, and return the exit code. `StartupError` where something needed is down."""
    stop = Stop()
    try:
        async with anyio.create_task_group() as group:
            await group.start(stop.watch)
            code = await _run(config, options, stop)
            group.cancel_scope.cancel()
    except BaseExceptionGroup as errors:
        raise _cause(errors) from None
    if stop.asked.is_set():
        _log.info("stopped")
    return code


async def _run(config: Config, options: RunOptions, stop: Stop) -> int:
    http = config.http if options.role != "worker" and not options.once else None
    if options.role == "api" and http is None:
        raise ConfigError("the role api serves HTTP alone, and 'http' is off; give it an address to listen at")
    listener = bind(http.host, http.port) if http else None
    notifier = Notifier.from_environment()
    try:
        notifier.status("opening the database")
        migrations = plugin_migrations((each.plugin, each.component) for _, each in config.registry.components())
        async with extending(notifier, SystemTimer()):
            store = await transaction(lambda: _opened(config, options.role, migrations))
        try:
            return await _Daemon(config, options, stop, store, notifier).run(listener)
        finally:
            with anyio.CancelScope(shield=True):
                await transaction(store.close)
    finally:
        if listener is not None:
            listener.close()


def _opened(config: Config, role: Role, migrations: Mapping[str, Path]) -> Store:
    """A daemon that serves HTTP alone needs no SQLite file for itself, and leaves migrations to the others."""
    url, lease = config.database.connect_url(), micros(config.database.lease)
    if role == "api":
        return open_store(url, migrate=False, lease=lease, beside=True)
    return open_store(url, plugins=migrations, lease=lease)


class _Daemon:
    def __init__(self, config: Config, options: RunOptions, stop: Stop, store: Store, notifier: Notifier) -> None:
        self._config = config
        self._options = options
        self._stop = stop
        self._notifier = notifier
        self._store = store
        self._view: DaemonView | None = None
        timer, metrics = SystemTimer(), Metrics()
        states = States(timer.now, lambda state: _changed(metrics, state))
        self._core = Core(store, states, Journal(), metrics, timer, watchdog=Watchdog(PluginCode(self._registry)))
        states.put("store", "store", State.OK)

    def _registry(self) -> Registry:
        """Return the plugins that are loaded now; a reload may exchange them."""
        return self._view.config.registry if self._view else self._config.registry

    async def run(self, listener: socket.socket | None) -> int:
        """Run until asked to stop, and return the exit code."""
        options, core = self._options, self._core
        parts = self._parts()
        notices = Notices(parts.courier, core)
        view = self._view = DaemonView(self._config, core, options.role)
        absences.show(core, self._config)
        # A plugin that does not return keeps its pipeline's thread; the others must find one all the same.
        to_thread.current_default_thread_limiter().total_tokens += 2 * len(parts.running())
        async with self._house(listener, view, notices) as house, anyio.create_task_group() as services:
            if listener is not None:
                http = self._config.http
                assert http is not None, "it listens, so there is where"
                app = create_app(view, house, http.cors)
                services.start_soon(serve, app, listener, http.trusted_proxies, http.connections_per_address)
            for part in house.parts(core) if house else ():
                services.start_soon(part.kept)
            services.start_soon(gauges.measure, core)
            services.start_soon(leases.renew, core)
            services.start_soon(foresee, lambda: view.config, core)
            services.start_soon(watch, core)
            services.start_soon(attend, self._notifier, core, parts.workers.keys())
            if options.role != "api":
                services.start_soon(keep, _Deliveries(parts.courier, core), core)
                if options.dry_run is None:
                    services.start_soon(keep, notices, core)
                    services.start_soon(keep, Lookout(lambda: view.config, parts.courier, notices, core), core)
                    services.start_soon(keep, Digests(lambda: view.config, parts, core), core)
                if not options.once and options.dry_run is None:
                    services.start_soon(forget, lambda: view.config, core)
                    services.start_soon(close_days, core)
            options.announce(address(listener) if listener else None)
            garbage.settle()
            take_turns()
            code = await (self._once(parts) if options.once else self._work(parts, view))
            services.cancel_scope.cancel()
        return code

    @asynccontextmanager
    async def _house(
        self, listener: socket.socket | None, view: DaemonView, notices: Notices
    ) -> AsyncIterator[House | None]:
        """Lend the routes of plugins while HTTP is served; they are closed when no request is under way any more."""
        core = self._core
        if listener is None or not view.config.routes:
            yield None
            return
        store = self._store
        reader = await transaction(store.reader)
        try:
            house = House.of(
                lambda: view.config, store, reader, clock=core.timer, bulletin=core.bulletin, notify=notices.notify
            )
            alone = not core.store.sharing.shared and self._options.role == "all"
            async with anyio.create_task_group() as group, house.opened():
                group.start_soon(partial(core.bulletin.watch, reader, shared=lambda: not alone))
                yield house
                group.cancel_scope.cancel()
        finally:
            await transaction(reader.close)

    def _parts(self) -> Parts:
        if self._options.role == "api":
            return Parts(Courier([], self._core.store))
        return assemble(self._config, self._core, once=self._options.once, write=self._options.dry_run)

    async def _work(self, parts: Parts, view: DaemonView) -> int:
        """Run every part until asked to stop. Nothing is polled from then on; a transaction at hand ends first."""
        async with open_posts() as posts:
            for part in parts.running():
                hold(part, posts, self._core)
            exchange = Exchange(self._core, parts, posts) if self._options.role != "api" else None
            async with self._reloading(exchange, view):
                duration = self._options.duration
                with anyio.move_on_after(inf if duration is None else duration.total_seconds()):
                    await self._stop.asked.wait()
            self._notifier.stopping()
            for part in parts.running():
                self._core.states.put(part.kind, part.name, State.STOPPING)
            posts.cancel()
        return 0

    @asynccontextmanager
    async def _reloading(self, exchange: Exchange | None, view: DaemonView) -> AsyncIterator[None]:
        """Reload when a signal or the control socket asks for it, while the block lasts."""
        if self._options.load is None:
            yield
            return
        reloader = Reloader(self._options.load, self._core, exchange, view, self._notifier)
        async with control.opened(self._config.path) as listener, anyio.create_task_group() as group:
            group.start_soon(reloader.follow, self._stop)
            group.start_soon(absences.retry, self._core, lambda: view.config, reloader.reload)
            if listener is not None:
                view.control = control.address(listener)
                group.start_soon(control.serve, listener, reloader, view.about)
            yield
            group.cancel_scope.cancel()

    async def _once(self, parts: Parts) -> int:
        async with anyio.create_task_group() as group:
            group.start_soon(self._cancel_when_asked, group.cancel_scope)
            done = await run_once(parts, self._core)
            group.cancel_scope.cancel()
            return 0 if done else 1
        return 0

    async def _cancel_when_asked(self, scope: anyio.CancelScope) -> None:
        await self._stop.asked.wait()
        scope.cancel()


class _Deliveries:
    """The sinks' workers, as one part; each of them says in which state its sink is."""

    kind = "deliveries"
    name = "courier"

    def __init__(self, courier: Courier, core: Core) -> None:
        self._courier = courier
        self._core = core

    async def run(self) -> None:
        self._core.states.put(self.kind, self.name, State.OK)
        await self._courier.run()


def _changed(metrics: Metrics, new: ComponentState) -> None:
    for state in State:
        metrics.component.labels(new.kind, new.name, state.value).set(state is new.state)
    _log.debug("component", kind=new.kind, name=new.name, state=new.state.value, reason=new.reason)


def _cause(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that a person can do something about, where there is one among `errors`, or the only one."""
    found, _ = errors.split(StratumError)
    cause: BaseException = found or errors
    while isinstance(cause, BaseExceptionGroup) and (found or len(cause.exceptions) == 1):
        cause = cause.exceptions[0]
    return cause
