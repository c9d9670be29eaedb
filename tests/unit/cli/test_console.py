"""What is printed, and how a command ends."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from stratumd import __version__
from stratumd.cli import GROUPS
from stratumd.cli.console import _widths, emit, run_guarded
from stratumd.errors import ConfigError, Problem, StartupError, StratumError
from stratumd.plugin import Secret
from stratumd.redaction import learn
from tests.support import ROOT
from tests.support.cli import stratumd

ROWS: list[dict[str, Any]] = [
    {"book": "pinnacle", "line": None, "price": 1.952381, "best": True, "books": ("a", "b")},
    {"book": "fanduel", "line": -3.5, "price": 1.9, "best": False, "books": ()},
]
COLUMNS = {"book": "BOOK", "line": "LINE", "price": "PRICE", "best": "BEST"}


def test_rows_are_json_lines_with_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    emit(ROWS, COLUMNS, as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["book"] for line in lines] == ["pinnacle", "fanduel"]
    assert json.loads(lines[0]) == ROWS[0] | {"books": ["a", "b"]}


def test_what_is_inside_of_a_cell_is_written_as_a_cell_is(capsys: pytest.CaptureFixture[str]) -> None:
    plans = [{"plan": "pro", "until": None}, {"plan": "api", "late": True}]
    emit([{"plans": plans}], {"plans": "PLANS"}, as_json=False)
    assert capsys.readouterr().out == "PLANS\nplan=pro until=-, plan=api late=yes\n"


def test_a_piped_table_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    emit(ROWS, COLUMNS, as_json=False)
    assert capsys.readouterr().out == (
        "BOOK      LINE  PRICE   BEST\n"
        "pinnacle  -     1.9524  yes\n"
        "fanduel   -3.5  1.9     no\n"
    )  # fmt: skip


def test_a_table_without_rows_is_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    emit([], COLUMNS, as_json=False)
    assert capsys.readouterr().out == "BOOK  LINE  PRICE  BEST\n"


def on_a_terminal(code: str, **environment: str) -> str:
    """Run Python code with a terminal as its output, and return what it showed."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", code],
            stdout=theirs,
            check=True,
            env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", **environment},
        )
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


TABLE = "from stratumd.cli.console import emit\nemit([{'a': '[red]x', 'b': None}], {'a': 'A', 'b': 'B'}, as_json=False)"


def test_a_terminal_gets_a_styled_table_without_empty_columns() -> None:
    shown = on_a_terminal(TABLE)
    assert "\x1b[1m" in shown
    assert "[red]x" in shown, "a value is not markup"
    assert "B" not in shown.replace("\x1b", "")


def test_a_narrow_terminal_breaks_no_word() -> None:
    rows = [{"at": "2026-11-21 06:04:14", "game": "New Orleans Pelicans at Miami Heat", "id": "cce939dec3f7"}]
    code = (
        f"from stratumd.cli.console import emit\nemit({rows!r}, {{'at': 'OBSERVED', 'game': 'EVENT', 'id': 'ID'}},"
        " as_json=False)"
    )
    shown = on_a_terminal(code, COLUMNS="40").split()
    assert {"2026-11-21", "06:04:14", "Orleans", "cce939dec3f7"} <= set(shown)


def test_a_table_that_fits_no_terminal_is_written_below_one_another() -> None:
    """Nothing is cut off: neither an id nor a column."""
    row = {"at": "2026-11-21 06:04:14", "game": "Timberwolves at Cavaliers", "note": None, "id": "cce939dec3f7"}
    row |= {"url": "https://example.org/a-very-long-address-indeed"}
    columns = {"at": "OBSERVED", "game": "EVENT", "note": "NOTE", "id": "ID", "url": "FOUND AT"}
    code = f"from stratumd.cli.console import emit\nemit([{row!r}, {row!r}], {columns!r}, as_json=False)"
    shown = re.sub(r"\r|\x1b\[\dm", "", on_a_terminal(code, COLUMNS="45"))
    one = """\
2026-11-21 06:04:14
  event: Timberwolves at Cavaliers
  id: cce939dec3f7
  found at: https://example.org/a-very-long-address-indeed
"""
    assert shown == one * 2
    assert "Cavaliers  id: cce939dec3f7" in on_a_terminal(code, COLUMNS="75")


@pytest.mark.parametrize("width", range(22, 40))
def test_a_table_is_never_wider_than_its_terminal(width: int) -> None:
    columns = [["ONE POLL IN", "5m"], ["SIGNAL", "MULTIBOOK_SYNC"], ["NOTE", "a b c d e f"]]
    widths = _widths(columns, width)
    assert widths is not None
    assert sum(widths) == min(width, 11 + 14 + 11)
    assert widths[1] == 14, "a word is not broken"
    assert _widths(columns, 21) is None


def test_no_color_is_honoured() -> None:
    assert "\x1b[3" not in on_a_terminal(TABLE, NO_COLOR="1")


def fails(error: Exception) -> Callable[[], Any]:
    def command() -> Any:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StratumError("it failed"), 1),
        (StartupError("it failed"), 75),
        (ConfigError("it failed"), 78),
        (ValueError("it failed"), 1),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(fails(error)) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert "it failed" in shown.err
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("kind", [StratumError, StartupError, ConfigError, ValueError])
def test_an_error_shows_no_secret(kind: type[Exception], debug: bool, capsys: pytest.CaptureFixture[str]) -> None:
    learn(Secret("canary-5e5e"))
    run_guarded(fails(kind("refused canary-5e5e")), debug=debug)
    shown = capsys.readouterr().err
    assert "refused ***" in shown
    assert "canary" not in shown


def test_mistakes_in_a_file_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("unknown option 'a'", "x.yaml", 3, 5), Problem("unknown option 'b'", "x.yaml", 9, 1)]
    assert run_guarded(fails(ConfigError(problems))) == 78
    assert capsys.readouterr().err == ("x.yaml:3:5: error: unknown option 'a'\nx.yaml:9:1: error: unknown option 'b'\n")


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    run_guarded(fails(ValueError("it failed")), debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_debug_may_stand_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("check", "nowhere.yaml", "--debug") == 78
    assert "Traceback" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("--version") == 0
    assert capsys.readouterr().out == f"stratumd {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["nope"],
        ["signals", "--min-strength", "200"],
        ["signals", "--since", "soon"],
        ["signals", "--since", "900000000d"],
    ],
)
def test_wrong_usage_is_one_line_and_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "--help" in error


@pytest.mark.parametrize(
    "words",
    [
        ["export", "signals", "--out", "nowhere/x"],
        ["replay", "x.jsonl", "--out", "nowhere/x"],
        ["certify", "--out", "nowhere/x"],
        ["whatif", "--set", "steam.window=5m", "--out", "nowhere/x"],
        ["backtest", "follow", "--plot", "nowhere/x"],
        ["regime", "fit", "--out", "nowhere/x"],
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd(*words) == 1
    assert capsys.readouterr().err == "error: cannot write nowhere/x: there is no folder nowhere; create it first\n"
    assert stratumd(*words[:-1], "/") == 1


@pytest.mark.parametrize("amount", ["inf", "-inf", "nan", "0", "-5", "much"])
def test_a_bankroll_is_an_amount(amount: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("backtest", "follow", "--bankroll", amount) == 2
    assert capsys.readouterr().err == (
        f"error: Invalid value for '--bankroll': {amount!r} is no amount above zero; write 100"
        " (see `stratumd backtest --help`)\n"
    )


def test_a_file_that_the_system_refuses_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(fails(PermissionError(13, "Permission denied", "/a/file"))) == 1
    assert capsys.readouterr().err == "error: /a/file: Permission denied\n"
    assert run_guarded(fails(ConnectionError("gone"))) == 1
    assert "gone" in capsys.readouterr().err


def test_one_poll_by_who_polls_nothing_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("run", "--role", "api", "--once") == 2
    assert "--role api never does" in capsys.readouterr().err


def test_a_wrong_choice_is_told_in_words_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("run", "--role", "chef") == 2
    assert capsys.readouterr().err.startswith("error: Invalid value for '--role': 'chef' is not one of 'all'")


@pytest.mark.parametrize("words", [[], ["config"], ["db"]])
def test_a_group_without_a_command_shows_its_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd(*words) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_reader_that_leaves_is_no_error(as_json: bool) -> None:
    """`stratumd … | head -1` ends quietly, and as every program does that SIGPIPE ends: with 128 + 13."""
    code = (
        "from stratumd import cli\nfrom stratumd.cli.console import emit\nimport typer\n"
        "rows = [{'a': 'x' * 1000}] * 1000\n"
        "def build():\n    app = typer.Typer(add_completion=False)\n"
        f"    app.command()(lambda: emit(rows, {{'a': 'A'}}, as_json={as_json}))\n    return app\n"
        "cli.build = build\ncli.main([])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_table_without_rows_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    emit([], COLUMNS, as_json=False, none="nothing yet: do this")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("BOOK  LINE  PRICE  BEST\n", "nothing yet: do this\n")
    emit(ROWS, COLUMNS, as_json=False, none="nothing yet: do this")
    emit([], COLUMNS, as_json=True, none="nothing yet: do this")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_no_headings_without_rows() -> None:
    code = "from stratumd.cli.console import emit\nemit([], {'a': 'HEADING'}, as_json=False, none='nothing')"
    assert "HEADING" not in on_a_terminal(code + "\nprint('end')")


@pytest.mark.parametrize("words", [["-h"], ["db", "-h"], ["db", "status", "-h"], ["--help"]])
def test_help_is_asked_for_in_short(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd(*words) == 0
    assert capsys.readouterr().out.startswith("Usage: stratumd")


def test_help_imports_nothing_heavy() -> None:
    """The help of a command line is asked for often: it must not wait for a database driver."""
    code = "import sys\nfrom stratumd.cli import build\nbuild()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"sqlalchemy", "httpx", "uvicorn", "starlette", "alembic", "ruamel", "rich.table", "stratumd.engine"}
    assert heavy & set(done.stdout.split()) == set()


def test_every_group_has_commands() -> None:
    """And every module that has some is a group."""
    modules = (ROOT / "stratumd" / "cli").glob("*.py")
    assert set(GROUPS) == {path.stem for path in modules if "\ndef register(" in path.read_text()}
