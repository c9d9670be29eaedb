"""Synchrony: how likely so many movers are by chance, by what each operator did over the last day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stratumd.odds import chance_of_at_least
from stratumd.plugin import HOUR, Micros, State

HOURS = 24
MIN_WINDOWS = 20
"""Fewer windows than this say nothing about an operator."""

Hour = tuple[int, int, int]
"""Hours since 1970, windows seen in it, and windows in which the operator moved far enough."""


class Shares(State, frozen=True):
    """How often each operator moved, by market and operator, in whole windows laid end to end."""

    window: dict[str, int] = {}
    """By market, the number of the last window counted."""
    hours: dict[str, dict[str, list[Hour]]] = {}

    def is_counted(self, market: str, window: int) -> bool:
        """Say whether that window of the market is in the shares already."""
        return self.window.get(market) == window

    def counted(self, market: str, window: int, at: Micros, moved: Iterable[tuple[str, bool]]) -> Shares:
        """Return the shares with one more window: who was present in it, and whether they moved far enough."""
        hour, known = at // HOUR, self.hours.get(market, {})
        table = {operator: _recent(rows, hour) for operator, rows in known.items()}
        for operator, far in moved:
            table[operator] = _add(table.get(operator, []), hour, far)
        table = {operator: rows for operator, rows in table.items() if rows}
        return Shares({**self.window, market: window}, {**self.hours, market: table})

    def chance(self, market: str, operators: Sequence[str], movers: int) -> float | None:
        """Return the chance of at least `movers` among `operators`; None where too little is known of one of them."""
        table = self.hours.get(market, {})
        shares = []
        for operator in operators:
            rows = table.get(operator, [])
            windows = sum(row[1] for row in rows)
            if windows < MIN_WINDOWS:
                return None
            shares.append(sum(row[2] for row in rows) / windows)
        return chance_of_at_least(movers, shares)


def _recent(rows: list[Hour], hour: int) -> list[Hour]:
    return [row for row in rows if hour - row[0] < HOURS]


def _add(rows: list[Hour], hour: int, far: bool) -> list[Hour]:
    if rows and rows[-1][0] == hour:
        _, windows, moves = rows[-1]
        return [*rows[:-1], (hour, windows + 1, moves + far)]
    return [*rows, (hour, 1, int(far))]
