"""How much to stake, the same options for every strategy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stratumd.odds import kelly_stake
from stratumd.plugin import Bet, PluginConfig


class Staking(PluginConfig):
    """How much to stake on one ticket: a bet, or bets that are placed together."""

    method: Literal["flat", "percent", "kelly"] = "flat"
    """The same amount each time, the same share of the bankroll, or a fraction of what Kelly's rule says."""
    amount: float = Field(default=1.0, gt=0)
    """`flat`: so much, in the unit of the bankroll."""
    percent: float = Field(default=1.0, gt=0, le=100)
    """`percent`: so much of the bankroll."""
    fraction: float = Field(default=0.25, gt=0, le=1)
    """`kelly`: this fraction of Kelly's share; a quarter keeps 43.75 % of the growth at far less risk."""
    max_percent: float = Field(default=5.0, gt=0, le=100)
    """Never more than this share of the bankroll on one ticket, percent."""

    def stake(self, bet: Bet, bankroll: float) -> float:
        """Return the stake on `bet`: its share of the ticket's. Nothing where Kelly's rule knows no probability."""
        if bankroll <= 0.0:
            return 0.0
        most = bankroll * self.max_percent / 100.0
        return bet.share * min(most, self._wanted(bet, bankroll))

    def _wanted(self, bet: Bet, bankroll: float) -> float:
        if self.method == "flat":
            return self.amount
        if self.method == "percent":
            return bankroll * self.percent / 100.0
        if bet.win is None:
            return 0.0
        return bankroll * kelly_stake(bet.price, bet.win, bet.push, fraction=self.fraction)
