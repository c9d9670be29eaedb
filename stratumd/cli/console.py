"""What the commands print and how they end: rows, lines, errors, exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from stratumd.errors import ConfigError, StratumError
from stratumd.redaction import described, redact, told

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
"""Option of every command that reads the configuration. Default: `DEFAULT_CONFIG`."""
DatabaseUrl = Annotated[str | None, typer.Option("--database", help="Use this database, not the file's.")]
"""Option of every command that opens the store."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]
"""Option of every command that prints rows."""

DEFAULT_CONFIG = Path("stratumd.yaml")

OK, FAILED, USAGE, DEPENDENCY_DOWN, CONFIG_WRONG, INTERRUPTED = 0, 1, 2, 75, 78, 130
"""Exit codes. 75: a restart may help. 78: a person must edit a file."""


EMPTY = "-"
"""What a table shows where there is no value."""


def say(text: str) -> None:
    """Print a line on standard output."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Print a line on standard error, without the secrets of the configuration."""
    print(redact(text), file=sys.stderr, flush=True)


def emit_lines(lines: Iterable[bytes]) -> None:
    """Write each of `lines` to standard output as it is, with an end of line."""
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def emit(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, as_json: bool) -> None:
    """Print rows: whole, as JSON Lines, or their `columns` (key to heading) as a table.

    The table is Rich's on a terminal, without columns that are empty. Elsewhere it is plain text in columns, always
    the same ones and never cut off, for grep and awk.
    """
    if as_json:
        import msgspec

        emit_lines(msgspec.json.encode(row) for row in rows)
        return
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    if sys.stdout.isatty():
        _draw(list(columns.values()), cells)
    else:
        for line in plain_columns([list(columns.values()), *cells]):
            say(line)


def plain_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the cells of `rows` by spaces, two between columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(value: Any) -> str:
    if value is None or value == "":
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def _draw(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    filled = [number for number in range(len(headings)) if not cells or any(row[number] != EMPTY for row in cells)]
    for number in filled:
        table.add_column(headings[number], overflow="fold")
    for row in cells:
        table.add_row(*[Text(row[number]) for number in filled])
    Console().print(table)  # honours NO_COLOR


def run_guarded(command: Callable[[], Any], *, debug: bool = False) -> int:
    """Run `command` and return the exit code. Every error is one message on standard error.

    A traceback is shown with `debug` only.
    """
    try:
        result = command()
    except TyperException as error:
        return _wrong_usage(error)
    except typer.Abort:
        return FAILED
    except BrokenPipeError:
        return _reader_left()
    except StratumError as error:
        if debug:
            warn(traceback.format_exc())
        warn(str(error) if isinstance(error, ConfigError) else f"error: {told(error)}")
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # the last guard: what nobody foresaw still ends in one line
        if debug:
            warn(traceback.format_exc())
        warn(f"error: {described(error)} (run `stratumd --debug …` for the traceback)")
        return FAILED
    return result if isinstance(result, int) else OK


def _wrong_usage(error: TyperException) -> int:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if "\n" in message:  # the help of a group that was named without a command
        warn(message)
    else:
        hint = f" (see `{context.command_path} --help`)" if context is not None else ""
        warn(f"error: {message}{hint}")
    return error.exit_code


def _reader_left() -> int:
    """End quietly: the reader of a pipe, such as `head`, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK
