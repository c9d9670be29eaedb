"""The conditions of POSITIVE_EV, ARBITRAGE, LOW_HOLD and MIDDLE, for `why-not`."""

from datetime import timedelta

from stratumd.plugin import Gate

_START = Gate("in_play", "before the start", True)
_MARKETS = Gate("markets", "a market that is watched", None)
_FRESH = Gate("max_age", "an age of the prices", timedelta(hours=6))
_OTHERS = Gate("min_books", "other operators behind the fair price", 2)


def _held(option: str) -> tuple[Gate, Gate]:
    return (
        Gate(f"{option}.cooldown", "time since the last signal", timedelta(), held=True),
        Gate(f"{option}.per_hour", "signals in an hour", 1_000_000, held=True),
    )


GATES = {
    "POSITIVE_EV": (
        _START,
        _MARKETS,
        _OTHERS,
        Gate("positive_ev.min_ev_percent", "an expected value, percent", 1e-6),
        *_held("positive_ev"),
    ),
    "ARBITRAGE": (
        _START,
        _MARKETS,
        _FRESH,
        Gate("arbitrage.min_margin_percent", "a margin, percent", 1e-6),
        *_held("arbitrage"),
    ),
    "LOW_HOLD": (
        _START,
        _MARKETS,
        _FRESH,
        Gate("low_hold.max_hold_percent", "a hold, percent", 99.0),
        *_held("low_hold"),
    ),
    "MIDDLE": (
        _START,
        _MARKETS,
        _FRESH,
        _OTHERS,
        Gate("middle.min_width", "points between the lines", 1e-6),
        Gate("middle.min_ev_percent", "an expected value, percent", -100.0),
        *_held("middle"),
    ),
}
