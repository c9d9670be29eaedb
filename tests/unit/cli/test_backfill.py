"""What `stratumd backfill` and `replay --from-store` refuse before anything is asked or stored."""

from pathlib import Path

import pytest

from tests.support.cli import stratumd

CONFIG = """
database: sqlite:///{folder}/past.db
sources:
  nba:
    use: odds-api
    api_key: k
    base_url: http://127.0.0.1:9
    sports: [{sports}]
    regions: [us]
    retries: 0
    schedule: {{every: 60s}}
  demo: {{use: demo, schedule: {{every: 2s}}}}
pipelines:
  all:
    sources: [nba, demo]
    detectors: [consensus]
    sinks: [log]
"""
SPAN = ("--from", "2026-01-01", "--to", "2026-01-03T06:00:00Z")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "past.yaml"
    path.write_text(CONFIG.format(folder=tmp_path, sports="basketball_nba"))
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-01-03", "--to", "2026-01-03"), "--to lies after --from"),
        (("--from", "yesterday", "--to", "2026-01-03"), "neither a day, such as 2026-01-10, nor a time"),
        (("--from", "2026-01-01T00:00:00", "--to", "2026-01-03"), "neither a day"),
        ((*SPAN, "--step", "often"), "expected a duration"),
        ((*SPAN, "--step", "0s"), "longer than nothing"),
        ((*SPAN, "--sample", "0"), "--sample is above 0"),
        ((*SPAN, "--source", "demo"), "no enabled source 'demo' knows the past; there are: nba"),
        ((*SPAN, "--max-events", "0"), "max-events"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    config: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd("backfill", "--config", str(config), *arguments) == 2
    assert said in capsys.readouterr().err
    assert not (config.parent / "past.db").exists()


def test_of_several_sports_one_must_be_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(CONFIG.format(folder=config.parent, sports="basketball_nba, basketball_wnba"))
    assert stratumd("backfill", "--config", str(config), *SPAN) == 2
    assert "name one with --sport; the source has: basketball_nba, basketball_wnba" in capsys.readouterr().err


def test_a_provider_that_is_down_is_one_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("backfill", "--config", str(config), *SPAN, "--probe") == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("arguments", [(), ("week.jsonl", "--from-store")])
def test_replay_takes_recordings_or_the_store(config: Path, arguments: tuple[str, ...]) -> None:
    assert stratumd("replay", *arguments, "--config", str(config)) == 2


def test_replaying_a_past_that_was_never_fetched_says_what_fetches_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd("db", "upgrade", "--config", str(config)) == 0
    assert stratumd("replay", "--from-store", "--config", str(config)) == 1
    assert "`stratumd backfill` fetches it" in capsys.readouterr().err
