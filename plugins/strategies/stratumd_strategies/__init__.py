"""Strategies for backtests: follow a signal, take what is worth more than it costs, take what cannot lose."""

from stratumd import hookimpl
from stratumd.plugin import Strategy
from stratumd_strategies.arbitrage import Arbitrage
from stratumd_strategies.follow import Follow
from stratumd_strategies.positive import PositiveEv

__all__ = ["Arbitrage", "Follow", "PositiveEv", "register_strategies"]


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Provide the strategies."""
    return [Arbitrage, Follow, PositiveEv]
