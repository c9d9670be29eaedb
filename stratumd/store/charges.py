"""What exchanges cost, and for which budget: written with the poll log, read back by budgets and reports."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from stratumd.plugin import DAY, Micros, Poll
from stratumd.store import writes
from stratumd.store.tables import charges, events, polls
from stratumd.store.text import clean

_IDS = msgspec.json.Encoder()
_READ = msgspec.json.Decoder(list[str])


class Charge(NamedTuple):
    """One exchange, as the budgets count it."""

    at: Micros
    credits: int
    feature: str
    tier: str
    events: tuple[str, ...]
    """Ids of the only events that were asked for; none where all were."""
    id: str = ""
    """Its id in the poll log."""


class Quota(NamedTuple):
    """What a source's provider said last of its quota, and what was spent by the source's own count."""

    source: str
    at: Micros
    """When the provider said so."""
    remaining: int | None
    used: int | None
    month: int
    """Credits counted since the month began, UTC."""
    today: int
    """Credits counted since midnight, UTC."""
    last_day: int
    """Credits counted in the 24 hours before now."""
    counted_since: Micros
    """When the first credit was counted that is known."""


def row(poll_id: str, source: str, poll: Poll) -> writes.Row:
    """Return the row of an exchange."""
    asked = _IDS.encode([clean(event) for event in poll.events]).decode()
    at = poll.started_at + poll.elapsed
    return (poll_id, clean(source), at, clean(poll.feature), clean(poll.tier), poll.cost, poll.price, asked)


def since(connection: Connection, source: str, start: Micros) -> list[Charge]:
    """Return the exchanges of `source` from `start` on, oldest first."""
    columns = (
        charges.c.charged_at,
        charges.c.credits,
        charges.c.feature,
        charges.c.tier,
        charges.c.asked,
        charges.c.poll,
    )
    mine = (charges.c.source == source) & (charges.c.charged_at >= start)
    rows = connection.execute(select(*columns).where(mine).order_by(charges.c.charged_at, charges.c.poll))
    return [Charge(*row[:4], tuple(_READ.decode(row.asked)), row.poll) for row in rows]


def quotas(connection: Connection, now: Micros, month: Micros) -> list[Quota]:
    """Return every source whose provider speaks of a quota, by name. `month` is when the present month began."""
    told = polls.c.credits_remaining.is_not(None)
    names = connection.scalars(select(polls.c.source).where(told).distinct().order_by(polls.c.source)).all()
    return [_quota(connection, name, now, month) for name in names]


def _quota(connection: Connection, source: str, now: Micros, month: Micros) -> Quota:
    newest = (
        select(polls.c.started_at + polls.c.elapsed, polls.c.credits_remaining, polls.c.credits_used)
        .where(polls.c.source == source, polls.c.credits_remaining.is_not(None))
        .order_by(polls.c.started_at.desc(), polls.c.id.desc())
        .limit(1)
    )
    at, remaining, used = connection.execute(newest).one()
    this_month, today, last_day = [
        _spent(connection, source, start, now) for start in (month, now // DAY * DAY, now - DAY)
    ]
    first = select(func.min(charges.c.charged_at)).where(charges.c.source == source)
    return Quota(source, at, remaining, used, this_month, today, last_day, connection.scalar(first) or now)


def _spent(connection: Connection, source: str, start: Micros, now: Micros) -> int:
    mine = (charges.c.source == source) & (charges.c.charged_at >= start) & (charges.c.charged_at <= now)
    return int(connection.scalar(select(func.coalesce(func.sum(charges.c.credits), 0)).where(mine)) or 0)


def upcoming(connection: Connection, now: Micros, until: Micros) -> list[tuple[str, str, Micros, str, str]]:
    """Return (id, sport, start, home, away) of the events that start between `now` and `until`, in order."""
    columns = (events.c.event, events.c.sport, events.c.commence_at, events.c.home, events.c.away)
    query = select(*columns).where(events.c.commence_at > now, events.c.commence_at < until)
    rows = connection.execute(query.order_by(events.c.commence_at, events.c.event))
    return [(id, sport, at, home, away) for id, sport, at, home, away in rows]
