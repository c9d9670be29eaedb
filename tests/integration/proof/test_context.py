"""Injury reports are observations as all others are: what they add to signals replays, restarts and audits alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratumd.config import load_config
from stratumd.odds import NBA_TEAMS
from stratumd.plugin import Micros, Observation, Request
from stratumd.proof import Past, certify
from stratumd.store import open_reader
from stratumd.testing.sportsdata import PATH, injured
from tests.support.cli import stratumd
from tests.support.past import CONFIG, MINUTE, OPENED, configured, kept, polled

WITH = (
    CONFIG.replace("sources: [demo]", "sources: [demo, injuries]")
    .replace("      - move:", "      - context: {{max_age: 15m}}\n      - move:")
    .replace(
        "  demo: {{use: demo", "  injuries: {{use: context, key: k, schedule: {{every: 30m}}}}\n  demo: {{use: demo"
    )
)


def report(at: Micros, *names: str) -> Observation:
    players = [injured(team.tricode, f"{name} {team.tricode}") for team in NBA_TEAMS for name in names]
    return Observation("injuries", "context", at, Request(PATH), 200, json.dumps(players).encode())


REPORTS = (report(OPENED - 4 * MINUTE, "First"), report(OPENED + 10 * MINUTE + 1, "First", "Second"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A past with a report from before any event was seen, one in between, and then none any more."""
    config = configured(tmp_path_factory.mktemp("context"), WITH)
    kept(config, sorted([*polled(), *REPORTS], key=lambda each: each.received_at))
    return config


def test_signals_say_what_was_known_when_they_came(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader = open_reader(load_config(config).database.connect_url())
    signals = reader.signals()
    reader.close()
    assert all("context" in signal.metadata for signal in signals)
    told = [(signal.observed_at, signal.metadata["context"]["injuries"]) for signal in signals]
    second = REPORTS[1].received_at
    for at, injuries in told:
        if at <= second + 15 * MINUTE:
            newest = REPORTS[at >= second]
            assert injuries["source"] == "sportsdataio"
            assert injuries["age_seconds"] == round((at - newest.received_at) / 1e6, 3)
            assert len(injuries["home"]) == 1 + (at >= second)
        else:
            assert injuries is None or injuries["source"] == "spread_velocity"
    assert len({injuries["source"] for _, injuries in told if injuries}) == 2
    assert stratumd("why", signals[0].id, "--config", str(config)) == 0
    shown = capsys.readouterr().out
    assert f"injuries     sportsdataio, {told[0][1]['age_seconds']:g} s old, score" in shown
    assert "pace         consensus_total, 0 s old" in shown


@pytest.mark.parametrize("since", [None, OPENED + 2 * MINUTE])
def test_a_replay_of_what_was_recorded_is_equal(config: Path, since: Micros | None) -> None:
    """Also from the middle: what was heard before an event was seen belongs to its past."""
    loaded = load_config(config)
    reader = open_reader(loaded.database.connect_url())
    found = certify(Past(reader, loaded.pipelines["main"], loaded.registry), since)
    reader.close()
    assert found.equal, found.public()
    assert found.signals > 10


def test_no_signal_knows_the_future(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("audit", "point-in-time", "--config", str(config), "--json") == 0
    (shown,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert shown["signals"] > 10
    assert shown["changed"] == 0
