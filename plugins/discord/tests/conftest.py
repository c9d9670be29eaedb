"""Signals as the bundled detectors give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stratumd.plugin import SECOND, Signal

START = 1_784_000_000 * SECOND
MakeSignal = Callable[..., Signal]


@pytest.fixture
def make_signal() -> MakeSignal:
    """Return a function that makes a signal of a type, with anything changed."""
    return _make_signal


def _make_signal(type: str = "MOVE", metadata: dict[str, Any] | None = None, **changes: Any) -> Signal:
    fields: dict[str, Any] = {
        "id": "5f1c2d3e4f5061728394a5b6c7d8e9f0",
        "type": type,
        "pipeline": "nba",
        "detector": type.lower(),
        "detector_version": "1",
        "sport": "basketball_nba",
        "event": "dd23179c",
        "home": "Boston Celtics",
        "away": "Miami Heat",
        "commence_at": START + 7_200 * SECOND,
        "market": "spreads",
        "player": None,
        "outcome": "home",
        "direction": "up",
        "operator": None,
        "books": ("betmgm", "fanduel"),
        "magnitude": 1.0,
        "threshold": 0.5,
        "strength": 82,
        "observed_at": START,
        "expires_at": START + 300 * SECOND,
        "observation": "o1",
        "metadata": metadata or {},
    }
    return Signal(**fields | changes)
