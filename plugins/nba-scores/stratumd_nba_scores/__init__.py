"""The NBA's scores: its live scoreboard, and past days."""

from stratumd import hookimpl
from stratumd.plugin import Normalizer, Source
from stratumd_nba_scores.normalizer import NbaScoresNormalizer
from stratumd_nba_scores.source import NbaScores

__all__ = ["NbaScores", "NbaScoresNormalizer"]


@hookimpl
def register_sources() -> list[type[Source]]:
    """Return the client."""
    return [NbaScores]


@hookimpl
def register_normalizers() -> list[type[Normalizer]]:
    """Return the reader of its answers."""
    return [NbaScoresNormalizer]
