"""Bet on the side that a signal points to."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from stratumd.plugin import Bet, Moment, PluginConfig, Side, Signal, Strategy
from stratumd.plugin.evidence import number, part, rows, text
from stratumd_strategies.staking import Staking


class FollowOptions(PluginConfig):
    """Options of `strategies.follow`."""

    types: tuple[str, ...] = ("STEAM",)
    """Types of signals to follow."""
    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to bet in."""
    min_strength: int = Field(default=1, ge=1, le=100)
    """Signals weaker than this are not followed."""
    staking: Staking = Staking()
    """How much to stake."""


class Follow(Strategy):
    """Takes the best price that a signal names: of a book left behind where there is one, else of the signal's books.

    One bet per event, market and outcome.
    """

    name, config = "strategies.follow", FollowOptions
    options: FollowOptions

    def should_bet(self, moment: Moment) -> Iterator[Bet]:
        """Yield a bet for each signal that is followed."""
        done = set(moment.placed)
        for signal in moment.signals:
            side = (signal.market, signal.player, signal.outcome)
            bet = self._bet(moment, signal) if self._is_followed(signal) and side not in done else None
            if bet is not None:
                done.add(side)
                yield bet

    def stake(self, bet: Bet, bankroll: float) -> float:
        """Return the stake by the options."""
        return self.options.staking.stake(bet, bankroll)

    def _is_followed(self, signal: Signal) -> bool:
        options = self.options
        wanted = signal.type in options.types and signal.market in options.markets
        return wanted and signal.strength >= options.min_strength

    def _bet(self, moment: Moment, signal: Signal) -> Bet | None:
        worth = named(signal)
        books = worth or dict.fromkeys(signal.books)
        sides = [side for side in moment.offered.values() if side.book in books and _is_about(side, signal)]
        if not sides:
            return None
        best = max(sides, key=lambda side: (worth.get(side.book) or 0.0, *_kindness(side)))
        ev = worth.get(best.book)
        win = None if ev is None else min(1.0, (1.0 + ev) / best.price)
        return Bet(best.market, best.outcome, best.book, best.line, best.price, best.player, win)


def named(signal: Signal) -> dict[str, float | None]:
    """Return the books whose prices a signal recommends, with what a unit staked there is expected to earn."""
    stale = {
        book: number(each, "ev_percent") for each in rows(signal.metadata, "stale") if (book := text(each, "book"))
    }
    best = text(part(signal.metadata, "best"), "book")
    if not stale and best is not None:
        stale = {best: number(part(signal.metadata, "ev_percent"), "worst_case")}
    return {book: None if percent is None else percent / 100.0 for book, percent in stale.items()}


def _is_about(side: Side, signal: Signal) -> bool:
    return (side.market, side.player, side.outcome) == (signal.market, signal.player, signal.outcome)


def _kindness(side: Side) -> tuple[float, float]:
    """Rank sides of one outcome: the line that wins more often, then the price."""
    line = side.line or 0.0
    return (-line if side.outcome == "over" else line, side.price)
