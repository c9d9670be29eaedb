"""Prices of one event: at a time, over time, the best, and book beside book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select

from stratumd.odds import PriceError, implied, is_lay
from stratumd.plugin import Micros
from stratumd.plugin.views import Comparison, PathPoint, QuoteRow
from stratumd.store.conditions import equal, first_instants, within
from stratumd.store.keys import event_key
from stratumd.store.tables import changes, coverage, latest, processed, series

_Market = tuple[str, str | None]


def present(connection: Connection, event: str, pipeline: str) -> list[QuoteRow]:
    """Return what is offered now."""
    query = (
        select(series, latest.c.changed_at, latest.c.line, latest.c.price, latest.c.last_update)
        .join(latest, and_(latest.c.event_id == series.c.event_id, latest.c.series_id == series.c.series_id))
        .where(series.c.event_id == event_key(event), series.c.pipeline == pipeline)
        .where(latest.c.price.is_not(None))
    )
    confirmed = _coverage(connection, event, pipeline)
    rows = connection.execute(query).all()
    return _ordered(_quote(event, row, row.changed_at, confirmed.get(_market(row), row.changed_at)) for row in rows)


def offered(connection: Connection, event: str, pipeline: str) -> bool:
    """Say whether anybody offers anything now."""
    same = and_(latest.c.event_id == series.c.event_id, latest.c.series_id == series.c.series_id)
    query = (
        select(latest.c.series_id)
        .join(series, same)
        .where(latest.c.event_id == event_key(event), latest.c.price.is_not(None), series.c.pipeline == pipeline)
        .limit(1)
    )
    return connection.execute(query).first() is not None


def at_time(connection: Connection, event: str, pipeline: str, at: Micros, tolerance: Micros | None) -> list[QuoteRow]:
    """Return what was offered at `at`, by nothing that was observed later.

    A quote is known to be confirmed whenever its market was observed: at the last observation of the market if that
    was no later than `at`, else at the last one up to `at` in which something in the market changed, or in which the
    request was answered again in whose answer the quote came. With `tolerance`, quotes that were confirmed longer ago
    are left out.
    """
    rows = connection.execute(_newest(event, pipeline, at)).all()
    observed = _coverage(connection, event, pipeline)
    confirmed = {market: seen for market, seen in observed.items() if seen <= at}
    for row in rows:
        market = _market(row)
        confirmed[market] = max(row.observed_at, confirmed.get(market, row.observed_at))
    until = {market: min(at, seen) for market, seen in observed.items()}
    answered = _Answered(connection, pipeline, rows)
    quotes = [
        _quote(
            event, row, row.observed_at, max(confirmed[_market(row)], answered.last(row, until.get(_market(row), 0)))
        )
        for row in rows
        if row.price is not None
    ]
    return _ordered(q for q in quotes if tolerance is None or at - q.confirmed_at <= tolerance)


class _Answered:
    """When the requests were answered in whose answers quotes came."""

    def __init__(self, connection: Connection, pipeline: str, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
        self._connection = connection
        # An error page confirms nothing.
        self._mine = (processed.c.pipeline == pipeline, processed.c.quotes > 0)
        times = {row.observed_at for row in rows}
        query = select(processed.c.received_at, processed.c.request_key)
        self._requests: dict[Micros, set[int]] = {}
        for at, key in connection.execute(query.where(*self._mine, processed.c.received_at.in_(times))):
            self._requests.setdefault(at, set()).add(key)
        self._last: dict[tuple[int, Micros], Micros] = {}

    def last(self, row: Row[*tuple[Any, ...]], until: Micros) -> Micros:
        """Return when the request that brought this change was answered last up to `until`; 0 where nobody knows."""
        requests = self._requests.get(row.observed_at, ())
        return min([self._newest(key, until) for key in requests], default=0)

    def _newest(self, key: int, until: Micros) -> Micros:
        if (key, until) not in self._last:
            up_to = (processed.c.request_key == key, processed.c.received_at <= until)
            query = select(func.max(processed.c.received_at)).where(*self._mine, *up_to)
            self._last[key, until] = self._connection.execute(query).scalar_one() or 0
        return self._last[key, until]


def path(
    connection: Connection,
    event: str,
    pipeline: str,
    *,
    since: Micros | None,
    until: Micros | None,
    limit: int | None = None,
    **wanted: str | None,
) -> list[PathPoint]:
    """Return every change of the event's quotes, by time, market, player, book and outcome; of some, as `wanted` says.

    With `limit` those of the first instants, until there are more than so many.
    """
    exact = equal(*[(series.c[name], value) for name, value in wanted.items()])
    query = _history(event, pipeline).where(*within(changes.c.observed_at, since, until), *exact)
    if limit is not None:
        query = query.where(*first_instants(connection, query, changes.c.observed_at, limit))
    points = [
        PathPoint(
            row.observed_at,
            pipeline,
            row.book,
            row.market,
            row.player,
            row.outcome,
            row.line,
            row.price,
            row.last_update,
        )
        for row in connection.execute(query)
    ]
    return sorted(points, key=lambda p: (p.observed_at, p.market, p.player or "", p.book, p.outcome, p.line or 0))


def best_of(quotes: Iterable[QuoteRow]) -> list[QuoteRow]:
    """Return the highest price of each outcome at each line; a lay side, which nobody can back, is left out.

    Where several offer it, the one that has done so longest.
    """
    best: dict[tuple[object, ...], QuoteRow] = {}
    for quote in quotes:
        if is_lay(quote.market):
            continue
        place = _place(quote)
        if place not in best or _rank(quote) < _rank(best[place]):
            best[place] = quote
    return list(best.values())


def compared(quotes: Iterable[QuoteRow]) -> list[Comparison]:
    """Return the quotes with their implied probabilities, and which of them are the best of their outcome and line."""
    quotes = list(quotes)
    best = {_place(quote): quote.price for quote in best_of(quotes)}
    return [
        Comparison(
            quote.event,
            quote.market,
            quote.player,
            quote.book,
            quote.outcome,
            quote.line,
            quote.price,
            _implied(quote.price),
            best.get(_place(quote)) == quote.price,
            quote.changed_at,
            quote.confirmed_at,
        )
        for quote in quotes
    ]


def _history(event: str, pipeline: str) -> Select[*tuple[Any, ...]]:
    same = and_(changes.c.event_id == series.c.event_id, changes.c.series_id == series.c.series_id)
    facts = (changes.c.observed_at, changes.c.line, changes.c.price, changes.c.last_update)
    return (
        select(series, *facts)
        .join(changes, same)
        .where(changes.c.event_id == event_key(event), series.c.pipeline == pipeline)
        .order_by(changes.c.observed_at)
    )


def _newest(event: str, pipeline: str, at: Micros) -> Select[*tuple[Any, ...]]:
    """Ask for the newest change of each series up to `at`. The database looks for it: an event may have many."""
    newest = (
        select(changes.c.series_id, func.max(changes.c.observed_at).label("observed_at"))
        .where(changes.c.event_id == event_key(event), changes.c.observed_at <= at)
        .group_by(changes.c.series_id)
        .subquery()
    )
    same = and_(newest.c.series_id == changes.c.series_id, newest.c.observed_at == changes.c.observed_at)
    return _history(event, pipeline).join(newest, same)


def _coverage(connection: Connection, event: str, pipeline: str) -> dict[_Market, Micros]:
    query = select(coverage).where(coverage.c.event_id == event_key(event), coverage.c.pipeline == pipeline)
    return {(row.market, row.player or None): row.observed_at for row in connection.execute(query)}


def _market(row: Row[*tuple[Any, ...]]) -> _Market:
    return row.market, row.player


def _quote(event: str, row: Row[*tuple[Any, ...]], changed_at: Micros, confirmed_at: Micros) -> QuoteRow:
    return QuoteRow(
        event,
        row.pipeline,
        row.book,
        row.market,
        row.player,
        row.outcome,
        row.line,
        row.price,
        changed_at,
        max(changed_at, confirmed_at),
        row.last_update,
    )


def _ordered(quotes: Iterable[QuoteRow]) -> list[QuoteRow]:
    return sorted(quotes, key=lambda q: (q.market, q.player or "", q.outcome, q.line or 0.0, q.book))


def _place(quote: QuoteRow) -> tuple[object, ...]:
    return quote.market, quote.player, quote.outcome, quote.line


def _rank(quote: QuoteRow) -> tuple[float, Micros, str]:
    return -quote.price, quote.changed_at, quote.book


def _implied(price: float) -> float | None:
    try:
        return implied(price)
    except PriceError:
        return None
