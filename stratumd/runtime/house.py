"""The routes of a configuration: built, opened, running, and closed when the last request has been answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio

from stratumd import __version__
from stratumd.config import Config
from stratumd.config.spec import RoutesSpec
from stratumd.errors import ConfigError, PluginError, StratumError
from stratumd.observe.logs import logger
from stratumd.plugin import Clock, Component, Ledger, Micros, Notice
from stratumd.plugin.history import History
from stratumd.plugin.routes import Endpoint, Routes, Scheme
from stratumd.registry import Registered, Registry
from stratumd.runtime.blame import blame
from stratumd.runtime.bulletin import Bulletin
from stratumd.runtime.core import Core
from stratumd.runtime.jobs import answered
from stratumd.runtime.office import BlockingDesk, Office, Present, Services, ThreadedArchive, ThreadedDesk
from stratumd.runtime.states import State
from stratumd.runtime.supervisor import keep
from stratumd.store import Store

KIND = "routes"
_PREFIX, _FRONT = "/api/", "/"
_log = logger("stratumd.house")


class House:
    """All routes of a configuration, and what they share."""

    def __init__(
        self,
        specs: Sequence[RoutesSpec],
        registry: Registry,
        *,
        clock: Clock,
        desk: BlockingDesk,
        history: History,
        bulletin: Bulletin,
        present: Present,
        notify: Callable[[Notice], Awaitable[None]],
    ) -> None:
        """Build every component. `PluginError` where its code fails, `ConfigError` where two do not go together."""
        self._services = Services()
        self._registry = registry
        self._lent: dict[str, Any] = {
            "clock": clock,
            "desk": ThreadedDesk(desk),
            "archive": ThreadedArchive(history, bulletin, present),
            "services": self._services,
            "present": present,
            "notify": notify,
        }
        self._clock = clock
        self.version = __version__
        self.routes = {spec.name: self._built(spec) for spec in specs}
        for name, each in self.routes.items():
            for kind in each.provides:
                self._services.offer(kind, self._asked(name, partial(each.provide, kind)))
        self.endpoints: Sequence[Endpoint] = [*self._endpoints()]
        self.schemes: Mapping[str, Scheme] = self._schemes()
        self._check()

    @classmethod
    def of(
        cls,
        current: Callable[[], Config],
        store: Store,
        reader: History,
        *,
        clock: Clock,
        bulletin: Bulletin,
        notify: Callable[[Notice], Awaitable[None]],
    ) -> House:
        """Build the routes of a file over one store, whose `reader` stays the caller's to close.

        They are those of the file at present; the pipelines that they are shown are always those of `current`.
        """
        config = current()
        return cls(
            config.routes,
            config.registry,
            clock=clock,
            desk=store.desk(clock.now),
            history=reader,
            bulletin=bulletin,
            present=Configured(current, store.ledger),
            notify=notify,
        )

    def now(self) -> Micros:
        """Return the present time."""
        return self._clock.now()

    def office(self, name: str) -> Office:
        """Return what a component of this name is lent."""
        return Office(name, **self._lent)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open every component, and close those that were opened, the last one first."""
        opened: list[Routes] = []
        try:
            for each in self.routes.values():
                opened.append(each)  # closed also where opening fails
                await each.open()
            yield
        finally:
            with anyio.CancelScope(shield=True):
                for each in reversed(opened):
                    await self._close(each)

    def parts(self, core: Core) -> list[Background]:
        """Return what runs beside requests."""
        return [Background(name, each, core) for name, each in self.routes.items()]

    async def _close(self, each: Routes) -> None:
        try:
            await each.close()
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything: the others are closed all the same
            _log.error("routes could not be closed", name=each.name, exc_info=error)

    def _built(self, spec: RoutesSpec) -> Routes:
        built: Routes = self._asked(spec.name, lambda: spec.component(spec.options, self.office(spec.name)))
        return built

    def _endpoints(self) -> Iterator[Endpoint]:
        for name, each in self.routes.items():
            yield from self._asked(name, each.endpoints)

    def _schemes(self) -> dict[str, Scheme]:
        found: dict[str, Scheme] = {}
        for name, each in self.routes.items():
            for scheme, checked in self._asked(name, each.schemes).items():
                if scheme in found:
                    raise ConfigError(f"two of the routes check the scheme {scheme!r}: leave one of them out")
                found[scheme] = checked
        return found

    def _asked(self, name: str, call: Callable[[], Any]) -> Any:
        """Return what a plugin's code returns. `PluginError` where it fails."""
        try:
            return call()
        except StratumError:
            raise
        except BaseException as error:  # a plugin may raise anything
            raise _blamed(self._registry.routes[name], name, error) from error

    def _check(self) -> None:
        seen: set[tuple[str, str]] = set()
        names: set[str] = set()
        for each in self.endpoints:
            wrong = None
            if each.path != _FRONT and not each.path.startswith(_PREFIX):
                wrong = f"does not begin with {_PREFIX}, and is not {_FRONT}"
            elif (each.method, each.path) in seen or each.name in names:
                wrong = "is there twice"
            elif missing := set(each.access.schemes) - self.schemes.keys():
                wrong = f"wants the scheme {min(missing)!r}, which no routes check: add those that do"
            if wrong:
                raise ConfigError(f"the endpoint {each.name!r} ({each.method} {each.path}) {wrong}")
            seen.add((each.method, each.path))
            names.add(each.name)


class Configured:
    """What routes read of the configuration that is used at the time."""

    def __init__(self, current: Callable[[], Config], ledger: Callable[[str], Ledger]) -> None:
        self._current = current
        self._ledger = ledger

    @property
    def pipelines(self) -> Sequence[str]:
        """The names of the pipelines, in the order of the file."""
        return [*self._current().pipelines]

    @property
    def signal_types(self) -> Sequence[str] | None:
        """The types of signals that their detectors give; None where one does not say."""
        return self._current().signal_types

    @property
    def operations(self) -> Mapping[str, Registered]:
        """The operations of all plugins that are loaded, by name."""
        return self._current().registry.operations

    def report(self, name: str, question: Mapping[str, Any], pipeline: str) -> list[dict[str, Any]]:
        """Return the rows with which a plugin's report answers."""
        return answered(self._current(), self._ledger, name, question, pipeline)


class Background:
    """What one component does beside requests, as a part of the daemon."""

    kind = KIND

    def __init__(self, name: str, routes: Routes, core: Core) -> None:
        self.name = name
        self._routes = routes
        self._core = core

    async def run(self) -> None:
        """Run it until cancelled. A component that has nothing to do is OK all the same."""
        self._core.states.put(KIND, self.name, State.OK)
        await self._routes.run()
        self._core.states.put(KIND, self.name, State.OK)
        await anyio.sleep_forever()

    async def kept(self) -> None:
        """Run it, and start it again where it fails."""
        await keep(self, self._core)


def _blamed(registered: Registered, name: str, error: BaseException) -> PluginError:
    component: type[Component] = registered.component
    return blame(error, component, name=name, plugin=registered.plugin, version=registered.version)
