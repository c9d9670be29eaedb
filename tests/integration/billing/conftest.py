"""Fixtures of the billing tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stratumd.registry import load
from stratumd.store import open_store, plugin_migrations
from tests.support import stratumd_partners as partners


@pytest.fixture(scope="session")
def shop_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables of the plugins, too."""
    path = tmp_path_factory.mktemp("shop") / "billing.db"
    shutil.copy(sqlite_template, path)
    registry = load(["stripe-billing"], extra=[partners])
    folders = plugin_migrations((each.plugin, each.component) for _, each in registry.components())
    open_store(f"sqlite:///{path}", plugins=folders).close()
    return path


@pytest.fixture
def sqlite_url(shop_template: Path, tmp_path: Path) -> str:
    """A database of the test's own, where one engine shows as much as two."""
    return f"sqlite:///{shutil.copy(shop_template, tmp_path / 'billing.db')}"
