"""The reading side of the store: what the reading commands and `/status` show."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from stratumd.plugin import Fixture, Micros, Observation, Signal
from stratumd.plugin.history import AuditBreak, Changed, Entry
from stratumd.plugin.views import (
    BoardRow,
    Built,
    Comparison,
    ConsensusRow,
    CycleRow,
    DecisionRow,
    DeliveryRow,
    DisabledRow,
    EventRow,
    GameRow,
    PathPoint,
    PollRow,
    QuoteRow,
    Skipped,
    Status,
    TableRow,
    Taken,
)
from stratumd.store import (
    audit,
    charges,
    cycles,
    exporting,
    feed,
    history,
    letters,
    lookup,
    moving,
    overview,
    points,
    quality,
    quotes,
    scores,
)
from stratumd.store.charges import Quota
from stratumd.store.conditions import equal, within
from stratumd.store.errors import mapped
from stratumd.store.letters import Wanted
from stratumd.store.moving import Moved, Part
from stratumd.store.observations import fetch
from stratumd.store.signals import COLUMNS, restored_signal
from stratumd.store.tables import signals


class Reader:
    """Reads what is committed; never writes. May be used from any thread.

    An event is named by its id or the beginning of it; `UnknownEventError` where that names none, or several. Facts
    belong to a pipeline: where none is given, it is the one that observed the event last.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._types: tuple[int | None, frozenset[str]] = None, frozenset()
        """Up to where in the feed it is known which types there are, and these."""

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def event(self, event: str) -> EventRow:
        """Return one event."""
        with self._reading() as connection:
            return lookup.one_event(connection, lookup.find_event(connection, event))

    def events(
        self,
        *,
        day: date | None = None,
        team: str | None = None,
        sport: str | None = None,
        upcoming_at: Micros | None = None,
    ) -> list[EventRow]:
        """Return events in the order of their start. `day` in UTC, `team` a part of a name, in any case.

        `upcoming_at` leaves out what has started by then.
        """
        with self._reading() as connection:
            return lookup.list_events(connection, day=day, team=team, sport=sport, upcoming_at=upcoming_at)

    def signals(
        self,
        *,
        types: Sequence[str] = (),
        pipeline: str | None = None,
        event: str | None = None,
        market: str | None = None,
        sport: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
        min_strength: int | None = None,
        limit: int | None = None,
    ) -> list[Signal]:
        """Return signals in the order of (observed_at, id); with `limit` the newest so many.

        `since` and `until` are both included.
        """
        columns = signals.c
        exact = equal((columns.pipeline, pipeline), (columns.market, market), (columns.sport, sport))
        query = (
            select(*COLUMNS)
            .where(*exact, *within(columns.observed_at, since, until))
            .order_by(columns.observed_at.desc(), columns.id.desc())
            .limit(limit)
        )
        if types:
            query = query.where(columns.type.in_(types))
        if min_strength is not None:
            query = query.where(columns.strength >= min_strength)
        with self._reading() as connection:
            if event is not None:
                query = query.where(columns.event == lookup.find_event(connection, event))
            rows = connection.execute(query).all()
            return [restored_signal(row) for row in reversed(rows)]

    def types(self) -> list[str]:
        """Return the types that stored signals have, by name, with those of signals deleted since the first question.

        The first question reads all signals, the others what came since then.
        """
        with self._reading() as connection:
            after, known = self._types
            newest = feed.ends(connection)[1]
            self._types = newest, known | feed.types(connection, after)
            return sorted(self._types[1])

    def odds(
        self,
        event: str,
        *,
        at: Micros | None = None,
        tolerance: Micros | None = None,
        market: str | None = None,
        pipeline: str | None = None,
    ) -> list[QuoteRow]:
        """Return what is offered now, or what was offered at `at` by nothing that was observed later.

        `tolerance` leaves out what was last confirmed longer than that before `at`.
        """
        with self._reading() as connection:
            event, pipeline = _facts(connection, event, pipeline)
            if at is None:
                found = quotes.present(connection, event, pipeline)
            else:
                found = quotes.at_time(connection, event, pipeline, at, tolerance)
        return [quote for quote in found if market in (None, quote.market)]

    def movement(
        self,
        event: str,
        *,
        market: str | None = None,
        book: str | None = None,
        outcome: str | None = None,
        player: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
        pipeline: str | None = None,
        limit: int | None = None,
    ) -> list[PathPoint]:
        """Return the path of the event's quotes: every change, oldest first. `since` and `until` are included.

        With `limit` those of the first instants, until there are more than so many.
        """
        wanted = {"market": market, "book": book, "outcome": outcome, "player": player}
        with self._reading() as connection:
            event, pipeline = _facts(connection, event, pipeline)
            return quotes.path(connection, event, pipeline, since=since, until=until, limit=limit, **wanted)

    def best(self, event: str, *, market: str | None = None, pipeline: str | None = None) -> list[QuoteRow]:
        """Return the highest price of each outcome at each line that is offered now."""
        return quotes.best_of(self.odds(event, market=market, pipeline=pipeline))

    def compare(self, event: str, *, market: str | None = None, pipeline: str | None = None) -> list[Comparison]:
        """Return what every book offers now, with the implied probabilities."""
        return quotes.compared(self.odds(event, market=market, pipeline=pipeline))

    def consensus(
        self,
        event: str,
        *,
        market: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
        pipeline: str | None = None,
        limit: int | None = None,
    ) -> list[ConsensusRow]:
        """Return the consensus of the event's markets, oldest first. `since` and `until` are included.

        With `limit` that of the first instants, until there is more than so much.
        """
        with self._reading() as connection:
            event, pipeline = _facts(connection, event, pipeline)
            return points.history(connection, event, pipeline, market=market, since=since, until=until, limit=limit)

    def feed(self, after: int, limit: int) -> list[Entry]:
        """Return the first `limit` signals of the feed after a sequence number, in order."""
        with self._reading() as connection:
            return feed.entries(connection, after, limit)

    def ends(self) -> tuple[int, int]:
        """Return the first sequence number of the feed that is still there, and the newest that was ever given."""
        with self._reading() as connection:
            return feed.ends(connection)

    def steps(self, pipeline: str) -> int:
        """Return the pipeline's newest position; 0 where it has processed nothing."""
        with self._reading() as connection:
            return feed.newest_step(connection, pipeline)

    def changed(self, pipeline: str, after: int, limit: int) -> list[Changed]:
        """Return what the first `limit` steps after a position changed, in order."""
        with self._reading() as connection:
            return [*feed.changed(connection, pipeline, after, limit)]

    def undelivered(self, *, limit: int | None = None) -> list[DeliveryRow]:
        """Return deliveries that wait or are dead letters, the oldest signal first; with `limit` the newest so many."""
        return self.deliveries(Wanted(states=("pending", "in_flight", "dead")), limit)

    def signal(self, id: str) -> Signal:
        """Return the one signal whose id is or begins with `id`. `UnknownSignalError` where none does, or several."""
        with self._reading() as connection:
            return lookup.find_signal(connection, id)

    def builds(self, pipeline: str) -> list[Built]:
        """Return what the pipeline was built from over time, oldest first."""
        with self._reading() as connection:
            return history.list_builds(connection, pipeline)

    def taken(self, pipeline: str, sources: Sequence[str] = ()) -> list[Taken]:
        """Return what is stored of the pipeline's sources and of `sources`, by the time received."""
        with self._reading() as connection:
            return history.list_taken(connection, pipeline, sources)

    def skipped(self, pipeline: str) -> list[Skipped]:
        """Return the components that failed, and at which observation, oldest first."""
        with self._reading() as connection:
            return history.list_skipped(connection, pipeline)

    def first_needed(self, pipeline: str, since: Micros, event: str | None = None) -> Micros | None:
        """Return since when everything was observed that says something of the events of that time, or of `event`."""
        with self._reading() as connection:
            return history.first_needed(connection, pipeline, since, event)

    def past(self, source: str | None = None, *, since: Micros | None = None, until: Micros | None = None) -> list[str]:
        """Return the ids of the observations that were imported of the past, by the time of which they tell.

        `source` is the name under which they are kept; `since` and `until` are both included.
        """
        with self._reading() as connection:
            return history.list_past(connection, source, since, until)

    def answers(
        self, source: str | None = None, *, since: Micros | None = None, until: Micros | None = None
    ) -> list[str]:
        """Return the ids of all observations, of one source where it is named, by the time received.

        `since` and `until` are both included.
        """
        with self._reading() as connection:
            return history.list_answers(connection, source, since, until)

    def observations(self, ids: Sequence[str]) -> Iterator[Observation]:
        """Yield the stored observations `ids` in this order; only a few are held at once."""
        with self._reading() as connection:
            yield from fetch(connection, ids)

    def board(self, now: Micros, *, sport: str | None = None) -> list[BoardRow]:
        """Return the events that start after `now`, each with its newest consensus per market and last signal.

        An event on which nobody offers anything any more is left off.
        """
        with self._reading() as connection:
            upcoming = lookup.list_events(connection, day=None, team=None, sport=sport, upcoming_at=now)
            rows = (_board_row(connection, event) for event in upcoming)
            return [row for row in rows if row is not None]

    def quotas(self, now: Micros, month: Micros) -> list[Quota]:
        """Return what sources with a quota have used and have left; `month` is when the present month began."""
        with self._reading() as connection:
            return charges.quotas(connection, now, month)

    def upcoming(self, now: Micros, until: Micros) -> list[Fixture]:
        """Return the events that start between `now` and `until`, in order."""
        with self._reading() as connection:
            return [Fixture(*each) for each in charges.upcoming(connection, now, until)]

    def polls(
        self,
        *,
        source: str | None = None,
        since: Micros | None = None,
        limit: int | None = None,
        before: tuple[Micros, str] | None = None,
    ) -> list[PollRow]:
        """Return polls, oldest first; with `limit` the newest so many, of those before a time and an id."""
        with self._reading() as connection:
            return overview.list_polls(connection, source=source, since=since, limit=limit, before=before)

    def cycles(
        self,
        *,
        pipeline: str | None = None,
        since: Micros | None = None,
        limit: int | None = None,
        before: tuple[Micros, str, int] | None = None,
    ) -> list[CycleRow]:
        """Return cycles, oldest first; with `limit` the newest so many, of those before a time, pipeline, position."""
        with self._reading() as connection:
            return cycles.newest(connection, pipeline=pipeline, since=since, limit=limit, before=before)

    def games(self, *, unmatched: bool = False, source: str | None = None, sport: str | None = None) -> list[GameRow]:
        """Return the games of score providers by their start, those without an event with suggestions."""
        with self._reading() as connection:
            return scores.list_games(connection, unmatched=unmatched, source=source, sport=sport)

    def decisions(self, source: str | None = None, game: str | None = None) -> list[DecisionRow]:
        """Return which event each game was given or refused, when and by whom, oldest first."""
        with self._reading() as connection:
            return scores.decisions(connection, source, game)

    def deliveries(self, wanted: Wanted, limit: int | None = None) -> list[DeliveryRow]:
        """Return deliveries, the oldest signal first; with `limit` the newest so many."""
        with self._reading() as connection:
            return letters.find(connection, wanted, limit)

    def delivery(self, id: str) -> tuple[DeliveryRow, Signal]:
        """Return the delivery whose id is `id` or begins with it, and its signal. `UnknownDeliveryError`."""
        with self._reading() as connection:
            found = letters.one(connection, id)
            return found, lookup.find_signal(connection, found.signal)

    def disabled_sinks(self) -> list[DisabledRow]:
        """Return the sinks that are off, by name."""
        with self._reading() as connection:
            return overview.disabled_sinks(connection)

    def issue_counts(
        self, pipeline: str, *, since: Micros | None = None, until: Micros | None = None
    ) -> list[quality.IssueCount]:
        """Return what was wrong with quotes, counted by rule, book, market and day."""
        with self._reading() as connection:
            return quality.issue_counts(connection, pipeline, since, until)

    def change_counts(
        self, pipeline: str, *, since: Micros | None = None, until: Micros | None = None
    ) -> list[quality.ChangeCount]:
        """Return the changed quotes, counted by book, market and day. It reads every change of the range."""
        with self._reading() as connection:
            return quality.change_counts(connection, pipeline, since, until)

    def offerings(
        self, pipeline: str, *, since: Micros | None = None, until: Micros | None = None
    ) -> list[quality.Offering]:
        """Return which book ever offered which market on the events that start in the range."""
        with self._reading() as connection:
            return quality.offerings(connection, pipeline, since, until)

    def export(
        self,
        kind: str,
        *,
        event: str | None = None,
        market: str | None = None,
        pipeline: str | None = None,
        since: Micros | None = None,
        until: Micros | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Yield `signals`, `changes` or `consensus` by time, as JSON values; only a few are held at once."""
        with self._reading() as connection:
            yield from exporting.rows(connection, kind, Part(event, market, pipeline, since, until))

    def export_parquet(self, kind: str, part: Part, path: Path) -> int:
        """Write the rows of `export` into a Parquet file, and return how many.

        `StartupError` where pyarrow is not installed.
        """
        with self._reading() as connection:
            return exporting.write_parquet(connection, kind, part, path)

    def export_tables(
        self, folder: Path, form: str, tables: Sequence[str], part: Part
    ) -> Iterator[Moved | tuple[str, str]]:
        """Write tables into a folder as `csv` or `parquet`, of one moment; see `moving.export`."""
        with self._reading() as connection:
            yield from moving.export(connection, folder, form, tables, part)

    def books(self) -> list[quality.BookRow]:
        """Return the books that were ever seen, by key."""
        with self._reading() as connection:
            return quality.seen_books(connection)

    def status(self, now: Micros) -> Status:
        """Return how everything is at `now`."""
        with self._reading() as connection:
            return overview.status(connection, now)

    def audit_breaks(self) -> list[AuditBreak]:
        """Return every place where the audit was tampered with; it reads all of it."""
        with self._reading() as connection:
            return [*audit.verify(connection)]

    def stats(self) -> list[TableRow]:
        """Return rows and bytes of every table. It counts every row: seconds where there are many millions."""
        with self._reading() as connection:
            return overview.table_sizes(connection)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One transaction: everything in one answer is of the same moment."""
        with mapped(), self._engine.begin() as connection:
            yield connection


def _facts(connection: Connection, event: str, pipeline: str | None) -> tuple[str, str]:
    found = lookup.find_event(connection, event)
    return found, pipeline or lookup.newest_pipeline(connection, found) or ""


def _board_row(connection: Connection, event: EventRow) -> BoardRow | None:
    pipeline = lookup.newest_pipeline(connection, event.id) or ""
    if not quotes.offered(connection, event.id, pipeline):
        return None
    last = (
        select(*COLUMNS)
        .where(signals.c.event == event.id)
        .order_by(signals.c.observed_at.desc(), signals.c.id.desc())
        .limit(1)
    )
    row = connection.execute(last).first()
    newest = points.newest(connection, event.id, pipeline)
    return BoardRow(event, tuple(newest), None if row is None else restored_signal(row))
