"""`stratumd export`: stored rows for other programs, as JSON Lines, CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stratumd.cli.console import DEFAULT_CONFIG, ConfigPath, DatabaseUrl, emit_lines, say, written
from stratumd.cli.moving import OfEvent, OfMarket
from stratumd.cli.past import From, To
from stratumd.cli.read import Pipeline, reading


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    kind: Annotated[Literal["signals", "changes", "consensus", "observations"], typer.Argument(help="What is wanted.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    event: OfEvent = None,
    market: OfMarket = None,
    since: From = None,
    until: To = None,
    pipeline: Pipeline = None,
    source: Annotated[str | None, typer.Option("--source", help="Observations: only this source's.")] = None,
    form: Annotated[
        Literal["jsonl", "csv", "parquet"], typer.Option("--format", help="JSON Lines, CSV or Parquet.")
    ] = "jsonl",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", parser=written, metavar="FILE", help="Into this file; Parquet and observations need one."
        ),
    ] = None,
) -> None:
    """Write signals, changed quotes or the consensus to standard output or a file, in the order of time.

    Observations, the answers as they were received, become a recording, .jsonl or .jsonl.xz: for `stratumd replay`,
    `stratumd test` and whoever looks for a mistake.

    Times are ISO 8601 in UTC, in Parquet timestamps; prices decimal odds. In CSV lists and mappings are JSON. Parquet
    needs pyarrow: pip install 'stratumd[parquet]'.
    """
    from stratumd import recording
    from stratumd.store import Part

    if form == "parquet" and out is None:
        raise typer.BadParameter("Parquet goes into a file: name it with --out")
    if kind == "observations":
        if (event, market, pipeline, form) != (None, None, None, "jsonl"):
            raise typer.BadParameter("an observation is a whole answer: choose by --source, --from and --to")
        if out is None or not out.name.endswith((".jsonl", ".jsonl.xz")):
            raise typer.BadParameter("a recording goes into a file: --out week.jsonl.xz, or .jsonl")
        with reading(config, database) as reader:
            count = recording.write(out, reader.observations(reader.answers(source, since=since, until=until)))
        say(f"{count:,} observations in {out}")
        return
    if source is not None:
        raise typer.BadParameter("--source is for observations; --pipeline chooses among the others")
    with reading(config, database) as reader:
        if form == "parquet" and out is not None:
            say(f"{reader.export_parquet(kind, Part(event, market, pipeline, since, until), out):,} rows in {out}")
            return
        rows = reader.export(kind, event=event, market=market, pipeline=pipeline, since=since, until=until)
        lines = _csv(rows) if form == "csv" else map(_json, rows)
        if out is None:
            emit_lines(lines)
            return
        with out.open("wb") as file:
            file.writelines(line + b"\n" for line in lines)


def _json(row: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(row)


def _csv(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield a line of names, then a line per row."""
    for number, row in enumerate(rows):
        if number == 0:
            yield _line(row)
        yield _line(
            [_json(value).decode() if isinstance(value, (list, tuple, dict)) else value for value in row.values()]
        )


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)  # with its own line ends: texts with a bare one of either are quoted
    return text.getvalue().removesuffix("\r\n").encode()
