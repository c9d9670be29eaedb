"""MOVE, KEY_CROSS and MULTIBOOK_SYNC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import ClassVar, NamedTuple

import msgspec

from stratumd.odds import Shift, breadth, magnitude, strength
from stratumd.plugin import Detector, Finding, Limits, Market, Micros, Move, State, Tick, Window, micros
from stratumd_move.evidence import Moved, move_evidence
from stratumd_move.explain import GATES
from stratumd_move.key_cross import KeyCrossMetadata, Sides, crossings
from stratumd_move.options import MoveMetadata, Options

EPSILON = 1e-9
"""Lines are multiples of a half, fair lines are not: a sum of floats may fall short of its threshold by this."""


class Rule(NamedTuple):
    """One of the two rules about books that moved."""

    type: str
    window: Micros
    share: float
    """Of the threshold that a book must have moved by."""
    operators: int
    """How many distinct operators it takes."""
    measure: Callable[[Move], Sequence[Shift]]
    """What counts as a book's move."""


class Moves(Detector):
    """Each book against itself; several operators together; the consensus over a key number."""

    name, config = "move", Options
    needs = ("consensus",)
    state = Sides
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "MOVE": MoveMetadata,
        "MULTIBOOK_SYNC": MoveMetadata,
        "KEY_CROSS": KeyCrossMetadata,
    }
    gates = GATES
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._markets = frozenset(options.markets)
        self._rules = (
            Rule("MOVE", micros(options.window), 1.0, 1, attrgetter("posted")),
            Rule("MULTIBOOK_SYNC", micros(options.sync_window), 0.5, options.sync_operators, attrgetter("shifts")),
        )
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))

    @property
    def windows(self) -> dict[str, Window]:
        """MOVE compares over `window`, MULTIBOOK_SYNC over `sync_window`."""
        moves, together = self._rules
        return {
            moves.type: Window("window", moves.window),
            together.type: Window("sync_window", together.window),
        }

    @property
    def lookback(self) -> Micros:
        """The longer of the two windows."""
        return max(rule.window for rule in self._rules)

    def limits(self, type: str) -> Limits:
        """Every type has the same cooldown and cap."""
        return self._limits

    def detect(self, tick: Tick) -> Iterator[Finding | State]:
        """Yield the moves that hold now, and on which side of its key numbers the consensus is."""
        if tick.in_play and not self.options.in_play:
            return
        for market in tick.markets:
            if market.key.market in self._markets and market.key.player is None and not market.lay:
                threshold = self.options.thresholds.of(market.kind, market.sigma is not None)
                for rule in self._rules:
                    moves = market.moves(rule.window, rule.share * threshold - EPSILON)
                    if len(moves) >= rule.operators:
                        yield from self._apply(rule, market, moves, rule.share * threshold)
        if keys := self.options.keys.get(tick.event.sport):
            yield from crossings(tick, keys)

    def _apply(self, rule: Rule, market: Market, moves: Sequence[Move], threshold: float) -> Iterator[Finding]:
        """Yield one finding per outcome and direction in which enough operators moved far enough."""
        for (outcome, direction), moved in _far(moves, rule.measure, threshold).items():
            operators = len({move.line.operator for move, _ in moved})
            if operators >= rule.operators:
                largest = max([shift.magnitude for _, shift in moved])
                parts = [magnitude(largest, threshold), breadth(operators, rule.operators)]
                yield Finding(
                    type=rule.type,
                    key=market.key,
                    outcome=outcome,
                    direction=direction,
                    magnitude=largest,
                    threshold=threshold,
                    books=tuple(sorted([move.line.book for move, _ in moved])),
                    strength=strength(parts),
                    evidence=move_evidence(moved, rule.window, parts),
                )


def _far(
    moves: Sequence[Move], measure: Callable[[Move], Sequence[Shift]], threshold: float
) -> dict[tuple[str, str], Moved]:
    """Sort the moves that reach `threshold` by outcome and direction."""
    sides: dict[tuple[str, str], Moved] = {}
    least = threshold - EPSILON
    for move in moves:
        for shift in measure(move):
            if shift.magnitude >= least:
                sides.setdefault((shift.outcome, shift.direction), []).append((move, shift))
    return sides
