"""`stratumd whatif`: other options over the stored past."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    DatabaseUrl,
    emit,
    ending_at_once,
    say,
    warn,
    written,
)
from stratumd.cli.past import From, To, one_past
from stratumd.cli.read import database_url
from stratumd.errors import ConfigError
from stratumd.plugin import iso

if TYPE_CHECKING:
    from stratumd.proof.whatif import Range

_COLUMNS = {
    "setting": "SETTING", "signals": "SIGNALS", "types": "BY TYPE", "events": "EVENTS", "overlap": "OVERLAP",
    "valued": "VALUED", "clv": "CLV", "interval": "95 %",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("whatif")(whatif)


def whatif(
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="SETTING", help="detector.option=value; several in quotes are one setting."),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    since: From = None,
    until: To = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="The pipeline, where there are several.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Processes; as many as cores by default.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", parser=written, metavar="FILE", help="Write a proposal there, as YAML.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the detectors over the stored past under other options, and compare what they give.

    Each --set is one setting. The result is a table and, with --out, a proposal for you to read; the configuration is
    never changed.
    """
    from stratumd.proof.whatif import Range
    from stratumd.proof.whatif import whatif as run

    with one_past(config, database, pipeline) as past:
        name = past.spec.name
    if out is not None and out.exists() and out.samefile(config):
        raise ConfigError(f"{out} is the configuration itself, which is never changed: give the proposal another name")
    asked = Range(config, database_url(config, database), name, since, until)
    started = time.perf_counter()
    jobs = jobs or os.cpu_count() or 1
    with ending_at_once() if jobs == 1 else nullcontext():  # processes of its own are to end with this one
        outcomes = run(asked, settings, jobs)
    seconds = time.perf_counter() - started
    rows = [outcome.public(outcomes[0]) for outcome in outcomes]
    if out is not None:
        _propose(out, asked, rows)
    if not any(row["signals"] for row in rows):
        _warn_of_nothing(asked)
    if as_json:
        emit(rows, {}, as_json=True)
        return
    emit([_shown(row) for row in rows], _COLUMNS, as_json=False)
    number = f"{len(settings)} setting{'' if len(settings) == 1 else 's'}"
    written_to = "" if out is None else f"; proposal: {out}"
    say(f"{number} in {seconds:.1f} s; CLV by the last consensus before the start{written_to}")


def _warn_of_nothing(asked: Range) -> None:
    """Say so where nothing was observed in the range: then the table is of nothing, and not of quiet detectors."""
    with one_past(asked.config, asked.database, asked.pipeline) as past:
        times = [each.received_at for each in past.taken]
    if not times:
        warn(f"pipeline {asked.pipeline} has observed nothing yet")
    elif not any((asked.since or 0) <= at <= (asked.until or at) for at in times):
        warn(f"nothing was observed in that time: what is stored is from {iso(min(times))} to {iso(max(times))}")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row["clv_low"], row["clv_high"]
    return {
        **row,
        "types": ", ".join(f"{type_} {count}" for type_, count in row["by_type"].items()),
        "overlap": None if row["overlap"] is None else f"{row['overlap']:.1%}",
        "clv": None if row["clv"] is None else f"{row['clv']:+.2%}",
        "interval": row["clv_state"] if low is None else f"{low:+.2%} to {high:+.2%}",
    }


def _propose(out: Path, asked: Range, rows: Sequence[dict[str, Any]]) -> None:
    """Write the settings with what they gave, for a person to decide about."""
    from ruamel.yaml import YAML

    from stratumd.proof.whatif import options_of

    span = {"from": asked.since and iso(asked.since), "to": asked.until and iso(asked.until)}
    proposals = [
        {
            "set": options_of(row["setting"]),
            "gave": {name: value for name, value in row.items() if name != "setting"},
        }
        for row in rows[1:]
    ]
    as_it_is = {name: value for name, value in rows[0].items() if name != "setting"}
    content = {"pipeline": asked.pipeline, **span, "as_configured": as_it_is, "proposals": proposals}
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    with out.open("w", encoding="utf-8") as file:
        file.write(
            "# Written by `stratumd whatif`. Nothing here is in effect: what you like, write into the configuration.\n"
        )
        yaml.dump(content, file)
