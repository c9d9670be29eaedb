"""What core lends to routes and operations: the `RoutesContext` of the contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError

from stratumd.config.messages import told
from stratumd.errors import ConfigError
from stratumd.observe.logs import logger
from stratumd.plugin import Clock, Log, Notice
from stratumd.plugin.desk import Act, Desk, Reading, Writing
from stratumd.plugin.history import Archive, History
from stratumd.plugin.operations import Operation
from stratumd.registry import Registered
from stratumd.runtime.bulletin import Bulletin

S = TypeVar("S")
T = TypeVar("T")

_AT_ONCE = 4  # threads that read, and as many that write: no more than there are connections


class Present(Protocol):
    """What is configured now: a reload may exchange it between two looks."""

    @property
    def pipelines(self) -> Sequence[str]:
        """The names of the pipelines, in the order of the file."""

    @property
    def signal_types(self) -> Sequence[str] | None:
        """The types of signals that their detectors give; None where one does not say."""

    @property
    def operations(self) -> Mapping[str, Registered]:
        """The operations of all plugins that are loaded, by name."""

    def report(self, name: str, question: Mapping[str, Any], pipeline: str) -> list[dict[str, Any]]:
        """Return the rows with which a plugin's report answers. It blocks."""


class BlockingDesk(Protocol):
    """A desk whose calls block."""

    def read(self, work: Callable[[Reading], T]) -> T:
        """Return what `work` returns."""

    def write(self, work: Callable[[Writing], T], act: Act | None = None) -> T:
        """Return what `work` returns, when it is committed."""


class ThreadedDesk:
    """The `Desk` of the contract."""

    def __init__(self, desk: BlockingDesk) -> None:
        self._desk = desk
        self._readers = CapacityLimiter(_AT_ONCE)
        self._writers = CapacityLimiter(_AT_ONCE)

    async def read(self, work: Callable[[Reading], T]) -> T:
        """Return what `work` returns."""
        return await to_thread.run_sync(partial(self._desk.read, work), limiter=self._readers)

    async def write(self, work: Callable[[Writing], T], act: Act | None = None) -> T:
        """Return what `work` returns, when it is committed. Being cancelled waits for the outcome."""
        return await to_thread.run_sync(partial(self._desk.write, work, act), limiter=self._writers)


class ThreadedArchive:
    """The `Archive` of the contract."""

    def __init__(self, history: History, bulletin: Bulletin, present: Present) -> None:
        self._present = present
        self._history = history
        self._bulletin = bulletin
        self._limit = CapacityLimiter(_AT_ONCE)

    @property
    def pipelines(self) -> Sequence[str]:
        """The names of the pipelines that are configured now."""
        return self._present.pipelines

    @property
    def signal_types(self) -> Sequence[str] | None:
        """The types of signals that their detectors give; None where one does not say."""
        return self._present.signal_types

    async def read(self, work: Callable[[History], T]) -> T:
        """Return what `work` returns."""
        return await to_thread.run_sync(partial(work, self._history), limiter=self._limit)

    async def report(self, name: str, question: Mapping[str, Any], pipeline: str) -> list[dict[str, Any]]:
        """Return the rows with which a plugin's report answers."""
        return await to_thread.run_sync(partial(self._present.report, name, question, pipeline), limiter=self._limit)

    async def news(self, after: int) -> int:
        """Wait until the feed has a signal after `after`, and return the newest sequence number."""
        return await self._bulletin.news(after)

    async def steps(self, pipeline: str, after: int) -> int:
        """Wait until the pipeline has a step after `after`, and return its newest position."""
        return await self._bulletin.steps(pipeline, after)


class Services:
    """What routes provide to each other, by type."""

    def __init__(self) -> None:
        self._found: dict[type[Any], Any] = {}

    def offer(self, kind: type[Any], provided: Any) -> None:
        """Keep what is provided; `ConfigError` where two routes provide the same."""
        if kind in self._found:
            raise ConfigError(f"two of the routes provide {kind.__name__}: leave one of them out")
        self._found[kind] = provided

    def get(self, kind: type[S]) -> S:
        """Return what is provided. `LookupError` where nobody does."""
        if kind not in self._found:
            raise LookupError(f"no routes provide {kind.__name__}")
        found: S = self._found[kind]
        return found


class Office:
    """What one component gets."""

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        desk: ThreadedDesk,
        archive: ThreadedArchive,
        services: Services,
        present: Present,
        notify: Callable[[Notice], Awaitable[None]],
    ) -> None:
        self.name = name
        self.clock = clock
        self.log: Log = logger("stratumd.plugin", component=name)
        self.desk: Desk = desk
        self.archive: Archive = archive
        self._services = services
        self._present = present
        self._notify = notify

    def service(self, kind: type[S]) -> S:
        """Return what another plugin's routes provide under this type."""
        return self._services.get(kind)

    async def notify(self, notice: Notice) -> None:
        """Tell the operator, or one person, something."""
        await self._notify(notice)

    def operations(self) -> Sequence[type[Operation]]:
        """Return the operations of all plugins that are loaded, by name."""
        return [found.component for _, found in sorted(self._present.operations.items())]

    def operation(self, name: str, arguments: Mapping[str, Any]) -> Operation:
        """Build the operation `name`. `LookupError` where there is none; `ConfigError` names the wrong arguments."""
        found = self._present.operations.get(name)
        if found is None:
            raise LookupError(f"there is no operation {name!r}")
        try:
            options = found.component.config.model_validate(dict(arguments))
        except ValidationError as error:
            raise ConfigError("; ".join(_wrong(error))) from None
        operation: Operation = found.component(options, self)
        return operation


def _wrong(error: ValidationError) -> list[str]:
    """Return what is wrong with each argument; of a list, with its entries where these are wrong."""
    found = {tuple(each["loc"]): told(each, None).text for each in error.errors(include_url=False)}
    inner = {place[:depth] for place in found for depth in range(1, len(place))}
    return [f"{'.'.join(map(str, place))}: {text}" for place, text in found.items() if place not in inner]
