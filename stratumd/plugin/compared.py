"""PUBLIC: what detectors share that compare quotes: thresholds in the unit of what is compared, and posted terms."""

from __future__ import annotations

from typing import Annotated

import msgspec
from pydantic import Field

from stratumd.odds import Kind
from stratumd.plugin.options import PluginConfig

Points = Annotated[float, Field(gt=0)]
"""A difference of lines."""
Share = Annotated[float, Field(gt=0, lt=1)]
"""A difference of probabilities."""


class Thresholds(PluginConfig):
    """How large a difference must be, by what is compared. A detector's own subclass gives the defaults."""

    spread: Points
    """Points of the spread."""
    total: Points
    """Points of the total."""
    probability: Share
    """Fair probability, for moneylines and for sports without a margin model."""

    def of(self, kind: Kind, modelled: bool) -> float:
        """Return the threshold for a market of this kind; `modelled` says whether its lines can be compared."""
        if not modelled:
            return self.probability
        return self.spread if kind is Kind.SPREAD else self.total


class Terms(msgspec.Struct, frozen=True):
    """What a book posted at one moment."""

    line: float | None
    """Points of the reference side (home, or the total); null for moneylines."""
    price: float
    """Decimal odds of the signal's outcome."""
