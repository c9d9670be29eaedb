"""What counts as found and as false is as strict as its docstring."""

from typing import Any

import pytest

from stratumd.plugin import HOUR, MINUTE, SECOND, Micros, Signal
from stratumd.testing.samples import signal as sample
from stratumd_demo.labels import Kind, Label
from stratumd_demo.matching import APART, STEAMS, Apart, Lifetimes, match, place

NOON: Micros = 1_768_046_400_000_000


def label(**changed: Any) -> Label:
    fields: dict[str, Any] = {
        "kind": Kind.STEAM,
        "event": "game",
        "market": "spreads",
        "direction": "down",
        "operators": ("fanduel",),
        "at": NOON,
        "until": NOON + MINUTE,
        "size": 1.0,
    }
    return Label(**{**fields, **changed})


def signal(at: Micros = NOON, **changed: Any) -> Signal:
    steam: dict[str, Any] = {
        "type": "STEAM",
        "event": "game",
        "direction": "down",
        "books": (),
        "commence_at": NOON + HOUR,
        "observed_at": at,
    }
    return sample(**steam | changed)


@pytest.mark.parametrize(
    ("late", "counts"),
    [(-1, False), (0, True), (MINUTE, True), (MINUTE + 5 * SECOND, True), (MINUTE + 5 * SECOND + 1, False)],
)
def test_a_signal_counts_inside_the_label_s_time_and_the_tolerance(late: Micros, counts: bool) -> None:
    matched = match([signal(NOON + late)], [label()], STEAMS, 5 * SECOND)
    assert [true for _, true in matched.signals] == [counts]
    assert [found for _, found in matched.labels] == [counts]


@pytest.mark.parametrize("other", [{"event": "another"}, {"market": "totals"}, {"direction": "up"}])
def test_event_market_and_direction_must_be_the_same(other: dict[str, Any]) -> None:
    matched = match([signal(NOON, **other)], [label()], STEAMS, 0)
    assert not matched.signals[0][1]
    assert not matched.labels[0][1]


@pytest.mark.parametrize(("operator", "counts"), [("fanduel", True), ("bovada", False)])
def test_a_signal_about_an_operator_counts_for_that_operator_s_label_only(operator: str, counts: bool) -> None:
    said = signal(type="DISLOCATION", operator=operator)
    assert match([said], [label(kind=Kind.STALE)], APART, 0).signals == [(said, counts)]


def test_a_grind_is_no_steam() -> None:
    matched = match([signal()], [label(kind=Kind.GRIND)], STEAMS, 0)
    assert not matched.signals[0][1]
    assert matched.labels == []


def test_an_away_probability_that_falls_is_a_home_probability_that_rises() -> None:
    assert place(signal(market="h2h", outcome="away", direction="down"))[2] == "up"
    assert place(signal(market="h2h", outcome="home", direction="down"))[2] == "down"
    assert place(signal(market="spreads", outcome="away", direction="up"))[2] == "up"


def test_operators_apart_at_once_are_those_apart_the_same_way_at_that_instant() -> None:
    long = label(kind=Kind.STALE, operators=("bovada",), until=NOON + HOUR)
    short = label(kind=Kind.DISLOCATION)
    other_way = label(kind=Kind.STALE, operators=("betus",), direction="up", until=NOON + HOUR)
    apart = Apart([long, short, other_way, label(operators=("betmgm",), until=NOON + HOUR)])
    assert apart.during(short) == 2
    assert apart.during(long) == 1
    assert apart.at(signal(operator="fanduel")) == 2
    assert apart.at(signal(operator="draftkings")) == 3


@pytest.mark.parametrize(
    ("begins", "is_open"),
    [(29 * MINUTE, False), (30 * MINUTE, True), (54 * MINUTE, True), (54 * MINUTE + 1, False)],
)
def test_a_label_is_open_in_a_market_old_enough_and_not_too_near_the_start(begins: Micros, is_open: bool) -> None:
    lifetimes = Lifetimes(NOON + 9 * HOUR, {"game": NOON}, {"game": NOON + HOUR})
    one = label(at=NOON + begins, until=NOON + begins + MINUTE)
    assert lifetimes.open(one, 30 * MINUTE) is is_open


def test_a_label_that_was_not_over_at_the_last_poll_is_left_out() -> None:
    lifetimes = Lifetimes(NOON + 30 * SECOND, {"game": NOON - HOUR}, {"game": NOON + HOUR})
    assert not lifetimes.open(label(), 0)


def test_an_event_that_nobody_saw_is_left_out() -> None:
    assert not Lifetimes(NOON + HOUR, {}, {}).open(label(), 0)
