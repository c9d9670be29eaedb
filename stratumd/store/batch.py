"""From steps to rows: what one group of commits writes into each table."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from stratumd.engine.outcome import Coverage, StateChange, Step
from stratumd.plugin import ConsensusPoint, Event, Micros, Record, Signal
from stratumd.store import writes
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
        self.series: dict[str, dict[SeriesKey, tuple[int, int]]] = {}
        """By pipeline: the event's and the series' key of every series that is in the table."""
        self.events: dict[str, int] = {}
        self.books: set[str] = set()

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
            self.series.setdefault(pipeline, {}).update(found)
        self.books.update(batch.books)


class Batch:
    """The rows of a group of steps. Nothing here touches a database."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.new_series: dict[str, dict[SeriesKey, tuple[int, int]]] = {}
        self.books: Rows = {}
        self.processed: Rows = {}
        self.builds: Rows = {}
        self.events: Rows = {}
        self.event_starts: Rows = {}
        self.series: Rows = {}
        self.changes: Rows = {}
        self.latest: Rows = {}
        self.coverage: Rows = {}
        self.issues: Rows = {}
        self.consensus: Rows = {}
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

    def tables(self) -> Iterable[tuple[Insert | Delete, Rows]]:
        """Yield what is to be written, in the order of writing."""
        yield writes.PROCESSED, self.processed
        yield writes.BUILDS, self.builds
        yield writes.EVENTS, self.events
        yield writes.EVENT_STARTS, self.event_starts
        yield writes.BOOKS, self.books
        yield writes.SERIES, self.series
        yield writes.CHANGES, self.changes
        yield writes.LATEST, self.latest
        yield writes.COVERAGE, self.coverage
        yield writes.ISSUES, self.issues
        yield writes.CONSENSUS, self.consensus
        yield writes.RECORDS, self.records
        yield writes.SIGNALS, self.signals
        yield writes.STATES_GONE, self.states_gone
        yield writes.STATES, self.states
        yield writes.FAILURES, self.failures
        yield writes.DELIVERIES, self.deliveries

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
        changes, latest = self.changes, self.latest
        for keys, change in zip(keyed, step.changes, strict=True):
            event_id, series_id = keys
            _, _, _, _, _, _, line, price, last_update = change
            changes[keys, at] = (event_id, at, series_id, line, price, last_update)
            latest[keys] = (event_id, series_id, at, line, price, last_update)

    def _keyed(self, step: Step, at: Micros) -> list[tuple[int, int]]:
        """Return the keys of each change, those of new series too."""
        pipeline = step.pipeline
        known = self._known.series.get(pipeline, {})
        new = self.new_series.setdefault(pipeline, {})
        before, found = len(new), []
        for change in step.changes:
            name = identity(change)
            keys = known.get(name) or new.get(name)
            if keys is None:
                keys = new[name] = self._known.event(change.event), series_key(pipeline, name)
            found.append(keys)
        for name, keys in islice(new.items(), before, None):
            self._series(pipeline, name, keys, at)
        return found

    def _series(self, pipeline: str, name: SeriesKey, keys: tuple[int, int], at: Micros) -> None:
        _, book, market, player, outcome, rung = name
        book = clean(book)
        self.series[keys] = (*keys, pipeline, book, clean(market), optional(player), clean(outcome), rung)
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
                self.consensus[where, market, player] = (*where, market, player, *_consensus(record))
            else:
                name = (*where, record.kind, market, player)
                self.records[name] = (*name, _JSON(record).decode())

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


def _consensus(point: ConsensusPoint) -> Row:
    return (
        _JSON(point.outcomes).decode(),
        point.line,
        point.fair_line,
        _JSON(point.probabilities).decode(),
        _JSON(point.prices).decode(),
        point.dispersion,
        point.books,
        point.operators,
        _JSON(point.contributors).decode(),
        point.reason,
    )


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
