"""The job: closes the events that have started, and values their signals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from stratumd.plugin import DAY, MINUTE, Drop, Job, JobContext, KnownEvent, Ledger, Micros, Signal
from stratumd_clv.event import close_event
from stratumd_clv.options import Options
from stratumd_clv.rows import KINDS, Closed

AT_ONCE = 100
"""Events of one transaction."""


class ClosingLines(Job):
    """Closing lines of events that have started, and what the prices of their signals were worth then."""

    name, config, version = "clv", Options, "1"
    options: Options

    def __init__(self, options: Options, context: JobContext) -> None:
        super().__init__(options, context)
        basis = (self.version, options.model_dump_json(), repr(context.pricing))
        self._basis = hashlib.sha256(repr(basis).encode()).hexdigest()[:16]

    def run(self, at: Micros, ledger: Ledger) -> str:
        """Close what is due, and open again what starts later now."""
        due = at - self.options.minutes_after_commence * MINUTE
        known = {each.event: each for each in ledger.rows(Closed, pipeline=self.context.pipeline)}
        reopened = [each.event.id for each in ledger.events(since=due) if each.event.id in known]
        ledger.write(drop=[drop for event in reopened for drop in self._all_of(event)])
        started = ledger.events(since=at - self.options.lookback_days * DAY, until=due)
        closed = valued = 0
        for start in range(0, len(started), AT_ONCE):
            events, signals = self._close(started[start : start + AT_ONCE], known, ledger)
            closed, valued = closed + events, valued + signals
        return f"{closed} of {len(started)} events closed, {valued} signals valued, {len(reopened)} events opened again"

    def _close(self, some: Sequence[KnownEvent], known: Mapping[str, Closed], ledger: Ledger) -> tuple[int, int]:
        """Close those of `some` of which something has changed. Return how many, with how many signals."""
        signals: dict[str, list[Signal]] = {}
        for signal in ledger.signals([each.event.id for each in some]):
            signals.setdefault(signal.event, []).append(signal)
        facts = {each.event.id: self._facts(each, len(signals.get(each.event.id, ()))) for each in some}
        changed = [event for event, closed in facts.items() if known.get(event) != closed]
        rows = [
            row
            for past in ledger.pasts(changed)
            for row in (
                facts[past.event.id],
                *close_event(past, signals.get(past.event.id, ()), self.options, self.context),
            )
        ]
        # Rows of before that nothing replaces, as of a signal that is gone, must not stay.
        ledger.write(rows, [drop for event in changed if event in known for drop in self._all_of(event)])
        return len(changed), sum([facts[event].signals for event in changed])

    def _facts(self, known: KnownEvent, signals: int) -> Closed:
        event = known.event
        return Closed(
            self.context.pipeline, event.id, event.sport, event.commence_at, known.observed_at, signals, self._basis
        )

    def _all_of(self, event: str) -> list[Drop]:
        return [(kind, {"pipeline": self.context.pipeline, "event": event}) for kind in KINDS]
