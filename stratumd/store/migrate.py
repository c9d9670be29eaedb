"""Runs migrations: the core's own and, each with a version table of its own, those of plugins.

A plugin's revisions lie as plain Alembic files in the folder `migrations` of its package. Its tables begin with its
name, so that no two plugins meet and none touches the core's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect

from stratumd import failpoints
from stratumd.errors import PluginError, StartupError
from stratumd.store.files import core_migrations
from stratumd.store.tables import metadata

CORE = "stratumd"


class Revision(msgspec.Struct, frozen=True):
    """Where one history of migrations stands."""

    owner: str
    current: str | None
    """None where nothing of it has run."""
    head: str | None

    @property
    def fresh(self) -> bool:
        """Whether the database is as new as the program."""
        return self.current == self.head


class _History(NamedTuple):
    owner: str
    folder: Path

    @property
    def prefix(self) -> str:
        return self.owner.replace("-", "_") + "_"

    @property
    def version_table(self) -> str:
        return "alembic_version" if self.owner == CORE else f"{self.prefix}alembic_version"

    def config(self, connection: Connection) -> Config:
        config = Config()
        config.set_main_option("script_location", _escaped(core_migrations()))
        config.set_main_option("version_locations", _escaped(self.folder))
        config.set_main_option("path_separator", "newline")
        own = self.owner == CORE
        config.attributes.update(
            connection=connection,
            version_table=self.version_table,
            metadata=metadata if own else None,
            applied=None if own else self._check_tables(connection),
        )
        return config

    def _check_tables(self, connection: Connection) -> Callable[..., None]:
        before = set(inspect(connection).get_table_names())

        def applied(**_: Any) -> None:
            strange = set(inspect(connection).get_table_names()) - before
            wrong = sorted(name for name in strange if not name.startswith(self.prefix))
            if wrong:
                raise PluginError(
                    f"plugin {self.owner}: its table {wrong[0]} must be named {self.prefix}…",
                    plugin=self.owner,
                )

        return applied


def migrate(engine: Engine, plugins: Mapping[str, Path] | None = None) -> None:
    """Bring the schema up to date, the core's first. Each migration is one transaction; what is done stays done.

    `plugins`: folders of revisions by plugin name. `StartupError` where the database is newer than the program.
    """
    for history in _histories(plugins):
        with engine.connect() as connection:
            config = history.config(connection)
            missing = _missing(ScriptDirectory.from_config(config), _revision(connection, history))
            connection.rollback()
            for revision in missing:
                command.upgrade(config, revision)
                failpoints.reached(f"migration: {history.owner} {revision}")


def revisions(engine: Engine, plugins: Mapping[str, Path] | None = None) -> list[Revision]:
    """Return where each history stands. `StartupError` where the database is newer than the program."""
    with engine.connect() as connection:
        return [_revision(connection, history) for history in _histories(plugins)]


def require(engine: Engine) -> None:
    """Refuse a schema that is not the core's newest. `StartupError` says what to do."""
    (core,) = revisions(engine)
    if not core.fresh:
        raise StartupError("the database's schema is older than this stratumd: run `stratumd db upgrade`")


def _histories(plugins: Mapping[str, Path] | None) -> list[_History]:
    others = [_History(name, folder) for name, folder in sorted((plugins or {}).items())]
    return [_History(CORE, core_migrations() / "versions"), *others]


def _revision(connection: Connection, history: _History) -> Revision:
    scripts = ScriptDirectory.from_config(history.config(connection))
    context = MigrationContext.configure(connection, opts={"version_table": history.version_table})
    current = context.get_current_revision()
    if current is not None:
        _require_known(scripts, history.owner, current)
    return Revision(history.owner, current, scripts.get_current_head())


def _missing(scripts: ScriptDirectory, revision: Revision) -> list[str]:
    if revision.fresh:
        return []
    walk = scripts.iterate_revisions(revision.head, revision.current or "base")
    return [script.revision for script in walk][::-1]


def _require_known(scripts: ScriptDirectory, owner: str, revision: str) -> None:
    try:
        scripts.get_revision(revision)
    except CommandError as error:
        raise StartupError(
            f"the database has revision {revision} of {owner}, which this version does not know: install a newer one"
        ) from error


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
