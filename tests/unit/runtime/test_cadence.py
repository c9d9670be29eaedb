"""When events are due by the time to their start: the table of presets, boundaries, own bands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.config import Schedule
from stratumd.plugin import DAY, HOUR, MINUTE, Micros, parse_iso
from stratumd.runtime.cadence import Cadence, cadence_of

START = parse_iso("2026-01-14T00:00:00Z")
"""A multiple of every preset's interval but the longest."""


def cadence(value: object, **more: object) -> Cadence:
    found = cadence_of(Schedule.model_validate({"cadence": value, **more}))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("preset", "minutes", "every"),
    [
        ("fixed", 10_000, 30),
        ("fixed", 5, 30),
        ("adaptive", 24 * 60 + 1, 30),
        ("adaptive", 24 * 60, 15),
        ("adaptive", 3 * 60, 5),
        ("adaptive", 60, 1),
        ("adaptive", -14, 1),
        ("tiers", 3 * 24 * 60 + 1, 48 * 60),
        ("tiers", 3 * 24 * 60, 24 * 60),
        ("tiers", 24 * 60, 12 * 60),
        ("tiers", 12 * 60, 3 * 60),
        ("tiers", 3 * 60, 30),
        ("close-capture", 181, 15),
        ("close-capture", 180, 5),
        ("close-capture", 60, 1),
        ("close-capture", -14, 1),
        ("close-capture", -15, None),
    ],
)
def test_the_table(preset: str, minutes: int, every: int | None) -> None:
    phase = cadence(preset).phase(START, START - minutes * MINUTE)
    assert (phase.every // MINUTE if phase else None) == every


def test_a_band_is_polled_once_in_every_interval() -> None:
    instants = list(cadence("close-capture").instants(START, START - 4 * HOUR, START + HOUR))
    names = [phase.name for _, phase in instants]
    assert (names.count("early"), names.count("approach"), names.count("close")) == (4, 24, 75)


def test_own_bands_have_an_end_where_none_is_open() -> None:
    own = cadence([{"within": "2h", "every": "10m"}, {"within": "30m", "every": "30s", "name": "last"}])
    assert own.phase(START, START - 3 * HOUR) is None
    assert [own.phase(START, START - lead) for lead in (2 * HOUR, 30 * MINUTE)] == list(own.phases)
    assert [phase.name for phase in own.phases] == ["2h", "last"]


def test_how_long_after_the_start_is_an_option() -> None:
    assert cadence("adaptive", after_start="2h").phase(START, START + 119 * MINUTE) is not None
    assert cadence("adaptive", after_start="0s").phase(START, START) is None


PRESETS = st.sampled_from(["fixed", "adaptive", "tiers", "close-capture"])


@given(PRESETS, st.integers(0, 10 * DAY), st.integers(-10 * DAY, DAY))
def test_the_newest_instant_is_the_last_of_all_that_passed(preset: str, shift: Micros, lead: Micros) -> None:
    found, start, at = cadence(preset), START + shift, START + shift + lead
    passed = [instant for instant, _ in found.instants(start, at - 5 * DAY, at + 1)]
    newest = found.latest(start, at)
    assert (newest[0] if newest and newest[0] >= at - 5 * DAY else None) == (passed[-1] if passed else None)


@given(PRESETS, st.integers(0, 10 * DAY), st.integers(0, DAY))
def test_a_start_that_moves_moves_no_instant(preset: str, shift: Micros, by: Micros) -> None:
    """The instants of one band are the multiples of its interval, whenever an event starts."""
    for start in (START + shift, START + shift + by):
        assert all(at % phase.every == 0 for at, phase in cadence(preset).instants(start, start - DAY, start + HOUR))
