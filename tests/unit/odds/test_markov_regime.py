"""The regime of a market: emissions, the causal step, what is shown of it, labels."""

from itertools import pairwise, product
from math import erf, exp, inf, isclose, log, nan, pi, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import (
    RegimeLabel,
    RegimeParameters,
    RegimeReading,
    RegimeState,
    markov_filter,
    markov_smoother,
    regime_label,
    regime_reading,
    regime_start,
    regime_update,
    transition_risk,
)
from stratumd.odds.regime import log_emission, ordered_parameters
from stratumd.odds.regime_fit import RegimeStep, regime_chain
from stratumd.odds.switching import switching_matrix

MARKET = RegimeParameters(a=0.1, b=0.9, rates=(1.0, 12.0), scales=(0.2, 0.8))

positive = st.floats(0.05, 10.0)
parameters = st.builds(
    ordered_parameters, positive, positive, st.tuples(positive, positive), st.tuples(positive, positive)
)
changes = st.one_of(st.just(0.0), st.floats(-3, 3))
steps = st.lists(st.builds(RegimeStep, st.floats(0.003, 3.0), changes), min_size=1, max_size=7)


def walk(model: RegimeParameters, sequence: list[RegimeStep]) -> list[RegimeState]:
    """The states after each step, one at a time, as a detector takes them."""
    states = [regime_start(model)]
    for hours, change in sequence:
        states.append(regime_update(model, states[-1], hours, change))
    return states


def test_emissions_by_hand() -> None:
    """In a quarter of an hour 0.25 and 3 changes are due. A change of one scale has the density of a half-normal."""
    assert log_emission(MARKET, 0.25, 0.0) == pytest.approx((-0.25, -3.0))
    stable = (1 - exp(-0.25)) * sqrt(2 / pi) / 0.2 * exp(-((0.8 / 0.2) ** 2) / 2)
    unstable = (1 - exp(-3.0)) * sqrt(2 / pi) / 0.8 * exp(-0.5)
    assert log_emission(MARKET, 0.25, 0.8) == pytest.approx((log(stable), log(unstable)))


@given(positive, st.floats(0.003, 3.0), positive)
def test_no_change_and_all_sizes_of_a_change_are_certain_together(rate: float, hours: float, scale: float) -> None:
    """Half-normal: the density summed over sizes in small steps, up to eight scales."""
    model = RegimeParameters(1.0, 1.0, (rate, rate), (scale, scale))
    width = scale / 200
    sizes = [(i + 0.5) * width for i in range(1600)]
    total = exp(log_emission(model, hours, 0.0)[0])
    total += sum(exp(log_emission(model, hours, size)[0]) for size in sizes) * width
    assert isclose(total, 1.0, abs_tol=1e-5)


@given(parameters, st.floats(0.003, 3.0), st.floats(0.01, 3.0))
def test_up_and_down_are_alike(model: RegimeParameters, hours: float, size: float) -> None:
    assert log_emission(model, hours, size) == log_emission(model, hours, -size)


def test_scale_is_the_root_mean_square_size() -> None:
    """68 % of the changes are smaller than one scale: erf(1/√2), from a sum over the density."""
    model = RegimeParameters(1.0, 1.0, (2.0, 2.0), (0.5, 0.5))
    inside = sum(exp(log_emission(model, 1.0, (i + 0.5) / 2000)[0]) / 2000 for i in range(1000))
    assert inside == pytest.approx((1 - exp(-2.0)) * erf(sqrt(0.5)), abs=1e-5)


@pytest.mark.parametrize(("hours", "change"), [(0.0, 0.0), (-1.0, 0.0), (inf, 0.0), (nan, 0.0), (1.0, nan), (1.0, inf)])
def test_time_goes_on_and_changes_are_finite(hours: float, change: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        regime_update(MARKET, regime_start(MARKET), hours, change)


def test_a_market_begins_at_rest() -> None:
    assert regime_start(MARKET) == RegimeState(0.1, "stable")
    assert regime_start(RegimeParameters(9.0, 1.0, (1.0, 2.0), (1.0, 1.0))) == RegimeState(0.9, "unstable")


def test_a_step_by_hand() -> None:
    """At rest 0.1 are unstable and stay so on the way; a quarter hour without change is e^(−0.25) against e^(−3)."""
    stable, unstable = 0.9 * exp(-0.25), 0.1 * exp(-3.0)
    after = regime_update(MARKET, regime_start(MARKET), 0.25, 0.0)
    assert after.unstable == pytest.approx(unstable / (stable + unstable))


def test_quiet_calms_and_large_changes_alarm() -> None:
    quiet = walk(MARKET, [RegimeStep(0.25, 0.0)] * 4)
    assert [s.unstable for s in quiet] == sorted([s.unstable for s in quiet], reverse=True)
    assert regime_update(MARKET, quiet[-1], 0.25, 1.5).label == "unstable"


@given(parameters, steps)
def test_step_by_step_is_the_general_filter(model: RegimeParameters, sequence: list[RegimeStep]) -> None:
    whole = markov_filter(regime_chain(model, sequence)).states
    assert [s.unstable for s in walk(model, sequence)] == pytest.approx([states[1] for states in whole], abs=1e-12)


@given(parameters, steps.filter(lambda sequence: len(sequence) < 6))
def test_it_is_what_all_paths_say(model: RegimeParameters, sequence: list[RegimeStep]) -> None:
    """By brute force over 2^(n+1) paths, from the start at rest."""
    rest = model.b / (model.a + model.b), model.a / (model.a + model.b)
    by_end = [0.0, 0.0]
    for path in product((0, 1), repeat=len(sequence) + 1):
        density = rest[path[0]]
        for (before, after), (hours, change) in zip(pairwise(path), sequence, strict=True):
            density *= switching_matrix(model.a, model.b, hours)[before][after]
            emission = log_emission(model, hours, change)
            density *= exp(emission[after] - max(emission))  # a factor that all paths share, against underflow
        by_end[path[-1]] += density
    assert walk(model, sequence)[-1].unstable == pytest.approx(by_end[1] / sum(by_end), abs=1e-9)


@given(parameters, steps, steps)
def test_the_past_does_not_change_with_the_future(
    model: RegimeParameters, past: list[RegimeStep], future: list[RegimeStep]
) -> None:
    assert walk(model, past + future)[: len(past) + 1] == walk(model, past)


def test_the_smoother_would_look_ahead() -> None:
    """The same calm start of a market that is about to jump: the smoother knows, the filter does not."""
    calm, jump = [RegimeStep(0.1, 0.0)] * 3, [RegimeStep(0.1, 2.0)]
    before = walk(MARKET, calm)[-1].unstable
    assert walk(MARKET, calm + jump)[3].unstable == before
    assert markov_smoother(regime_chain(MARKET, calm + jump)).states[3][1] > before + 0.1


@given(parameters, steps)
def test_all_that_is_shown_is_a_probability(model: RegimeParameters, sequence: list[RegimeStep]) -> None:
    shown = regime_reading(model, walk(model, sequence)[-1])
    assert 0.0 <= shown.regime_probability <= 1.0
    assert 0.0 <= shown.transition_risk <= 1.0
    assert shown.stability_score + shown.transition_risk == pytest.approx(1.0, abs=1e-15)


def test_risk_is_the_probability_of_unrest_ten_minutes_on() -> None:
    """From certainty of calm `a/r·(1 − e^(−r/6))` with r = 1; far ahead it is the state at rest."""
    calm = RegimeState(0.0, "stable")
    assert transition_risk(MARKET, calm) == pytest.approx(0.1 * (1 - exp(-1 / 6)))
    assert transition_risk(MARKET, RegimeState(1.0, "unstable"), hours=1e6) == pytest.approx(0.1)


def test_a_reading_has_the_five_figures_and_no_more() -> None:
    state = RegimeState(0.3, "unstable")
    risk = transition_risk(MARKET, state)
    assert regime_reading(MARKET, state) == RegimeReading("unstable", 0.3, risk, 1 - risk, MARKET.version)
    assert RegimeReading._fields == (
        "regime_label",
        "regime_probability",
        "transition_risk",
        "stability_score",
        "model_version",
    )


@pytest.mark.parametrize(
    ("unstable", "before", "after"),
    [
        (0.79, "stable", "stable"),
        (0.80, "stable", "unstable"),
        (0.51, "unstable", "unstable"),
        (0.50, "unstable", "stable"),
    ],
)
def test_a_label_holds_on_between_its_bounds(unstable: float, before: RegimeLabel, after: str) -> None:
    assert regime_label(unstable, before) == after


def test_a_probability_that_wavers_does_not_make_the_label_flicker() -> None:
    label: RegimeLabel = "stable"
    seen: list[RegimeLabel] = []
    for unstable in (0.6, 0.82, 0.7, 0.81, 0.55, 0.79, 0.45, 0.7, 0.79):
        label = regime_label(unstable, label)
        seen.append(label)
    assert seen == ["stable"] + ["unstable"] * 5 + ["stable"] * 3


def test_a_version_names_the_parameters() -> None:
    """Fixed for ever: stored with every reading. Any parameter changes it, by the smallest step too."""
    assert MARKET.version == "5dfeb3bfe55c4465"
    assert RegimeParameters(0.1, 0.9, (1.0, 12.0), (0.2, 0.8)).version == MARKET.version
    others = [
        RegimeParameters(0.1 + 1e-16, 0.9, (1.0, 12.0), (0.2, 0.8)),
        RegimeParameters(0.9, 0.1, (1.0, 12.0), (0.2, 0.8)),
        RegimeParameters(0.1, 0.9, (1.0, 12.5), (0.2, 0.8)),
        RegimeParameters(0.1, 0.9, (1.0, 12.0), (0.25, 0.8)),
    ]
    assert len({MARKET.version, *(other.version for other in others)}) == 5


@pytest.mark.parametrize("bad", [0.0, -1.0, inf, nan])
def test_parameters_are_finite_and_above_zero(bad: float) -> None:
    for a, b, rate, scale in ((bad, 1.0, 1.0, 1.0), (1.0, bad, 1.0, 1.0), (1.0, 1.0, bad, 1.0), (1.0, 1.0, 1.0, bad)):
        with pytest.raises(ValueError, match="finite and above zero"):
            RegimeParameters(a, b, (1.0, rate), (1.0, scale))


def test_the_unstable_state_comes_second_and_is_put_there() -> None:
    """Few large changes against many small: 2 · 3 is more than 5 · 1."""
    with pytest.raises(ValueError, match="comes second"):
        RegimeParameters(0.1, 0.9, (2.0, 5.0), (3.0, 1.0))
    assert ordered_parameters(0.1, 0.9, (2.0, 5.0), (3.0, 1.0)) == RegimeParameters(0.9, 0.1, (5.0, 2.0), (1.0, 3.0))


def test_whole_numbers_name_the_same_parameters() -> None:
    """A parameter file may say 1 for 1.0."""
    assert RegimeParameters(1, 2, (1, 3), (1, 1)).version == RegimeParameters(1.0, 2.0, (1.0, 3.0), (1.0, 1.0)).version
