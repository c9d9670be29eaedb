"""`stratumd db backup`, `db restore` and `db check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say
from stratumd.cli.read import database_url, now

_COLUMNS = {"where": "WHERE", "what": "WHAT"}


def backup(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The copy, a file that is not there yet.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
) -> None:
    """Copy the SQLite database into a file, as of one moment, also beside a running daemon.

    It is refused where the database is damaged. For PostgreSQL use its own pg_dump.
    """
    from stratumd.store import backup

    size = backup(database_url(config, database), out)
    say(f"{out}: {size:,} bytes")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `db backup` made.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
) -> None:
    """Put a copy in the place of the SQLite database. What was there is kept beside it. Stop the daemon first."""
    from stratumd.plugin import to_datetime
    from stratumd.store import restore

    old = restore(database_url(config, database), file, f"{to_datetime(now()):%Y%m%dT%H%M%SZ}")
    say(f"restored from {file}" + (f"; what was there is {old} now" if old else ""))


def check(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Read the database, and show what is not as it was written. Exit code 1 where there is something.

    Pages and indexes of a SQLite file, every answer as received, the contributors of every consensus, and the audit.
    What else follows from the answers `stratumd rebuild --check` works out again.
    """
    from stratumd.store import damage

    found = damage(database_url(config, database))
    emit([each._asdict() for each in found], _COLUMNS, as_json=as_json, none="nothing is damaged")
    if found:
        raise typer.Exit(1)
