"""Events, odds, movement, consensus, and books that offer more than they should."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import anyio
import msgspec

from stratumd.plugin import Micros, micros
from stratumd.plugin.history import Archive
from stratumd.plugin.routes import Access, Endpoint, Refused
from stratumd_partner_api import answers, questions
from stratumd_partner_api.cursors import Cursors, Mark, question_of
from stratumd_partner_api.lens import Json, Lens
from stratumd_partner_api.serving import Asked, Counter, Memo, Page, endpoint, listed, page

AT_ONCE = 2
"""Looks into the store of one account at the same time; the others wait, so that somebody else gets a turn as well."""
READ = Access(schemes=("key", "session"), scope="intel:read")
_KEY = re.compile(r"[!-~]{1,128}")

T = TypeVar("T")


def moment(at: datetime | None) -> Micros | None:
    """Return a time as the store counts it."""
    return None if at is None else micros(at)


def check_span(since: Micros | None, until: Micros | None, told: str = "") -> None:
    """Let pass a span of time. `Refused` (400) where it ends before it begins; `told` says where since is from."""
    if since is not None and until is not None and until < since:
        raise Refused(400, f"until: this is before since{told}")


class Looking:
    """Looks through the lens of whoever asks."""

    def __init__(self, archive: Archive, cursors: Cursors, memo: Memo) -> None:
        self.archive = archive
        self.cursors = cursors
        self.memo = memo
        self._turns: dict[str, anyio.CapacityLimiter] = {}

    async def look(self, asked: Asked, at: Micros, work: Callable[[Lens], T]) -> T:
        """Return what `work` sees. `Refused` (404) where something that is named is not there."""
        turns = self._turns.setdefault(asked.account, anyio.CapacityLimiter(AT_ONCE))
        try:
            async with turns:
                return await self.archive.read(lambda history: work(Lens(history, asked.shape, at)))
        except LookupError:
            raise Refused(404, "There is no such event, or more than one begins like this: see /events.") from None
        finally:
            if not turns.borrowed_tokens and not turns.statistics().tasks_waiting:
                self._turns.pop(asked.account, None)

    async def check_pipeline(self, named: str | None) -> None:
        """Let pass a pipeline that is configured or has stored something. `Refused` (404) names those there are."""
        configured = self.archive.pipelines
        if named is None or named in configured:
            return
        if not await self.archive.read(lambda history: history.steps(named)):
            raise Refused(404, f"There is no such pipeline: there are {', '.join(configured) or 'none'}.")

    async def remembered(self, asked: Asked, key: Hashable, work: Callable[[Lens], T], at: Micros | None = None) -> T:
        """Return what `work` sees at `at`, or now, or saw a moment ago."""
        now = asked.call.at
        whole = (asked.call.path, key, at, asked.shape)
        found: T = await self.memo.get(whole, 0, now, lambda: self.look(asked, now if at is None else at, work))
        return found

    def mark(self, asked: Asked, name: str, query: Any) -> Mark | None:
        """Return where a walk stands; None at its beginning. `Refused` (400) where the cursor is not good."""
        if query.cursor is None:
            return None
        return self.cursors.read(query.cursor, asked.account, question_of(name, query), asked.call.at)

    def page(
        self, asked: Asked, name: str, query: Any, rows: Sequence[tuple[tuple[Any, ...], Json]], mark: Mark | None
    ) -> Page:
        """Return a page of rows that are in the order of their places."""
        after = mark.position if mark else None
        rest = [row for row in rows if after is None or row[0] > after]
        shown = rest[: query.limit]
        if len(rest) == len(shown):
            return listed([row for _, row in shown])
        at = mark.at if mark else asked.call.at
        following = self.cursors.sign(asked.account, question_of(name, query), at, asked.call.at, shown[-1][0])
        return listed([row for _, row in shown], following)


class Market:
    """The endpoints of the market."""

    def __init__(self, looking: Looking, counter: Counter) -> None:
        self._look = looking
        self._counter = counter

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield them."""
        yield self._declare(
            self.events, "intel/events", "list_events", "Events by start", questions.EventQuery, answers.EventPage
        )
        yield self._declare(
            self.event, "intel/events/{event}", "get_event", "An event with its consensus and its last signal", None,
            answers.EventWhole,
        )  # fmt: skip
        yield self._declare(
            self.odds, "intel/events/{event}/odds", "list_odds", "What is offered, or was", questions.OddsQuery,
            answers.OddsPage,
        )  # fmt: skip
        yield self._declare(
            self.movement, "intel/events/{event}/movement", "list_movement", "Every change of the quotes",
            questions.MovementQuery, answers.MovementPage,
        )  # fmt: skip
        yield self._declare(
            self.consensus, "intel/consensus", "list_consensus", "The consensus of an event's markets by time",
            questions.ConsensusQuery, answers.ConsensusPage,
        )  # fmt: skip
        yield self._declare(
            self.latest, "intel/consensus/latest", "list_latest_consensus",
            "The newest consensus of all events that have not started", questions.LatestQuery, answers.ConsensusPage,
        )  # fmt: skip
        yield self._declare(
            self.actionable, "intel/books/actionable", "list_actionable_books",
            "Prices that are worth more than the consensus says", questions.ActionableQuery, answers.ActionablePage,
        )  # fmt: skip
        yield self._declare(
            self.batch, "intel/books/actionable/batch", "list_actionable_books_of_events",
            "The same of up to twenty events", questions.BatchQuery, answers.BatchPage,
        )  # fmt: skip

    def _declare(
        self, inner: Any, path: str, name: str, summary: str, query: type[msgspec.Struct] | None, gives: Any
    ) -> Endpoint:
        return endpoint(self._counter, inner, path, name, summary, query=query, gives=gives, access=READ, tag="Market")

    async def events(self, asked: Asked) -> Page:
        """Events by start, as they were known when the walk began."""
        query: questions.EventQuery = asked.call.query
        mark = self._look.mark(asked, "events", query)
        at = mark.at if mark else asked.call.at

        def work(lens: Lens) -> list[Json]:
            after = at if query.upcoming else None
            return lens.events(day=query.day, team=query.team, sport=query.sport, after=after)

        # The start of an event may move: a walk keeps to those that were announced when it began.
        rows = await self._look.remembered(asked, query, work, mark.at if mark else None)
        return self._look.page(asked, "events", query, _by_start(rows, mark), mark)

    async def event(self, asked: Asked) -> Page:
        """One event."""
        id = _event(asked)
        return page(await self._look.remembered(asked, id, lambda lens: lens.event(id)))

    async def odds(self, asked: Asked) -> Page:
        """Its quotes."""
        id, query = _event(asked), asked.call.query
        await self._look.check_pipeline(query.pipeline)
        at = moment(query.at)
        return listed(
            await self._look.remembered(
                asked, (id, query), lambda lens: lens.odds(id, market=query.market, pipeline=query.pipeline, at=at)
            )
        )

    async def movement(self, asked: Asked) -> Page:
        """Changes of its quotes."""
        id, query = _event(asked), asked.call.query
        await self._check(query)
        mark = self._look.mark(asked, f"movement {id}", query)
        since, until = _bounds(query, mark, asked)

        def work(lens: Lens) -> list[Json]:
            return lens.movement(
                id, market=query.market, book=query.book, outcome=query.outcome, player=query.player, since=since,
                until=until, pipeline=query.pipeline, limit=_enough(query, mark),
            )  # fmt: skip

        rows = await self._look.look(asked, mark.at if mark else asked.call.at, work)
        return self._look.page(asked, f"movement {id}", query, _by_time(rows), mark)

    async def consensus(self, asked: Asked) -> Page:
        """Consensus by time."""
        query: questions.ConsensusQuery = asked.call.query
        await self._check(query)
        mark = self._look.mark(asked, "consensus", query)
        since, until = _bounds(query, mark, asked)

        def work(lens: Lens) -> list[Json]:
            return lens.consensus(
                query.event, market=query.market, since=since, until=until, pipeline=query.pipeline,
                limit=_enough(query, mark),
            )  # fmt: skip

        rows = await self._look.look(asked, mark.at if mark else asked.call.at, work)
        return self._look.page(asked, "consensus", query, _by_time(rows), mark)

    async def latest(self, asked: Asked) -> Page:
        """The newest consensus of each market."""
        query: questions.LatestQuery = asked.call.query
        mark = self._look.mark(asked, "latest", query)
        now = asked.call.at
        rows = await self._look.remembered(
            asked,
            (query.sport, query.market, query.event),
            lambda lens: lens.board(now, query.sport, query.market, query.event),
        )
        placed = [((row["event"], row["market"], row["player"] or "", row["pipeline"]), row) for row in rows]
        return self._look.page(asked, "latest", query, sorted(placed, key=lambda row: row[0]), mark)

    async def actionable(self, asked: Asked) -> Page:
        """Prices of one event."""
        query: questions.ActionableQuery = asked.call.query
        await self._look.check_pipeline(query.pipeline)

        def work(lens: Lens) -> list[Json]:
            return lens.actionable(query.event, market=query.market, pipeline=query.pipeline, min_ev=query.min_ev)

        return listed(await self._look.remembered(asked, query, work))

    async def batch(self, asked: Asked) -> Page:
        """Prices of several events."""
        query: questions.BatchQuery = asked.call.query
        await self._look.check_pipeline(query.pipeline)

        def one(lens: Lens, event: str) -> Json:
            try:
                rows = lens.actionable(event, market=query.market, pipeline=query.pipeline, min_ev=query.min_ev)
            except LookupError:
                return {"event": event, "found": False, "books": []}
            return {"event": event, "found": True, "books": rows}

        def work(lens: Lens) -> list[Json]:
            return [one(lens, event) for event in dict.fromkeys(query.events)]

        return listed(await self._look.remembered(asked, query, work))

    async def _check(self, query: questions.MovementQuery | questions.ConsensusQuery) -> None:
        check_span(moment(query.since), moment(query.until))
        await self._look.check_pipeline(query.pipeline)


def _event(asked: Asked) -> str:
    id = asked.call.params["event"]
    if not _KEY.fullmatch(id):
        raise Refused(404, "There is no such event: see /events.")
    return id


def _bounds(query: Any, mark: Mark | None, asked: Asked) -> tuple[Micros | None, Micros]:
    """Return from when to when a page looks: on from the last row's instant, to when the walk began."""
    since = mark.position[0] if mark else moment(query.since)
    at = mark.at if mark else asked.call.at
    until = moment(query.until)
    return since, at if until is None else min(at, until)


def _enough(query: Any, mark: Mark | None) -> int:
    """Return how many rows make a page with those of its first instant that were shown before."""
    return int(query.limit) + (int(mark.position[1]) + 1 if mark else 0)


def _by_time(rows: Sequence[Json]) -> list[tuple[tuple[Any, ...], Json]]:
    """Place rows by their time, and by number within it: what was observed at one time does not change any more."""
    placed = list[tuple[tuple[Any, ...], Json]]()
    before, number = "", 0
    for row in rows:
        number = number + 1 if row["observed_at"] == before else 0
        before = row["observed_at"]
        placed.append(((micros(datetime.fromisoformat(before)), number), row))
    return placed


def _by_start(rows: Sequence[Json], mark: Mark | None) -> list[tuple[tuple[Any, ...], Json]]:
    at = mark.at if mark else None
    placed = [((_start_at(row, at), row["id"]), row) for row in rows]
    return sorted(placed, key=lambda row: row[0])


def _start_at(row: Json, at: Micros | None) -> str:
    """Return the start as it was announced when the walk began."""
    if at is None:
        return str(row["commence_at"])
    known = [each for each in row["starts"] if micros(datetime.fromisoformat(each["observed_at"])) <= at]
    return str(known[-1]["commence_at"] if known else row["commence_at"])
