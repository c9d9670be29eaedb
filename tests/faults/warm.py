"""What every life would make anew, and none changes: read scripts, compiled statements. It is made before the forks."""

from __future__ import annotations

from typing import Any

import alembic.script
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

from stratumd.store import engines

_engines: dict[str, Engine] = {}
_scripts: dict[str, ScriptDirectory] = {}


def keep() -> None:
    """Keep engines, whose pools are empty between two lives, and the scripts of migrations."""
    engines.create_engine = _engine
    alembic.script.ScriptDirectory = _Scripts


def _engine(url: Any, **options: Any) -> Engine:
    name = repr((url.render_as_string(hide_password=False), sorted(options.items(), key=str)))
    if name not in _engines:
        _engines[name] = create_engine(url, **options)
    return _engines[name]


class _Scripts:
    @staticmethod
    def from_config(config: Any) -> ScriptDirectory:
        name = config.get_main_option("version_locations")
        if name not in _scripts:
            _scripts[name] = ScriptDirectory.from_config(config)
        return _scripts[name]
