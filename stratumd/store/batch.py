"""From steps to rows: what one group of commits writes into each table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from stratumd.engine.outcome import Coverage, StateChange, Step
from stratumd.plugin import ConsensusPoint, Event, Micros, Record, Signal
from stratumd.store import writes
from stratumd.store.contributors import Contributors
from stratumd.store.cycles import Kpi
from stratumd.store.keys import SeriesKey, event_key, identity, request_key, series_key
from stratumd.store.lives import Life
from stratumd.store.text import clean, optional
from stratumd.store.writes import Delete, Insert, Row

_JSON = msgspec.json.Encoder().encode
_MOST_SERIES = 1_000_000  # about 300 MB; series of past events would stay for ever

Rows = dict[Any, Row]
"""By key: where one is written twice in a group, the later row is the one that counts."""


class Known:
    """What the store knows to be written already, and the keys it need not compute again."""

    def __init__(self) -> None:
        self.series: dict[str, dict[SeriesKey, int]] = {}
        """By pipeline: the key of every series that is in the table."""
        self.events: dict[str, int] = {}
        self.books: set[str] = set()
        self.contributors = Contributors()

    def event(self, event: str) -> int:
        """Return the key of `event`."""
        found = self.events.get(event)
        if found is None:
            found = self.events[event] = event_key(event)
        return found

    def learn(self, batch: Batch) -> None:
        """Remember what was committed with `batch`."""
        if sum(map(len, self.series.values())) > _MOST_SERIES:
            self.series.clear()
            self.events.clear()
        for pipeline, found in batch.new_series.items():
            if pipeline in self.series:
                self.series[pipeline].update(found)
            else:  # a first poll brings as many as there will be
                self.series[pipeline] = found
        self.books.update(batch.books)


class Batch:
    """The rows of a group of steps. Nothing here touches a database."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.new_series: dict[str, dict[SeriesKey, int]] = {}
        self.books: Rows = {}
        self.processed: Rows = {}
        self.builds: Rows = {}
        self.events: Rows = {}
        self.event_starts: Rows = {}
        self.series: Rows = {}
        self.changes: dict[Micros, Rows] = {}
        """By instant, in the order in which they were taken, and there by series: one row serves `changes` and
        `latest`."""
        self.repeats = True
        """Some of these instants may be stored already: two answers can be of one instant."""
        self.coverage: Rows = {}
        self.issues: Rows = {}
        self.points: dict[tuple[int, Micros, str, str, str], ConsensusPoint] = {}
        """By event key, instant, pipeline, market and player."""
        self.records: Rows = {}
        self.signals: Rows = {}
        self.states: Rows = {}
        self.states_gone: Rows = {}
        self.failures: Rows = {}
        self.deliveries: Rows = {}
        self.lives: list[Life] = []
        """What the steps say of events' lives; what follows depends on what is stored."""
        self.cycles: list[tuple[str, int, Kpi]] = []
        """Pipeline, newest position, figures."""

    def tables(self) -> Iterator[tuple[Insert | Delete, Collection[Row]]]:
        """Yield what is to be written, in the order of writing; the dearest rows are made when it is their turn."""
        return ((statement, rows) for statement, rows in self._tables() if rows)

    def _tables(self) -> Iterator[tuple[Insert | Delete, Collection[Row]]]:
        yield writes.PROCESSED, self.processed.values()
        yield writes.BUILDS, self.builds.values()
        yield writes.EVENTS, self.events.values()
        yield writes.EVENT_STARTS, self.event_starts.values()
        yield writes.BOOKS, self.books.values()
        yield writes.SERIES, self.series.values()
        instants, into = list(self.changes.values()), writes.CHANGES if self.repeats else writes.NEW_CHANGES
        if len(instants) == 1:  # as in a daemon that keeps up: then the newest rows are these very ones
            instant = instants[0].values()
            yield into, instant
            yield writes.LATEST, instant
        else:
            yield into, [row for instant in instants for row in instant.values()]
            yield writes.LATEST, {key: row for instant in instants for key, row in instant.items()}.values()
        yield writes.COVERAGE, self.coverage.values()
        yield writes.ISSUES, self.issues.values()
        yield writes.CONSENSUS, [self._point(*key, point) for key, point in self.points.items()]
        yield writes.RECORDS, self.records.values()
        yield writes.SIGNALS, self.signals.values()
        yield writes.STATES_GONE, self.states_gone.values()
        yield writes.STATES, self.states.values()
        yield writes.FAILURES, self.failures.values()
        yield writes.DELIVERIES, self.deliveries.values()

    def add(self, step: Step, position: int) -> None:
        """Add all of `step`, which is the `position`-th of its pipeline."""
        at = step.at
        self._processed(step, position, at)
        self._events(step.events, at)
        self._changes(step, at)
        self._coverage(step.pipeline, step.coverage, at)
        self._records(step.pipeline, step.records, at)
        self._states(step.pipeline, step.states)
        self._quality(step, at)
        for signal in step.signals:
            self.signals[signal.id] = signal_row(signal)
        seen = step.observation
        self.lives.append(Life(at, seen.source, seen.id, step.events, step.plays, step.results))

    def build(self, pipeline: str, position: int, body: str) -> None:
        """Note what the pipeline is built from, from its step `position` on."""
        self.builds[pipeline, position] = (pipeline, position, body)

    def deliver(self, id: str, signal: Signal, sink: str) -> None:
        """Add a delivery that is due at once."""
        at = signal.observed_at
        self.deliveries[id] = (
            *(id, signal.id, clean(sink), clean(signal.event), at, signal.expires_at, "pending", 0, at),
            *(None, None, None, None, None),
        )

    def _processed(self, step: Step, position: int, at: Micros) -> None:
        seen = step.observation
        self.processed[step.pipeline, seen.id] = (
            step.pipeline,
            seen.id,
            position,
            seen.source,
            request_key(seen.source, seen.request),
            seen.received_at,
            at,
            int(step.whole),
            step.quotes,
            len(step.coverage),
            len(step.changes),
            len(step.signals),
        )

    def _events(self, events: Iterable[Event], at: Micros) -> None:
        for event in events:
            key = self._known.event(event.id)
            names = (clean(event.id), clean(event.sport), clean(event.home), clean(event.away))
            first = self.events[key][6] if key in self.events else at
            self.events[key] = (key, *names, event.commence_at, first, at)
            self.event_starts[key, at] = (key, at, event.commence_at)

    def _changes(self, step: Step, at: Micros) -> None:
        # What stays, the keys, is made before what goes with the batch, the rows: of a first poll of 192,000 quotes a
        # hundred megabytes are given back that lay between them otherwise.
        keyed = self._keyed(step, at)
        rows, event_key = self.changes.setdefault(at, {}), self._known.event
        for series_id, change in zip(keyed, step.changes, strict=True):
            event, _, _, _, _, _, line, price, last_update = change
            rows[series_id] = (event_key(event), at, series_id, line, price, last_update)

    def _keyed(self, step: Step, at: Micros) -> list[int]:
        """Return the key of the series of each change, those of new series too."""
        pipeline = step.pipeline
        known = self._known.series.get(pipeline, {})
        new = self.new_series.setdefault(pipeline, {})
        before, found = len(new), []
        for change in step.changes:
            name = identity(change)
            key = known.get(name) or new.get(name)
            if key is None:
                key = new[name] = series_key(pipeline, name)
            found.append(key)
        for name, key in islice(new.items(), before, None):
            self._series(pipeline, name, key, at)
        return found

    def _series(self, pipeline: str, name: SeriesKey, key: int, at: Micros) -> None:
        event, book, market, player, outcome, rung = name
        keys, book = (self._known.event(event), key), clean(book)
        self.series[key] = (*keys, pipeline, book, clean(market), optional(player), clean(outcome), rung)
        if book not in self._known.books:
            self.books.setdefault(book, (book, at))

    def _coverage(self, pipeline: str, coverage: Iterable[Coverage], at: Micros) -> None:
        rows = self.coverage
        for seen in coverage:
            event_id = self._known.event(seen.event)
            for market, player in seen.markets:
                key = (pipeline, event_id, market, player)
                before = rows.get(key)
                first = at if before is None else before[4]
                rows[key] = (pipeline, event_id, clean(market), clean(player or ""), first, at)

    def _records(self, pipeline: str, records: Iterable[tuple[str, Record]], at: Micros) -> None:
        for event, record in records:
            where = (self._known.event(event), at, pipeline)
            market, player = clean(record.key.market), clean(record.key.player or "")
            if isinstance(record, ConsensusPoint):
                self.points[*where, market, player] = record
            else:
                name = (*where, record.kind, market, player)
                self.records[name] = (*name, _JSON(record).decode())

    def _point(self, event: int, at: Micros, pipeline: str, market: str, player: str, point: ConsensusPoint) -> Row:
        return (
            *(event, at, pipeline, market, player),
            _JSON(point.outcomes).decode(),
            point.line,
            point.fair_line,
            _JSON(point.probabilities).decode(),
            _JSON(point.prices).decode(),
            point.dispersion,
            point.books,
            point.operators,
            self._known.contributors.packed((event, pipeline, market, player), point.contributors),
            point.reason,
        )

    def _states(self, pipeline: str, states: Iterable[StateChange]) -> None:
        for state in states:
            key = (pipeline, state.component, clean(state.event))
            self.states.pop(key, None)
            self.states_gone.pop(key, None)
            if state.body is None:
                self.states_gone[key] = key
            else:
                self.states[key] = (*key, state.body.decode())

    def _quality(self, step: Step, at: Micros) -> None:
        where = (step.pipeline, step.observation.id)
        for number, issue in enumerate(step.issues):
            words = (issue.rule, str(issue.severity), clean(issue.detail))
            places = (optional(issue.event), optional(issue.book), optional(issue.market))
            self.issues[where, number] = (*where, number, at, *words, *places)
        for failure in step.failures:
            place = (*where, failure.component, clean(failure.event or ""))
            self.failures[place] = (*place, at, clean(failure.error), clean(failure.where))


def signal_row(signal: Signal) -> Row:
    """Return the row of `signal`, in the order of its fields."""
    return (
        signal.id,
        signal.type,
        signal.pipeline,
        signal.detector,
        signal.detector_version,
        clean(signal.sport),
        clean(signal.event),
        clean(signal.home),
        clean(signal.away),
        signal.commence_at,
        clean(signal.market),
        optional(signal.player),
        clean(signal.outcome),
        signal.direction,
        optional(signal.operator),
        _JSON(signal.books).decode(),
        signal.magnitude,
        signal.threshold,
        signal.strength,
        signal.observed_at,
        signal.expires_at,
        signal.observation,
        _JSON(signal.metadata).decode(),
    )
