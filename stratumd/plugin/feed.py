"""The ranked feed: signals by their composite score, always in the same order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from stratumd.odds import Ranking, ranking
from stratumd.plugin.times import MINUTE
from stratumd.plugin.values import Signal


class Ranked(NamedTuple):
    """A signal with its place in a feed."""

    signal: Signal
    ranking: Ranking

    def public(self) -> dict[str, Any]:
        """Return the signal's JSON object with `ranking` beside its own fields: the score and what it is made of."""
        score = self.ranking
        timing = None
        if score.timing is not None:
            minutes = round(score.timing.minutes_to_start, 2)
            timing = {"minutes_to_start": minutes, "bucket": score.timing.bucket, "value": score.timing.value}
        return self.signal.public() | {"ranking": score._asdict() | {"timing": timing}}


def ranked(signals: Iterable[Signal]) -> list[Ranked]:
    """Return signals the highest score first, then the newest, then by id: the same signals, the same order.

    The timing is that of the signal: how long before the start that was announced then it came.
    """
    found = [Ranked(each, ranking(each.strength, (each.commence_at - each.observed_at) / MINUTE)) for each in signals]
    return sorted(found, key=lambda each: (-each.ranking.score, -each.signal.observed_at, each.signal.id))
