"""Whatever stands in the file: a configuration, or mistakes with places. Never another exception."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratumd.config.effective import effective
from stratumd.config.load import load_config, open_document, understand
from stratumd.config.render import as_yaml
from stratumd.config.secrets import uses
from stratumd.errors import ConfigError, Problem
from tests.support import EXAMPLES, ROOT
from tests.support.plugins import FAKES
from tests.unit.config.reading import ENV, RIGHT

FULL = (
    "database: {url: 'postgresql://u@h/db', password: '${env:KEY}'}\nhttp: {listen: 127.0.0.1:80}\nlog: {level: info}\n"
    + RIGHT.replace("sports:", "quota: {daily: 3}\n    limits: {a: 1}\n    sports:").replace(
        "sources: [nba]", "sources: [nba]\n    pricing: {two_way: shin}\n    operators: {a: [x, y]}"
    )
)
FRAGMENTS = [
    ":", " ", "  ", "\n", "\t", "- ", "[", "]", "{", "}", ",", "'", "\"", "#", "&a ", "*a", "<<: ", "!",
    "!!int ", "|", ">", "%", "@", "`", "---\n", "null", "~", "true", "5", "-1", "1e400", ".nan", "0o8", "60s",
    "${env:", "${env:KEY}", "${file:/}", "${cred:x}", "$${", "}", "\r", "\u2028", "\u0085", "\ufeff", "\u0000",
    "é", "🏀", "\\ud800", "nba", "average", "gap", "post", "feed", "tape", "enabled: ", "name: ", "? ",
    "when: ",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """Delete, repeat, swap or insert a few times."""
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        replacement = draw(st.sampled_from(["", text[start:end] * 2, *FRAGMENTS]) | st.text(max_size=4))
        text = text[:start] + replacement + text[end:]
    return text


def read_everything(text: str) -> None:
    """Read the text in every way that a command does. Only `ConfigError` may come, with places inside the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.yaml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        problems: tuple[Problem, ...] = ()
        try:
            document = open_document(path, env=ENV)
            list(uses(document))
            as_yaml(effective(document, understand(document, extra=FAKES)))
        except ConfigError as error:
            problems = error.problems or pytest.fail("a file's mistake without a place")
    for problem in problems:
        assert 1 <= problem.line <= text.count("\n") + text.count("\r") + 1
        assert 1 <= problem.column <= len(problem.source) + 2 or not problem.source
        problem.render().encode()


RELAXED = settings(deadline=None, max_examples=2 * EXAMPLES, suppress_health_check=[HealthCheck.too_slow])


@RELAXED
@given(mutated(FULL))
def test_a_mutated_configuration(text: str) -> None:
    read_everything(text)


@settings(RELAXED, max_examples=EXAMPLES)
@given(mutated((ROOT / "stratumd.example.yaml").read_text()))
def test_a_mutated_example(text: str) -> None:
    read_everything(text)


@settings(RELAXED, max_examples=EXAMPLES)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | st.text(max_size=60))
def test_any_text(text: str) -> None:
    read_everything(text)


def test_the_text_that_is_mutated_is_right() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.yaml")
        path.write_text(FULL)
        assert load_config(path, env=ENV, extra=FAKES).pipelines["nba"].runs
