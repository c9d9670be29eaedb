"""Broken configurations: every mistake stands at its line and column, with what to do next; the exit code is 78.

`STRATUMD_UPDATE=1 pytest tests/acceptance/test_broken.py` writes the expected texts anew. Read them before you commit.
"""

import os
import re
from pathlib import Path

import pytest

from stratumd.cli import main

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.yaml"))
PROBLEM = re.compile(r"(?P<file>\S+\.yaml):(?P<line>\d+):(?P<column>\d+): error: \S.*")


def check(name: str, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Return the exit code and what stands on standard error."""
    with pytest.raises(SystemExit) as exit:
        main(["check", name])
    captured = capsys.readouterr()
    assert captured.out == ""
    return exit.value.code, captured.err


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run beside the files, with nothing set that they may refer to."""
    for name in ("ODDS_API_KEY", "DISCORD_WEBHOOK", "CREDENTIALS_DIRECTORY", "CONSENSUS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(FOLDER)


def test_there_are_sixty() -> None:
    assert len(FILES) >= 60
    assert [path.name[:2] for path in FILES] == [f"{number:02}" for number in range(1, len(FILES) + 1)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_mistake_is_told_with_its_place(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = check(path.name, capsys)
    expected = path.with_suffix(".txt")
    if os.environ.get("STRATUMD_UPDATE"):
        expected.write_text(told)
    assert code == 78
    assert told == expected.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_mistake_has_a_line_of_the_file_and_a_caret_under_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    told = path.with_suffix(".txt").read_text().splitlines()
    places = [(index, match) for index, line in enumerate(told) if (match := PROBLEM.fullmatch(line))]
    assert places
    for index, match in places:
        number, column = int(match["line"]), int(match["column"])
        assert match["file"] == path.name
        assert 1 <= number <= max(1, len(lines))
        if lines and lines[number - 1].strip():
            assert re.fullmatch(rf"      \| {' ' * (column - 1)}\^+", told[index + 2])
            assert told[index + 3].startswith("      = "), "every mistake comes with a hint"


def test_no_secret_is_told() -> None:
    told = "".join(path.with_suffix(".txt").read_text() for path in FILES)
    for secret in ("0123456789abcdef", "fedcba9876543210", "correct-horse", "abc-def"):
        assert any(secret in path.read_text() for path in FILES)
        assert secret not in told
