"""Fitting the regime model: the likelihood never falls, known truth is found again."""

from itertools import pairwise
from math import isclose
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.odds import Fit, RegimeParameters, RegimeStep, fit_regime, markov_filter, regime_guess
from stratumd.odds.regime_fit import regime_chain

TRUTH = RegimeParameters(a=0.25, b=1.0, rates=(0.6, 12.0), scales=(0.15, 0.7))

steps = st.builds(RegimeStep, st.floats(0.02, 1.0), st.one_of(st.just(0.0), st.sampled_from([-1.0, -0.5, 0.25, 0.5])))
markets = st.lists(st.lists(steps, min_size=2, max_size=12), min_size=1, max_size=4)


def simulated_market(random: Random, model: RegimeParameters, count: int) -> list[RegimeStep]:
    """A market as the model has it, observed every two to ten minutes: the state at the end of a step emits."""
    state = int(random.random() < model.a / (model.a + model.b))
    observed = []
    for _ in range(count):
        hours = random.uniform(2, 10) / 60
        left = hours
        while (stay := random.expovariate((model.a, model.b)[state])) < left:
            left -= stay
            state = 1 - state
        quiet = random.expovariate(model.rates[state]) > hours
        observed.append(RegimeStep(hours, 0.0 if quiet else random.gauss(0.0, model.scales[state])))
    return observed


def log_likelihood(model: RegimeParameters, sequences: list[list[RegimeStep]]) -> float:
    return sum(markov_filter(regime_chain(model, sequence)).log_likelihood for sequence in sequences)


def fitted(sequences: list[list[RegimeStep]], iterations: int = 150) -> Fit[RegimeParameters]:
    start = regime_guess(sequences, 0.01)
    return fit_regime(sequences, start, floor=0.01, iterations=iterations, tolerance=1e-3)


@given(markets.filter(lambda ms: any(step.change for market in ms for step in market)))
@settings(max_examples=60)
def test_an_iteration_never_lowers_the_likelihood(sequences: list[list[RegimeStep]]) -> None:
    found = fitted(sequences, iterations=8)
    assert all(after >= before - 1e-7 for before, after in pairwise(found.log_likelihoods))
    assert isclose(found.log_likelihoods[-1], log_likelihood(found.model, sequences), rel_tol=1e-9)


def test_known_truth_is_found_again() -> None:
    """30 markets of 200 observations: each parameter within a quarter of what made them."""
    random = Random(20)
    found = fitted([simulated_market(random, TRUTH, 200) for _ in range(30)]).model
    assert (found.a, found.b) == pytest.approx((TRUTH.a, TRUTH.b), rel=0.25)
    assert found.rates == pytest.approx(TRUTH.rates, rel=0.25)
    assert found.scales == pytest.approx(TRUTH.scales, rel=0.1)


def test_a_fit_is_at_least_as_likely_as_the_truth() -> None:
    random = Random(4)
    sequences = [simulated_market(random, TRUTH, 150) for _ in range(10)]
    found = fitted(sequences)
    assert found.log_likelihoods[-1] > log_likelihood(TRUTH, sequences)


def test_no_parameters_nearby_are_likelier() -> None:
    """A maximum of the likelihood itself, found without its derivatives."""
    random = Random(9)
    sequences = [simulated_market(random, TRUTH, 100) for _ in range(6)]
    start = regime_guess(sequences, 0.01)
    found = fit_regime(sequences, start, floor=0.01, iterations=600, tolerance=1e-9)
    best, (r0, r1), (s0, s1) = found.model, found.model.rates, found.model.scales
    for factor in (0.95, 1.05):
        for other in (
            RegimeParameters(best.a * factor, best.b, (r0, r1), (s0, s1)),
            RegimeParameters(best.a, best.b * factor, (r0, r1), (s0, s1)),
            RegimeParameters(best.a, best.b, (r0 * factor, r1), (s0, s1)),
            RegimeParameters(best.a, best.b, (r0, r1 * factor), (s0, s1)),
            RegimeParameters(best.a, best.b, (r0, r1), (s0 * factor, s1)),
            RegimeParameters(best.a, best.b, (r0, r1), (s0, s1 * factor)),
        ):
            assert log_likelihood(other, sequences) < found.log_likelihoods[-1]


def test_a_scale_does_not_shrink_below_its_floor() -> None:
    """Every change is the same tick; without a floor a state would settle on it at any likelihood."""
    tick = [RegimeStep(0.1, 0.001 if i % 5 == 0 else 0.0) for i in range(60)]
    found = fit_regime([tick], regime_guess([tick], 0.02), floor=0.02, iterations=20, tolerance=0.0)
    assert min(found.model.scales) == 0.02


def test_equal_history_gives_equal_parameters() -> None:
    """To the last bit: the version of a model is the hash of its parameters."""
    sequences = [simulated_market(Random(seed), TRUTH, 60) for seed in range(4)]
    assert fitted(sequences, 10).model.version == fitted(sequences, 10).model.version


def test_markets_without_a_step_tell_nothing() -> None:
    market = simulated_market(Random(1), TRUTH, 60)
    assert fitted([[], market, []], 5) == fitted([market], 5)


def test_a_guess_has_the_averages_between_its_states() -> None:
    """4 changes of 0.5 in 2 hours: 2 an hour, of which one half and four times, and of size one half and twice."""
    sequence = [RegimeStep(0.25, 0.5), RegimeStep(0.25, 0.0)] * 4
    guess = regime_guess([sequence], 0.01)
    assert guess.rates == pytest.approx((1.0, 8.0))
    assert guess.scales == pytest.approx((0.25, 1.0))
    assert regime_guess([sequence], 0.4).scales == pytest.approx((0.4, 1.0))


def test_no_guess_where_nothing_ever_changed() -> None:
    with pytest.raises(ValueError, match="nothing ever changed"):
        regime_guess([[RegimeStep(1.0, 0.0)]], 0.01)


@pytest.mark.parametrize(("sequences", "floor"), [([], 0.1), ([[]], 0.1), ([[RegimeStep(1.0, 0.5)]], 0.0)])
def test_nothing_is_fitted_to_nothing(sequences: list[list[RegimeStep]], floor: float) -> None:
    with pytest.raises(ValueError, match="at least one step and a floor"):
        fit_regime(sequences, TRUTH, floor=floor, iterations=1, tolerance=0.0)
