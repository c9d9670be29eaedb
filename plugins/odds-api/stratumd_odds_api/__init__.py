"""The Odds API v4: its client, and what its answers say."""

from stratumd import hookimpl
from stratumd.plugin import Normalizer
from stratumd_odds_api.normalizer import OddsApiNormalizer

__all__ = ["OddsApiNormalizer"]


@hookimpl
def register_normalizers() -> list[type[Normalizer]]:
    """Return the reader of The Odds API's answers."""
    return [OddsApiNormalizer]
