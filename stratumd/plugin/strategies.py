"""Strategies: what to bet on, and how much. `stratumd backtest` asks them about the stored past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

import msgspec

from stratumd.plugin.components import Component
from stratumd.plugin.tick import Tick
from stratumd.plugin.times import Micros
from stratumd.plugin.values import Event, Signal


class Side(NamedTuple):
    """One side that a book offers now."""

    book: str
    operator: str
    market: str
    player: str | None
    outcome: str
    line: float | None
    """Points, of the bettor's side; None for moneylines."""
    price: float
    """Decimal odds."""
    since: Micros
    """When the first observation with the book's present offer was received."""


class Bet(msgspec.Struct, frozen=True):
    """A side to bet on, at a price that is offered now."""

    market: str
    outcome: str
    book: str
    line: float | None
    """Points, of the bettor's side; None for moneylines."""
    price: float
    """Decimal odds."""
    player: str | None = None
    win: float | None = None
    """The probability to win, where it is known: what Kelly's rule needs."""
    push: float = 0.0
    """The probability that the stake is refunded."""
    ticket: str = ""
    """Bets of one ticket are placed together or not at all; one without a ticket stands alone."""
    share: float = 1.0
    """Of the ticket's stake, that is this bet's."""


class Moment:
    """An event right after one observation: all that a strategy may know."""

    def __init__(self, tick: Tick, signals: tuple[Signal, ...], placed: frozenset[tuple[str, str | None, str]]) -> None:
        self.observation = tick.observation
        """The observation's id."""
        self.at = tick.at
        """When it was received."""
        self.event: Event = tick.event
        self.in_play = tick.in_play
        self.signals = signals
        """Those of this event that were given at this observation."""
        self.placed = placed
        """(market, player, outcome) of every bet that was placed on this event before."""
        self._markets = tick.markets

    @cached_property
    def offered(self) -> Mapping[tuple[str, str, str | None, str, float | None], Side]:
        """What is offered in the markets that the observation covers, by book, market, player, outcome and line."""
        found = {}
        for market in self._markets:
            for line in () if market.lay else market.present():
                if line.now is not None and line.now.offer is not None:
                    who = (line.book, line.operator, *market.key)
                    for outcome, price, at in line.now.offer.quotes:
                        found[line.book, *market.key, outcome, at] = Side(*who, outcome, at, price, line.now.since)
        return found

    def offers(self, bet: Bet) -> bool:
        """Say whether a bet can be placed: its book offers that side now, at that line and price."""
        priced = self.offered.get((bet.book, bet.market, bet.player, bet.outcome, bet.line))
        return priced is not None and priced.price == bet.price


class Strategy(Component):
    """Says what to bet on, and how much. Pure: no clock, no random number, no input or output."""

    def should_bet(self, moment: Moment) -> Iterable[Bet]:
        """Yield what to bet on now. A bet that nobody offers at its price is not placed, and is counted."""
        raise NotImplementedError

    def stake(self, bet: Bet, bankroll: float) -> float:
        """Return how much to stake, in the unit of `bankroll`; nothing where that is not above zero.

        `bankroll` is what there would be if all open bets were refunded. What is not there cannot be staked.
        """
        raise NotImplementedError
