"""MOVE, KEY_CROSS and MULTIBOOK_SYNC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

import msgspec

from stratumd.odds import Fair, Kind, Shift, breadth, line_shift, magnitude, shifts, strength
from stratumd.plugin import Detector, Finding, Limits, Market, Micros, Move, State, Tick, micros
from stratumd_move.evidence import Moved, move_evidence
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
    measure: Callable[[Kind, Fair, Fair], list[Shift]]


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
    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._markets = frozenset(options.markets)
        self._rules = (
            Rule("MOVE", micros(options.window), 1.0, 1, _posted),
            Rule("MULTIBOOK_SYNC", micros(options.sync_window), 0.5, options.sync_operators, shifts),
        )
        self._limits = Limits(micros(options.cooldown), options.per_hour, micros(options.lifetime))

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
                for rule in self._rules:
                    yield from self._apply(rule, market)
        if keys := self.options.keys.get(tick.event.sport):
            yield from crossings(tick, keys)

    def _apply(self, rule: Rule, market: Market) -> Iterator[Finding]:
        """Yield one finding per outcome and direction in which enough operators moved far enough."""
        baseline = market.baseline(rule.window)
        moves = market.moves(baseline) if baseline is not None else []
        if not moves:
            return
        for (outcome, direction), moved in self._far(rule, market, moves).items():
            operators = len({move.line.operator for move, _ in moved})
            if operators >= rule.operators:
                threshold = rule.share * self._threshold(market, moved)
                largest = max(shift.magnitude for _, shift in moved)
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

    def _far(self, rule: Rule, market: Market, moves: list[Move]) -> dict[tuple[str, str], Moved]:
        """Sort the moves that reach the rule's share of the threshold by outcome and direction."""
        sides: dict[tuple[str, str], Moved] = {}
        for move in moves:
            before, after = move.before, move.after
            if isinstance(before, Fair) and isinstance(after, Fair):
                threshold = rule.share * self._of(market, after)
                for shift in rule.measure(market.kind, before, after):
                    if shift.magnitude >= threshold - EPSILON:
                        sides.setdefault((shift.outcome, shift.direction), []).append((move, shift))
        return sides

    def _threshold(self, market: Market, moved: Moved) -> float:
        fair = moved[0][0].after
        assert isinstance(fair, Fair), "only fair prices are measured"
        return self._of(market, fair)

    def _of(self, market: Market, fair: Fair) -> float:
        return self.options.thresholds.of(market.kind, fair.fair_line is not None)


def _posted(kind: Kind, before: Fair, after: Fair) -> list[Shift]:
    """Compare posted lines where a margin model makes points comparable, else probabilities at equal lines."""
    if before.fair_line is not None and before.line is not None and after.line is not None:
        return line_shift(kind, before.line, after.line)
    return shifts(kind, before, after)
