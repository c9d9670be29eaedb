"""What the signals of `value` carry. Lines are the reference side's: home's, or the total."""

from __future__ import annotations

from typing import Any

import msgspec


class Best(msgspec.Struct, frozen=True):
    """The operator's best quote of the signal's outcome."""

    book: str
    line: float | None
    """Points of the reference side (home, or the total); null for moneylines."""
    price: float
    """Decimal odds."""
    age_seconds: float
    """Since the book's own last update, or since it was last seen where the book gives none."""


class Basis(msgspec.Struct, frozen=True):
    """A quote that the fair price rests on: an operator's that is none of the signal's."""

    operator: str
    book: str
    line: float | None
    """Points of the reference side (home, or the total); null for moneylines."""
    price: float
    """Decimal odds of the signal's outcome."""
    age_seconds: float


class Leg(msgspec.Struct, frozen=True):
    """The best price of one outcome."""

    outcome: str
    operator: str
    book: str
    line: float | None
    """Points of the reference side (home, or the total); null for moneylines."""
    price: float
    """Decimal odds."""
    stake: float
    """Its share of 100 staked on all legs, so that each leg pays out the same."""
    age_seconds: float
    """Since the book's own last update, or since it was last seen where the book gives none."""


class PositiveEvMetadata(msgspec.Struct, frozen=True):
    """Metadata of POSITIVE_EV."""

    unit: str
    """`probability`."""
    value: float
    """The probability that the price implies: 1/price."""
    consensus: float
    """The outcome's fair probability at that line, a refund left out: the least under the three methods."""
    fair_price: float
    """Decimal odds at which a stake is worth nothing, by that probability."""
    best: Best
    ev_percent: dict[str, float]
    """Expected value of a stake on `best`, in percent of it, by de-vig method; `worst_case` is the least."""
    push_probability: float
    """Of a refund, by the margin model; 0 where there is none."""
    reference: str
    """Whose quotes the fair price rests on: `sharp` or `others`."""
    rests_on: list[Basis]
    """These quotes, by operator."""
    oldest_seconds: float
    """The age of the oldest quote of all."""
    components: dict[str, Any]


class ArbitrageMetadata(msgspec.Struct, frozen=True):
    """Metadata of ARBITRAGE."""

    unit: str
    """`probability`."""
    value: float
    """The implied probabilities of the best prices together; below 1."""
    consensus: float
    """The same of one book alone: the median of the market's books at this line."""
    line: float | None
    """Points of the reference side; null for moneylines."""
    margin_percent: float
    """What comes back over all stakes, in percent of them."""
    legs: list[Leg]
    operators: int
    """How many operators post this line with fresh prices."""
    oldest_seconds: float
    """The age of the oldest leg."""
    components: dict[str, Any]


class LowHoldMetadata(msgspec.Struct, frozen=True):
    """Metadata of LOW_HOLD."""

    unit: str
    """`probability`."""
    value: float
    """The implied probabilities of the best prices together."""
    consensus: float
    """The same of one book alone: the median of the market's books at this line."""
    line: float | None
    """Points of the reference side; null for moneylines."""
    hold_percent: float
    """What does not come back, in percent of all stakes."""
    legs: list[Leg]
    operators: int
    """How many operators post this line with fresh prices."""
    oldest_seconds: float
    """The age of the oldest leg."""
    components: dict[str, Any]


class MiddleMetadata(msgspec.Struct, frozen=True):
    """Metadata of MIDDLE."""

    unit: str
    """`points`."""
    width: float
    """Points between the two lines."""
    cost_percent: float
    """What is lost when only one leg wins, in percent of both stakes; negative where that is a profit."""
    probability: float
    """That both legs win, by the margin model: the least under the three methods."""
    ev_percent: dict[str, float]
    """Expected value of both stakes together, in percent of them, by de-vig method; `worst_case` is the least."""
    legs: list[Leg]
    reference: str
    """Whose quotes the fair line rests on: `sharp` or `others`."""
    rests_on: list[Basis]
    """These quotes, by operator."""
    operators: int
    """How many operators post a line with fresh prices."""
    oldest_seconds: float
    """The age of the oldest quote of all."""
    components: dict[str, Any]
