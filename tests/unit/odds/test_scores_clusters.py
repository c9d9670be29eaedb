"""Means and rates over events: clustered intervals, bootstrap, Wilson, and the t behind them."""

import json
from math import inf, isclose, pi, sqrt, tan
from random import Random
from statistics import NormalDist, fmean, median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import (
    MIN_EVENTS,
    clustered_mean,
    clustered_rate,
    clustered_se,
    effective_trials,
    event_bootstrap,
    mean_p_value,
    wilson,
)
from stratumd.odds.student import critical, two_sided
from tests.support import shared

values = st.lists(st.floats(-1, 1), min_size=2, max_size=40)
HALF_AND_HALF = [0.5, 1.5] * 20  # forty events of one record each: mean 1


@pytest.mark.parametrize(
    ("confidence", "df", "t"),
    [(0.95, 1, 12.706), (0.95, 2, 4.303), (0.95, 5, 2.571), (0.99, 10, 3.169), (0.95, 29, 2.045), (0.9, 120, 1.658)],
)
def test_the_critical_values_of_the_printed_tables(confidence: float, df: int, t: float) -> None:
    assert critical(confidence, df) == pytest.approx(t, abs=5e-4)


@given(st.floats(0.01, 0.999))
def test_one_and_two_degrees_have_closed_forms(confidence: float) -> None:
    """df 1 is the Cauchy distribution, `tan(π·c/2)`; df 2 has `c·√(2/(1 − c²))`."""
    assert critical(confidence, 1) == pytest.approx(tan(pi * confidence / 2), rel=1e-8)
    assert critical(confidence, 2) == pytest.approx(confidence * sqrt(2 / (1 - confidence**2)), rel=1e-8)


@given(st.floats(0.5, 0.999), st.integers(1, 400))
def test_the_tail_beyond_a_critical_value_is_what_was_asked(confidence: float, df: int) -> None:
    t = critical(confidence, df)
    assert two_sided(t, df) == pytest.approx(1 - confidence, abs=1e-10)
    assert two_sided(-t, df) == two_sided(t, df)
    assert t > critical(confidence, df + 1) > NormalDist().inv_cdf(0.5 + confidence / 2)


def test_with_many_degrees_it_is_the_normal_distribution() -> None:
    assert critical(0.95, 1_000_000) == pytest.approx(1.959963984540054, abs=1e-5)


@pytest.mark.parametrize(("confidence", "df"), [(0.0, 5), (1.0, 5), (0.95, 0)])
def test_no_critical_value_of_nothing(confidence: float, df: int) -> None:
    with pytest.raises(ValueError):
        critical(confidence, df)


def test_a_clustered_error_by_hand() -> None:
    """Deviations −3, −1 | 1, 3: events add up to −4 and 4, so √(2/1 · 32) / 4 = 2."""
    assert clustered_se([1.0, 3.0, 5.0, 7.0], ["a", "a", "b", "b"]) == 2.0


@given(values)
def test_with_one_record_an_event_it_is_the_plain_standard_error(xs: list[float]) -> None:
    assert clustered_se(xs, range(len(xs))) == pytest.approx(stdev(xs) / sqrt(len(xs)), abs=1e-12)


@given(values, st.integers(2, 5))
def test_repeating_records_of_an_event_is_no_new_evidence(xs: list[float], times: int) -> None:
    """Ten signals that say the same on one event leave the error where one had it."""
    repeated = [x for x in xs for _ in range(times)]
    events = [event for event in range(len(xs)) for _ in range(times)]
    assert clustered_se(repeated, events) == pytest.approx(clustered_se(xs, range(len(xs))), abs=1e-12)


@given(values, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(xs: list[float], random: Random) -> None:
    records = [(x, i % 3) for i, x in enumerate([*xs, 0.5])]
    shuffled = random.sample(records, len(records))
    once, again = (clustered_se(*zip(*each, strict=True)) for each in (records, shuffled))
    assert once == pytest.approx(again, abs=1e-12)


def test_one_event_has_no_error() -> None:
    with pytest.raises(ValueError, match="at least two events"):
        clustered_se([1.0, 2.0], ["a", "a"])


def test_every_record_has_an_event() -> None:
    with pytest.raises(ValueError, match="shorter"):
        clustered_se([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="no record"):
        clustered_mean([], [])


def test_a_clustered_mean_by_hand() -> None:
    """Forty deviations of ½: se = √(40/39 · 10) / 40, times t of 39 degrees, 2.0227."""
    found = clustered_mean(HALF_AND_HALF, range(40))
    assert found.maturity == "ready"
    assert found.interval is not None
    assert found.se == pytest.approx(sqrt(400 / 39) / 40)
    assert found.interval == pytest.approx(
        (1 - 2.0227 * sqrt(400 / 39) / 40, 1 + 2.0227 * sqrt(400 / 39) / 40), abs=1e-5
    )
    assert (found.value, found.records, found.events) == (1.0, 40, 40)


@pytest.mark.parametrize(("events", "maturity"), [(MIN_EVENTS - 1, "baseline_building"), (MIN_EVENTS, "ready")])
def test_events_are_counted_not_records(events: int, maturity: str) -> None:
    """A thousand records on 29 events are a building baseline."""
    names = [i % events for i in range(1000)]
    mean = clustered_mean([float(i % 7) for i in range(1000)], names)
    rate = clustered_rate([i % 7 == 0 for i in range(1000)], names)
    assert mean.maturity == rate.maturity == maturity
    assert (mean.interval is None) == (rate.interval is None) == (mean.se is None) == (maturity != "ready")
    assert mean.value == fmean(float(i % 7) for i in range(1000))
    assert mean.events == rate.events == events


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """400 samples of 40 events with 1 to 5 records that share half of their variance."""
    random = Random(7)
    covered = 0
    for _ in range(400):
        xs, events = [], []
        for event in range(40):
            common = random.gauss(0, 1)
            for _ in range(random.randrange(1, 6)):
                xs.append(common + random.gauss(0, 1))
                events.append(event)
        interval = clustered_mean(xs, events).interval
        assert interval is not None
        covered += interval.low <= 0.0 <= interval.high
    assert 0.92 <= covered / 400 <= 0.98


def test_the_bootstrap_agrees_with_the_clustered_interval() -> None:
    random = Random(3)
    xs = [random.gauss(0.02, 0.05) + 0.03 * (i % 4 == 0) for i in range(240)]
    events = [i // 4 for i in range(240)]
    drawn, closed = event_bootstrap(xs, events, Random(1), resamples=2000), clustered_mean(xs, events).interval
    assert drawn is not None
    assert closed is not None
    assert drawn == pytest.approx(closed, abs=0.002)


def test_the_bootstrap_has_no_chance_of_its_own() -> None:
    xs, events = [float(i % 11) for i in range(90)], [i // 2 for i in range(90)]
    once, again, other = (event_bootstrap(xs, events, Random(seed), resamples=200) for seed in (5, 5, 6))
    assert once == again
    assert once != other


class _InTurn:
    """Draws every event once, in order: each resample is the sample itself."""

    def __init__(self) -> None:
        self.turn = -1

    def randrange(self, stop: int, /) -> int:
        self.turn += 1
        return self.turn % stop


def test_whole_events_are_drawn_and_any_statistic_taken() -> None:
    xs, events = [float(i) for i in range(66)], [i // 2 for i in range(66)]
    assert event_bootstrap(xs, events, _InTurn(), resamples=3) == (fmean(xs), fmean(xs))
    assert event_bootstrap(xs, events, _InTurn(), resamples=3, statistic=median) == (median(xs), median(xs))


class _Always:
    """Draws one event after another, all of a resample alike."""

    def __init__(self, count: int) -> None:
        self.drawn, self.count = -1, count

    def randrange(self, stop: int, /) -> int:
        self.drawn += 1
        return self.drawn // self.count


def test_the_percentiles_lie_between_resamples() -> None:
    """31 resamples with the means 0 to 30: the 10th and 90th percentiles are 3 and 27."""
    interval = event_bootstrap([float(i) for i in range(31)], range(31), _Always(31), resamples=31, confidence=0.8)
    assert interval == pytest.approx((3.0, 27.0))


def test_the_bootstrap_waits_for_its_baseline_too() -> None:
    assert event_bootstrap([1.0] * 29, range(29), Random(1), resamples=10) is None


@pytest.mark.parametrize(("resamples", "confidence"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_a_bootstrap_of_nothing_is_refused(resamples: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="at least one resample"):
        event_bootstrap([1.0] * 40, range(40), Random(1), resamples=resamples, confidence=confidence)


def test_wilson_by_hand() -> None:
    """54 of 100 is 44 to 63 %; none of ten still allows up to z²/(10 + z²)."""
    assert wilson(54, 100) == pytest.approx((0.4426, 0.6344), abs=1e-4)
    z2 = 1.959963984540054**2
    assert wilson(0, 10) == pytest.approx((0.0, z2 / (10 + z2)))
    assert wilson(10, 10) == pytest.approx((10 / (10 + z2), 1.0))


@given(st.floats(0, 1), st.floats(0.5, 500), st.floats(0.5, 0.999))
def test_a_rate_lies_inside_its_interval_and_hits_and_misses_mirror(p: float, n: float, confidence: float) -> None:
    low, high = wilson(p * n, n, confidence)
    assert 0.0 <= low <= p + 1e-9
    assert p - 1e-9 <= high <= 1.0
    assert wilson(n - p * n, n, confidence) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(("hits", "trials"), [(1, 0), (-1, 5), (6, 5), (inf, inf)])
def test_what_is_no_rate_is_refused(hits: float, trials: float) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson(hits, trials)


def test_repeated_hits_of_an_event_are_one_trial() -> None:
    """40 events with 5 equal records each are worth 39 trials (40 less one for the CR1 factor), not 200."""
    hits = [event % 2 == 0 for event in range(40) for _ in range(5)]
    events = [event for event in range(40) for _ in range(5)]
    assert effective_trials(hits, events) == pytest.approx(39.0)
    found = clustered_rate(hits, events)
    assert found.interval == pytest.approx(wilson(19.5, 39.0))
    assert found.value == 0.5


def test_trials_never_outnumber_records() -> None:
    """One hit and one miss on every event are less than chance would scatter; no credit is taken for it."""
    assert effective_trials([True, False] * 30, [i // 2 for i in range(60)]) == 60.0
    assert effective_trials([True, False, False] * 10 + [True] * 4, range(34)) == pytest.approx(33.0)


@pytest.mark.parametrize("hit", [True, False])
def test_where_all_agree_each_event_is_one_trial(hit: bool) -> None:
    found = clustered_rate([hit] * 120, [i // 4 for i in range(120)])
    assert found.interval == wilson(30.0 * hit, 30.0)


def test_a_p_value_agrees_with_the_interval() -> None:
    """The null at an end of the 95 % interval has a p-value of 5 %."""
    found = clustered_mean(HALF_AND_HALF, range(40))
    assert found.interval is not None
    for end in found.interval:
        assert mean_p_value(found, end) == pytest.approx(0.05)
    assert mean_p_value(found, 1.0) == 1.0
    assert mean_p_value(found) == pytest.approx(0.0, abs=1e-9)


def test_no_p_value_while_the_baseline_is_building_or_of_equal_events() -> None:
    assert mean_p_value(clustered_mean([1.0] * 29, range(29))) is None
    assert mean_p_value(clustered_mean([1.0] * 30, range(30))) == 0.0
    assert mean_p_value(clustered_mean([0.0] * 30, range(30))) == 1.0


def test_reference_values() -> None:
    """10 samples: the clustered error as in statsmodels, Wilson's interval."""
    reference = json.loads(shared("vectors/stats.json").read_text())
    tolerance = reference["tolerance_abs"]
    assert reference["vectors"]
    for vector in reference["vectors"]:
        cluster, rate = vector["cluster"], vector["wilson"]
        found = clustered_mean(cluster["values"], cluster["event"])
        se = clustered_se(cluster["values"], cluster["event"])
        assert se == pytest.approx(cluster["cluster_se_cr1"], abs=tolerance, rel=0), vector["id"]
        assert found.value == pytest.approx(cluster["mean"], abs=tolerance, rel=0), vector["id"]
        assert found.events == cluster["n_events"]
        got = wilson(rate["k"], rate["n"], 1.0 - rate["alpha"])
        assert got == pytest.approx((rate["lo"], rate["hi"]), abs=tolerance, rel=0), vector["id"]
        assert isclose(stdev(cluster["values"]) / sqrt(found.records), cluster["naive_se"], abs_tol=1e-9)
