"""A bankroll over time: what is placed, what is open, what comes back."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stratumd.plugin import Bet, Micros

_ROUNDING = 1e-9  # shares of a stake add up to it only nearly


class Placed(NamedTuple):
    """A bet that was placed."""

    at: Micros
    event: str
    bet: Bet
    stake: float


class Due(NamedTuple):
    """A placed bet, and what will come of it."""

    at: Micros
    """When it is settled."""
    placed: Placed
    unit: float
    """Its profit per unit staked, before commission."""


class Settled(msgspec.Struct, frozen=True):
    """A bet that is over."""

    at: Micros
    """When it was settled."""
    placed: Placed
    profit: float
    """After commission; negative where lost, 0 where refunded."""


class Point(NamedTuple):
    """The bankroll after all bets of one event were settled."""

    at: Micros
    event: str
    bankroll: float


class Bankroll:
    """Money in any one unit. Open stakes are out of reach until they are settled."""

    def __init__(self, start: float, commission: float) -> None:
        self.start = start
        self.money = start
        """With all open bets refunded."""
        self.curve: list[Point] = []
        self.settled: list[Settled] = []
        self._commission = commission
        self._open: list[tuple[Micros, int, Due]] = []
        self._placed = 0

    @property
    def free(self) -> float:
        """Return what can be staked."""
        return self.money - sum([due.placed.stake for _, _, due in self._open])

    def place(self, ticket: Sequence[Due]) -> bool:
        """Place all bets of a ticket; False where money lacks."""
        if sum([due.placed.stake for due in ticket]) > self.free + _ROUNDING:
            return False
        for due in ticket:
            self._placed += 1
            heapq.heappush(self._open, (due.at, self._placed, due))
        return True

    def settle(self, until: Micros | None = None) -> None:
        """Settle what is due up to `until`, or all."""
        while self._open and (until is None or self._open[0][0] <= until):
            at, _, due = heapq.heappop(self._open)
            gross = due.placed.stake * due.unit
            profit = gross * (1.0 - self._commission) if gross > 0.0 else gross
            self.money += profit
            self.settled.append(Settled(at, due.placed, profit))
            self._note(at, due.placed.event)

    def _note(self, at: Micros, event: str) -> None:
        if self.curve and self.curve[-1].event == event:
            self.curve.pop()
        self.curve.append(Point(at, event, self.money))
