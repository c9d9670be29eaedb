"""What a pipeline remembers of one event besides the board: its gate, its detectors' states, its newest records."""

from __future__ import annotations

from stratumd.engine import gate
from stratumd.plugin import DAY, MarketKey, Micros, Record, State


class Memory:
    """One event's memory. The bodies of gate and states are what the store holds."""

    __slots__ = ("bodies", "gate", "records", "seen_at", "started", "states")

    def __init__(self) -> None:
        self.gate = gate.Memory()
        self.states: dict[str, State] = {}
        """By detector."""
        self.bodies: dict[str, bytes] = {}
        """By component, the newest body that left the pipeline as a state change."""
        self.records: dict[str, dict[MarketKey, Record]] = {}
        """By kind and market, the newest record."""
        self.seen_at: Micros | None = None
        """When the event ticked last."""
        self.started: bool | None = None
        """Whether it had started then; None at first."""

    def outlived(self, at: Micros) -> list[str]:
        """Start anew where the event was away for more than a day; return the components whose state is void.

        The event's own observations decide that, not when a daemon was started or looked.
        """
        away = self.seen_at is not None and at - self.seen_at > DAY
        self.seen_at = at
        if not away:
            return []
        void = list(self.bodies)
        self.gate, self.states, self.bodies, self.records = gate.Memory(), {}, {}, {}
        return void

    def keep(self, record: Record) -> None:
        """Keep `record` as the newest of its kind and market."""
        self.records.setdefault(record.kind, {})[record.key] = record
