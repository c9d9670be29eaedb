"""Fixtures of the configuration's tests."""

from pathlib import Path

import pytest

from tests.unit.config.reading import Reading


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """A folder in which a test writes its configuration."""
    return Reading(tmp_path)
