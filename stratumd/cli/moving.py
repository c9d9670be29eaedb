"""`stratumd db export` and `db import`: whole tables into files, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say
from stratumd.cli.past import From, To
from stratumd.cli.read import Pipeline, reading
from stratumd.errors import ConfigError, StratumError

_COLUMNS = {"table": "TABLE", "rows": "ROWS", "file": "FILE"}

OfEvent = Annotated[str | None, typer.Option("--event", help="Only of this event, by its id or how it begins.")]
OfMarket = Annotated[str | None, typer.Option("--market", help="Only of this market, such as spreads.")]


def export_tables(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the files go, one a table.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    form: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="CSV or Parquet.")] = "csv",
    table: Annotated[
        list[str] | None, typer.Option("--table", help="Only this table, a plugin's too; may be repeated.")
    ] = None,
    event: OfEvent = None,
    market: OfMarket = None,
    since: From = None,
    until: To = None,
    pipeline: Pipeline = None,
    as_json: AsJson = False,
) -> None:
    """Write tables into files as they are stored: all of the core's, or those that are named.

    Everything is of one moment, also beside a running daemon. `db import` brings it back. Parquet needs pyarrow.
    """
    from stratumd.store import Moved, Part

    _make(out)
    part = Part(event, market, pipeline, since, until)
    with reading(config, database) as reader:
        found = [*reader.export_tables(out, form, table or (), part)]
    emit(_rows([each for each in found if isinstance(each, Moved)]), _COLUMNS, as_json=as_json)
    left_out = [name for name, _ in [each for each in found if not isinstance(each, Moved)]]
    if left_out and not as_json:
        say(f"left out, for they do not say what belongs to it: {', '.join(left_out)}")


def import_tables(
    folder: Annotated[Path, typer.Argument(help="Where `db export` wrote its files.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Read the files of `db export` into a database that is new, all of them or nothing. It is made where it is not."""
    from stratumd.cli.db import target
    from stratumd.store import open_store

    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder")
    url, plugins = target(config, database)
    store = open_store(url, plugins=plugins)
    try:
        found = store.restore(folder)
    finally:
        store.close()
    emit(_rows(found), _COLUMNS, as_json=as_json)


def _rows(moved: Any) -> list[dict[str, Any]]:
    return [{"table": each.table, "rows": each.rows, "file": str(each.file)} for each in moved]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StratumError(f"cannot write {folder}: {error.strerror}") from None
