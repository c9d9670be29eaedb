"""What a pipeline observed of many events: every change of every quote, and when it was confirmed.

Quotes are stored when they change. That one was still there in between follows from the answers that cover it: those to
the same request as the answers in which it changed, up to when its event was observed last.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, select

from stratumd.plugin import Event, EventPast, KnownEvent, Micros, Phase, QuotePath, QuotePoint, Start
from stratumd.store.keys import event_key
from stratumd.store.tables import changes, coverage, event_results, event_starts, events, processed, series

_point = QuotePoint._make


def known_events(connection: Connection, pipeline: str, since: Micros | None, until: Micros | None) -> list[KnownEvent]:
    """Return the pipeline's events whose newest start lies in [since, until), by start and id."""
    last = func.max(coverage.c.observed_at)
    same = event_starts.c.event_id == events.c.event_id
    announced = select(func.max(event_starts.c.observed_at)).where(same).scalar_subquery()
    word = (event_results.c.phase, event_results.c.since)
    query = (
        select(events, *word, last.label("last"), announced.label("announced"))
        .join(coverage, and_(coverage.c.event_id == events.c.event_id, coverage.c.pipeline == pipeline))
        .outerjoin(event_results, event_results.c.event_id == events.c.event_id)
        .group_by(*events.c, *word)
        .order_by(events.c.commence_at, events.c.event)
    )
    if since is not None:
        query = query.where(events.c.commence_at >= since)
    if until is not None:
        query = query.where(events.c.commence_at < until)
    return [KnownEvent(_event(row), row.last, _phase(row)) for row in connection.execute(query)]


def _phase(row: Any) -> Phase | None:
    if row.phase is None:
        return None
    phase = Phase(row.phase)
    off = phase in (Phase.CANCELLED, Phase.POSTPONED)
    return None if off and row.announced is not None and row.since < row.announced else phase


def pasts(connection: Connection, pipeline: str, wanted: Sequence[str], lanes: Lanes) -> list[EventPast]:
    """Return what was observed of these events, in their order; a few dozen at once are a few megabytes."""
    keys = [event_key(name) for name in wanted]
    found = _Chunk(connection, pipeline, keys)
    return [past for key in keys if (past := found.past(key, lanes)) is not None]


class Lanes:
    """When the answers to each request were received; each set of requests is merged once."""

    def __init__(self, connection: Connection, pipeline: str) -> None:
        answered = processed.c.quotes > 0  # an error page confirms nothing
        query = select(processed.c.request_key, processed.c.observed_at).where(processed.c.pipeline == pipeline)
        self._times: dict[int, list[Micros]] = {}
        self._requests: dict[Micros, set[int]] = {}
        rows: Any = connection.execute(query.where(answered).order_by(processed.c.observed_at)).all()
        for request, at in rows:
            self._times.setdefault(request, []).append(at)
            self._requests.setdefault(at, set()).add(request)
        self._merged: dict[frozenset[int], list[Micros]] = {}

    def requests(self, times: Iterable[Micros]) -> frozenset[int]:
        """Return the requests whose answers were received at `times`."""
        found: set[int] = set()
        for at in times:
            found |= self._requests.get(at, _NONE)
        return frozenset(found)

    def times(self, requests: frozenset[int], first: Micros, last: Micros) -> Sequence[Micros]:
        """Return when answers to any of `requests` were received, from `first` to `last`."""
        merged = self._merged.get(requests)
        if merged is None:
            merged = sorted({at for request in requests for at in self._times[request]})
            self._merged[requests] = merged
        return merged[bisect_left(merged, first) : bisect_right(merged, last)]


_NONE: set[int] = set()


class _Series(NamedTuple):
    book: str
    market: str
    player: str | None
    outcome: str
    rung: float | None


class _Chunk:
    """The stored rows of some events."""

    def __init__(self, connection: Connection, pipeline: str, keys: list[int]) -> None:
        self.events = {
            row.event_id: _event(row) for row in connection.execute(select(events).where(events.c.event_id.in_(keys)))
        }
        self.starts: dict[int, list[Start]] = {}
        announced = select(event_starts).where(event_starts.c.event_id.in_(keys)).order_by(event_starts.c.observed_at)
        for row in connection.execute(announced):
            self.starts.setdefault(row.event_id, []).append(Start(row.observed_at, row.commence_at))
        mine = and_(coverage.c.event_id.in_(keys), coverage.c.pipeline == pipeline)
        seen = select(coverage.c.event_id, func.max(coverage.c.observed_at)).where(mine).group_by(coverage.c.event_id)
        self.last: dict[int, Micros] = {row[0]: row[1] for row in connection.execute(seen)}
        self.series = _series(connection, pipeline, keys)
        self.points: dict[int, dict[int, list[QuotePoint]]] = {}
        query = select(
            changes.c.event_id,
            changes.c.series_id,
            changes.c.observed_at,
            changes.c.line,
            changes.c.price,
            changes.c.last_update,
        )
        ordered = query.where(changes.c.event_id.in_(keys)).order_by(changes.c.observed_at)
        rows: Any = connection.execute(ordered).all()
        for event, series_id, *facts in rows:
            self.points.setdefault(event, {}).setdefault(series_id, []).append(_point(facts))

    def past(self, key: int, lanes: Lanes) -> EventPast | None:
        """Return what was observed of one event; None where the pipeline knows nothing of it."""
        event, last = self.events.get(key), self.last.get(key)
        if event is None or last is None:
            return None
        mine = self.series.get(key, {})
        points = {id: found for id, found in self.points.get(key, {}).items() if id in mine}
        # A book's answers confirm all of its quotes in a market, also the side that did not change in them.
        places: dict[tuple[str, str], set[Micros]] = {}
        for id, found in points.items():
            places.setdefault(mine[id][:2], set()).update([point.observed_at for point in found])
        requests = {place: lanes.requests(times) for place, times in places.items()}
        first = min((found[0].observed_at for found in points.values()), default=last)
        confirmed = {each: lanes.times(each, first, last) for each in set(requests.values())}
        paths = [QuotePath(*mine[id], found, confirmed[requests[mine[id][:2]]]) for id, found in points.items()]
        paths.sort(key=_place)
        whole = lanes.times(frozenset().union(*confirmed), first, last) if confirmed else ()
        return EventPast(event, self.starts.get(key, []), whole, paths)


def _series(connection: Connection, pipeline: str, keys: list[int]) -> dict[int, dict[int, _Series]]:
    found: dict[int, dict[int, _Series]] = {}
    c = series.c
    named = select(c.event_id, c.series_id, c.book, c.market, c.player, c.outcome, c.rung)
    rows: Any = connection.execute(named.where(c.event_id.in_(keys), c.pipeline == pipeline)).all()
    for event, id, *name in rows:
        found.setdefault(event, {})[id] = _Series._make(name)
    return found


def _place(path: QuotePath) -> tuple[object, ...]:
    rung = (path.rung is not None, path.rung or 0.0)
    return path.market, path.player or "", path.book, path.outcome, rung


def _event(row: Any) -> Event:
    return Event(row.event, row.sport, row.home, row.away, row.commence_at)
