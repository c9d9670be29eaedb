"""The conditions of MOVE, MULTIBOOK_SYNC and KEY_CROSS, for `why-not`."""

from datetime import timedelta

from stratumd.plugin import Gate

_FIRST = (Gate("in_play", "before the start", True), Gate("markets", "a market that is watched", None))
_SIZE = Gate("thresholds.{compared}", "a move", 1e-6)
_HELD = (
    Gate("cooldown", "time since the last signal", timedelta(), held=True),
    Gate("per_hour", "signals in an hour", 1_000_000, held=True),
)
GATES = {
    "MOVE": (*_FIRST, Gate("window", "two observations in the window", timedelta(hours=6)), _SIZE, *_HELD),
    "MULTIBOOK_SYNC": (
        *_FIRST,
        Gate("sync_window", "two observations in the window", timedelta(hours=6)),
        _SIZE,
        Gate("sync_operators", "operators that moved the same way", 2),
        *_HELD,
    ),
    "KEY_CROSS": (Gate("in_play", "before the start", True), *_HELD),
}
