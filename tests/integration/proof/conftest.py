"""A past that several tests look back on, kept once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.past import configured, kept, polled


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a database in which the simulated market is kept. Only to be read."""
    path = configured(tmp_path_factory.mktemp("past"))
    kept(path, polled())
    return path
