"""What a price is worth where the stake may be refunded."""

from __future__ import annotations

from typing import NamedTuple

from .margin import push_probability
from .markets import Kind
from .prices import expected_value
from .shift import probability_at


class Chance(NamedTuple):
    """The fair chance of an outcome at a line."""

    probability: float
    """Of a win, where the stake is not refunded."""
    push: float
    """Of a refund."""

    def worth(self, price: float) -> float:
        """Return the expected profit per unit staked at decimal odds `price`, refunds counted."""
        return (1.0 - self.push) * expected_value(price, self.probability)


def chance_at(kind: Kind, outcome: str, line: float, fair_line: float, sigma: float) -> Chance:
    """Return the chance of `outcome` at the reference side's `line`, where the fair line is `fair_line`.

    For spreads both lines are home's; for totals they are totals. `sigma` in points. Only a whole line is ever met
    exactly, on either side of it with the same probability (see `push_probability`).
    """
    return Chance(probability_at(kind, outcome, line, fair_line, sigma), _push(kind, line, fair_line, sigma))


def _push(kind: Kind, line: float, fair_line: float, sigma: float) -> float:
    if not line.is_integer():
        return 0.0
    if kind is Kind.SPREAD:
        return push_probability(-fair_line, int(-line), sigma)
    return push_probability(fair_line, int(line), sigma)
