"""Gates: the conditions of a signal, each named by the option that moves it, for `why` and `why-not`."""

from __future__ import annotations

from typing import Any, NamedTuple


class Gate(NamedTuple):
    """One condition. Nothing says twice how it is decided: `detect` itself is asked again with the option changed."""

    option: str
    """The option that moves it, such as `thresholds.spread`. In it `{compared}` stands for `spread`, `total` or
    `probability`, whichever the market is compared by."""
    asks: str
    """What it asks for, in a few words."""
    loosest: Any
    """The value of the option at which everything passes, or nearly. For a list of markets None: that it is listed."""
    held: bool = False
    """True where core's gate holds a finding back by it (a cooldown, a cap), and `detect` does not look at it."""
