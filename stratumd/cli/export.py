"""`stratumd export`: stored rows for other programs, as JSON Lines or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import typer

from stratumd.cli.console import DEFAULT_CONFIG, ConfigPath, DatabaseUrl, emit_lines
from stratumd.cli.past import From, To
from stratumd.cli.read import Pipeline, reading


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    kind: Annotated[Literal["signals", "changes", "consensus"], typer.Argument(help="What is wanted.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    since: From = None,
    until: To = None,
    pipeline: Pipeline = None,
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="JSON Lines or CSV.")] = "jsonl",
) -> None:
    """Write signals, changed quotes or the consensus to standard output, in the order of time.

    Times are ISO 8601 in UTC, prices decimal odds. In CSV lists and mappings are JSON.
    """
    with reading(config, database) as reader:
        rows = reader.export(kind, pipeline=pipeline, since=since, until=until)
        emit_lines(_csv(rows) if form == "csv" else map(_json, rows))


def _json(row: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(row)


def _csv(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield a line of names, then a line per row."""
    for number, row in enumerate(rows):
        if number == 0:
            yield _line(row)
        yield _line([_json(value).decode() if isinstance(value, (list, dict)) else value for value in row.values()])


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode()
