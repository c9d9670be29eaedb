"""Projections are observations: from the file to the signal, and the same again from what is stored."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from stratumd.config import load_config
from stratumd.plugin import MINUTE, Micros, Observation, Signal, iso
from stratumd.proof import Past, certify
from stratumd.proof.audit import audit
from stratumd.proof.why_not import Explained, why_not
from stratumd.runtime.build import build_pipeline
from stratumd.store import open_reader
from stratumd.testing.lent import SourceContext
from stratumd_projection import ProjectionFile
from tests.support.odds_api import EVENT, NOON, answer, book, event, market, outcome
from tests.support.past import configured, kept, resumed

START: Micros = NOON + 50 * MINUTE
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
CONFIG = """
database: sqlite:///{folder}/past.db
sources:
  nba: {{use: odds-api, api_key: k, sports: [basketball_nba], regions: [us], schedule: {{every: 1m}}}}
  mine: {{use: projection, path: "{folder}/mine.csv", sports: [basketball_nba], schedule: {{every: 1m}}}}
pipelines:
  main:
    sources: [nba, mine]
    detectors: [consensus, projection: {{heard_within: 20m, max_age: 40m}}]
"""
HEADER = "event,home,away,date,player,market,mean,sd\n"
JAZZ = f",Utah Jazz,Boston Celtics,{iso(START)[:10]},,spreads"
WRITES: dict[int, str | None] = {
    2: f"{HEADER}{JAZZ},-2,\n{JAZZ},many,\n",
    6: f"{HEADER}{JAZZ},3,\n",
    15: f"{HEADER}{EVENT},,,,,spreads,-9,12\n",
    20: None,
}
"""By minute, what the file holds from then on: what the market says; Utah, which it has 2.5 points behind; Boston."""


class Hour(NamedTuple):
    """What was received in an hour, and the past that was kept of it."""

    config: Path
    observations: Sequence[Observation]
    past: Past


def quoted(minute: int) -> Observation:
    at = NOON + minute * MINUTE
    sides = outcome("Boston Celtics", -110, -2.5), outcome("Utah Jazz", -110, 2.5)
    quotes = market("spreads", *sides, last_update=iso(at))
    return answer([event(*(book(name, quotes) for name in BOOKS), commence_time=iso(START))], at=at)


def written(path: Path, minute: int) -> None:
    text = WRITES.get(minute)
    if text is not None:
        at = (NOON + minute * MINUTE) * 1000
        path.write_text(text)
        os.utime(path, ns=(at, at))
    elif minute in WRITES:
        path.unlink()


async def received(config: Path) -> list[Observation]:
    """Return what both sources answer within an hour, a poll a minute; the file is read right after the odds."""
    context = SourceContext("mine", NOON)
    options = ProjectionFile.config.model_validate({"path": config.parent / "mine.csv", "sports": ["basketball_nba"]})
    source = ProjectionFile(options, context)
    found: list[Observation] = []
    for minute in range(60):
        found.append(quoted(minute))
        written(options.path, minute)
        async for poll in source.poll():
            assert (poll.error is None) == (2 <= minute < 20)
            if poll.observation is not None:
                found.append(poll.observation)
        context.virtual.advance(MINUTE)
    return found


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hour]:
    config = configured(tmp_path_factory.mktemp("projection"), CONFIG)
    observations = asyncio.run(received(config))
    kept(config, observations)
    loaded = load_config(config)
    reader = open_reader(loaded.database.connect_url())
    yield Hour(config, observations, Past(reader, loaded.pipelines["main"], loaded.registry))
    reader.close()


def signals(past: Past) -> list[Signal]:
    return [signal for signal in past.reader.signals() if signal.type == "MISPRICED"]


def explained(past: Past, minute: int) -> Explained:
    (found,) = why_not(past, "MISPRICED", EVENT, NOON + minute * MINUTE)
    return found


def test_what_the_file_says_makes_signals(hour: Hour) -> None:
    """At the first odds after it was read; the row that cannot be read costs the other nothing."""
    found = signals(hour.past)
    assert [(each.outcome, (each.observed_at - NOON) // MINUTE) for each in found] == [("home", 7), ("away", 16)]
    sources = [each.metadata["projection"] for each in found]
    assert [(each["mean"], each["sd"], each["age_seconds"]) for each in sources] == [(3.0, 11.2, 60), (-9.0, 12.0, 60)]


def test_a_replay_of_what_is_stored_is_equal(hour: Hour) -> None:
    """Also from the middle, and though the file is gone."""
    assert not (hour.config.parent / "mine.csv").exists()
    for since in (None, NOON + 10 * MINUTE):
        found = certify(hour.past, since, None)
        assert found.equal, found.public()
    assert found.signals == 1


def test_a_restart_changes_nothing(tmp_path: Path, hour: Hour) -> None:
    """Right after the file was read, and long after."""
    path = configured(tmp_path, CONFIG)
    cuts = [0, *(place for place, each in enumerate(hour.observations) if each.source == "mine"), 30, None]
    kept(path, hour.observations[: cuts[1]])
    for first, last in pairwise(cuts[1:]):
        resumed(path, hour.observations[first:last])
    reader = open_reader(load_config(path).database.connect_url())
    assert [each.to_json() for each in reader.signals()] == [each.to_json() for each in hour.past.reader.signals()]
    reader.close()


def test_no_signal_knows_the_future(hour: Hour) -> None:
    loaded = load_config(hour.config)
    result = audit(lambda: hour.observations, lambda: build_pipeline(loaded.pipelines["main"], loaded.registry))
    assert result.clean, result.public()
    assert result.signals == 2


def test_why_not_measures_what_was_worth_too_little(hour: Hour) -> None:
    """At minute 4 the file agrees with the market: the price is worth less than it costs, whatever the threshold."""
    found = explained(hour.past, 4)
    assert not found.fired
    assert found.blocked is not None
    assert found.blocked.option == "projection.min_ev_percent"
    assert explained(hour.past, 7).fired


def test_why_not_says_that_the_file_was_not_read_any_more(hour: Hour) -> None:
    found = explained(hour.past, 40)
    assert found.blocked is not None
    assert (found.blocked.option, found.blocked.value) == ("projection.heard_within", "25m")
    assert explained(hour.past, 34).blocked != found.blocked
