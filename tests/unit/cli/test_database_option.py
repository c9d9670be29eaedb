"""`--database` is checked like the file's own `database`, by every command, and its password is shown by none."""

from pathlib import Path

import pytest

from stratumd.config.models import Database, masked
from stratumd.plugin import Secret
from tests.support import ROOT
from tests.support.cli import stratumd

COMMANDS = [
    ["run"],
    ["replay", "week.jsonl"],
    ["status"],
    ["signals"],
    ["events"],
    ["odds", "game"],
    ["movement", "game"],
    ["best", "game"],
    ["compare", "game"],
    ["board"],
    ["db", "status"],
    ["db", "upgrade"],
    ["db", "stats"],
    ["sinks", "enable", "log"],
]


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stratumd.yaml").write_text((ROOT / "stratumd.example.yaml").read_text())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_wrong_url_is_one_masked_line_and_78(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd(*words, "--database", "mysql://joe:hunter2@db/x") == 78
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "error: --database 'mysql://joe:***@db/x': expected sqlite:///path or postgresql://user@host/name;"
        " stratumd stores in SQLite or in PostgreSQL\n"
    )
    assert [path.name for path in Path().iterdir()] == ["stratumd.yaml"]


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgres://joe:hunter2@db/x", "begin it with postgresql://"),
        ("sqlite://x", "write sqlite:///stratumd.db"),
        ("sqlite:///:memory:", "write sqlite:///stratumd.db"),
        ("", "write sqlite:///stratumd.db"),
        ("odds.db", "write sqlite:///odds.db"),
        ("postgresql://joe:hun/ter2@db/x", "write postgresql://user@host:5432/name"),
        ("postgresql://db", "write postgresql://user@host/name"),
    ],
)
@pytest.mark.parametrize("words", [["signals"], ["run"], ["db", "upgrade"]], ids=" ".join)
def test_a_wrong_url_says_what_to_write(
    words: list[str], url: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd(*words, "--database", url) == 78
    error = capsys.readouterr().err
    assert error.endswith(f"; {hint}\n")
    assert error.count("\n") == 1
    assert "ter2" not in error


@pytest.mark.parametrize("words", [["run"], ["signals"]], ids=" ".join)
def test_not_even_a_traceback_has_the_password(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("--debug", *words, "--database", "mysql://joe:hunter2@db/x") == 78
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "hunter2" not in error


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://joe@db/x", "postgresql://joe@db/x"),
        ("postgresql://joe:a@b:c/d@db:5432/x", "postgresql://joe:***@db:5432/x"),
        ("postgresql://joe@db/x?sslmode=require&password=pw&a=1", "postgresql://joe@db/x?sslmode=require&password=***&a=1"),
        ("mysql://db:3306/x", "mysql://db:3306/x"),
        ("postgres://joe:hunter2", "postgres://joe:***"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_a_password_is_known_wherever_the_url_has_it() -> None:
    assert Database(url="postgresql://joe:a%40b@db/x").secret == Secret("a@b")
    assert Database(url="postgresql://joe@db/x?password=hunter2").secret == Secret("hunter2")
    assert Database(url="postgresql://joe@db/x").secret is None


def test_a_database_that_is_down_is_named_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("signals", "--database", "postgresql://joe@127.0.0.1:1/x?password=hunter2") == 75
    error = capsys.readouterr().err
    assert "127.0.0.1" in error
    assert "hunter2" not in error


def test_upgrade_needs_no_valid_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stratumd.yaml").write_text("sources:\n")
    assert stratumd("db", "upgrade", "--database", "sqlite:///new.db") == 0
    shown = capsys.readouterr()
    assert shown.err == "stratumd.yaml cannot be used ('stratumd check' says why): the tables of plugins are left out\n"
    assert shown.out.startswith("stratumd: revision ")
    assert Path("new.db").is_file()
    assert stratumd("db", "upgrade") == 78, "which database it is, only the file can say"
