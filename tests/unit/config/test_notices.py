"""`notices: true` at a sink: which sinks get the daemon's own messages."""

from __future__ import annotations

import pytest

from stratumd.config import load_config
from stratumd.config.spec import SinkSpec
from stratumd.errors import ConfigError
from stratumd.plugin import Severity

FILE = """
sources: {{nba: {{use: demo, schedule: {{every: 2s}}}}}}
pipelines: {{main: {{sources: [nba], sinks: [{sinks}]}}}}
"""


def sinks(tmp_path, written: str) -> list[SinkSpec]:
    path = tmp_path / "stratumd.yaml"
    path.write_text(FILE.format(sinks=written))
    return list(load_config(path, env={}).pipelines["main"].sinks)


def test_no_sink_gets_them_unless_the_file_says_so(tmp_path) -> None:
    found = sinks(tmp_path, "log, log: {name: ops, notices: true}, log: {name: off, notices: false}")
    assert [(each.name, each.notices) for each in found] == [
        ("main.log", None),
        ("main.ops", Severity.INFO),
        ("main.off", None),
    ]


def test_a_sink_may_ask_for_no_less_than_a_severity(tmp_path) -> None:
    (found,) = sinks(tmp_path, "log: {notices: error}")
    assert found.notices is Severity.ERROR
    with pytest.raises(ConfigError) as refused:
        sinks(tmp_path, "log: {notices: eror}")
    (problem,) = refused.value.problems
    assert problem.message == "'notices': expected one of false, info, warning, error, true"
    assert "error" in str(problem.hint)


def test_a_sink_that_cannot_take_them_is_refused_at_its_place(tmp_path) -> None:
    with pytest.raises(ConfigError) as refused:
        sinks(tmp_path, 'log, heartbeat: {url: "https://hc-ping.com/1", notices: true}')
    (problem,) = refused.value.problems
    assert problem.message == "sink 'heartbeat' cannot take notices"
    assert problem.source[problem.column - 1 :].startswith("notices: true")
    assert problem.hint == "remove it here, and set it for one that can: log"
