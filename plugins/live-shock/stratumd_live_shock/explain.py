"""The conditions of LIVE_SHOCK, for `why-not`. That an event is in play is none of them: no option changes it."""

from datetime import timedelta

from stratumd.plugin import Gate

GATES = {
    "LIVE_SHOCK": (
        Gate("markets", "a market that is watched", None),
        Gate("max_age", "quotes that their books had just confirmed", timedelta(hours=6)),
        Gate("min_books", "operators with a live quote at both ends of the window", 2),
        Gate("thresholds.{compared}", "a jump", 1e-6),
        Gate("window", "two observations in play within the window", timedelta(hours=6)),
        Gate("cooldown", "time since the last signal", timedelta(), held=True),
        Gate("per_hour", "signals in an hour", 1_000_000, held=True),
    )
}
