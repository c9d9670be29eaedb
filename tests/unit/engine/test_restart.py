"""A restart changes nothing: what is rebuilt from the stored observations and states goes on with the same signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.engine import Pipeline, StateChange, Step
from stratumd.plugin import HOUR, MINUTE, Micros, Observation, PluginConfig, Record, parse_iso
from stratumd.testing.harness import PlainNormalizer, detector, game, moneyline, observation, spread
from tests.support import EXAMPLES

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
GAMES = (game(NOON + 5 * HOUR, id="first"), game(NOON + 2 * HOUR, id="second"))
LANES = {
    "us": ("betmgm", "betonlineag", "betrivers", "draftkings", "fanduel", "lowvig"),
    "eu": ("betsson", "nordicbet", "pinnacle"),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "consensus": {"min_books": 3},
    "move": {"window": "12m", "sync_window": "6m", "keys": {"basketball_nba": [3.0]}, "cooldown": "5m"},
    "dislocation": {"min_books": 3, "cooldown": "5m"},
    "steam": {"window": "8m", "operators": 3, "present": 4, "min_age": "10m", "cooldown": "5m"},
}

GAPS = st.sampled_from([1, 1, 2, 3, 7, 20])  # minutes
LINES = st.sampled_from([None, -2.5, -3.0, -3.0, -3.5, -3.5, -4.5])  # None: the book offers nothing
PRICES = st.sampled_from([1.87, 1.91, 1.95])


@st.composite
def stories(draw: st.DrawFn) -> list[Observation]:
    """Return polls of either lane in which now single books and now all of them move, fall silent and come back."""
    at, found = NOON, []
    posted: dict[tuple[str, str], tuple[float | None, float]] = {}
    for _ in range(draw(st.integers(4, 30))):
        at += draw(GAPS) * MINUTE
        lane = draw(st.sampled_from(["us", "us", "us", "eu"]))
        for one in GAMES:
            together = draw(st.none() | LINES)
            moving = draw(st.sets(st.sampled_from(LANES[lane])))
            for book in LANES[lane]:
                if book in moving or (one.id, book) not in posted:
                    posted[one.id, book] = (draw(LINES) if together is None else together, draw(PRICES))
        offers = {one: {book: _offers(*posted[one.id, book]) for book in LANES[lane]} for one in GAMES}
        found.append(observation(at, offers, lane=lane))
    return found


def _offers(line: float | None, price: float) -> list[Any]:
    return [] if line is None else [spread(line, price, 1.91), moneyline(price, 1.95)]


def pipeline() -> Pipeline:
    detectors = [detector(name, **options) for name, options in OPTIONS.items()]
    return Pipeline("test", detectors, {"plain": PlainNormalizer(PluginConfig())})


def restarted(past: Sequence[Step]) -> Pipeline:
    """Return a pipeline that knows of `past` what a store keeps: observations, the newest states and records."""
    one = pipeline()
    for step in _rebuilding(past, past[-1].at - one.lookback):
        one.warm(step.observation, step.at)
    states: dict[tuple[str, str], StateChange] = {}
    records: dict[tuple[Any, ...], tuple[str, Record]] = {}
    for step in past:
        states |= {(change.component, change.event): change for change in step.states}
        records |= {(event, record.kind, record.key): (event, record) for event, record in step.records}
    seen = {covered.event: step.at for step in past for covered in step.coverage}
    assert one.load(states.values(), records.values(), seen) == []
    return one


def _rebuilding(past: Sequence[Step], horizon: Micros) -> Iterable[Step]:
    """Return all steps since the horizon, and before it since the oldest of the newest answers to each question."""
    newest = {_lane(step): step.at for step in past if step.at <= horizon}
    since = min(newest.values(), default=horizon)
    return [step for step in past if step.at >= since]


def _lane(step: Step) -> str:
    return next(lane for lane in LANES if f'"{lane}"'.encode() in step.observation.body)


def outcome(step: Step) -> tuple[Any, ...]:
    """Return what the world hears of a step."""
    return ([signal.to_json() for signal in step.signals], step.changes, step.records, step.failures)


@settings(max_examples=EXAMPLES // 2)
@given(stories(), st.data())
def test_a_restart_changes_no_later_signal_change_or_record(story: list[Observation], data: st.DataObject) -> None:
    steady = pipeline()
    steps = [steady.step(each) for each in story]
    cut = data.draw(st.integers(1, len(story) - 1))
    fresh = restarted(steps[:cut])
    for step in steps[cut:]:
        assert outcome(fresh.step(step.observation)) == outcome(step)


@settings(max_examples=EXAMPLES // 4)
@given(stories(), stories())
def test_detectors_remember_nothing_of_another_pipeline(story: list[Observation], other: list[Observation]) -> None:
    """What a detector keeps on a market helps it, and decides nothing."""
    alone, used = pipeline(), pipeline()
    sharing = Pipeline("test", used.detectors, used.normalizers)
    for each in other:
        used.step(each)
    for each in story:
        assert outcome(sharing.step(each)) == outcome(alone.step(each))


def test_the_stories_hold_every_type_of_signal() -> None:
    """Else the properties above would say little."""
    types: set[str] = set()

    @settings(deadline=None, database=None, derandomize=True, max_examples=40)
    @given(stories())
    def play(story: list[Observation]) -> None:
        one = pipeline()
        types.update(signal.type for each in story for signal in one.step(each).signals)

    play()
    assert types == {"MOVE", "MULTIBOOK_SYNC", "KEY_CROSS", "DISLOCATION", "STEAM"}
