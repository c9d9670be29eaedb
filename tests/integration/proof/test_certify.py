"""What was emitted, against a replay of what was recorded; and each thing that can come between, named rightly."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from stratumd.config import load_config
from stratumd.plugin import MINUTE, iso
from stratumd.proof import Certificate, Past, certify
from stratumd.proof.certify import Cause
from stratumd.runtime import builds
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.replaying import replay
from stratumd.store import open_reader, open_store
from tests.support.cli import stratumd
from tests.support.past import CONFIG, OPENED, configured, kept, polled, stored


def certified(
    config: Path, database: str | None = None, since: int | None = None, until: int | None = None
) -> Certificate:
    loaded = load_config(config)
    reader = open_reader(database or loaded.database.connect_url())
    try:
        return certify(Past(reader, loaded.pipelines["main"], loaded.registry), since, until)
    finally:
        reader.close()


def test_a_replay_of_what_was_recorded_is_equal(tmp_path: Path, database_url: str) -> None:
    config = configured(tmp_path)
    kept(config, polled(), database_url)
    found = certified(config, database_url)
    assert found.equal, found.public()
    assert (found.observations, found.late, found.eras) == (60, 0, 1)
    assert found.signals > 10


def test_a_part_of_the_past_is_compared_with_its_whole_history_behind_it(tmp_path: Path) -> None:
    config = configured(tmp_path)
    kept(config, polled())
    since, until = OPENED + 30 * MINUTE, OPENED + 50 * MINUTE
    found = certified(config, None, since, until)
    reader = open_reader(load_config(config).database.connect_url())
    live = reader.signals(since=since, until=until)
    reader.close()
    assert found.equal
    assert found.signals == len(live) > 0


def test_a_reload_in_the_middle_is_followed(tmp_path: Path) -> None:
    """The options of then are noted; a past under two configurations is stepped under both."""
    answers = polled()
    config = configured(tmp_path, CONFIG.replace("window: 10m", "window: 7m"))
    kept(config, answers[:35])
    config = configured(tmp_path)
    resumed(config, answers[35:])
    found = certified(config)
    assert found.equal, found.public()
    assert found.eras == 2


def resumed(config: Path, observations: tuple[object, ...]) -> None:
    """Go on as a daemon does after a reload: board, gate and states from the store."""
    loaded = load_config(config)
    spec = loaded.pipelines["main"]
    store = open_store(loaded.database.connect_url())
    try:
        pipeline = build_pipeline(spec, loaded.registry)
        for observation, at in store.rebuild("main", ["demo"], pipeline.lookback):
            pipeline.warm(observation, at)
        pipeline.load(store.states("main"), store.records("main"), store.seen("main"))
        for _ in replay(observations, [pipeline], store):  # type: ignore[arg-type]  # they are observations
            pass
    finally:
        store.close()


def test_a_late_observation_is_named_where_it_was_never_taken(tmp_path: Path) -> None:
    answers = polled()
    config = configured(tmp_path)
    kept(config, (*answers[:40], *answers[44:]))
    stored(config, answers[40:44])
    found = certified(config)
    assert found.cause is Cause.LATE_DATA, found.public()
    assert found.late == sum(each.id in "".join(found.details) for each in answers[40:44]) > 0
    assert "never taken" in found.details[0]


def test_a_late_observation_is_named_where_it_was_taken_out_of_turn(tmp_path: Path) -> None:
    answers = polled()
    config = configured(tmp_path)
    kept(config, (*answers[:40], answers[43], *answers[40:43], *answers[44:]))
    found = certified(config)
    assert found.cause is Cause.LATE_DATA, found.public()
    assert iso(answers[43].received_at) in found.details[0]


def test_a_late_observation_that_changes_nothing_is_counted(tmp_path: Path) -> None:
    answers = polled()
    config = configured(tmp_path)
    kept(config, answers)
    empty = msgspec.structs.replace(answers[40], status=500, body=b"", received_at=answers[40].received_at + 7, id="")
    stored(config, [empty])
    found = certified(config)
    assert found.equal, found.public()
    assert found.late == 1


def test_a_changed_option_is_named_with_both_values(tmp_path: Path) -> None:
    config = configured(tmp_path)
    kept(config, polled())
    configured(tmp_path, CONFIG.replace("window: 10m", "window: 7m"))
    found = certified(config)
    assert found.cause is Cause.CHANGED_OPTIONS
    assert found.details == ('move.window: "10m" then, "7m" now',)
    assert found.divergence is not None
    assert found.divergence.signal.detector == "move"


def test_a_changed_option_is_told_from_late_data(tmp_path: Path) -> None:
    """Both happened; the signal that differs first would have differed by the option alone."""
    answers = polled()
    config = configured(tmp_path)
    kept(config, (*answers[:54], *answers[56:]))
    stored(config, answers[54:56])
    configured(tmp_path, CONFIG.replace("window: 10m", "window: 7m"))
    assert certified(config).cause is Cause.CHANGED_OPTIONS


ECHO = '''"""Signals where a book posts a price above {least}."""
from stratumd import hookimpl
from stratumd.plugin import Detector, Finding

class Echo(Detector):
    name = "echo"
    def detect(self, tick):
        for market in tick.markets:
            for line in market.present():
                if line.now.offer.quotes[0].price > {least}:
                    yield Finding("ECHO", market.key, "home", "up", 1.0, 1.0, (line.book,), 50, {{}}, line.operator)

@hookimpl
def register_detectors():
    return [Echo]
'''


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "stratumd_echo.py").write_text(ECHO.format(least="2.4"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("stratumd_echo")
    sys.modules.pop("stratumd_echo", None)
    builds._digest.cache_clear()


def test_changed_code_of_a_detector_is_named(tmp_path: Path, echo: ModuleType) -> None:
    """A stranger's detector, of which nobody raised the version."""
    config = configured(tmp_path, CONFIG.replace("- value", "- echo"))
    loaded = load_config(config, extra=[echo])
    spec, url = loaded.pipelines["main"], loaded.database.connect_url()
    store = open_store(url)
    list(replay(polled(30), [build_pipeline(spec, loaded.registry)], store))
    store.close()
    reader = open_reader(url)
    assert certify(Past(reader, spec, loaded.registry)).equal

    (tmp_path / "stratumd_echo.py").write_text(ECHO.format(least="2.9"))
    builds._digest.cache_clear()
    changed = load_config(config, extra=[importlib.reload(echo)])
    found = certify(Past(reader, changed.pipelines["main"], changed.registry))
    reader.close()
    assert found.cause is Cause.CHANGED_CODE, found.public()
    assert found.details[0].startswith("echo: version 1, code ")


def test_the_command_prints_a_certificate_and_the_first_divergence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = configured(tmp_path), tmp_path / "certificate.jsonl"
    kept(config, polled(45))
    assert stratumd("certify", "-c", str(config), "--json", "--out", str(out)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["result"] == "equal"
    assert json.loads(out.read_text()) == shown
    assert {each["name"] for each in shown["detectors"]} == {"consensus", "move", "dislocation", "steam", "value"}
    configured(tmp_path, CONFIG.replace("window: 10m", "window: 7m"))
    assert stratumd("certify", "-c", str(config)) == 1
    said = capsys.readouterr().out
    assert "cause: changed options" in said
    assert 'move.window: "10m" then, "7m" now' in said
