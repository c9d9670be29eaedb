"""What the commands print and how they end: rows, lines, errors, exit codes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from stratumd.errors import ConfigError, StratumError
from stratumd.redaction import described, redact, told

# Whether a configuration can be read is for its reader to say, with exit code 78: typer, asked for `readable`, says 2.
ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", readable=False)]
"""Option of every command that reads the configuration. Default: `DEFAULT_CONFIG`."""

ConfigFile = Annotated[Path | None, typer.Argument(help="The configuration file, instead of --config.", readable=False)]
"""Argument of commands that take the configuration's file by itself, too."""


def _database_url(text: str) -> str:
    """Check a URL as the file's own is checked, and keep its password out of everything that is printed."""
    from pydantic import ValidationError

    from stratumd.config import Database
    from stratumd.config.models import masked
    from stratumd.redaction import learn

    try:
        database = Database(url=text)
    except ValidationError as invalid:
        wrong = invalid.errors()[0]["ctx"]["error"]
        hint = f"; {wrong.hint}" if wrong.hint else ""
        # Not chained: pydantic's own words hold the URL as it was given.
        raise ConfigError(f"--database {masked(text)!r}: {wrong}{hint}") from None
    learn(database.secret)
    return database.url


DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", parser=_database_url, metavar="URL", help="Use this database, not the file's."),
]
"""Option of every command that opens the store; `ConfigError` where it is none."""


def written(text: str) -> Path:
    """Take a file that is to be written, and look before hours of work whether it can be; nothing is touched."""
    out = Path(text)
    if out.is_dir():
        raise StratumError(f"cannot write {out}: it is a folder")
    if not out.parent.is_dir():
        raise StratumError(f"cannot write {out}: there is no folder {out.parent}; create it first")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise StratumError(f"cannot write {out}: {os.strerror(errno.EACCES)}")
    return out


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]
"""Option of every command that prints rows."""

DEFAULT_CONFIG = Path("stratumd.yaml")

OK, FAILED, USAGE, DEPENDENCY_DOWN, CONFIG_WRONG, INTERRUPTED, READER_LEFT = 0, 1, 2, 75, 78, 130, 141
"""Exit codes. 75: a restart may help. 78: a person must edit a file. 130 and 141: what a shell shows of a program that
SIGINT or SIGPIPE ended."""


_AROUND = 2
"""Characters between two columns, and at both ends of a line together."""

EMPTY = "-"
"""What a table shows where there is no value."""


class ReaderLeft(Exception):
    """Whatever read standard output, such as `head`, has seen enough."""


@contextmanager
def _printing() -> Iterator[None]:
    # Converted at once: typer ends with 1 whatever breaks a pipe, a socket of the program's own too.
    try:
        yield
    except BrokenPipeError:
        raise ReaderLeft from None


def say(text: str) -> None:
    """Print a line on standard output."""
    with _printing():
        print(text, flush=True)


def warn(text: str) -> None:
    """Print a line on standard error, without the secrets of the configuration."""
    print(redact(text), file=sys.stderr, flush=True)


def emit_lines(lines: Iterable[bytes]) -> None:
    """Write each of `lines` to standard output as it is, with an end of line."""
    with _printing():
        sys.stdout.flush()
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


def emit(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, as_json: bool, none: str = "") -> None:
    """Print rows: whole, as JSON Lines, or their `columns` (key to heading) as a table.

    The table is Rich's on a terminal, without columns that are empty. Elsewhere it is plain text in columns, always
    the same ones and never cut off, for grep and awk. Where there are no rows, `none` says on standard error what
    that means and what to do next.
    """
    if as_json:
        import msgspec

        emit_lines(msgspec.json.encode(row) for row in rows)
        return
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    if none and not rows:
        warn(none)
    if sys.stdout.isatty():
        if rows or not none:
            _draw(list(columns.values()), cells)
    else:
        for line in plain_columns([list(columns.values()), *cells]):
            say(line)


def emit_headed(lines: Iterable[tuple[str, bool]]) -> None:
    """Print lines on a terminal, those marked True as headings."""
    from rich.console import Console
    from rich.text import Text

    console = Console()  # honours NO_COLOR
    with _printing():
        for line, heading in lines:
            console.print(Text(line, style="bold" if heading else ""), soft_wrap=True)


def plain_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the cells of `rows` by spaces, two between columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def fits(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> bool:
    """Say whether the table of these rows fits the terminal without any wrapping."""
    cells = [list(columns.values()), *([_cell(row.get(key)) for key in columns] for row in rows)]
    return max(map(len, plain_columns(cells))) <= shutil.get_terminal_size().columns


def _cell(value: Any) -> str:
    if value is None or value == "":
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_cell(each)}" for name, each in value.items())
    return str(value)


def _draw(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()  # honours NO_COLOR
    filled = [number for number in range(len(headings)) if not cells or any(row[number] != EMPTY for row in cells)]
    columns = [[headings[number], *(row[number] for row in cells)] for number in filled]
    widths = _widths(columns, console.width - _AROUND * len(columns))
    if widths is None:
        emit_headed(_below_one_another(headings, cells, console.width))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column[0], overflow="fold", width=width)
    for row in cells:
        table.add_row(*[Text(row[number]) for number in filled])
    with _printing():
        console.print(table)


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Return a width for each column, all of them together no more than `room`; None where that cannot be.

    Wide texts are wrapped between words: a time or an id that is broken in two cannot be copied. The widest column
    gives way first.
    """
    from rich.cells import cell_len

    widths = [max(cell_len(line) for cell in column for line in cell.splitlines() or [""]) for column in columns]
    least = [max(cell_len(word) for cell in column for word in cell.split() or [""]) for column in columns]
    if sum(least) > room:
        return None
    while sum(widths) > room:
        wrapped = [number for number, width in enumerate(widths) if width > least[number]]
        widths[max(wrapped, key=widths.__getitem__)] -= 1
    return widths


def _below_one_another(
    headings: Sequence[str], cells: Sequence[Sequence[str]], width: int
) -> Iterator[tuple[str, bool]]:
    """Yield the lines of each row, for a terminal that its table does not fit: the first value heads the others."""
    for row in cells:
        yield row[0], True
        named = [f"{name.lower()}: {cell}" for name, cell in zip(headings, row, strict=True) if cell != EMPTY]
        line = ""
        for each in named[row[0] != EMPTY :]:
            if line and len(line) + 2 + len(each) > width:
                yield line, False
                line = ""
            line += f"  {each}"
        if line:
            yield line, False


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C end the program on the spot while plugins step through the past, which only reads, or is rolled back.

    Inside of a step a `KeyboardInterrupt` is contained as the fault of the plugin whose code is running: what is worked
    out would go on, and be wrong.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
    except ReaderLeft:
        return _reader_left()
    except StratumError as error:
        if debug:
            warn(traceback.format_exc())
        warn(_said(error))
        return error.exit_code
    except OSError as error:
        if debug:
            warn(traceback.format_exc())
        warn(_refused(error))
        return FAILED
    except Exception as error:  # noqa: BLE001  # the last guard: what nobody foresaw still ends in one line
        if debug:
            warn(traceback.format_exc())
        warn(f"error: {described(error)} (run `stratumd --debug …` for the traceback)")
        return FAILED
    return result if isinstance(result, int) else OK


def _said(error: StratumError) -> str:
    """Return mistakes in a file as they are, each with its place, and anything else as one line."""
    return str(error) if isinstance(error, ConfigError) and error.problems else f"error: {told(error)}"


def _refused(error: OSError) -> str:
    """Return what the system says of a file; of anything else, what it is."""
    if error.filename is None or error.strerror is None:
        return f"error: {described(error)} (run `stratumd --debug …` for the traceback)"
    return f"error: {error.filename}: {error.strerror}"


def _wrong_usage(error: TyperException) -> int:
    message = error.format_message().replace("Value error, ", "")  # pydantic's, before words of ours
    context = getattr(error, "ctx", None)
    if "\n" in message:  # the help of a group that was named without a command
        warn(message)
    else:
        hint = f" (see `{context.command_path} --help`)" if context is not None else ""
        warn(f"error: {message}{hint}")
    return error.exit_code


def _reader_left() -> int:
    """End quietly: Python would complain that it cannot flush what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_LEFT
