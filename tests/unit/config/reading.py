"""Reading configurations from texts, with the small plugins of the tests."""

from pathlib import Path

import pytest

from stratumd.config import Config
from stratumd.config.load import Document, load_config, open_document
from stratumd.errors import ConfigError, Problem
from tests.support.plugins import FAKES

RIGHT = """\
sources:
  nba:
    use: feed
    api_key: ${env:KEY}
    sports: [basketball]
    schedule: {every: 60s}
pipelines:
  nba:
    sources: [nba]
    detectors: [average, gap]
    sinks:
      - post: {webhook: "${env:HOOK}"}
"""
"""The smallest file that uses every kind of component; it needs KEY and HOOK."""
ENV = {"KEY": "k-123456", "HOOK": "https://hook/987654"}


class Reading:
    """A folder for configuration files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str) -> Path:
        path = self.folder / "c.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def document(self, text: str, env: dict[str, str] | None = None) -> Document:
        return open_document(self.write(text), env=ENV if env is None else env)

    def config(self, text: str = RIGHT, env: dict[str, str] | None = None) -> Config:
        return load_config(self.write(text), env=ENV if env is None else env, extra=FAKES)

    def problems(self, text: str, env: dict[str, str] | None = None) -> tuple[Problem, ...]:
        """Return what is wrong; the file must be wrong."""
        with pytest.raises(ConfigError) as caught:
            self.config(text, env)
        return caught.value.problems

    def problem(self, text: str, env: dict[str, str] | None = None) -> Problem:
        """Return the one thing that is wrong."""
        problems = self.problems(text, env)
        assert len(problems) == 1, [problem.render() for problem in problems]
        return problems[0]


def changed(old: str, new: str) -> str:
    """Return the right file with one change."""
    assert old in RIGHT
    return RIGHT.replace(old, new)


def place(problem: Problem) -> str:
    """Return what the caret of a problem points at."""
    return problem.source[problem.column - 1 : problem.column - 1 + problem.width]
