"""Small stand-ins for what the parts of the daemon work with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from stratumd.config import Budget
from stratumd.engine import StateChange
from stratumd.errors import StratumError
from stratumd.plugin import (
    SECOND,
    Credits,
    Delivery,
    Micros,
    Notice,
    Observation,
    PluginConfig,
    Poll,
    Record,
    Request,
    Source,
)
from stratumd.plugin.views import NoticeRow, PauseRow
from stratumd.runtime.build import Feed
from stratumd.runtime.calls import Owner
from stratumd.runtime.core import Core
from stratumd.runtime.journal import Journal
from stratumd.runtime.states import States
from stratumd.runtime.till import Till
from stratumd.store import Charge, Commit, Disabled, Errand, Lease, Newest, Outage, Routed, Taken, Taker, Waiting
from tests.unit.runtime.virtual import VirtualTimer

REQUEST = Request("/odds", {"markets": "spreads"})


class MemorySharing:
    """What several daemons share, in memory. `others` holds who works a pipeline besides this daemon."""

    owner, lease, shared = "here boot 1 token", 10 * SECOND, False

    def __init__(self, clock: Callable[[], Micros] = lambda: 0) -> None:
        self.clock = clock
        self.taken: dict[str, list[Micros]] = {}
        self.others: dict[str, str] = {}
        self.held: list[str] = []
        self.down: list[StratumError] = []

    def newest(self, schedule: str) -> Newest:
        if self.down:
            raise self.down.pop(0)
        return Newest(max(self.taken.get(schedule, []), default=None), self.clock())

    def take(self, schedule: str, instant: Micros, gap: Micros) -> Taken:
        self.newest(schedule)
        taken = self.taken.setdefault(schedule, [])
        near = next((each for each in taken if abs(each - instant) < max(gap, 1)), None)
        before = max((each for each in taken if each < instant), default=None)
        if near is None:
            taken.append(instant)
        return Taken(near is None, instant if near is None else near, max(taken), before, self.clock())

    def hold(self, pipeline: str) -> Lease:
        if pipeline not in self.others:
            self.held.append(pipeline)
        return Lease(pipeline, self.others.get(pipeline, self.owner), len(self.held), self.lease)

    def beat(self) -> None: ...

    def let_go(self, pipeline: str) -> None:
        self.held.remove(pipeline)

    def holders(self) -> list[Lease]:
        return [self.hold(pipeline) for pipeline in self.others]


class NoNotices:
    """Nothing to tell."""

    def route(self, takers: Sequence[Taker], now: Micros) -> Routed:
        return Routed(0, ())

    def sweep(self, now: Micros) -> None: ...

    def unsent(self) -> list[NoticeRow]:
        return []

    def claim(self, sink: str, now: Micros) -> Errand | None:
        return None

    def delivered(self, id: str, sink: str, now: Micros) -> None:
        raise AssertionError("nothing was lent out")

    def failed(self, id: str, sink: str, now: Micros, error: str, retry_at: Micros | None) -> None:
        raise AssertionError("nothing was lent out")


def _id(poll: Poll) -> str:
    return f"{poll.request.path} {poll.started_at}"


class MemoryStore:
    """The daemon's store, in memory. `down` holds errors that the next calls raise, one each."""

    def __init__(self, clock: Callable[[], Micros] = lambda: 0) -> None:
        self.sharing = MemorySharing(clock)
        self.notices = NoNotices()
        self.polls: list[tuple[str, Poll]] = []
        self.commits: list[Commit] = []
        self.down: list[StratumError] = []
        self.outages: dict[tuple[str, str], Outage] = {}
        self.pauses: list[PauseRow] = []

    def _fail(self) -> None:
        if self.down:
            raise self.down.pop(0)

    def paused(self, now: Micros) -> list[PauseRow]:
        return [each for each in self.pauses if each.until_at is None or each.until_at > now]

    def observe(self, polls: Sequence[tuple[str, Poll]]) -> list[str]:
        self._fail()
        self.polls += polls
        return [_id(poll) for _, poll in polls]

    def commit(self, commits: Sequence[Commit]) -> None:
        self._fail()
        self.commits += commits

    @property
    def observations(self) -> list[Observation]:
        return [poll.observation for _, poll in self.polls if poll.observation is not None]

    @property
    def processed(self) -> list[Observation]:
        return [commit.step.observation for commit in self.commits]

    def pending(self, pipeline: str, sources: Sequence[str], limit: int) -> list[Observation]:
        done = {each.id for each in self.processed}
        return [each for each in self.observations if each.id not in done][:limit]

    def rebuild(self, pipeline: str, sources: Sequence[str], lookback: Micros) -> Iterator[tuple[Observation, Micros]]:
        yield from ((each, each.received_at) for each in self.processed)

    def states(self, pipeline: str) -> list[StateChange]:
        newest = {(each.component, each.event): each for commit in self.commits for each in commit.step.states}
        return [each for each in newest.values() if each.body is not None]

    def records(self, pipeline: str) -> list[tuple[str, Record]]:
        return [each for commit in self.commits for each in commit.step.records]

    def charges(self, source: str, since: Micros) -> list[Charge]:
        polls = [poll for name, poll in self.polls if name == source and poll.started_at >= since]
        return [Charge(p.started_at + p.elapsed, p.cost, p.feature, p.tier, p.events, _id(p)) for p in polls]

    def over(self, since: Micros) -> list[str]:
        return []

    def seen(self, pipeline: str) -> dict[str, Micros]:
        return {each.event: commit.step.at for commit in self.commits for each in commit.step.coverage}

    def delivery_counts(self) -> Mapping[tuple[str, str], Waiting]:
        self._fail()
        return {("main.file", "pending"): Waiting(2, 1_000_000)}

    def claim(self, sink: str, limit: int, now: Micros, *, fresh: bool = False) -> list[Delivery]:
        return []

    def delivered(self, ids: Sequence[str], now: Micros, receipt: str | None = None) -> None:
        raise AssertionError("nothing was lent out")

    def failed(self, id: str, now: Micros, error: str, retry_at: Micros | None) -> None:
        raise AssertionError("nothing was lent out")

    def notify(self, notice: Notice) -> bool:
        raise AssertionError("there is nothing to tell")

    def expire(self, sink: str, now: Micros) -> None: ...

    def release(self) -> None: ...

    def disable(self, sink: str, found: Disabled, notice: Notice | None = None) -> None:
        raise AssertionError("nothing was sent")

    def enable(self, sink: str, notice: Notice | None = None) -> bool:
        return False

    def disabled(self) -> dict[str, Disabled]:
        return {}

    def trip(self, kind: str, name: str, outage: Outage) -> None:
        self._fail()
        self.outages[kind, name] = outage

    def mend(self, kind: str, name: str) -> None:
        self._fail()
        self.outages.pop((kind, name), None)

    def outage(self, kind: str, name: str) -> Outage | None:
        return self.outages.get((kind, name))


def core(store: MemoryStore | None = None) -> Core:
    """A core on virtual time."""
    timer = VirtualTimer()
    return Core(store or MemoryStore(timer.now), States(timer.now), Journal(), timer=timer)


def timer_of(core: Core) -> VirtualTimer:
    assert isinstance(core.timer, VirtualTimer)
    return core.timer


def store_of(core: Core) -> MemoryStore:
    assert isinstance(core.store, MemoryStore)
    return core.store


def answer(body: bytes = b"[]", at: Micros = 0, remaining: int | None = None) -> Poll:
    """An exchange that was answered."""
    observation = Observation("nba", "plain", at, REQUEST, 200, body)
    return Poll(REQUEST, at, SECOND, observation, credits=Credits(remaining=remaining))


def failure(error: Exception) -> Poll:
    """An exchange that was not."""
    return Poll(REQUEST, 0, SECOND, error=error)


class Wrong(NamedTuple):
    """Something that a source yields where a `Poll` belongs."""

    value: object


Turn = Sequence[Poll | BaseException | Wrong | Callable[[], Awaitable[None]]]


class ScriptedSource(Source):
    """Yields, raises or awaits at each poll what the script says."""

    name = "scripted"
    format = "plain"

    def __init__(self, *turns: Turn, opening: Sequence[BaseException] = ()) -> None:
        super().__init__(PluginConfig(), _NoContext())
        self.turns = list(turns)
        self.opening = list(opening)
        self.calls: list[str] = []

    async def open(self) -> None:
        self.calls.append("open")
        if self.opening:
            raise self.opening.pop(0)

    async def close(self) -> None:
        self.calls.append("close")

    async def poll(self) -> AsyncIterator[Poll]:
        self.calls.append("poll")
        for each in self.turns.pop(0) if self.turns else ():
            if isinstance(each, BaseException):
                raise each
            if isinstance(each, Poll):
                yield each
            elif isinstance(each, Wrong):
                yield cast(Poll, each.value)
            else:
                await each()

    @property
    def feed(self) -> Feed:
        return Feed(self, Owner(self, "nba", "scripted", "1.2"), Till("nba", Budget(), VirtualTimer()))


class _NoContext:
    name = "nba"
    clock: Any = None
    log: Any = None

    def source(self, use: str, options: Mapping[str, Any]) -> Source:
        raise AssertionError("it stands in front of no other")

    def is_over(self, event: str) -> bool:
        return False
