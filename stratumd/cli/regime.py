"""`stratumd regime fit`: models of market regimes, fitted to the stored history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say, written
from stratumd.cli.desk import opened, shown
from stratumd.errors import StratumError

_COLUMNS = {
    "sport": "SPORT", "market": "MARKET", "unit": "UNIT", "a": "A /H", "b": "B /H", "rates": "CHANGES /H",
    "scales": "SCALES", "events": "EVENTS", "steps": "STEPS", "changes": "CHANGES", "rounds": "ROUNDS",
}  # fmt: skip
_KEPT = ("a", "b", "rates", "scales", "unit", "events", "steps", "changes")


def register(app: typer.Typer) -> None:
    """Add the command group `regime`."""
    group = typer.Typer(help="Look after the models of market regimes.", no_args_is_help=True)
    group.callback()(_group)
    group.command()(fit)
    app.add_typer(group, name="regime")


def _group() -> None:
    """Keep `fit` a command of its own, though it is the only one."""


def fit(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="On the consensus of this pipeline.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", parser=written, metavar="FILE", help="Write the parameters there, as JSON.")
    ] = None,
    version: Annotated[str, typer.Option("--version", help="The version to write into the file.")] = "1",
    made_from: Annotated[str, typer.Option("--made-from", help="What to say of where they come from.")] = "own history",
    min_events: Annotated[int | None, typer.Option("--min-events", min=1, help="No model for fewer events.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the models to the consensus of all stored events, and write them for the detector's `parameters` option."""
    with opened(config, database, "regime", pipeline) as desk:
        rows = desk.answer("regime.fit", {} if min_events is None else {"min_events": min_events})
    if not rows:
        raise StratumError("too little is stored to fit a model to: see --min-events")
    if out is not None:
        models: dict[str, dict[str, Any]] = {}
        for row in rows:
            models.setdefault(row["sport"], {})[row["market"]] = {name: row[name] for name in _KEPT}
        written = {"version": version, "made_from": made_from, "models": models}
        out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    emit(rows if as_json else [shown(row) for row in rows], _COLUMNS, as_json=as_json)
    if out is not None and not as_json:
        say(f"wrote {out}; use it with: - regime: {{parameters: {out}}}")
