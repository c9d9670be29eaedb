"""What MISPRICED carries."""

from __future__ import annotations

from typing import Any

import msgspec


class Best(msgspec.Struct, frozen=True):
    """The quote of the signal's outcome that is worth the most."""

    operator: str
    book: str
    line: float
    """Points of the reference side: home's, or the total."""
    price: float
    """Decimal odds."""
    age_seconds: float
    """Since the book's own last update, or since it was last seen where the book gives none."""


class Worthwhile(msgspec.Struct, frozen=True):
    """An operator's best quote of the outcome, where it reaches the threshold."""

    operator: str
    book: str
    line: float
    price: float
    ev_percent: float


class Row(msgspec.Struct, frozen=True):
    """The row of the file, and what was made of it."""

    source: str
    """The source's name in the configuration."""
    line: int
    """Of the file, from 1."""
    mean: float
    sd: float | None
    """As the row has it, else the margin model's σ; null for Poisson."""
    distribution: str
    """`normal`, `poisson`, `negative_binomial` or `binomial`."""
    age_seconds: float
    """Since the file was last written."""


class MispricedMetadata(msgspec.Struct, frozen=True):
    """Metadata of MISPRICED."""

    reading: str
    """What the signal does and does not say, in a sentence: the same in each."""
    unit: str
    """`probability`."""
    value: float
    """The outcome's probability at `best.line` by the projection, a refund left out."""
    consensus: float | None
    """The same by the de-vigged consensus; null where it says nothing of that line."""
    implied: float
    """The probability that the best price implies: 1/price."""
    fair_price: float
    """Decimal odds at which a stake is worth nothing by the projection."""
    push_probability: float
    """Of a refund, by the projection."""
    ev_percent: float
    """Expected value of a stake on `best` by the projection, percent of the stake, refunds counted."""
    best: Best
    worthwhile: list[Worthwhile]
    """Every operator whose price reaches the threshold, the best first."""
    operators: int
    """How many operators the consensus rests on."""
    projection: Row
    components: dict[str, Any]
