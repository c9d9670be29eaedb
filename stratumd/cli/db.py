"""`stratumd db`: the schema and the size of the database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say, warn
from stratumd.errors import ConfigError

if TYPE_CHECKING:
    from stratumd.registry import Registry

_SCHEMA = {"owner": "schema of", "current": "revision", "head": "newest", "fresh": "up to date"}
_SIZES = {"table": "table", "rows": "rows", "bytes": "bytes"}


def register(app: typer.Typer) -> None:
    """Add the command group `db`."""
    group = typer.Typer(help="Look after the database.", no_args_is_help=True)
    group.command()(status)
    group.command()(upgrade)
    group.command()(stats)
    group.command()(clean)
    app.add_typer(group, name="db")


def status(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show the revisions of the schema, the core's and the plugins'. Exit code 75 where `db upgrade` is due."""
    from stratumd.store import schema

    url, plugins = _target(config, database)
    found = schema(url, plugins)
    columns = ("owner", "current", "head", "fresh")
    emit([{name: getattr(each, name) for name in columns} for each in found], _SCHEMA, as_json=as_json)
    if not all(each.fresh for each in found):
        raise typer.Exit(75)


def upgrade(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Bring the schema up to date. `stratumd run` does so by itself when it starts."""
    from stratumd.store import open_store, schema

    url, plugins = _target(config, database)
    open_store(url, plugins=plugins).close()
    found = schema(url, plugins)
    if as_json:
        emit([{"owner": each.owner, "current": each.current} for each in found], {}, as_json=True)
        return
    for each in found:
        say(f"{each.owner}: revision {each.current}, up to date")


def stats(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show how many rows and bytes each table has."""
    from stratumd.store import open_reader

    url, _ = _target(config, database)
    reader = open_reader(url)
    try:
        found = reader.stats()
    finally:
        reader.close()
    emit([each.public() for each in found], _SIZES, as_json=as_json)


def clean(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Delete what is older than `retention` in the configuration says. A running daemon does so by itself each hour."""
    from collections import Counter

    from stratumd.cli.read import now
    from stratumd.config import load_config
    from stratumd.runtime.forgetting import kept
    from stratumd.store import open_store

    loaded = load_config(config)
    if loaded.retention is None:
        raise ConfigError("the configuration has no 'retention': everything is kept for ever")
    deleted: Counter[str] = Counter()
    store = open_store(database or loaded.database.connect_url())
    try:
        for done in store.clean(kept(loaded.retention), now()):
            deleted[done.table] += done.rows
    finally:
        store.close()
    rows = [{"table": table, "rows": number} for table, number in sorted(deleted.items())]
    emit(rows, {"table": "TABLE", "rows": "DELETED"}, as_json=as_json, none="nothing is that old")


def _target(path: Path, database: str | None) -> tuple[str, Mapping[str, Path]]:
    """Return the database's URL and the migrations of the plugins that the configuration names.

    With a database given and no configuration that can be used, it is the core's schema alone.
    """
    if database is not None and path == DEFAULT_CONFIG and not path.is_file():
        return database, {}
    from stratumd.config import load_config

    try:
        config = load_config(path)
    except ConfigError:
        if database is None:
            raise
        warn(f"{path} cannot be used ('stratumd check' says why): the tables of plugins are left out")
        return database, {}
    return config.database.connect_url() if database is None else database, _migrations(config.registry)


def _migrations(registry: Registry) -> Mapping[str, Path]:
    from stratumd.store import plugin_migrations

    return plugin_migrations((each.plugin, each.component) for _, each in registry.components())
