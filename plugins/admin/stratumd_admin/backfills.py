"""Backfills that were asked for. They are run by `stratumd backfill`, by whoever has the console: a daemon that polls
should not compete with itself for credits, and only the file knows its sources."""

from __future__ import annotations

import secrets
import shlex
from typing import Any, NamedTuple

import msgspec

from stratumd.plugin import DAY, SECOND, Micros, iso
from stratumd.plugin.desk import Act, Desk, Writing
from stratumd.plugin.routes import Refused
from stratumd_admin.rows import QUEUED, Backfill

LONGEST = 366 * DAY
MOST_QUEUED = 100
"""Backfills that wait at the same time."""
Shown = dict[str, Any]


class Wanted(NamedTuple):
    """What is wanted of the past, and its limits."""

    source: str
    sport: str
    markets: tuple[str, ...]
    start: Micros
    end: Micros
    step: Micros
    most_requests: int
    most_events: int | None
    min_remaining: int


class Backfills:
    """The queue."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ask(self, act: Act, wanted: Wanted) -> Shown:
        """Put one into the queue. `Refused` where its bounds are none."""
        if not wanted.start < wanted.end <= wanted.start + LONGEST:
            raise Refused(422, "`end` lies after `start`, by 366 days at most: ask for several.")

        def work(writing: Writing) -> Shown:
            if wanted.end > writing.at:
                raise Refused(422, "`end` lies in the future: a backfill is of the past.")
            if writing.count(Backfill, state=QUEUED) >= MOST_QUEUED:
                raise Refused(409, "The queue is full: run what waits, or cancel it.")
            row = Backfill(
                id=secrets.token_hex(8),
                source=wanted.source,
                sport=wanted.sport,
                markets=",".join(wanted.markets),
                start=wanted.start,
                end=wanted.end,
                step=wanted.step,
                most_requests=wanted.most_requests,
                most_events=wanted.most_events,
                min_remaining=wanted.min_remaining,
                state=QUEUED,
                asked_by=act.actor,
                asked_at=writing.at,
                closed_at=None,
                outcome="",
            )
            writing.put(row)
            return _shown(row)

        return await self._desk.write(work, act)

    async def listed(self, state: str | None, limit: int) -> list[Shown]:
        """Return those in a state, or all, the newest first."""
        where: dict[str, Any] = {} if state is None else {"state": state}
        order = ("asked_at", "id")
        rows = await self._desk.read(
            lambda reading: reading.find(Backfill, order=order, newest=True, limit=limit, **where)
        )
        return [_shown(row) for row in rows]

    async def close(self, act: Act, id: str, state: str, outcome: str) -> Shown:
        """Take one out of the queue."""

        def work(writing: Writing) -> Shown:
            row = writing.get(Backfill, id=id)
            if row is None:
                raise Refused(404, "There is no such backfill: `runs backfills` lists them.")
            if row.state != QUEUED:
                raise Refused(409, f"This backfill is {row.state} already.")
            row = msgspec.structs.replace(row, state=state, outcome=outcome, closed_at=writing.at)
            writing.put(row)
            return _shown(row)

        return await self._desk.write(work, act)


def command(row: Backfill) -> str:
    """Return the command that runs a backfill: its limits are part of it."""
    words = ["stratumd", "backfill", "--source", row.source, "--sport", row.sport]
    words += ["--from", iso(row.start), "--to", iso(row.end), "--step", f"{row.step // SECOND}s"]
    if row.markets:
        words += ["--markets", row.markets]
    if row.most_events is not None:
        words += ["--max-events", str(row.most_events)]
    words += ["--max-requests", str(row.most_requests), "--min-remaining", str(row.min_remaining)]
    return shlex.join(words)


def _shown(row: Backfill) -> Shown:
    return {
        "id": row.id,
        "state": row.state,
        "source": row.source,
        "command": command(row),
        "asked_by": row.asked_by,
        "asked_at": iso(row.asked_at),
        "closed_at": None if row.closed_at is None else iso(row.closed_at),
        "outcome": row.outcome,
    }
