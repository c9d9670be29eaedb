"""`stratumd rebuild`: everything that is derived from the stored answers, derived again."""

from __future__ import annotations

from typing import Annotated

import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, DatabaseUrl, emit, ending_at_once
from stratumd.cli.past import Only, chosen

_COLUMNS = {"pipeline": "PIPELINE", "table": "TABLE", "before": "ROWS BEFORE", "after": "ROWS AFTER", "equal": "EQUAL"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild")(rebuild)


def rebuild(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    pipeline: Only = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 where a table would be another.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Derive quotes, consensus, records, signals and issues again from the stored answers, and compare with before.

    Stop the daemon first. Each pipeline is one transaction. Deliveries stay as they are, and none is made.
    """
    from stratumd.config import load_config
    from stratumd.proof import Past
    from stratumd.proof import rebuild as run
    from stratumd.store import open_reader, open_store

    loaded = load_config(config)
    names = chosen(loaded, pipeline)
    url = database or loaded.database.connect_url()
    store, rows = open_store(url), []
    try:
        reader = open_reader(url)
        try:
            for name in names:
                with ending_at_once():
                    found = run(Past(reader, loaded.pipelines[name], loaded.registry), store, check=check)
                rows += [{"pipeline": name, **each._asdict()} for each in found]
        finally:
            reader.close()
    finally:
        store.close()
    emit(rows if as_json else [_worded(row) for row in rows], _COLUMNS, as_json=as_json)
    if check and not all(row["equal"] for row in rows):
        raise typer.Exit(FAILED)


def _worded(row: dict[str, object]) -> dict[str, object]:
    return {**row, "equal": "yes" if row["equal"] else "no"}
