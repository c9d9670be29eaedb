"""What a cell of a scorecard shows, and which cells may be believed."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import adjusted_p_values, clustered_mean, clustered_rate, discoveries, score
from tests.support import shared

p_values = st.lists(st.floats(0, 1), max_size=20)


def test_a_score_is_mean_median_and_share_that_beat_the_close() -> None:
    """A value of zero did not beat the close; the median does not follow the one large value."""
    values, events = [0.01, 0.0, -0.01, 4.0] * 10, [i // 2 for i in range(40)]
    found = score(values, events)
    assert found.mean == clustered_mean(values, events)
    assert found.median == 0.005
    assert found.beat_close.value == 0.5
    assert found.mean.maturity == found.beat_close.maturity == "baseline_building"


def test_a_score_has_intervals_once_there_are_events_enough() -> None:
    values = [0.02, -0.01, 0.03] * 20
    found = score(values, range(60), confidence=0.9)
    assert found.mean == clustered_mean(values, range(60), 0.9)
    assert found.beat_close == clustered_rate([True, False, True] * 20, range(60), 0.9)
    assert found.mean.interval is not None


def test_discoveries_by_hand() -> None:
    """Of four at q = 0.10 the limits are 0.025, 0.05, 0.075, 0.1: 0.06 is saved by none but passes its own."""
    p = [0.06, 0.2, 0.001, 0.04]
    assert adjusted_p_values(p) == pytest.approx([0.08, 0.2, 0.004, 0.08])
    assert discoveries(p, 0.10) == [True, False, True, True]


def test_a_later_one_carries_those_before_it() -> None:
    """0.051 misses its limit of 0.05 but lies below 0.07, which meets 0.075."""
    assert discoveries([0.051, 0.02, 0.07, 0.9], 0.10) == [True, True, True, False]


def test_no_cells_have_no_discoveries() -> None:
    assert adjusted_p_values([]) == discoveries([], 0.1) == []


@given(p_values)
def test_adjusting_keeps_the_order_and_never_flatters(ps: list[float]) -> None:
    adjusted = adjusted_p_values(ps)
    ranked = [adjusted[i] for i in sorted(range(len(ps)), key=ps.__getitem__)]
    assert ranked == sorted(ranked)
    assert all(p <= a <= 1.0 for p, a in zip(ps, adjusted, strict=True))


@given(p_values, st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_a_stricter_rate_never_finds_more(ps: list[float], one: float, other: float) -> None:
    strict, lenient = discoveries(ps, min(one, other)), discoveries(ps, max(one, other))
    assert all(found or not first for first, found in zip(strict, lenient, strict=True))


@given(p_values, st.floats(0.01, 0.5), st.randoms(use_true_random=False))
def test_the_order_of_the_cells_does_not_matter(ps: list[float], q: float, random: Random) -> None:
    order = random.sample(range(len(ps)), len(ps))
    shuffled, straight = discoveries([ps[i] for i in order], q), discoveries(ps, q)
    assert shuffled == [straight[i] for i in order]


@given(st.lists(st.integers(0, 100).map(lambda n: n / 101), min_size=1, max_size=15), st.integers(1, 40))
def test_it_is_the_step_up_procedure(ps: list[float], share: int) -> None:
    """The largest k with `p_(k) ≤ k·q/m`, and everything up to it; q chosen so that no limit is met exactly."""
    q = share / 97
    passing = [p for k, p in enumerate(sorted(ps), 1) if p <= k * q / len(ps)]
    assert discoveries(ps, q) == [bool(passing) and p <= passing[-1] for p in ps]


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        adjusted_p_values([0.5, p])


def test_reference_values() -> None:
    """10 families of p-values as statsmodels adjusts them."""
    reference = json.loads(shared("vectors/stats.json").read_text())
    assert reference["vectors"]
    for vector in reference["vectors"]:
        family = vector["bh"]
        adjusted = adjusted_p_values(family["p"])
        assert adjusted == pytest.approx(family["adjusted"], abs=reference["tolerance_abs"], rel=0), vector["id"]
        assert discoveries(family["p"], family["alpha"]) == family["reject"], vector["id"]
