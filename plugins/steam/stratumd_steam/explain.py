"""The conditions of STEAM, for `why-not`."""

from datetime import timedelta

from stratumd.plugin import Gate

GATES = {
    "STEAM": (
        Gate("in_play", "before the start", True),
        Gate("markets", "a market that is watched", None),
        Gate("min_age", "an age of the market", timedelta()),
        Gate("quiet_before_start", "time to the start", timedelta()),
        Gate("window", "two observations in the window", timedelta(hours=6)),
        Gate("present", "operators at both ends of the window", 2),
        Gate("thresholds.{compared}", "a move", 1e-6),
        Gate("operators", "operators that moved the same way", 2),
        Gate("cooldown", "time since the last signal", timedelta(), held=True),
        Gate("per_hour", "signals in an hour", 1_000_000, held=True),
    )
}
