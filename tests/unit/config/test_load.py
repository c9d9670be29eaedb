"""A whole file: what is missing, what is there twice, and plugins that fail."""

import re
from pathlib import Path

import pytest

from stratumd.config import load_config
from stratumd.errors import ConfigError
from tests.support.plugins import FAKES, plugin
from tests.unit.config.reading import ENV, RIGHT, Reading, changed, place


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file(reading: Reading, text: str) -> None:
    problem = reading.problem(text)
    assert (problem.line, problem.message) == (1, "the file is empty")
    assert problem.hint == "'stratumd init' writes a commented one"


@pytest.mark.parametrize("text", ["[a]\n", "5\n", "---\n", "text\n"])
def test_a_file_that_is_no_mapping(reading: Reading, text: str) -> None:
    assert reading.problem(text).message == "expected a mapping"


def test_parts_that_are_missing(reading: Reading) -> None:
    problems = reading.problems("log: {level: debug}\n")
    assert {problem.message for problem in problems} == {"no sources are configured", "no pipelines are configured"}
    problems = reading.problems("sources: []\npipelines:\n")
    assert [problem.message for problem in problems] == ["'sources': expected a mapping", "no pipelines are configured"]


def test_an_unknown_key(reading: Reading) -> None:
    problem = reading.problem(f"databse: x\n{RIGHT}")
    assert (place(problem), problem.hint) == ("databse", "did you mean 'database'?")


def test_what_belongs_to_later_is_refused(reading: Reading) -> None:
    hint = reading.problem(f"jobs: [clv]\n{RIGHT}").hint
    assert hint == "its keys are: database, retention, alerts, log, http, sources, pipelines"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such file; name another .* 'stratumd init'") as caught:
        load_config(tmp_path / "none.yaml")
    assert caught.value.exit_code == 78


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder; name the file in it"):
        load_config(tmp_path)


def test_what_the_system_refuses_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/c.yaml: Not a directory; name another \(-c FILE\)"):
        load_config(tmp_path / "file" / "c.yaml")


def test_bytes_that_are_no_text_have_a_place(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.message) == (2, 4, "this is not UTF-8")


def test_the_environment_is_the_process_s_own_unless_given(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    assert load_config(reading.write(RIGHT), extra=FAKES).sources["nba"].enabled


def test_a_plugin_that_fails_is_named_where_the_file_names_it(reading: Reading) -> None:
    def hook() -> list[type]:
        raise OSError("disk on fire")

    broken = plugin("gap", register_detectors=hook)
    others = [fake for fake in FAKES if fake.__name__ != "stratumd_gap"]
    with pytest.raises(ConfigError) as caught:
        load_config(reading.write(RIGHT), env=ENV, extra=[*others, broken])
    (problem,) = caught.value.problems
    assert problem.message == "plugin 'gap' (stratumd_gap): register_detectors: OSError: disk on fire"
    assert place(problem) == "gap"
    assert problem.hint is not None
    assert re.search(r"test_load\.py:\d+", problem.hint)


def test_a_disabled_component_may_belong_to_a_plugin_that_fails(reading: Reading) -> None:
    broken = plugin("gap", register_detectors=lambda: 1 / 0)
    others = [fake for fake in FAKES if fake.__name__ != "stratumd_gap"]
    path = reading.write(changed("gap]", "gap: {enabled: false}]"))
    config = load_config(path, env=ENV, extra=[*others, broken])
    assert [error.plugin for error in config.registry.failures] == ["gap"]


def test_problems_come_in_the_order_of_the_file(reading: Reading) -> None:
    text = changed("60s", "60").replace("use: feed", "use: feed\n    shape: x").replace("gap]", "gap: {threshold: x}]")
    lines = [problem.line for problem in reading.problems("log: {level: x}\n" + text)]
    assert lines == sorted(lines)
    assert len(lines) == 4


def test_the_configuration_does_not_change(reading: Reading) -> None:
    config = reading.config()
    with pytest.raises(AttributeError):
        config.http = None
