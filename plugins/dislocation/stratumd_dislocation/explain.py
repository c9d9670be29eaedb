"""The conditions of DISLOCATION, for `why-not`."""

from datetime import timedelta

from stratumd.plugin import Gate

GATES = {
    "DISLOCATION": (
        Gate("in_play", "before the start", True),
        Gate("min_books", "other operators in the consensus", 2),
        Gate("thresholds.{compared}", "a difference from the others", 1e-6),
        Gate("cooldown", "time since the last signal", timedelta(), held=True),
        Gate("per_hour", "signals in an hour", 1_000_000, held=True),
    )
}
