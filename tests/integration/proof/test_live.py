"""Shocks in play stand up to the same proofs as everything: replay, restart, perturbed futures, why and why not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from stratumd.config import load_config
from stratumd.plugin import MINUTE, Micros, Observation, Signal, iso
from stratumd.proof import Past, certify
from stratumd.proof.audit import audit
from stratumd.proof.past import Era, ProofError
from stratumd.proof.whatif import changed
from stratumd.proof.why import why
from stratumd.proof.why_not import Explained, why_not
from stratumd.proof.worth import Closes
from stratumd.runtime.build import build_pipeline
from stratumd.store import open_reader
from tests.support.odds_api import EVENT, NOON, answer, book, event, market, outcome
from tests.support.past import configured, kept, resumed

START: Micros = NOON + 5 * MINUTE
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
CONFIG = """
database: sqlite:///{folder}/live.db
sources:
  nba: {{use: odds-api, api_key: k, sports: [basketball_nba], regions: [us], schedule: {{every: 1m}}}}
pipelines:
  main: {{sources: [nba], detectors: [consensus, live-shock]}}
"""


def polls() -> tuple[Observation, ...]:
    """Return 30 polls a minute apart: a jump before the start, one in play behind a suspension, and back again."""
    return tuple(_poll(minute) for minute in range(30))


def _poll(minute: int) -> Observation:
    at = NOON + minute * MINUTE
    home = -110 if minute < 3 else -160 if minute < 15 or minute >= 19 else -600
    there = BOOKS[4:] if minute == 14 else BOOKS
    quotes = market("h2h", outcome("Boston Celtics", -home - 20), outcome("Utah Jazz", home), last_update=iso(at))
    return answer([event(*(book(name, quotes) for name in there), commence_time=iso(START))], at=at)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = configured(tmp_path_factory.mktemp("live"), CONFIG)
    kept(path, polls())
    return path


@pytest.fixture(scope="module")
def past(config: Path) -> Iterator[Past]:
    loaded = load_config(config)
    reader = open_reader(loaded.database.connect_url())
    yield Past(reader, loaded.pipelines["main"], loaded.registry)
    reader.close()


def shocks(past: Past) -> list[Signal]:
    return [signal for signal in past.reader.signals() if signal.type == "LIVE_SHOCK"]


def explained(past: Past, minute: int) -> Explained:
    (found,) = why_not(past, "LIVE_SHOCK", EVENT, NOON + minute * MINUTE)
    return found


def test_a_replay_of_what_was_recorded_is_equal(past: Past) -> None:
    found = certify(past, None, None)
    assert found.equal, found.public()
    assert found.signals == len(shocks(past)) == 2


def test_restarts_between_two_shocks_change_nothing(tmp_path: Path, past: Past) -> None:
    """Board, gate and cooldown come back from the store: in the middle of a suspension, and right after the shock."""
    path = configured(tmp_path, CONFIG)
    kept(path, polls()[:15])
    resumed(path, polls()[15:16])
    resumed(path, polls()[16:])
    reader = open_reader(load_config(path).database.connect_url())
    assert [each.id for each in reader.signals()] == [each.id for each in past.reader.signals()]
    reader.close()


def test_no_shock_knows_the_future(config: Path) -> None:
    loaded, answers = load_config(config), polls()
    result = audit(lambda: answers, lambda: build_pipeline(loaded.pipelines["main"], loaded.registry))
    assert result.clean, result.public()
    assert result.signals == 2
    assert result.futures == 2


def test_a_price_in_play_has_no_close_to_beat(past: Past) -> None:
    closes = Closes(past)
    assert closes.of(EVENT, "h2h", None) is not None
    assert [closes.mean(signal) for signal in shocks(past)] == [None, None]


def test_why_names_what_was_met(past: Past) -> None:
    first, _ = sorted(shocks(past), key=lambda each: each.observed_at)
    assert first.observed_at == NOON + 15 * MINUTE
    assert sum(mover["suspended"] for mover in first.metadata["movers"]) == 4
    checks = {check.option: check for check in why(past, first).checks}
    assert checks["live-shock.thresholds.probability"].passed
    assert checks["live-shock.thresholds.probability"].value == pytest.approx(first.magnitude, abs=1e-4)


def test_before_the_start_no_option_helps(past: Past) -> None:
    """The jump at 12:03 lies before the start: what is missing is two polls in play."""
    found = explained(past, 3)
    assert (found.fired, found.flips) == (False, [])
    assert found.blocked is not None
    assert found.blocked.asks == "two observations in play within the window"


class Under(Past):
    """The same past, all of it stepped under another setting."""

    def __init__(self, past: Past, setting: str) -> None:
        super().__init__(past.reader, changed(past.spec, setting), past.registry)

    @cached_property
    def eras(self) -> list[Era]:
        return []


@pytest.mark.parametrize(
    ("setting", "flip"),
    [
        ("live-shock.min_books=8", {"live-shock.min_books": 7}),
        ("live-shock.window=30s", {"live-shock.window": "1m"}),
        (
            "live-shock.thresholds.probability=0.5",
            {"live-shock.thresholds.probability": pytest.approx(0.2572, abs=1e-4)},
        ),
    ],
)
def test_in_play_the_smallest_change_is_named_and_flips(past: Past, setting: str, flip: dict[str, object]) -> None:
    found = explained(Under(past, setting), 15)
    assert found.blocked is not None
    assert [found.blocked.option] == list(flip)
    assert found.flips[0].options == flip
    option, value = next(iter(found.flips[0].options.items()))
    assert explained(Under(past, f"{option}={value}"), 15).fired


def test_a_shock_that_still_shows_does_not_fire_again(past: Past) -> None:
    later = explained(past, 16)
    assert later.blocked is not None
    assert later.blocked.option == "edge"


def test_another_threshold_finds_another_number(past: Past) -> None:
    spec = changed(past.spec, "live-shock.thresholds.probability=0.45")
    pipeline = build_pipeline(spec, past.registry)
    assert [s.type for each in polls() for s in pipeline.step(each).signals] == []


def test_a_past_that_was_not_observed_is_said(past: Past) -> None:
    with pytest.raises(ProofError):
        explained(past, -5)
