"""Routes of plugins behind a real HTTP server on this machine, over a real database, at a time that the test sets.

```python
async with serving(database_url, {"accounts": {"signup": "open"}}) as house:
    answer = await house.client.post("/api/v1/account", json={"email": "a@example.org", "password": "…"})
    house.clock.advance(HOUR)
    await house.operate("accounts.suspend", {"account": "a1"})
```
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import anyio
import httpx
from anyio import to_thread

from stratumd.config.spec import RoutesSpec
from stratumd.http.app import create_app
from stratumd.http.server import address, bind, serve
from stratumd.plugin import Micros, Notice, parse_iso
from stratumd.plugin.desk import Act
from stratumd.plugin.operations import Operation
from stratumd.registry import Registered, Registry, load
from stratumd.runtime.bulletin import Bulletin
from stratumd.runtime.house import House
from stratumd.store import Reader, Store, open_store, plugin_migrations
from stratumd.testing.clock import VirtualClock

START: Micros = parse_iso("2026-01-10T12:00:00Z")
"""The time at which a test begins."""
CONSOLE = Act(actor="console:test", action="test", reason="a test", request_id="test")


Report = Callable[[str, Mapping[str, Any], str], list[dict[str, Any]]]
"""Answers a plugin's report: its name, the question, the pipeline."""


class Configured:
    """What routes are told of the configuration. A test changes it as a reload of the daemon does."""

    def __init__(
        self,
        pipelines: Sequence[str],
        signal_types: Sequence[str] | None,
        operations: Mapping[str, Registered],
        report: Report,
    ) -> None:
        self.pipelines = pipelines
        self.signal_types = signal_types
        self.operations = operations
        self.report = report


class Serving:
    """What a test holds while it lasts."""

    def __init__(
        self,
        house: House,
        store: Store,
        reader: Reader,
        clock: VirtualClock,
        bulletin: Bulletin,
        configured: Configured,
    ) -> None:
        self.house = house
        self.configured = configured
        self.store = store
        self.reader = reader
        self.clock = clock
        self.notices: list[Notice] = []
        """What routes told the operator, or a person."""
        self.url = ""
        self.client: httpx.AsyncClient
        self._bulletin = bulletin

    def told(self) -> None:
        """Say that the test committed something, as a pipeline does."""
        self._bulletin.tell()

    def routes(self, name: str) -> Any:
        """Return a component."""
        return self.house.routes[name]

    def operation(self, name: str, arguments: Mapping[str, Any]) -> Operation:
        """Build an operation."""
        return self.house.office(name).operation(name, arguments)

    async def operate(
        self, name: str, arguments: Mapping[str, Any] | None = None, act: Act = CONSOLE
    ) -> list[dict[str, Any]]:
        """Run an operation, and return its rows."""
        operation = self.operation(name, arguments or {})
        return [dict(row) for row in await operation.run(act)]


@asynccontextmanager
async def serving(
    database_url: str,
    routes: Mapping[str, Mapping[str, Any]],
    *,
    clock: VirtualClock | None = None,
    extra: Iterable[ModuleType] = (),
    pipelines: Sequence[str] = ("nba",),
    signal_types: Sequence[str] | None = None,
    reports: Report | None = None,
    plugins: Sequence[str] = (),
    background: bool = True,
) -> AsyncIterator[Serving]:
    """Serve the `routes`, by name with their options, until the block ends.

    `extra`: plugins that are not installed. `plugins`: others to load, for their operations. `signal_types`: those
    that detectors of the pipelines give; None: any. `reports` answers reports. `background` False leaves `Routes.run`
    to the test.
    """
    clock = clock or VirtualClock(START)
    registry = _loaded((*routes, *plugins), tuple(extra))
    store = await to_thread.run_sync(lambda: _opened(database_url, registry))
    reader = await to_thread.run_sync(store.reader)
    bulletin = Bulletin()
    specs = [_spec(name, options, registry) for name, options in routes.items()]
    told: list[Notice] = []
    configured = Configured(pipelines, signal_types, registry.operations, reports or _no_report)

    async def notify(notice: Notice) -> None:
        told.append(notice)

    try:
        house = House(
            specs,
            registry,
            clock=clock,
            desk=store.desk(clock.now),
            history=reader,
            bulletin=bulletin,
            present=configured,
            notify=notify,
        )
        held = Serving(house, store, reader, clock, bulletin, configured)
        held.notices = told
        async with _listening(held, bulletin, background):
            yield held
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(reader.close)
            await to_thread.run_sync(store.close)


@asynccontextmanager
async def _listening(held: Serving, bulletin: Bulletin, background: bool) -> AsyncIterator[None]:
    listener = bind("127.0.0.1", 0)
    held.url = address(listener)
    try:
        async with held.house.opened(), anyio.create_task_group() as group:
            group.start_soon(lambda: bulletin.watch(held.reader, shared=lambda: True))
            if background:
                for each in held.house.routes.values():
                    group.start_soon(each.run)
            group.start_soon(serve, create_app(_Empty(), held.house), listener)
            # An empty context: reading all the authorities of the system takes longer than many a test.
            plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            async with httpx.AsyncClient(base_url=held.url, timeout=30, trust_env=False, verify=plain) as held.client:
                yield
            group.cancel_scope.cancel()
    finally:
        listener.close()


class _Empty:
    """A daemon that has nothing to show but its routes."""

    def unready(self) -> list[str]:
        return []

    def status(self) -> dict[str, Any]:
        return {}

    def metrics(self) -> tuple[bytes, str]:
        return b"", "text/plain"


@cache
def _loaded(plugins: tuple[str, ...], extra: tuple[ModuleType, ...]) -> Registry:
    """Load plugins once for all tests of a process. Raises what prevents one."""
    registry = load(plugins, extra=extra)
    for failure in registry.failures:
        raise failure
    return registry


def _opened(url: str, registry: Registry) -> Store:
    folders = plugin_migrations((each.plugin, each.component) for _, each in registry.components())
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and not Path(path).exists():
        Path(path).write_bytes(_made(tuple(sorted(folders.items()))))
    return open_store(url, plugins=folders)


@cache
def _made(folders: tuple[tuple[str, Path], ...]) -> bytes:
    """Return a database file with all tables: migrations take twenty times as long as a copy."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        open_store(f"sqlite:///{path}", plugins=dict(folders)).close()
        return path.read_bytes()


def _spec(name: str, options: Mapping[str, Any], registry: Registry) -> RoutesSpec:
    component = registry.routes[name].component
    return RoutesSpec(name, component, component.config.model_validate(dict(options)))


def _no_report(name: str, question: Mapping[str, Any], pipeline: str) -> list[dict[str, Any]]:
    raise LookupError(f"no report {name!r} is loaded")
