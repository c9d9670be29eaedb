"""`stratumd cycles`: the figures of each cycle."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit
from stratumd.cli.read import Since, reading
from stratumd.cli.tables import shortened
from stratumd.plugin.views import CycleRow

COLUMNS = {
    "finished_at": "FINISHED", "pipeline": "PIPELINE", "observations": "ANSWERS", "requests_used_delta": "CREDITS",
    "requests_last": "LAST", "snapshots_inserted": "CHANGES", "consensus_points_written": "CONSENSUS",
    "signals_created_by_type": "SIGNALS", "alerts_sent": "SENT", "alerts_failed": "GIVEN UP",
    "latency_seconds": "SECONDS",
}  # fmt: skip
NONE = "no cycle yet, or none that these options admit: `stratumd run` writes one for whatever it processes"
NEWEST = 50


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("cycles")(cycles)


def cycles(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="Only of this pipeline.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Only the newest so many.")] = NEWEST,
    as_json: AsJson = False,
) -> None:
    """Show the figures of each cycle, oldest first: credits, quotes, consensus, signals, what became of these."""
    with reading(config, database) as reader:
        found = reader.cycles(pipeline=pipeline, since=since, limit=limit)
    emit([_shown(row, as_json) for row in found], COLUMNS, as_json=as_json, none=NONE)


def _shown(row: CycleRow, as_json: bool) -> dict[str, Any]:
    return row.public() if as_json else shortened(row.public())
