"""`stratumd db`: the schema and the size of the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratumd.cli.backups import backup, check, restore
from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say, warn
from stratumd.cli.moving import export_tables, import_tables
from stratumd.errors import ConfigError

if TYPE_CHECKING:
    from stratumd.config import Config
    from stratumd.config.models import Retention
    from stratumd.registry import Registry

_SCHEMA = {"owner": "schema of", "current": "revision", "head": "newest", "fresh": "up to date"}
_SIZES = {"table": "table", "rows": "rows", "bytes": "bytes"}


_FOR_EVER = ("observations", "polls", "changes")
"""What nothing else can be derived from, and is deleted only where it is named."""


def _length(text: str) -> timedelta:
    from stratumd.plugin import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def register(app: typer.Typer) -> None:
    """Add the command group `db`."""
    group = typer.Typer(help="Look after the database.", no_args_is_help=True)
    group.command()(status)
    group.command()(upgrade)
    group.command()(stats)
    group.command()(clean)
    group.command()(check)
    group.command()(backup)
    group.command()(restore)
    group.command("export")(export_tables)
    group.command("import")(import_tables)
    app.add_typer(group, name="db")


def status(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show the revisions of the schema, the core's and the plugins'. Exit code 75 where `db upgrade` is due."""
    from stratumd.store import schema

    url, plugins = target(config, database)
    found = schema(url, plugins)
    columns = ("owner", "current", "head", "fresh")
    emit([{name: getattr(each, name) for name in columns} for each in found], _SCHEMA, as_json=as_json)
    if not all(each.fresh for each in found):
        raise typer.Exit(75)


def upgrade(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Bring the schema up to date. `stratumd run` does so by itself when it starts."""
    from stratumd.store import open_store, schema

    url, plugins = target(config, database)
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

    url, _ = target(config, database)
    reader = open_reader(url)
    try:
        found = reader.stats()
    finally:
        reader.close()
    emit([each.public() for each in found], _SIZES, as_json=as_json)


def clean(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    older_than: Annotated[
        timedelta | None,
        typer.Option("--older-than", parser=_length, metavar="LENGTH", help="30d: in place of the file's lengths."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A key of `retention`, or `jobs`; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete what is older than `retention` in the configuration says. A running daemon does so by itself each hour.

    With --older-than what can be derived again is deleted by this length; raw answers, polls and quotes only where
    --only names them.
    """
    from collections import Counter

    from stratumd.cli.read import now
    from stratumd.config import load_config
    from stratumd.plugin import micros
    from stratumd.runtime.forgetting import forgetting, keeping
    from stratumd.store import open_store

    loaded = load_config(config)
    lengths = _lengths(loaded, older_than, only)
    length = None if older_than is None else micros(older_than)
    jobs = not only or "jobs" in only
    deleted: Counter[str] = Counter()
    store = open_store(database or loaded.database.connect_url(), plugins=_migrations(loaded.registry))
    try:
        for done in forgetting(loaded, store, now(), keeping(loaded, lengths), length, jobs=jobs):
            if done.rows:
                deleted[done.table] += done.rows
    finally:
        store.close()
    rows = [{"table": table, "rows": number} for table, number in sorted(deleted.items())]
    emit(rows, {"table": "TABLE", "rows": "DELETED"}, as_json=as_json, none="nothing is that old")


def _lengths(config: Config, older_than: timedelta | None, only: list[str] | None) -> Retention:
    """Return how long each table is kept by the file or by what the command says; None where it is left alone."""
    from pydantic import ValidationError

    from stratumd.config.models import Retention
    from stratumd.store import LENGTHS

    unknown = [name for name in only or () if name not in (*LENGTHS, "jobs")]
    if unknown:
        raise typer.BadParameter(f"no such table {unknown[0]!r}; there are: {', '.join((*LENGTHS, 'jobs'))}")
    if older_than is None:
        if config.retention is None:
            raise ConfigError("the configuration has no 'retention': everything is kept for ever")
        given = {name: getattr(config.retention, name) for name in LENGTHS}
    else:
        given = {name: None if name in _FOR_EVER and not only else older_than for name in LENGTHS}
    try:
        return Retention(**{name: length if not only or name in only else None for name, length in given.items()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise typer.BadParameter(f"--older-than: {first['loc'][0]}: {first['msg']}") from None


def target(path: Path, database: str | None) -> tuple[str, Mapping[str, Path]]:
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
