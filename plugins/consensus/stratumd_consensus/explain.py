"""The conditions of a consensus, for `why-not` of the signals that rest on one."""

from datetime import timedelta

from stratumd.plugin import Gate

GATES = {
    "consensus": (
        Gate("in_play", "before the start", True),
        Gate("lookback", "an age of the quotes", timedelta(hours=6)),
        Gate("min_books", "operators with fresh quotes", 2),
    )
}
