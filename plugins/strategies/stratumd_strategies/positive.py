"""Bet where a price is worth more than it costs."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from stratumd.plugin import Bet, Moment, PluginConfig, Signal, Strategy
from stratumd_strategies.staking import Staking


class PositiveEvOptions(PluginConfig):
    """Options of `strategies.ev`."""

    min_ev_percent: float = Field(default=2.0, gt=0)
    """The least expected value, percent of the stake, in the worst case of three de-vig methods."""
    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to bet in."""
    staking: Staking = Staking(method="kelly")
    """How much to stake."""


class PositiveEv(Strategy):
    """Takes the prices of POSITIVE_EV signals, which the detector `value` gives.

    One bet per event, market and outcome.
    """

    name, config = "strategies.ev", PositiveEvOptions
    options: PositiveEvOptions

    def should_bet(self, moment: Moment) -> Iterator[Bet]:
        """Yield a bet for each price that is worth enough."""
        done = set(moment.placed)
        for signal in moment.signals:
            side = (signal.market, signal.player, signal.outcome)
            if self._is_worth_it(signal) and side not in done:
                done.add(side)
                yield from _bets(moment, signal)

    def stake(self, bet: Bet, bankroll: float) -> float:
        """Return the stake by the options."""
        return self.options.staking.stake(bet, bankroll)

    def _is_worth_it(self, signal: Signal) -> bool:
        if signal.type != "POSITIVE_EV" or signal.market not in self.options.markets:
            return False
        worst: float = signal.metadata["ev_percent"]["worst_case"]
        return worst >= self.options.min_ev_percent


def _bets(moment: Moment, signal: Signal) -> Iterator[Bet]:
    push: float = signal.metadata["push_probability"]
    win = signal.metadata["consensus"] * (1.0 - push)
    book = signal.metadata["best"]["book"]
    for side in moment.offered.values():
        if (side.book, side.market, side.player, side.outcome) == (book, signal.market, signal.player, signal.outcome):
            yield Bet(side.market, side.outcome, side.book, side.line, side.price, side.player, win, push)
            return
