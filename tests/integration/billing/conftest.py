"""Fixtures of the billing tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database of the test's own, where one engine shows as much as two."""
    return f"sqlite:///{tmp_path / 'billing.db'}"
