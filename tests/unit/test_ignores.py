"""No warning is ignored without its reason beside it."""

import re

import pytest

from tests.support import ROOT

IGNORED = re.compile(r"# (?:noqa: [A-Z0-9, ]*[0-9]|type: ignore\[[^\]]*\]|pragma: no cover)")
REASONED = re.compile(IGNORED.pattern + r"\s+(?:# |- |\()\S.*\S")
BARE = re.compile(r"# (?:noqa(?!: [A-Z])|type: ignore(?!\[))")


def is_reasoned(line: str) -> bool:
    return not BARE.search(line) and (not IGNORED.search(line) or bool(REASONED.search(line)))


@pytest.mark.parametrize("room", ["stratumd", "plugins", "tests", "migrations", "docs"])
def test_whatever_is_ignored_has_its_reason_beside_it(room: str) -> None:
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.name != "test_ignores.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if not is_reasoned(line)
    ]
    assert not lines, "\n".join(lines)


def test_what_has_no_reason_is_found() -> None:
    assert is_reasoned("x = y  # type: ignore[misc]  # mypy knows no lambda with a default")
    assert not is_reasoned("x = y  # type: ignore[misc]")
    assert not is_reasoned("x = y  # type: ignore  # all of it")
    assert not is_reasoned("x = y  # noqa: S608")
    assert not is_reasoned("x = y  # noqa")
