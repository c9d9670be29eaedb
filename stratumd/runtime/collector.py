"""One source: polled when it is due, every exchange stored before anything else is done with it (T1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import anyio

from stratumd import failpoints
from stratumd.config import Budget
from stratumd.errors import (
    BadPayload,
    RateLimited,
    SourceError,
    StratumError,
    TransientError,
    Unauthorized,
)
from stratumd.observe.logs import logger
from stratumd.plugin import MINUTE, SECOND, Micros, Observation, Poll
from stratumd.redaction import told
from stratumd.runtime.backoff import FOR_STORE, Backoff, seconds
from stratumd.runtime.build import Feed
from stratumd.runtime.calls import call, sheltered
from stratumd.runtime.circuit import LONGEST_ASKED, Circuit
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.ended import REMEMBERED
from stratumd.runtime.gauges import look_for_pauses
from stratumd.runtime.pacing import Pacer, Step
from stratumd.runtime.posts import Turns
from stratumd.runtime.states import State
from stratumd.runtime.ticks import Due, Ticks
from stratumd.store.errors import StoreBroken, StoreError

KIND = "source"
GRACE = 2.0
"""Seconds that an exchange at hand gets to end when the daemon stops: its answer is paid for."""
LONGEST_WAIT = LONGEST_ASKED / SECOND
"""Seconds. A provider that asks for more is asked again after this."""

LATE: Micros = 10 * MINUTE
"""How late another daemon's exchange may come to the log, as it waits where the store is down, and still be heard of
before a restart. Each poll reads so much of the log."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What calls of a source's code may take, in seconds."""

    open: float = 60.0
    exchange: float = 300.0
    close: float = 2.0


class Turning(NamedTuple):
    """One cycle of a source."""

    ticks: Ticks | None
    """Its own instants; None where the source is polled once."""
    pacer: Pacer


class Collector:
    """Polls one source. `run` returns when the source has ended, and raises what a restart may help against."""

    kind = KIND

    def __init__(
        self,
        feed: Feed,
        ticks: Ticks | None,
        core: Core,
        wake: Callable[[], None],
        *,
        backoff: Backoff | None = None,
        deadlines: Deadlines = Deadlines(),
        pacer: Pacer | None = None,
        cycles: Sequence[Turning] = (),
    ) -> None:
        """`ticks` is None where the source is polled once and then ends; `wake` says that something was stored.

        Without a `pacer` every instant is one poll of everything. `cycles` have instants of their own, where there are
        `ticks`.
        """
        self.name = feed.owner.name
        self._source = feed.source
        self._owner = feed.owner
        self._till = feed.till
        self.ticks = ticks
        self.turns = Turns()
        self._core = core
        self._wake = wake
        owner = feed.owner
        self._circuit = Circuit(self.name, owner.component, owner.version, core, backoff or Backoff())
        self._deadlines = deadlines
        self._pacer = pacer or Pacer(None, Budget(), feed.source, feed.till, core.timer)
        self._cycles = cycles
        self._logged: set[str] = set()
        """Exchanges of the log that are counted, as far back as others are looked for."""
        self._paused = False
        self.storing = False
        """Whether something that was received is not stored yet."""
        self._entry = core.journal.source(self.name)
        self._log = logger("stratumd.source", source=self.name)

    async def run(self) -> None:
        """Open the source, poll it when it is due, close it."""
        await look_for_pauses(self._core)
        await self._recall()
        await self._leave_alone()
        try:
            await self._call(self._source.open, self._deadlines.open)
            if self.ticks is None:
                for pacer in self._pacers():
                    await self.poll(pacer)
            else:
                await self._follow(self.ticks)
        finally:
            await self._close()

    async def _leave_alone(self) -> None:
        """Wait where the provider is to be left alone; one that is polled once only is asked all the same."""
        left = await self._circuit.recall()
        if left and self.ticks is not None:
            self._put(State.RECOVERABLE_ERROR, self._circuit.reason, self._circuit.failures)
            await self._core.timer.sleep(left)

    def _pacers(self) -> list[Pacer]:
        return [self._pacer, *(each.pacer for each in self._cycles)]

    async def _follow(self, own: Ticks) -> None:
        """Take one instant after the other, its own and its cycles'."""
        turns = [(own, self._pacer), *((each.ticks, each.pacer) for each in self._cycles if each.ticks is not None)]
        for ticks, _ in turns:
            await ticks.begin()
        if all(ticks.due > self._core.timer.now() for ticks, _ in turns) and not self._is_paused():
            self._put(State.OK)  # nothing is amiss while it waits for its first instant
        while True:
            ticks, pacer = min(turns, key=lambda each: each[0].due)
            self._entry.next_due = ticks.due
            due = await ticks.wait(self._get_ready)
            if due is None:
                if not self._is_paused():
                    self._put(State.OK)  # another daemon polls
                continue
            self._count(due)
            with self.turns.turn():
                pause = await self._poll(pacer, taken=True)
            await self._core.timer.sleep(pause)
            for each, _ in turns if pause else [(ticks, pacer)]:
                each.rest()  # another one that became due during this poll is only late

    def _count(self, due: Due) -> None:
        """Count an instant that was taken, and those before it that nobody ran."""
        entry, metrics = self._entry, self._core.metrics
        entry.taken += 1
        metrics.taken.labels(self.name).inc()
        if due.skipped:
            entry.skipped += due.skipped
            metrics.skipped.labels(self.name).inc(due.skipped)
            self._log.warning("poll skipped: the one before took longer than the interval", skipped=due.skipped)
        if due.missed:
            entry.missed += due.missed
            metrics.missed.labels(self.name).inc(due.missed)
            self._log.warning("polls missed: no daemon got to make them", missed=due.missed)

    async def poll(self, pacer: Pacer | None = None) -> Micros:
        """Ask for what is due and store every exchange; return how long to leave the source alone beyond that.

        `pacer` says what is due, by default that of the schedule.
        `Unauthorized` ends it at once: the same key will not do for the next exchange either.
        """
        await self._get_ready()
        return await self._poll(pacer or self._pacer)

    async def _get_ready(self) -> None:
        """Learn what others know. Before an instant is taken: one that is taken is polled, also in a stop."""
        await self._look_for_ends()
        await self._hear()

    async def _poll(self, pacer: Pacer, *, taken: bool = False) -> Micros:
        """Poll; where an instant is `taken` for it, the first exchange is made even in a stop: nobody else will."""
        if self._is_paused():
            return 0
        errors: list[SourceError] = []
        asked = answered = 0
        if self._circuit.on_trial:
            self._circuit.try_now()
        try:
            for step in pacer.steps():
                asked += 1
                answered += await self._take(step, pacer, errors, begun=taken and asked == 1)
                if errors and self._circuit.on_trial:
                    break
        except TransientError as error:
            await self._circuit.failed(told(error))
            raise
        if not asked:  # nothing was due: that says nothing about the provider
            if not self._circuit.failures:
                self._put(State.OK)
            return 0
        return await self._judge(errors, answered)

    def _is_paused(self) -> bool:
        """Say whether a person paused the source, and show it. What is due meanwhile is not made up for."""
        found = self._core.journal.pause(self.name, self._core.timer.now())
        if (found is None) is self._paused:
            self._paused = found is not None
            if found is None:
                self._log.warning("polls begin again")
            else:
                self._log.warning("no polls: a person paused the source", reason=found.reason)
        if found is not None:
            self._put(State.OK, found.told())
        return self._paused

    async def _look_for_ends(self) -> None:
        """Look which events are over: the daemon that heard of it may be another one."""
        core, now = self._core, self._core.timer.now()
        if core.ended.is_stale(now):
            try:
                core.ended.replace(await transaction(partial(core.store.over, now - REMEMBERED)), now)
            except StoreError as error:  # the poll goes on, and its answer waits for the store
                self._log.warning("which events are over cannot be read", error=str(error))

    async def _take(self, step: Step, pacer: Pacer, errors: list[SourceError], *, begun: bool) -> int:
        """Ask for one thing and store every exchange; return how many were answered, and add what failed."""
        answered = 0
        exchanges = await self._call(partial(_begun, step), self._deadlines.exchange)
        try:
            while (poll := await sheltered(partial(self._exchange, exchanges, pacer), GRACE, begun=begun)) is not None:
                begun = False
                error = self._note(poll)
                if isinstance(error, Unauthorized):
                    raise error
                if error is None or isinstance(error, BadPayload):
                    answered += 1
                    if self._circuit.on_trial:
                        await self._circuit.succeeded()
                else:
                    errors.append(error)
                    if self._circuit.on_trial:
                        break
        finally:
            await self._end(exchanges)
        return answered

    async def _exchange(self, exchanges: AsyncIterator[Poll], pacer: Pacer) -> Poll | None:
        """Make one exchange and store it; None where there is none any more."""
        poll = await self._call(lambda: anext(exchanges, None), self._deadlines.exchange)
        if poll is not None:
            poll = pacer.noted(self._checked(poll))
            await self._keep(poll)
        return poll

    def _checked(self, poll: object) -> Poll:
        """Return what the source yielded, if it is a poll whose answer is one."""
        if not isinstance(poll, Poll):
            error = TypeError(f"yielded a {type(poll).__name__}; a source yields a Poll for each exchange")
            raise self._owner.blame(error)
        if not isinstance(poll.observation, Observation | None):
            found = type(poll.observation).__name__
            raise self._owner.blame(TypeError(f"a poll's observation is an Observation or None, not a {found}"))
        return poll

    async def _end(self, exchanges: AsyncIterator[Poll]) -> None:
        end = getattr(exchanges, "aclose", None)
        if end is not None:
            with anyio.CancelScope(shield=True):
                await self._call(end, self._deadlines.close)

    async def _recall(self) -> None:
        """Read back from the poll log what was spent and polled, once: a restart forgets nothing."""
        if self._pacer.remembers:
            return
        await self._learn(self._pacer.needed_since())

    async def _hear(self) -> None:
        """Take up what others asked for meanwhile, such as another daemon or a backfill: a budget is one for all."""
        try:
            await self._learn(self._core.timer.now() - LATE)
        except StoreError as error:  # the poll goes on, and its answer waits for the store
            self._log.warning("what others spent cannot be read", error=str(error))

    async def _learn(self, since: Micros) -> None:
        charges = await transaction(partial(self._core.store.charges, self.name, since))
        news = [charge for charge in charges if charge.id not in self._logged]
        self._logged = {charge.id for charge in charges}
        if news or not self._pacer.remembers:
            for pacer in self._pacers():
                pacer.remember(news)
            self._show_account()

    async def _keep(self, poll: Poll) -> None:
        """T1. What was answered is worth credits: while the store is down, no more is asked and this one waits."""
        failpoints.reached("source: answered")
        self.storing = True
        try:
            await self._stored(poll)
        finally:
            self.storing = False
        if poll.observation is not None:
            self._wake()

    async def _stored(self, poll: Poll) -> None:
        waiting = Backoff(longest=FOR_STORE)
        while True:
            try:
                self._logged.update(await transaction(lambda: self._core.store.observe([(self.name, poll)])))
            except StoreBroken:
                raise
            except StoreError as error:
                self._put(State.RECOVERABLE_ERROR, f"store: {error}", waiting.failures)
                self._log.error("an observation waits for the store", error=str(error))
                await self._core.timer.sleep(waiting.failed())
            else:
                return

    def _note(self, poll: Poll) -> SourceError | None:
        """Count the exchange and return its error."""
        entry, metrics = self._entry, self._core.metrics
        entry.polls += 1
        entry.last_poll = poll.started_at + poll.elapsed
        if poll.credits.remaining is not None:
            entry.credits_remaining = poll.credits.remaining
            metrics.credits.labels(self.name).set(poll.credits.remaining)
        error = poll.error
        metrics.polls.labels(self.name, _outcome(error)).inc()
        self._count_credits(poll)
        if error is None:
            return None
        entry.failed += 1
        entry.last_error = told(error)
        self._log.warning("poll failed", path=poll.request.path, outcome=_outcome(error), error=told(error))
        return error if isinstance(error, SourceError) else TransientError(told(error))

    def _count_credits(self, poll: Poll) -> None:
        """Show what is spent, and hold the source's own model against the provider's word."""
        entry, metrics = self._entry, self._core.metrics
        if poll.cost:
            metrics.credits_spent.labels(self.name, poll.feature).inc(poll.cost)
        if None not in (poll.price, poll.credits.last) and poll.price != poll.credits.last:
            entry.mispriced += 1
            metrics.mispriced.labels(self.name).inc()
            words = {"path": poll.request.path, "model": poll.price, "provider": poll.credits.last}
            self._log.warning("an answer did not cost what it should", **words)
        self._show_account()

    def _show_account(self) -> None:
        entry, metrics, now = self._entry, self._core.metrics, self._core.timer.now()
        account = self._till.account
        entry.credits_today, entry.credits_month = account.spent(now)
        entry.credits_saved = account.level(now) if account.budget.daily_credits is not None else None
        entry.unaffordable = self._till.refused
        metrics.unaffordable.labels(self.name).set(self._till.refused)
        for part in account.parts(now):
            metrics.budget_spent.labels(self.name, part.name).set(part.spent / part.budget if part.budget else 1.0)
        self._warn_of(account.warnings(now))

    def _warn_of(self, warnings: list[str]) -> None:
        """Say once of each budget that most of it is spent."""
        known = {line.partition(":")[0] for line in self._entry.budget_warnings}
        for line in warnings:
            if line.partition(":")[0] not in known:
                self._log.warning("most of a budget is spent", budget=line)
        self._entry.budget_warnings = warnings

    async def _judge(self, errors: Sequence[SourceError], answered: int) -> Micros:
        """Say how the source is, and return how long it is to be left alone."""
        if not errors:
            await self._circuit.succeeded()
            self._put(State.OK)
            return 0
        limited = [error for error in errors if isinstance(error, RateLimited)]
        asked = max((seconds(error.retry_after) or 0.0 for error in limited), default=0.0)
        worst = limited[0] if limited else errors[0]
        wait = 0
        if limited or not answered:
            wait = await self._circuit.failed(told(worst), round(min(asked, LONGEST_WAIT) * SECOND))
        self._put(State.RECOVERABLE_ERROR, told(worst), self._circuit.failures)
        return wait

    async def _close(self) -> None:
        try:
            with anyio.CancelScope(shield=True):
                await self._call(self._source.close, self._deadlines.close)
        except StratumError as error:
            self._log.warning("source closed with an error", error=told(error))

    async def _call(self, code: Callable[[], Awaitable[T]], deadline: float) -> T:
        return await call(self._owner, code, deadline)

    def _put(self, state: State, reason: str = "", attempts: int = 0) -> None:
        self._core.states.put(KIND, self.name, state, reason, attempts)


async def _begun(step: Step) -> AsyncIterator[Poll]:
    return step()


def _outcome(error: Exception | None) -> str:
    return _OUTCOMES.get(type(error), "failed") if error is not None else "ok"


_OUTCOMES: dict[type[Exception], str] = {
    TransientError: "transient",
    RateLimited: "rate_limited",
    Unauthorized: "unauthorized",
    BadPayload: "bad_payload",
}
