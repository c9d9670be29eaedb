"""The run of a backfill: one question after another, every answer stored at once, so that a kill costs nothing.

What is stored already is never asked again: the same command goes on where the last one ended, and does nothing where
that was the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from stratumd.errors import BadPayload, RateLimited, SourceError, TransientError, Unauthorized
from stratumd.odds import canonical_team
from stratumd.plugin import Event, Micros, Normalizer, Observation, Past, Poll, Request
from stratumd.runtime.account import Spending, month_of
from stratumd.runtime.backfill.plan import Limits, Wanted, choose, upcoming
from stratumd.runtime.build import Feed
from stratumd.runtime.calls import call
from stratumd.runtime.core import transaction
from stratumd.store.charges import Charge

T = TypeVar("T")

DEADLINE = 300.0
"""Seconds that one question may take, its retries included."""
MOST_FAILURES = 5
"""Questions that may fail one after the other before the rest is left for another time."""


def history_of(source: str) -> str:
    """Return the name under which the past of a source is kept: no pipeline takes it for the present."""
    return f"{source}/historical"


class Keeping(Protocol):
    """What a backfill does with the store. The calls block."""

    def observe(self, polls: Sequence[tuple[str, Poll]]) -> Collection[str]:
        """Store exchanges by source; return their ids in the poll log."""

    def answered(self, source: str) -> Answered:
        """Return what is stored of a source, by what was asked."""

    def charges(self, source: str, since: Micros) -> list[Charge]:
        """Return what a source's exchanges cost from `since` on, oldest first."""


class Answered(Protocol):
    """The answers of a source that are stored."""

    def get(self, request: Request) -> Observation | None:
        """Return the answer to `request`, or None."""


class Stop(Exception):
    """A limit is reached, or going on is of no use. The text says which or why."""

    def __init__(self, why: str, *, limited: bool = False) -> None:
        super().__init__(why)
        self.limited = limited


@dataclass(slots=True)
class Progress:
    """How far a backfill is."""

    steps: int = 0
    """Questions to come and done, as far as they are known."""
    done: int = 0
    requests: int = 0
    credits: int = 0
    remaining: int | None = None
    """Credits that the provider says are left."""
    kept: int = 0
    """Answers that were stored."""
    skipped: int = 0
    """Answers that were there already."""
    failed: int = 0
    wanted: int | None = None
    """Events that were chosen, where any were."""
    events: set[str] = field(default_factory=set)
    """Events of which quotes are stored."""
    teams: set[str] = field(default_factory=set)
    singly: bool = False
    """Whether events are asked for one by one: the question for all of them was refused."""
    stopped: str = ""
    """Why it ended early; empty where it did not."""
    limited: bool = False
    """Whether it ended at a limit that was set for it."""


class _List(NamedTuple):
    """The events that were listed at a time."""

    at: Micros
    events: Sequence[Event]


class Backfill:
    """Asks a source for its past. `run` may be repeated: what is stored is not asked for again."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        normalizer: Normalizer,
        store: Keeping,
        wanted: Wanted,
        limits: Limits,
        *,
        remaining: int | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        """`remaining` is what the provider says is left before the first request."""
        self._name = name
        self._feed = feed
        self._source = feed.source
        self._normalizer = normalizer
        self._store = store
        self._wanted = wanted
        self._limits = limits
        self._report = report
        self._answered: Answered | None = None
        self._failures = 0
        self.progress = Progress(remaining=remaining)

    async def run(self) -> Progress:
        """Ask for all that is wanted, or until a limit is reached. Raises `Unauthorized`: the key will not do."""
        await self._call(self._source.open)
        try:
            self._answered = await transaction(partial(self._store.answered, history_of(self._name)))
            await self._recall_spending()
            await self._ask_for_all()
        except Stop as stop:
            self.progress.stopped, self.progress.limited = str(stop), stop.limited
        finally:
            await self._call(self._source.close)
            self._report(self.progress)
        return self.progress

    async def _recall_spending(self) -> None:
        """Count what was spent this month, by a daemon too: the source's budgets hold for both."""
        since = month_of(self._source.context.clock.now())
        for charge in await transaction(partial(self._store.charges, self._name, since)):
            self._feed.till.account.spend(Spending(charge.at, charge.credits, charge.feature))

    async def _ask_for_all(self) -> None:
        wanted, progress = self._wanted, self.progress
        instants = [*wanted.instants()]
        if wanted.sample is None and self._limits.events is None:
            progress.steps = len(instants)
            for at in instants:
                await self._snapshot(at, None)
            return
        days = [*wanted.days()]
        progress.steps = len(days) + len(instants)
        lists = [_List(at, await self._events_at(at)) for at in days]
        chosen = choose([event for each in lists for event in each.events], wanted, self._limits.events)
        progress.wanted = len(chosen)
        asked = [(at, _listed(lists, chosen, at)) for at in instants]
        progress.steps = len(days) + sum(bool(ids) for _, ids in asked)
        for at, ids in asked:
            if ids:
                await self._snapshot(at, ids)

    async def _snapshot(self, at: Micros, ids: tuple[str, ...] | None) -> None:
        """Ask for the quotes at a time, of all events or of those that are named."""
        wanted, progress = self._wanted, self.progress
        if not progress.singly:
            refused = await self._quotes(Past(wanted.sport, at, wanted.markets, ids or ()))
            if not refused:
                progress.done += 1
                self._report(progress)
                return
            progress.singly = True
        if ids is None:
            progress.steps += 1
            ids = tuple(event.id for event in await self._events_at(at))
        progress.steps += max(0, len(ids) - 1)
        for id in ids:
            await self._quotes(Past(wanted.sport, at, wanted.markets, (id,), singly=True))
            progress.done += 1
            self._report(progress)
        if not ids:
            progress.done += 1

    async def _events_at(self, at: Micros) -> Sequence[Event]:
        """Return the events that were listed at a time; none where the question failed."""
        answer = await self._answer(Past(self._wanted.sport, at))
        self.progress.done += 1
        self._report(self.progress)
        if not isinstance(answer, Observation):
            self._count_failure(answer)
            return ()
        return [listing.event for listing in self._normalizer.normalize(answer).listings]

    async def _quotes(self, past: Past) -> bool:
        """Ask for quotes and count them; True where the question itself was refused."""
        answer = await self._answer(past)
        if isinstance(answer, Observation):
            for listing in self._normalizer.normalize(answer).listings:
                if listing.offers:
                    event = listing.event
                    self.progress.events.add(event.id)
                    self.progress.teams |= {canonical_team(event.sport, name) for name in (event.home, event.away)}
            return False
        if not past.singly and _is_refusal(answer):
            return True
        self._count_failure(answer)
        return False

    async def _answer(self, past: Past) -> Observation | SourceError:
        """Return the answer that is stored, or ask for it and store it; or the error."""
        assert self._answered is not None, "read before anything is asked"
        request = self._source.question(past)
        known = await transaction(partial(self._answered.get, request))
        if known is not None:
            self.progress.skipped += 1
            return known
        self._check_limits(past)
        poll = await self._call(partial(self._source.recall, past))
        return await self._keep(poll)

    async def _keep(self, poll: Poll) -> Observation | SourceError:
        """Store an exchange and return its answer, or its error: what cannot be read is asked for another time."""
        progress = self.progress
        answer = None if poll.observation is None or poll.error is not None else poll.observation
        kept = answer and answer.under(history_of(self._name))
        kept_poll = msgspec.structs.replace(poll, observation=kept)
        await transaction(partial(self._store.observe, [(self._name, kept_poll)]))
        progress.credits += poll.cost
        self._note_credits()
        if getattr(poll.error, "code", "") != "budget":
            progress.requests += 1
        if kept is not None:
            self._failures = 0
            progress.kept += 1
            return kept
        assert poll.error is not None, "an exchange has an answer or an error"
        return self._judge(poll.error)

    def _judge(self, error: Exception) -> SourceError:
        """Return an error that leaves the rest to be asked for. Others end the run."""
        if isinstance(error, Unauthorized):
            raise error
        if isinstance(error, RateLimited):
            raise Stop(str(error))
        return error if isinstance(error, SourceError) else TransientError(str(error))

    def _count_failure(self, error: SourceError) -> None:
        self.progress.failed += 1
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            raise Stop(f"{MOST_FAILURES} questions failed one after the other; the last: {error}")

    def _check_limits(self, past: Past) -> None:
        limits, progress = self._limits, self.progress
        if limits.requests is not None and progress.requests >= limits.requests:
            raise Stop(f"{limits.requests:,} requests are made", limited=True)
        price = self._source.price(past)
        if limits.remaining is None or progress.remaining is None:
            return
        if progress.remaining - price < limits.remaining:
            text = f"the next request may cost {price:,} of the {progress.remaining:,} credits left"
            raise Stop(f"{text}, and {limits.remaining:,} are to be left", limited=True)

    def _note_credits(self) -> None:
        credits = self._source.credits()
        if credits is not None:
            self.progress.remaining = credits.remaining

    async def _call(self, code: Callable[[], Awaitable[T]]) -> T:
        return await call(self._feed.owner, code, DEADLINE)


def _is_refusal(error: SourceError) -> bool:
    """Say whether the provider refuses the question as it is, so that asking in another way may help."""
    return not isinstance(error, TransientError | RateLimited | Unauthorized | BadPayload)


def _listed(lists: Sequence[_List], chosen: Sequence[Event], at: Micros) -> tuple[str, ...]:
    """Return the chosen events that have not started at `at` and were listed about then."""
    around = [each for each in lists if each.at <= at][-1:] + [each for each in lists if each.at > at][:1]
    there = {event.id for each in around for event in each.events}
    return tuple(id for id in upcoming(chosen, at) if id in there)
