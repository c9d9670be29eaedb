"""The gate: which findings become signals.

An edge first: a condition that stays true does not fire again until it was false, or until it has grown by a further
threshold. Then the cooldown of its key, then the cap of its type and event in a rolling hour, strongest first. What
cooldown or cap holds back is not spent: it fires when it may, if it still holds. The gate's memory is stored with the
signals, so a restart repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from stratumd.plugin import DAY, HOUR, Finding, Limits, MarketKey, Micros

EPSILON = 1e-9
"""Absorbs the last bits of floating-point sums where a magnitude meets its threshold exactly."""


class Reason(StrEnum):
    """Why a finding did or did not become a signal."""

    FIRED = "fired"
    FAILED = "failed"
    """It might have fired, but its evidence could not be made; it is tried again while it holds."""
    EDGE = "edge"
    COOLDOWN = "cooldown"
    CAP = "cap"


class Key(NamedTuple):
    """What has an edge and a cooldown of its own."""

    detector: str
    type: str
    market: str
    player: str | None
    outcome: str
    direction: str
    operator: str | None


class Entry(msgspec.Struct, array_like=True):
    """What the gate remembers of one key."""

    active: bool = False
    """The condition held when it was last judged."""
    fired_at: Micros | None = None
    magnitude: float | None = None
    """Of the last signal since the condition holds; None where it was held back so far."""


class Memory(msgspec.Struct):
    """What the gate remembers of one event."""

    entries: dict[Key, Entry] = {}
    fired: dict[str, list[Micros]] = {}
    """By type, the instants of the last hour."""
    changed: bool = False
    """`dump` says something else than before; for whoever stores it to take back."""

    def is_settled(self, at: Micros) -> bool:
        """Say whether a tick without findings changes nothing: no condition holds, nothing is forgotten."""
        for entry in self.entries.values():
            if entry.active or _is_forgettable(entry, at):
                return False
        return all([at - instants[0] < HOUR for instants in self.fired.values()])


class Candidate(NamedTuple):
    """A finding with the detector it came from and that detector's limits for its type."""

    detector: str
    finding: Finding
    limits: Limits

    @property
    def key(self) -> Key:
        """Return what has an edge and a cooldown of its own."""
        f = self.finding
        return Key(self.detector, f.type, f.key.market, f.key.player, f.outcome, f.direction, f.operator)


class Verdict(NamedTuple):
    """What the gate decided about one finding."""

    candidate: Candidate
    reason: Reason


Emit = Callable[[Candidate], bool]
"""Makes the signal of a finding that may fire; False where that failed."""


def judge(
    memory: Memory,
    candidates: Sequence[Candidate],
    judged: Container[tuple[str, MarketKey]],
    at: Micros,
    emit: Emit = lambda candidate: True,
) -> list[Verdict]:
    """Decide about the findings of one tick and update `memory`; verdicts come strongest first.

    `judged` names the (detector, market) pairs that were evaluated: only there does a missing finding mean that the
    condition no longer holds.
    """
    verdicts = []
    present = set()
    for candidate in sorted(candidates, key=_rank) if len(candidates) > 1 else candidates:
        key = candidate.key
        present.add(key)
        verdicts.append(Verdict(candidate, _decide(memory, key, candidate, at, emit)))
    _release(memory, present, judged)
    _prune(memory, at)
    return verdicts


def _rank(candidate: Candidate) -> tuple[object, ...]:
    finding = candidate.finding
    # Sums of floats that say the same may differ in their last bits, and not the same way on every machine.
    return (-finding.strength, -round(finding.magnitude, 9), *(part or "" for part in candidate.key))


def _decide(memory: Memory, key: Key, candidate: Candidate, at: Micros, emit: Emit) -> Reason:
    entry = memory.entries.setdefault(key, Entry())
    finding, limits = candidate.finding, candidate.limits
    if not entry.active:
        entry.active = memory.changed = True
    if entry.magnitude is not None and finding.magnitude < entry.magnitude + finding.threshold - EPSILON:
        return Reason.EDGE
    if entry.fired_at is not None and at - entry.fired_at < limits.cooldown:
        return Reason.COOLDOWN
    recent = [instant for instant in memory.fired.get(key.type, ()) if at - instant < HOUR]
    if limits.per_hour is not None and len(recent) >= limits.per_hour:
        return Reason.CAP
    if not emit(candidate):
        return Reason.FAILED
    entry.fired_at, entry.magnitude = at, finding.magnitude
    memory.fired[key.type] = [*recent, at]
    memory.changed = True
    return Reason.FIRED


def _release(memory: Memory, present: set[Key], judged: Container[tuple[str, MarketKey]]) -> None:
    """Note which conditions no longer hold; only then may they fire anew."""
    for key, entry in memory.entries.items():
        if entry.active and key not in present and (key.detector, MarketKey(key.market, key.player)) in judged:
            entry.active, entry.magnitude = False, None
            memory.changed = True


def _prune(memory: Memory, at: Micros) -> None:
    """Forget what cannot matter any more: a key that holds nothing and fired more than a day ago, or never."""
    idle = [key for key, entry in memory.entries.items() if not entry.active and _is_forgettable(entry, at)]
    for key in idle:
        del memory.entries[key]
    fired = {type_: kept for type_, at_ in memory.fired.items() if (kept := [t for t in at_ if at - t < HOUR])}
    if idle or fired != memory.fired:
        memory.fired, memory.changed = fired, True


def _is_forgettable(entry: Entry, at: Micros) -> bool:
    return entry.fired_at is None or at - entry.fired_at > DAY


_ENCODER = msgspec.json.Encoder()


class _Stored(msgspec.Struct):
    entries: list[tuple[Key, Entry]]
    fired: dict[str, list[Micros]]


_STORED = msgspec.json.Decoder(_Stored)


def dump(memory: Memory) -> bytes:
    """Return `memory` as JSON, byte for byte the same for the same memory."""
    return _ENCODER.encode(_Stored(list(memory.entries.items()), memory.fired))


def restore(body: bytes) -> Memory:
    """Read back what `dump` wrote."""
    stored = _STORED.decode(body)
    return Memory(dict(stored.entries), stored.fired)
