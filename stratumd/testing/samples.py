"""A signal such as a detector gives, for trying out what takes signals."""

from __future__ import annotations

from typing import Any

from stratumd.plugin import HOUR, Signal
from stratumd.testing.scenario import START


def signal(**fields: Any) -> Signal:
    """Return a MOVE of a point spread, six hours before the game; `fields` take the place of its own."""
    own: dict[str, Any] = {
        "id": "5f1c2d3e4f5061728394a5b6c7d8e9f0",
        "type": "MOVE",
        "pipeline": "nba",
        "detector": "move",
        "detector_version": "1",
        "sport": "basketball_nba",
        "event": "e1",
        "home": "Miami Heat",
        "away": "Boston Celtics",
        "commence_at": START + 6 * HOUR,
        "market": "spreads",
        "player": None,
        "outcome": "home",
        "direction": "up",
        "operator": None,
        "books": ("fanduel",),
        "magnitude": 1.0,
        "threshold": 0.5,
        "strength": 75,
        "observed_at": START,
        "expires_at": None,
        "observation": "o1",
        "metadata": {},
    }
    return Signal(**own | fields)
