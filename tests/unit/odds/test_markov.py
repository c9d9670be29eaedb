"""The general hidden Markov model: filter, smoother and expectation-maximisation."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import exp, inf, isclose, log, pi
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import Chain, Smoothed, expectation_maximisation, markov_filter, markov_smoother
from tests.support import shared


class Gaussian(NamedTuple):
    """Independent normal features, as the reference values have them; the project's own emissions are others."""

    start: list[float]
    transitions: list[list[float]]
    means: list[list[float]]
    variances: list[list[float]]


Points = list[list[float]]


def log_density(x: list[float], mean: list[float], variance: list[float]) -> float:
    return sum(-0.5 * (log(2 * pi * v) + (a - m) ** 2 / v) for a, m, v in zip(x, mean, variance, strict=True))


def gaussian_chain(model: Gaussian, points: Points) -> Chain:
    states = list(zip(model.means, model.variances, strict=True))
    emissions = [[log_density(x, *state) for state in states] for x in points]
    return Chain(model.start, [model.transitions] * (len(points) - 1), emissions)


def weighted_mean(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def normalised(counts: Sequence[float]) -> list[float]:
    return [count / sum(counts) for count in counts]


def gaussian_refit(_: Gaussian, sequences: Sequence[Points], posteriors: Sequence[Smoothed]) -> Gaussian:
    """Baum-Welch without priors, over all sequences as one; no variance shrinks onto a single point."""
    points = [x for sequence in sequences for x in sequence]
    weights = list(zip(*[state for each in posteriors for state in each.states], strict=True))
    pairs = [pair for each in posteriors for pair in each.pairs]
    features = list(zip(*points, strict=True))
    means = [[weighted_mean(w, xs) for xs in features] for w in weights]
    variances = [
        [max(1e-4, weighted_mean(w, [(x - m) ** 2 for x in xs])) for xs, m in zip(features, mean, strict=True)]
        for w, mean in zip(weights, means, strict=True)
    ]
    states = range(len(weights))
    start = normalised([sum(each.states[0][k] for each in posteriors) for k in states])
    return Gaussian(
        start, [normalised([sum(p[i][j] for p in pairs) for j in states]) for i in states], means, variances
    )


def distributions(size: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(0.02, 1.0), min_size=size, max_size=size).map(normalised)


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """Two or three states, up to five points, a different matrix for each step."""
    states, points = draw(st.integers(2, 3)), draw(st.integers(1, 5))
    emission = st.lists(st.floats(-8, 3), min_size=states, max_size=states)
    matrices = [[draw(distributions(states)) for _ in range(states)] for _ in range(points - 1)]
    return Chain(draw(distributions(states)), matrices, [draw(emission) for _ in range(points)])


def paths(chain: Chain, points: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every path of states over the first points, with the density of it and of what was observed."""
    for path in product(range(len(chain.start)), repeat=points):
        density = chain.start[path[0]]
        for step in range(points - 1):
            density *= chain.transitions[step][path[step]][path[step + 1]]
        for point, state in enumerate(path):
            density *= exp(chain.log_emissions[point][state])
        yield path, density


def share(chain: Chain, points: int, at: dict[int, int]) -> float:
    """By brute force: the probability of the states `at` some points, given the first `points` observations."""
    every = list(paths(chain, points))
    meant = [density for path, density in every if all(path[point] == state for point, state in at.items())]
    return sum(meant) / sum(density for _, density in every)


@given(chains())
def test_the_filter_is_what_all_paths_so_far_say(chain: Chain) -> None:
    found = markov_filter(chain)
    for point, states in enumerate(found.states):
        brute = [share(chain, point + 1, {point: state}) for state in range(len(states))]
        assert states == pytest.approx(brute, abs=1e-9)
    likelihood = sum(density for _, density in paths(chain, len(chain.log_emissions)))
    assert isclose(found.log_likelihood, log(likelihood), abs_tol=1e-9)


@given(chains())
def test_the_smoother_is_what_all_whole_paths_say(chain: Chain) -> None:
    found, points, size = markov_smoother(chain), len(chain.log_emissions), range(len(chain.start))
    for point, states in enumerate(found.states):
        assert states == pytest.approx([share(chain, points, {point: k}) for k in size], abs=1e-9)
    for step, pairs in enumerate(found.pairs):
        for i, j in product(size, size):
            assert pairs[i][j] == pytest.approx(share(chain, points, {step: i, step + 1: j}), abs=1e-9)
    assert found.log_likelihood == markov_filter(chain).log_likelihood


@given(chains())
def test_probabilities_sum_to_one(chain: Chain) -> None:
    causal, ahead = markov_filter(chain), markov_smoother(chain)
    for states in [*causal.states, *causal.predicted, *ahead.states]:
        assert isclose(sum(states), 1.0, abs_tol=1e-9)
    for pairs in ahead.pairs:
        assert isclose(sum(sum(row) for row in pairs), 1.0, abs_tol=1e-9)


@given(chains(), st.integers(0, 4))
def test_the_filter_does_not_look_ahead(chain: Chain, kept: int) -> None:
    """Cutting the future off changes nothing before it, to the last bit."""
    points = min(kept + 1, len(chain.log_emissions))
    cut = markov_filter(Chain(chain.start, chain.transitions[: points - 1], chain.log_emissions[:points]))
    whole = markov_filter(chain)
    assert cut.states == whole.states[:points]
    assert cut.predicted == whole.predicted[:points]


def test_by_hand() -> None:
    """Even odds, a likelihood ratio of 3: ¾. Then 0.9 stay, 0.1 come over: 0.7; a ratio of 3 again: 2.1 to 0.3."""
    chain = Chain([0.5, 0.5], [[[0.9, 0.1], [0.1, 0.9]]], [[log(3.0), 0.0], [log(3.0), 0.0]])
    found = markov_filter(chain)
    assert found.states == [pytest.approx([0.75, 0.25]), pytest.approx([0.875, 0.125])]
    assert found.predicted == [[0.5, 0.5], pytest.approx([0.7, 0.3])]
    assert isclose(found.log_likelihood, log(2.0 * 2.4))


def test_densities_too_small_for_a_number_still_count() -> None:
    """`exp(−4000)` is 0 in double precision, but e times as likely is e times as likely."""
    found = markov_filter(Chain([0.5, 0.5], [], [[-4000.0, -4001.0]]))
    assert found.states[0][0] == pytest.approx(1 / (1 + exp(-1)))
    assert isclose(found.log_likelihood, -4000.0 + log(0.5 + 0.5 * exp(-1)))


def test_a_state_that_cannot_be_is_ruled_out_whatever_it_would_have_emitted() -> None:
    chain = Chain([1.0, 0.0], [[[1.0, 0.0], [0.0, 1.0]]], [[-900.0, 0.0], [-900.0, 0.0]])
    assert markov_smoother(chain).states == [[1.0, 0.0], [1.0, 0.0]]
    assert markov_filter(chain).log_likelihood == -1800.0


def test_what_no_state_can_emit_is_refused() -> None:
    with pytest.raises(ValueError, match="no state can emit"):
        markov_filter(Chain([0.5, 0.5], [], [[-inf, -inf]]))


@pytest.mark.parametrize("transitions", [[], [[[1.0, 0.0], [0.0, 1.0]]] * 2])
def test_a_chain_has_one_step_less_than_points(transitions: list[list[list[float]]]) -> None:
    with pytest.raises(ValueError, match="T − 1"):
        markov_filter(Chain([0.5, 0.5], transitions, [[0.0, 0.0]] * 2))


spread_out = st.lists(st.floats(-3, 3).map(lambda x: [round(x, 3)]), min_size=8, max_size=25, unique_by=lambda x: x[0])


@given(spread_out, spread_out)
def test_an_iteration_never_lowers_the_likelihood(one: Points, other: Points) -> None:
    start = Gaussian([0.5, 0.5], [[0.8, 0.2], [0.3, 0.7]], [[-0.2], [0.3]], [[1.0], [4.0]])
    sequences = [one, other]
    found = expectation_maximisation(start, sequences, gaussian_chain, gaussian_refit, iterations=5, tolerance=1e-6)
    course = found.log_likelihoods
    assert all(after >= before - 1e-8 for before, after in pairwise(course))
    at_the_end = sum(markov_filter(gaussian_chain(found.model, points)).log_likelihood for points in sequences)
    assert isclose(course[-1], at_the_end, rel_tol=1e-12)


def test_it_ends_where_nothing_is_gained_and_after_its_iterations() -> None:
    start = Gaussian([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[0.0], [1.0]], [[1.0], [1.0]])
    points = [[0.1], [0.2], [2.0], [2.1], [0.3], [0.15]]

    def course(iterations: int, tolerance: float) -> list[float]:
        found = expectation_maximisation(
            start, [points], gaussian_chain, gaussian_refit, iterations=iterations, tolerance=tolerance
        )
        return found.log_likelihoods

    assert len(course(2, 0.0)) == 3
    assert len(course(0, 0.0)) == 1
    settled = course(500, 0.01)
    assert 2 < len(settled) < 500
    assert settled[-1] - settled[-2] < 0.01 <= settled[-2] - settled[-3]


def as_gaussian(vector: dict[str, Any]) -> Gaussian:
    return Gaussian(vector["startprob"], vector["transmat"], vector["means"], vector["variances"])


def test_reference_values_of_filter_and_smoother() -> None:
    """11 Gaussian chains, in one and three dimensions; one underflows, one is long and sticky."""
    reference = json.loads(shared("vectors/hmm_fixed.json").read_text())
    tolerance = reference["tolerance"]
    assert reference["vectors"]
    for vector in reference["vectors"]:
        chain = gaussian_chain(as_gaussian(vector), vector["X"])
        causal, ahead = markov_filter(chain), markov_smoother(chain)
        assert causal.log_likelihood == pytest.approx(vector["loglik"], rel=tolerance["loglik_rel"]), vector["id"]
        for got, expected in (
            (causal.states, vector["filtered"]),
            (causal.predicted, vector["predicted"]),
            (ahead.states, vector["smoothed"]),
        ):
            for point, states in enumerate(expected):
                assert got[point] == pytest.approx(states, abs=tolerance["prob"], rel=0), (vector["id"], point)


def test_reference_values_of_expectation_maximisation() -> None:
    """Pure maximum likelihood after 1, 5 and 50 iterations of three sequences."""
    reference = json.loads(shared("vectors/hmm_em.json").read_text())
    tolerance = reference["tolerance"]
    sequences = {vector["id"]: vector["X"] for vector in reference["vectors"] if vector["X"]}
    assert sequences
    for vector in reference["vectors"]:
        points, iterations = [sequences[vector["X_ref"]]], vector["n_iter"]
        found = expectation_maximisation(
            as_gaussian(vector["init"]), points, gaussian_chain, gaussian_refit, iterations=iterations, tolerance=-inf
        )
        expected = [*vector["loglik_before_each_iter"], vector["loglik_after"]]
        assert found.log_likelihoods == pytest.approx(expected, abs=tolerance, rel=0), vector["id"]
        model, meant = found.model, as_gaussian(vector)
        got_rows = [model.start, *model.transitions, *model.means, *model.variances]
        rows = [meant.start, *meant.transitions, *meant.means, *meant.variances]
        for got, row in zip(got_rows, rows, strict=True):
            assert got == pytest.approx(row, abs=tolerance, rel=0), vector["id"]
