"""The job: closes the events that have started, and values their signals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from stratumd.plugin import DAY, MINUTE, Drop, Job, JobContext, KnownEvent, Ledger, Micros, Phase, Row, Signal, micros
from stratumd_clv.event import close_event
from stratumd_clv.options import Options
from stratumd_clv.rows import KINDS, Closed

AT_ONCE = 100
"""Events of one transaction."""
FORGOTTEN_AT_ONCE = 10
"""Events whose rows one transaction deletes: a few thousand rows."""
OFF = (Phase.CANCELLED, Phase.POSTPONED)
"""What is not played at its start has no close: the last quotes before it are no market's last word on a game."""


class ClosingLines(Job):
    """Closing lines of events that have started, and what the prices of their signals were worth then."""

    name, config, version = "clv", Options, "2"
    options: Options

    def __init__(self, options: Options, context: JobContext) -> None:
        super().__init__(options, context)
        basis = (self.version, options.model_dump_json(exclude={"kept"}), repr(context.pricing))
        self._basis = hashlib.sha256(repr(basis).encode()).hexdigest()[:16]

    def run(self, at: Micros, ledger: Ledger) -> str:
        """Close what is due, leave out what was called off, and open again what starts later now."""
        due = at - self.options.minutes_after_commence * MINUTE
        known = {each.event: each for each in ledger.rows(Closed, pipeline=self.context.pipeline)}
        reopened = [each.event.id for each in ledger.events(since=due) if each.event.id in known]
        ledger.write(drop=[drop for event in reopened for drop in self._all_of(event)])
        started = ledger.events(since=at - self.options.lookback_days * DAY, until=due)
        closed = valued = excluded = 0
        for start in range(0, len(started), AT_ONCE):
            done = self._close(started[start : start + AT_ONCE], known, ledger)
            closed += sum([not each.excluded for each in done])
            valued += sum([each.signals for each in done if not each.excluded])
            excluded += sum([bool(each.excluded) for each in done])
        said = f"{closed} of {len(started)} events closed, {valued} signals valued, {len(reopened)} events opened again"
        return f"{said}, {excluded} called off" if excluded else said

    def owes(self, at: Micros, ledger: Ledger) -> list[str]:
        """Return the events that it looks at: also one that is closed is closed anew where its signals are others."""
        return [each.event.id for each in ledger.events(since=at - self.options.lookback_days * DAY)]

    def forget(self, at: Micros, ledger: Ledger, length: Micros | None = None) -> Iterator[int]:
        """Delete the rows of events that started long ago, some events at a time."""
        kept = micros(self.options.kept) if length is None and self.options.kept is not None else length
        if kept is None:
            return
        before = at - max(kept, (self.options.lookback_days + 1) * DAY)
        closed = ledger.rows(Closed, pipeline=self.context.pipeline)
        old = [each.event for each in closed if each.commence_at < before]
        for start in range(0, len(old), FORGOTTEN_AT_ONCE):
            some = old[start : start + FORGOTTEN_AT_ONCE]
            ledger.write(drop=[drop for event in some for drop in self._all_of(event)])
            yield len(some)

    def _close(self, some: Sequence[KnownEvent], known: Mapping[str, Closed], ledger: Ledger) -> list[Closed]:
        """Close those of `some` of which something has changed, and return them."""
        signals: dict[str, list[Signal]] = {}
        for signal in ledger.signals([each.event.id for each in some]):
            signals.setdefault(signal.event, []).append(signal)
        facts = {each.event.id: self._facts(each, len(signals.get(each.event.id, ()))) for each in some}
        changed = [event for event, closed in facts.items() if known.get(event) != closed]
        rows: list[Row] = [facts[event] for event in changed if facts[event].excluded]
        rows += [
            row
            for past in ledger.pasts([event for event in changed if not facts[event].excluded])
            for row in (
                facts[past.event.id],
                *close_event(past, signals.get(past.event.id, ()), self.options, self.context),
            )
        ]
        # Rows of before that nothing replaces, as of a signal that is gone, must not stay.
        ledger.write(rows, [drop for event in changed if event in known for drop in self._all_of(event)])
        return [facts[event] for event in changed]

    def _facts(self, known: KnownEvent, signals: int) -> Closed:
        event = known.event
        off = str(known.phase) if known.phase in OFF else ""
        facts = (event.id, event.sport, event.commence_at, known.observed_at, signals, self._basis, off)
        return Closed(self.context.pipeline, *facts)

    def _all_of(self, event: str) -> list[Drop]:
        return [(kind, {"pipeline": self.context.pipeline, "event": event}) for kind in KINDS]
