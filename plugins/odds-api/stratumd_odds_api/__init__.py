"""The Odds API v4: its client, and what its answers say."""

from stratumd import hookimpl
from stratumd.plugin import Normalizer, Source
from stratumd_odds_api.normalizer import OddsApiNormalizer
from stratumd_odds_api.source import OddsApiSource

__all__ = ["OddsApiNormalizer", "OddsApiSource"]


@hookimpl
def register_sources() -> list[type[Source]]:
    """Return the client."""
    return [OddsApiSource]


@hookimpl
def register_normalizers() -> list[type[Normalizer]]:
    """Return the reader of its answers."""
    return [OddsApiNormalizer]
