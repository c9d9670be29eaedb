"""Ranking: one number from 0 to 100 by which signals are put in order, made of strength and timing.

It ranks; it is no probability of anything.
"""

from typing import Literal, NamedTuple

STRENGTH_SHARE, TIMING_POINTS = 0.6, 40.0
"""Points per point of strength, and the points of the best timing: 100 together."""

TIMING: tuple[tuple[str, float, float], ...] = (
    ("in play", 0.0, 0.2),
    ("<15m", 15.0, 0.6),
    ("15-60m", 60.0, 1.0),
    ("1-3h", 180.0, 0.9),
    ("3-12h", 720.0, 0.6),
    (">12h", float("inf"), 0.3),
)
"""Time buckets: name, the minutes to the start up to which they reach, and what the timing is worth (0 to 1)."""

HIGH_FROM, MEDIUM_FROM = 75.0, 55.0
"""Tiers: High from the first on, Medium from the second, Low below."""

Tier = Literal["High", "Medium", "Low"]
ScoreSource = Literal["composite", "strength_fallback"]


class Timing(NamedTuple):
    """When a signal came, seen from the start of its event."""

    minutes_to_start: float
    """Negative in play."""
    bucket: str
    value: float
    """What the timing is worth, from 0 to 1."""


class Ranking(NamedTuple):
    """The composite score of a signal and the parts it is the sum of.

    `score_source` is `strength_fallback` where the time to the start is not known: then the score is the strength.
    """

    score: float
    tier: Tier
    score_source: ScoreSource
    from_strength: float
    from_timing: float | None
    timing: Timing | None


def timing(minutes_to_start: float) -> Timing:
    """Return the time bucket of a signal that came so many minutes before the start; a bound belongs to the later
    bucket, so that exactly 15 minutes is `15-60m`, and the start itself is in play.
    """
    if minutes_to_start <= 0.0:
        name, _, value = TIMING[0]
        return Timing(minutes_to_start, name, value)
    name, _, value = next(each for each in TIMING[1:] if minutes_to_start < each[1])
    return Timing(minutes_to_start, name, value)


def ranking(strength: int, minutes_to_start: float | None) -> Ranking:
    """Return the composite score `0.6·strength + 40·timing`, to two decimals, with its parts."""
    if minutes_to_start is None:
        return Ranking(float(strength), _tier(strength), "strength_fallback", float(strength), None, None)
    when = timing(minutes_to_start)
    parts = STRENGTH_SHARE * strength, TIMING_POINTS * when.value
    score = round(sum(parts), 2)
    return Ranking(score, _tier(score), "composite", round(parts[0], 2), round(parts[1], 2), when)


def _tier(score: float) -> Tier:
    return "High" if score >= HIGH_FROM else "Medium" if score >= MEDIUM_FROM else "Low"
