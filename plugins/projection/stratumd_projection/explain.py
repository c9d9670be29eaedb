"""The conditions of MISPRICED, for `why-not`."""

from datetime import timedelta

from stratumd.plugin import Gate

GATES = {
    "MISPRICED": (
        Gate("in_play", "before the start", True),
        Gate("heard_within", "time since the file was read", timedelta(hours=6)),
        Gate("max_age", "time since the file was written", timedelta(days=30)),
        Gate("quote_age", "an age of the price", timedelta(hours=6)),
        Gate("min_ev_percent", "an expected value, percent", 1e-6),
        Gate("cooldown", "time since the last signal", timedelta(), held=True),
        Gate("per_hour", "signals in an hour", 1_000_000, held=True),
    )
}
