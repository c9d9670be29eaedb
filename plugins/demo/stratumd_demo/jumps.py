"""A jump of the truth and how the operators follow it, each after its own delay."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.plugin import Micros
from stratumd_demo.desks import Desk, Family
from stratumd_demo.labels import Follow, Kind, Label


class Jump:
    """A jump of the truth while the operators follow it."""

    def __init__(self, kind: Kind, family: Family, at: Micros, sizes: dict[str, float]) -> None:
        self.kind = kind
        self.family = family
        self.at = at
        self.sizes = sizes
        """By market: how its compared value moves."""
        self.waiting = 0
        self.follows: dict[str, list[Follow]] = {market: [] for market in sizes}

    def answer(self, desk: Desk, market: str, at: Micros) -> None:
        """Let an operator post what it has just understood."""
        before = desk.value(market)
        desk.repost(market, at)
        after = desk.value(market)
        if before is not None and after is not None:
            self.follows[market].append(Follow(desk.operator.key, at, after - before))

    def labels(self, event: str, until: Micros) -> list[Label]:
        """Return the labels of the jump, and of the operators that were early or late in it."""
        found = []
        for market, follows in self.follows.items():
            size, operators = self.sizes[market], tuple(follow.operator for follow in follows)
            if len(follows) < 2:
                continue
            found.append(
                Label(
                    self.kind,
                    event,
                    market,
                    way(size),
                    operators,
                    self.at,
                    until,
                    abs(size),
                    tuple(follows),
                )
            )
            found += _stragglers(event, market, size, follows)
        return found


def _stragglers(event: str, market: str, size: float, follows: Sequence[Follow]) -> list[Label]:
    """Label everyone that stood apart from the middle of the others, because half of these had (not) moved yet."""
    found = []
    for follow in follows:
        others = [other.at for other in follows if other is not follow]
        half, more = others[(len(others) - 1) // 2], others[len(others) // 2]
        if follow.at > half:
            kind, moved, at, until = Kind.STALE, -size, half, follow.at
        else:
            kind, moved, at, until = Kind.EARLY, size, follow.at, more
        found.append(Label(kind, event, market, way(moved), (follow.operator,), at, until, abs(size)))
    return found


def way(size: float) -> str:
    """Return the direction of a change of the compared value."""
    return "up" if size > 0 else "down"
