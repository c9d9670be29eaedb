"""Options of `value`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from stratumd.plugin import Limits, PluginConfig, micros


class Limited(PluginConfig):
    """How often one type of signal may fire."""

    cooldown: timedelta = timedelta(minutes=15)
    """Between two signals of one market and outcome (of POSITIVE_EV: and operator)."""
    per_hour: int = Field(default=6, ge=1)
    """The most signals of this type and one event in a rolling hour."""
    lifetime: timedelta = timedelta(minutes=5)
    """How long a signal is worth acting on."""

    def limits(self) -> Limits:
        """Return them as core takes them."""
        return Limits(micros(self.cooldown), self.per_hour, micros(self.lifetime))


class PositiveEv(Limited):
    """When a price is worth more than it costs."""

    min_ev_percent: float = Field(default=2.0, gt=0)
    """The least expected value, percent of the stake, under each of three de-vig methods."""


class Arbitrage(Limited):
    """When the best prices of all outcomes return more than all stakes."""

    min_margin_percent: float = Field(default=0.1, gt=0)
    """The least return over all stakes, percent of them, whichever outcome wins. Less is lost in rounding stakes."""


class LowHold(Limited):
    """When the best prices of all outcomes return nearly all stakes."""

    max_hold_percent: float = Field(default=0.5, gt=0, lt=100)
    """The hold of the best prices must be below this, percent of all stakes."""


class Middle(Limited):
    """When both sides, at two lines, can win."""

    min_width: float = Field(default=1.0, gt=0)
    """The least distance of the two lines, points."""
    min_ev_percent: float = 0.0
    """The least expected value of both stakes together, percent of them, under each of three de-vig methods."""


class Options(PluginConfig):
    """Options of `value`. Whose quotes make a fair price, and how fresh, is the business of `consensus`."""

    markets: tuple[str, ...] = ("h2h", "spreads", "totals")
    """Markets to watch."""
    sharp: tuple[str, ...] = ()
    """Book keys. Where one of them is in the consensus, fair prices rest on these books alone."""
    min_books: int = Field(default=5, ge=2)
    """How many other operators a fair price takes, where no sharp book is there."""
    max_age: timedelta = timedelta(minutes=2)
    """How old the books' own last update of prices may be that are held against each other: all but POSITIVE_EV."""
    positive_ev: PositiveEv = PositiveEv()
    """POSITIVE_EV: a price is worth more than it costs."""
    arbitrage: Arbitrage = Arbitrage()
    """ARBITRAGE: the best prices of all outcomes return more than all stakes."""
    low_hold: LowHold = LowHold()
    """LOW_HOLD: the best prices of all outcomes return nearly all stakes."""
    middle: Middle = Middle()
    """MIDDLE: both sides, at two lines, can win."""
    in_play: bool = False
    """Go on after the start of the event; fair prices need a `consensus` that does so, too."""
