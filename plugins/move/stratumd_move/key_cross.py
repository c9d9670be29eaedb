"""KEY_CROSS: the consensus line passes from strictly one side of a key number to strictly the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stratumd.odds import Kind, magnitude, strength
from stratumd.plugin import Finding, Market, State, Tick
from stratumd_move.evidence import components

SMALLEST_CROSSING = 0.5
"""Points: half a point to one side and half a point to the other is the least that lines can cross by, halved."""


class KeyCrossMetadata(msgspec.Struct, frozen=True):
    """Metadata of KEY_CROSS."""

    keys: list[float]
    """The numbers crossed, points of the home line."""
    before: float
    """The consensus line when it was last strictly on the other side, points."""
    after: float
    """The consensus line now, points."""
    components: dict[str, Any]


class Sides(State, frozen=True):
    """The last consensus line that was strictly beside each key number, by market and key."""

    beside: dict[str, float] = {}


def crossings(tick: Tick, keys: Sequence[float]) -> Iterator[Finding | State]:
    """Yield a finding where keys were crossed since the last observation or over a pause on them, and the sides
    to remember.
    """
    known = tick.state.beside if tick.state is not None else {}
    beside = dict(known)
    for market in tick.markets:
        line = _line(tick, market)
        if line is not None:
            crossed = {}
            for key in sorted({sign * key for key in keys for sign in (-1.0, 1.0)}):
                slot = f"{market.key} {key:g}"
                before = beside.get(slot)
                if before is not None and (before - key) * (line - key) < 0:
                    crossed[key] = before
                if line != key:
                    beside[slot] = line
            if crossed:
                yield _finding(market, crossed, line)
    if beside != known:
        yield Sides(beside)


def _line(tick: Tick, market: Market) -> float | None:
    if market.kind is not Kind.SPREAD:
        return None
    point = tick.record("consensus", market.key)
    return point.line if point is not None and point.reason is None and point.fair_line is not None else None


def _finding(market: Market, crossed: Mapping[float, float], after: float) -> Finding:
    before = max(crossed.values(), key=lambda line: abs(line - after))
    distance = abs(after - before)
    parts = [magnitude(distance, SMALLEST_CROSSING)]
    return Finding(
        type="KEY_CROSS",
        key=market.key,
        outcome="away" if after > before else "home",
        direction="up" if after > before else "down",
        magnitude=distance,
        threshold=SMALLEST_CROSSING,
        books=tuple(sorted([line.book for line in market.present()])),
        strength=strength(parts),
        evidence=msgspec.to_builtins(KeyCrossMetadata(list(crossed), before, after, components(parts))),
    )
