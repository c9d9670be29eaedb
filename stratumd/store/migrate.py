"""Runs migrations: the core's own and, each with a version table of its own, those of plugins.

A plugin's revisions lie as plain Alembic files in the folder `migrations` of its package. Its tables begin with its
name, so that no two plugins meet and none touches the core's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, column, inspect, select, table

from stratumd import failpoints
from stratumd.errors import PluginError, StartupError
from stratumd.store.errors import NewerDatabase
from stratumd.store.files import core_migrations
from stratumd.store.tables import metadata

if TYPE_CHECKING:  # only a database that is not as new as the program needs Alembic, which takes long to import
    from alembic.config import Config
    from alembic.script import ScriptDirectory

CORE = "stratumd"
_NAMED = re.compile(r"""^revision\s*(?::[^=\n]+)?=\s*["']([^"'\n]+)["']\s*$""", re.MULTILINE)
_BEFORE = re.compile(r"^down_revision\s*(?::[^=\n]+)?=(.*)$", re.MULTILINE)
_QUOTED = re.compile(r"""["']([^"'\n]+)["']""")


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

    def newest(self) -> str | None:
        """Return the one revision on which no other builds, where the texts of its files plainly say so."""
        named: set[str] = set()
        before: set[str] = set()
        for file in self.folder.glob("*.py"):
            text = file.read_text(encoding="utf-8")
            own = _NAMED.findall(text)
            if len(own) != 1:
                return None
            named.update(own)
            before.update(each for line in _BEFORE.findall(text) for each in _QUOTED.findall(line))
        heads = named - before
        return heads.pop() if len(heads) == 1 else None

    def stands_at(self, connection: Connection) -> list[str]:
        """Return the revisions that the database says it has: none or one, unless somebody branched."""
        if not inspect(connection).has_table(self.version_table):
            return []
        return list(connection.scalars(select(column("version_num")).select_from(table(self.version_table))))

    def config(self, connection: Connection) -> Config:
        from alembic.config import Config

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

    `plugins`: folders of revisions by plugin name. `NewerDatabase` where the database is newer than the program.
    """
    for history in _histories(plugins):
        with engine.connect() as connection:
            revision = _revision(connection, history)
            if not revision.fresh:
                _upgrade(connection, history, revision)


def revisions(engine: Engine, plugins: Mapping[str, Path] | None = None) -> list[Revision]:
    """Return where each history stands. `NewerDatabase` where the database is newer than the program."""
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


def _upgrade(connection: Connection, history: _History, revision: Revision) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = history.config(connection)
    walk = ScriptDirectory.from_config(config).iterate_revisions(revision.head, revision.current or "base")
    missing = [script.revision for script in walk][::-1]
    connection.rollback()
    for each in missing:
        command.upgrade(config, each)
        failpoints.reached(f"migration: {history.owner} {each}")


def _revision(connection: Connection, history: _History) -> Revision:
    """Return where the history stands. Alembic decides, except where the database plainly has the newest."""
    newest = history.newest()
    if newest is not None and history.stands_at(connection) == [newest]:
        return Revision(history.owner, newest, newest)
    return _revision_by_alembic(connection, history)


def _revision_by_alembic(connection: Connection, history: _History) -> Revision:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(history.config(connection))
    context = MigrationContext.configure(connection, opts={"version_table": history.version_table})
    current = context.get_current_revision()
    if current is not None:
        _require_known(scripts, history.owner, current)
    return Revision(history.owner, current, scripts.get_current_head())


def _require_known(scripts: ScriptDirectory, owner: str, revision: str) -> None:
    from alembic.util import CommandError

    try:
        scripts.get_revision(revision)
    except CommandError as error:
        raise NewerDatabase(
            f"the database has revision {revision} of {owner}, which this version does not know: install a newer one"
        ) from error


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
