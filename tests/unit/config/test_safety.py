"""`on_error` lets the rest start without a plugin that cannot be loaded; `isolate` says where a component runs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from stratumd import hookimpl
from stratumd.config import Config, load_config
from stratumd.errors import ConfigError
from tests.support.plugins import FAKES

FILE = """
sources:
  nba: {{use: feed, api_key: "12345678", sports: [nba], schedule: {{every: 60s}}{source}}}
pipelines:
  main:
    sources: [nba]
    detectors: [{detectors}]
    sinks: [{sinks}]
"""


def broken() -> ModuleType:
    """A plugin whose hook raises."""
    module = ModuleType("stratumd_broken")

    def register() -> list[type]:
        raise ImportError("no libfoo.so")

    for hook in ("register_detectors", "register_sinks", "register_sources"):
        setattr(module, hook, hookimpl(register))
    return module


def config(
    tmp_path: Path, detectors: str = "average", sinks: str = "post: {webhook: abcdefgh}", source: str = ""
) -> Config:
    path = tmp_path / "stratumd.yaml"
    path.write_text(FILE.format(detectors=detectors, sinks=sinks, source=source))
    return load_config(path, env={}, extra=[*FAKES, broken()])


def absent(found: Config) -> list[tuple[str, str, bool]]:
    return [(each.kind, each.name, each.again) for each in found.absent]


def test_a_plugin_that_cannot_be_loaded_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no libfoo\.so"):
        config(tmp_path, "average, broken")


@pytest.mark.parametrize(("on_error", "again"), [("disable", False), ("retry", True)])
def test_the_rest_starts_without_it_where_the_file_says_so(tmp_path: Path, on_error: str, again: bool) -> None:
    found = config(
        tmp_path,
        f"average, broken: {{on_error: {on_error}, window: 3}}",
        f"broken: {{on_error: {on_error}}}, post: {{webhook: abcdefgh}}",
    )
    assert absent(found) == [("detector", "main.broken", again), ("sink", "main.broken", again)]
    assert [each.name for each in found.pipelines["main"].detectors] == ["average"]
    assert [each.use for each in found.pipelines["main"].sinks] == ["post"]
    assert len(found.warnings) == 2
    assert "no libfoo.so" in found.warnings[0].message


def test_what_is_not_installed_is_left_out_the_same_way(tmp_path: Path) -> None:
    found = config(tmp_path, "average, missing: {on_error: disable}")
    assert absent(found) == [("detector", "main.missing", False)]


def test_who_needs_its_records_is_left_out_with_it(tmp_path: Path) -> None:
    found = config(tmp_path, "broken: {on_error: retry}, gap")
    assert absent(found) == [("detector", "main.broken", True), ("detector", "main.gap", True)]
    assert found.pipelines["main"].detectors == ()


def test_a_source_that_is_left_out_feeds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "stratumd.yaml"
    path.write_text(
        "sources:\n  a: {use: broken, on_error: disable, schedule: {every: 60s}}\n"
        "  b: {use: tape, files: [x]}\n"
        "pipelines:\n  one: {sources: [a], detectors: [average]}\n  two: {sources: [a, b], detectors: [average]}\n"
    )
    found = load_config(path, env={}, extra=[*FAKES, broken()])
    assert absent(found) == [("source", "a", False)]
    assert not found.pipelines["one"].runs
    assert found.pipelines["two"].sources == ("b",)


def test_a_disabled_component_is_not_missed(tmp_path: Path) -> None:
    assert config(tmp_path, "average, broken: {enabled: false, on_error: retry}").absent == ()


def test_components_run_in_a_process_of_their_own_where_the_file_says_so(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        "average: {isolate: process}, gap: {isolate: none}",
        "post: {webhook: abcdefgh, isolate: process}",
        ", isolate: process",
    )
    main = found.pipelines["main"]
    assert [each.isolate for each in main.detectors] == [True, False]
    assert [each.isolate for each in main.sinks] == [True]
    assert main.isolated == {"feed"}


@pytest.mark.parametrize(
    ("key", "hint"), [("isolate: proces", "process"), ("on_error: restart", "stop, retry, disable")]
)
def test_a_wrong_choice_is_told(tmp_path: Path, key: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        config(tmp_path, f"average: {{{key}}}")


NOT_ISOLATED = [
    ("context", "adds to the signals of other detectors"),
    ("regime", "adds to the signals of other detectors"),
    ("projection", "hears news"),
]


@pytest.mark.parametrize(("name", "why"), NOT_ISOLATED)
def test_what_does_more_than_look_at_quotes_is_not_isolated(tmp_path: Path, name: str, why: str) -> None:
    path = tmp_path / "stratumd.yaml"
    path.write_text(FILE.format(source="", detectors=f"consensus, {name}: {{isolate: process}}", sinks="log"))
    with pytest.raises(ConfigError, match=rf":7:\d+: error: {name} {why}"):
        load_config(path, env={}, extra=FAKES)
