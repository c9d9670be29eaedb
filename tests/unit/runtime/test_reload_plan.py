"""What becomes of every component when one configuration follows another."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.config import Config, load_config
from stratumd.plugin import Detector, PluginConfig, Poll, Secret, Sink, Source
from stratumd.runtime.plan import Item, Plan, difference
from stratumd.testing.harness import PlainNormalizer
from tests.support import EXAMPLES
from tests.support.plugins import plugin


class Account(PluginConfig):
    key: Secret = Secret("one")


class Tape(Source):
    name, format, config = "tape", "plain", Account

    def poll(self) -> AsyncIterator[Poll]:
        raise AssertionError("nothing is polled")


class Other(Tape):
    name, format = "other", "other"


class OtherNormalizer(PlainNormalizer):
    name = "other"


class Depth(PluginConfig):
    depth: int = 1


class Idle(Detector):
    name, config = "idle", Depth

    def detect(self, tick: object) -> tuple[()]:
        return ()


class Post(Sink):
    name, config = "post", Depth

    async def deliver(self, deliveries: object) -> None:
        raise AssertionError("nothing is delivered")


MODULES = {
    "tape": plugin("tape", Tape),
    "plain": plugin("plain", PlainNormalizer),
    "other": plugin("other", Other, OtherNormalizer),
    "idle": plugin("idle", Idle),
    "post": plugin("post", Post),
}
BEFORE = """
sources:
  nba: {use: tape, schedule: {every: 60s}}
  wnba: {use: tape, schedule: {every: 60s}}
pipelines:
  main:
    sources: [nba]
    detectors: [idle]
    sinks: [post, {post: {name: mail, depth: 2}}]
  late: {sources: [wnba], detectors: [idle]}
"""
ALL = {"source nba", "source wnba", "pipeline main", "pipeline late", "sink main.post", "sink main.mail"}


def config(folder: Path, text: str) -> Config:
    path = folder / "stratumd.yaml"
    path.write_text(text)
    used = [module for name, module in MODULES.items() if name != "other" or "use: other" in text]
    return load_config(path, env={}, extra=used)


def plan(folder: Path, *changes: tuple[str, str]) -> dict[str, list[str]]:
    """What leads from BEFORE to the same with `changes`; of what is kept only what nothing else was said of."""
    text = BEFORE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    listed = difference(config(folder, BEFORE), config(folder, text)).listed()
    said = {item for fate, items in listed.items() if fate not in ("keep", "fixed") for item in items}
    assert {*listed.pop("keep")} == ALL - said, "everything else stays"
    return {fate: items for fate, items in listed.items() if items}


def test_the_same_file_changes_nothing(tmp_path: Path) -> None:
    assert plan(tmp_path) == {}


def test_a_source_with_another_secret_is_restarted_and_its_pipeline_stays(tmp_path: Path) -> None:
    assert plan(tmp_path, ("nba: {use: tape,", "nba: {use: tape, key: two,")) == {"restart": ["source nba"]}


def test_another_schedule_restarts_its_source_alone(tmp_path: Path) -> None:
    assert plan(tmp_path, ("60s", "30s")) == {"restart": ["source nba"]}


def test_a_disabled_source_stops_with_the_pipeline_that_nothing_else_feeds(tmp_path: Path) -> None:
    found = plan(tmp_path, ("wnba: {use: tape,", "wnba: {use: tape, enabled: false,"))
    assert found == {"stop": ["source wnba", "pipeline late"]}


def test_an_enabled_one_starts(tmp_path: Path) -> None:
    off = BEFORE.replace("wnba: {use: tape,", "wnba: {use: tape, enabled: false,")
    found = difference(config(tmp_path, off), config(tmp_path, BEFORE))
    assert found.start == (Item("source", "wnba"), Item("pipeline", "late"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("detectors: [idle]", "detectors: [{idle: {depth: 3}}]"),
        ("sources: [nba]", "sources: [nba, wnba]"),
        ("detectors: [idle]", "detectors: [idle]\n    pricing: {two_way: power}"),
        ("detectors: [idle]", "detectors: [idle]\n    operators: {sharp: [fanduel]}"),
    ],
    ids=["options", "sources", "pricing", "operators"],
)
def test_what_a_pipelines_results_depend_on_restarts_it_alone(tmp_path: Path, old: str, new: str) -> None:
    assert plan(tmp_path, (old, new)) == {"restart": ["pipeline main"]}


def test_an_option_that_is_written_with_its_default_is_no_change(tmp_path: Path) -> None:
    assert plan(tmp_path, ("detectors: [idle]", "detectors: [{idle: {depth: 1}}]")) == {}


def test_a_sink_with_other_options_is_restarted_and_the_engine_stays(tmp_path: Path) -> None:
    found = plan(tmp_path, ("depth: 2", "depth: 3"))
    assert found == {"restart": ["sink main.mail"], "adjust": ["pipeline main"]}


def test_which_signals_a_sink_gets_changes_while_it_runs(tmp_path: Path) -> None:
    found = plan(tmp_path, ("depth: 2", "depth: 2, when: {min_strength: 50}"))
    assert found == {"adjust": ["pipeline main", "sink main.mail"]}


def test_sinks_come_and_go_while_the_engine_stays(tmp_path: Path) -> None:
    found = plan(tmp_path, ("[post, {post: {name: mail, depth: 2}}]", "[post, {post: {name: chat}}]"))
    assert found == {"start": ["sink main.chat"], "stop": ["sink main.mail"], "adjust": ["pipeline main"]}


def test_a_disabled_sink_stops(tmp_path: Path) -> None:
    found = plan(tmp_path, ("depth: 2", "enabled: false"))
    assert found == {"stop": ["sink main.mail"], "adjust": ["pipeline main"]}


def test_a_pipeline_that_is_named_otherwise_is_another(tmp_path: Path) -> None:
    found = plan(tmp_path, ("  late:", "  later:"))
    assert found == {"start": ["pipeline later"], "stop": ["pipeline late"]}


def test_a_new_plugin_does_not_disturb_pipelines_that_do_not_use_it(tmp_path: Path) -> None:
    more = ("pipelines:", "  more: {use: other, schedule: {every: 1s}}\npipelines:\n  new: {sources: [more]}")
    found = plan(tmp_path, (more[0], more[1] + "\n"), ("{sources: [more]}", "{sources: [more], detectors: [idle]}"))
    assert found == {"start": ["source more", "pipeline new"]}


def test_the_log_changes_while_it_runs(tmp_path: Path) -> None:
    assert plan(tmp_path, ("sources:", "log: {level: debug}\nsources:")) == {"adjust": ["log"]}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("http: {listen: '127.0.0.1:1'}", ["http"]),
        ("database: sqlite:///elsewhere.db", ["database"]),
        ("database: postgresql://me@db/odds\nhttp: {listen: '127.0.0.1:1'}", ["database", "http"]),
    ],
)
def test_what_needs_a_restart_is_named(tmp_path: Path, more: str, named: list[str]) -> None:
    assert plan(tmp_path, ("sources:", f"{more}\nsources:")) == {"fixed": named}


def test_another_password_of_the_database_needs_a_restart(tmp_path: Path) -> None:
    texts = [f"database: {{url: postgresql://me@db/odds, password: {each}}}\n{BEFORE}" for each in ("one", "two")]
    old, new = (config(tmp_path, text) for text in texts)
    assert difference(old, new).fixed == ("database",)


def test_what_had_failed_for_good_is_started_again_although_nothing_changed(tmp_path: Path) -> None:
    same = config(tmp_path, BEFORE)
    found = difference(same, same, off={("source", "wnba"), ("sink", "main.mail")})
    assert found.restart == (Item("source", "wnba"), Item("sink", "main.mail"))


EDITS = [
    ("nba: {use: tape,", "nba: {use: tape, key: two,"),
    ("wnba: {use: tape,", "wnba: {use: tape, enabled: false,"),
    ("depth: 2", "depth: 3"),
    ("name: mail", "name: chat"),
    ("  late:", "  later:"),
    ("detectors: [idle]", "detectors: [{idle: {depth: 3}}]"),
]
edits = st.lists(st.sampled_from(EDITS), unique=True)


@settings(max_examples=EXAMPLES // 2)
@given(edits, edits)
def test_every_component_has_one_fate_and_the_way_back_is_the_way_there(
    tmp_path_factory: pytest.TempPathFactory, there: list[tuple[str, str]], back: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("plan", numbered=True)
    old, new = (config(folder, edited(changes)) for changes in (there, back))
    forth, again = difference(old, new), difference(new, old)
    told = Counter(item for fate in fates(forth) for item in fate)
    assert set(told.values()) <= {1}
    assert {*forth.start} == {*again.stop}
    assert {*forth.stop} == {*again.start}
    assert {*forth.restart} == {*again.restart}
    assert {*forth.keep} == {*again.keep}


def fates(plan: Plan) -> list[tuple[Item, ...]]:
    return [plan.start, plan.stop, plan.restart, plan.adjust, plan.keep]


def edited(changes: list[tuple[str, str]]) -> str:
    text = BEFORE
    for old, new in changes:
        text = text.replace(old, new, 1)
    return text
