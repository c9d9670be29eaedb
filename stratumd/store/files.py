"""Where the migrations lie: inside the installed package, or in the repository during development."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).resolve().parent.parent


def core_migrations() -> Path:
    """Return the folder of the core's Alembic environment."""
    packaged = _PACKAGE / "_files" / "migrations"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "migrations"


def plugin_migrations(modules: Mapping[str, ModuleType]) -> dict[str, Path]:
    """Return the folders `migrations` that lie beside plugins' modules, by plugin name."""
    found = {}
    for name, module in modules.items():
        if module.__file__ is None:
            continue
        folder = Path(module.__file__).resolve().parent / "migrations"
        if folder.is_dir():
            found[name] = folder
    return found
