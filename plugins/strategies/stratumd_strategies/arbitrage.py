"""Bet on all outcomes where their best prices return more than all stakes."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from stratumd.plugin import Bet, Moment, PluginConfig, Signal, Strategy
from stratumd_strategies.staking import Staking


class ArbitrageOptions(PluginConfig):
    """Options of `strategies.arbitrage`."""

    min_margin_percent: float = Field(default=0.5, gt=0)
    """The least return over all stakes, percent of them."""
    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to bet in."""
    staking: Staking = Staking(method="percent")
    """How much to stake on all legs together. Kelly's rule has no bound for what cannot lose: use another method."""


class Arbitrage(Strategy):
    """Takes all legs of ARBITRAGE signals, which the detector `value` gives: all of them or none. Once per market."""

    name, config = "strategies.arbitrage", ArbitrageOptions
    options: ArbitrageOptions

    def should_bet(self, moment: Moment) -> Iterator[Bet]:
        """Yield the legs of each arbitrage."""
        done = {(market, player) for market, player, _ in moment.placed}
        for signal in moment.signals:
            if self._is_worth_it(signal) and (signal.market, signal.player) not in done:
                done.add((signal.market, signal.player))
                yield from _legs(moment, signal)

    def stake(self, bet: Bet, bankroll: float) -> float:
        """Return the leg's share of the stake by the options."""
        return self.options.staking.stake(bet, bankroll)

    def _is_worth_it(self, signal: Signal) -> bool:
        if signal.type != "ARBITRAGE" or signal.market not in self.options.markets:
            return False
        margin: float = signal.metadata["margin_percent"]
        return margin >= self.options.min_margin_percent


def _legs(moment: Moment, signal: Signal) -> Iterator[Bet]:
    sides = {
        (side.book, side.outcome): side
        for side in moment.offered.values()
        if (side.market, side.player) == (signal.market, signal.player)
    }
    legs = [(sides.get((leg["book"], leg["outcome"])), leg["stake"] / 100.0) for leg in signal.metadata["legs"]]
    for side, share in legs:
        if side is not None and all(other is not None for other, _ in legs):
            yield Bet(
                side.market, side.outcome, side.book, side.line, side.price, side.player, ticket=signal.id, share=share
            )
