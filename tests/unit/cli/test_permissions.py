"""What a command says of files that its user may not read or write."""

from pathlib import Path

import pytest

from tests.support.unprivileged import unprivileged


@pytest.mark.parametrize("words", [["check"], ["plan"], ["run"], ["status", "-c"], ["test"], ["test", "-c"]])
def test_a_configuration_that_may_not_be_read_is_no_wrong_usage(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch(0o000)
    cases = ["stratumd.test.yaml"] if words == ["test", "-c"] else []
    for name in cases:
        (tmp_path / name).write_text("config: x.yaml\ncases: {}\n")
    done = unprivileged(*words, "mine.yaml", *cases, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "mine.yaml: user id " in done.stderr
    assert "may not read it; " in done.stderr
    assert done.stderr.count("\n") == 1
