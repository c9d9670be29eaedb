"""What a pipeline remembers of one event besides the board: its gate, its detectors' states, its newest records."""

from __future__ import annotations

from stratumd.engine import gate
from stratumd.plugin import MarketKey, Micros, Record, State


class Memory:
    """One event's memory. The bodies of gate and states are what the store holds."""

    __slots__ = ("bodies", "gate", "missed_at", "records", "states")

    def __init__(self) -> None:
        self.gate = gate.Memory()
        self.states: dict[str, State] = {}
        """By detector."""
        self.bodies: dict[str, bytes] = {}
        """By component, the newest body that left the pipeline as a state change."""
        self.records: dict[str, dict[MarketKey, Record]] = {}
        """By kind and market, the newest record."""
        self.missed_at: Micros | None = None
        """Since when the event is known to be on no board, as after a restart."""

    def keep(self, record: Record) -> bool:
        """Keep `record` as the newest of its kind and market; say whether the history must have it too."""
        known = self.records.get(record.kind)
        if known is None:
            known = self.records[record.kind] = {}
        last = known.get(record.key)
        if last is record:
            return False
        known[record.key] = record
        return last is None or not record.same(last)
