"""What all tests of the runtime have in common."""

from __future__ import annotations

import pytest

from stratumd.runtime import disabling


@pytest.fixture(autouse=True)
def quick_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody guesses the passwords of tests."""
    monkeypatch.setattr(disabling, "COST", 2)
