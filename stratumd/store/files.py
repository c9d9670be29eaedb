"""Where the migrations lie: inside the installed package, or in the repository during development."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def core_migrations() -> Path:
    """Return the folder of the core's Alembic environment."""
    packaged = _PACKAGE / "_files" / "migrations"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "migrations"


def plugin_migrations(components: Iterable[tuple[str, type]]) -> dict[str, Path]:
    """Return, by plugin name, the folders `migrations` in the packages of plugins.

    `components`: the name of a plugin with any class of it, several times where it has several.
    """
    found = {}
    for plugin, component in components:
        package = sys.modules[component.__module__.partition(".")[0]]
        file = getattr(package, "__file__", None)
        folder = file and Path(file).resolve().parent / "migrations"
        if folder and folder.is_dir():
            found[plugin] = folder
    return found
