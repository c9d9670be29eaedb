"""Whose word on an event's phase counts."""

from __future__ import annotations

from stratumd.plugin import Phase

OFFERS = "offers"
"""In place of a source of scores: the odds alone say whether an event has started."""

_RANK = {Phase.SCHEDULED: 0, Phase.POSTPONED: 1, Phase.LIVE: 2, Phase.FINAL: 3, Phase.CANCELLED: 3}


def counts(word: Phase, source: str, known: Phase, known_source: str) -> bool:
    """Say whether the word of `source` replaces what is known.

    A source may correct itself, and every source of scores corrects the odds. Another one only leads on: a slower one
    that still calls a game live does not take back that it is over.
    """
    if source == known_source or known_source == OFFERS:
        return True
    return source != OFFERS and _RANK[word] > _RANK[known]
