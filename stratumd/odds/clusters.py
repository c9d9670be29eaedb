"""Figures over events: means and rates of records that are not independent of each other.

Ten signals on one event are not ten witnesses. Every interval here counts events (the clusters), and there is
none for fewer than MIN_EVENTS of them: 54 of 100 hits is anything from 44 to 63 % even when all are independent.
"""

from collections.abc import Callable, Hashable, Sequence
from math import inf, sqrt
from statistics import fmean
from typing import Literal, NamedTuple, Protocol

from .normal import inv_cdf
from .student import critical, two_sided

MIN_EVENTS = 30
"""Fewer events than this have no interval: their baseline is still building."""

CONFIDENCE = 0.95
"""How often an interval covers the truth, where the caller does not say otherwise."""

Maturity = Literal["ready", "baseline_building"]
"""Whether a figure rests on enough events to come with an interval."""


class Interval(NamedTuple):
    """A confidence interval in the unit of its figure."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A mean or a rate over records of events.

    `se` is its standard error, clustered by event. `interval` and `se` are None while the baseline is building.
    """

    value: float
    se: float | None
    interval: Interval | None
    records: int
    events: int

    @property
    def maturity(self) -> Maturity:
        """`ready` with an interval, else `baseline_building`."""
        return "baseline_building" if self.interval is None else "ready"


class Draws(Protocol):
    """Where the bootstrap draws from: a `random.Random` that the caller seeded."""

    def randrange(self, stop: int, /) -> int:
        """Return a whole number from 0 to `stop − 1`."""


def clustered_se(values: Sequence[float], events: Sequence[Hashable]) -> float:
    """Return the standard error of the mean of `values`, robust to dependence within an event (CR1).

    `√(G/(G−1) · Σ_g (Σ_{i∈g} (x_i − x̄))²) / n` for G events (Liang & Zeger 1986, with the factor for few
    clusters). `events` names the event of each value. Raises ValueError for fewer than two events, or lengths
    that differ.
    """
    groups = _by_event(values, events)
    if len(groups) < 2:
        raise ValueError("a clustered standard error needs at least two events")
    mean = fmean(values)
    squares = sum([sum([value - mean for value in group]) ** 2 for group in groups])
    return sqrt(squares * len(groups) / (len(groups) - 1)) / len(values)


def clustered_mean(values: Sequence[float], events: Sequence[Hashable], confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of `values` with its CR1 interval, `x̄ ± t·se` with t of G − 1 degrees of freedom.

    No interval under MIN_EVENTS events. Raises ValueError for no value, or lengths that differ.
    """
    count = len(_by_event(values, events))
    mean = fmean(values)
    if count < MIN_EVENTS:
        return Estimate(mean, None, None, len(values), count)
    se = clustered_se(values, events)
    reach = critical(confidence, count - 1) * se
    return Estimate(mean, se, Interval(mean - reach, mean + reach), len(values), count)


def event_bootstrap(
    values: Sequence[float],
    events: Sequence[Hashable],
    draws: Draws,
    *,
    resamples: int,
    confidence: float = CONFIDENCE,
    statistic: Callable[[Sequence[float]], float] = fmean,
) -> Interval | None:
    """Return the percentile interval of a statistic (the mean, or a median) when whole events are drawn anew.

    Each of the `resamples` draws as many events as there are, with replacement, in order of first appearance:
    equal records and an equal generator give an equal interval. None under MIN_EVENTS events. Source: Efron &
    Tibshirani (1993), resampling clusters. Raises ValueError for no resample, a confidence outside (0, 1), or
    lengths that differ.
    """
    if resamples < 1 or not 0.0 < confidence < 1.0:
        raise ValueError("a bootstrap needs at least one resample and a confidence between 0 and 1")
    groups = _by_event(values, events)
    count = len(groups)
    if count < MIN_EVENTS:
        return None
    found = sorted(
        statistic([value for _ in range(count) for value in groups[draws.randrange(count)]]) for _ in range(resamples)
    )
    tail = (1.0 - confidence) / 2.0
    return Interval(_quantile(found, tail), _quantile(found, 1.0 - tail))


def wilson(hits: float, trials: float, confidence: float = CONFIDENCE) -> Interval:
    """Return Wilson's (1927) score interval of a rate; `trials` may be an effective number, not a whole one.

    Raises ValueError unless `0 ≤ hits ≤ trials` and `trials` is finite and above zero.
    """
    if not (0.0 < trials < inf and 0.0 <= hits <= trials):
        raise ValueError(f"{hits!r} of {trials!r} is no rate")
    p, z = hits / trials, inv_cdf(0.5 + confidence / 2.0)
    shrink = 1.0 + z * z / trials
    center = (p + z * z / (2.0 * trials)) / shrink
    reach = z * sqrt(p * (1.0 - p) / trials + z * z / (4.0 * trials * trials)) / shrink
    return Interval(max(0.0, center - reach), min(1.0, center + reach))


def effective_trials(hits: Sequence[bool], events: Sequence[Hashable]) -> float:
    """Return how many independent trials are worth as much as these: `p·(1 − p) / se²`, never more than there are.

    The design effect of Kish (1965), with the CR1 standard error. Where all hit or all missed nothing shows how
    dependent they are, and each event counts as one trial. Raises like `clustered_se`.
    """
    values = [1.0 if hit else 0.0 for hit in hits]
    se, p = clustered_se(values, events), fmean(values)
    if p in (0.0, 1.0):
        return float(len(set(events)))
    return min(float(len(values)), p * (1.0 - p) / (se * se)) if se > 0.0 else float(len(values))


def clustered_rate(hits: Sequence[bool], events: Sequence[Hashable], confidence: float = CONFIDENCE) -> Estimate:
    """Return the share of hits with Wilson's interval on the effective number of trials.

    No interval under MIN_EVENTS events. Raises ValueError for no record, or lengths that differ.
    """
    values = [1.0 if hit else 0.0 for hit in hits]
    count, rate = len(_by_event(values, events)), fmean(values)
    if count < MIN_EVENTS:
        return Estimate(rate, None, None, len(values), count)
    trials = effective_trials(hits, events)
    return Estimate(rate, clustered_se(values, events), wilson(rate * trials, trials, confidence), len(values), count)


def mean_p_value(estimate: Estimate, null: float = 0.0) -> float | None:
    """Return the two-sided p-value of a clustered mean against `null`, by t of G − 1 degrees of freedom.

    None while the baseline is building. Where every event says the same, 0, or 1 if that is `null` itself.
    """
    if estimate.se is None:
        return None
    if estimate.se == 0.0:
        return 1.0 if estimate.value == null else 0.0
    return two_sided((estimate.value - null) / estimate.se, estimate.events - 1)


def _by_event(values: Sequence[float], events: Sequence[Hashable]) -> list[list[float]]:
    """Return the values of each event, in order of first appearance."""
    if not values:
        raise ValueError("no record to take a figure of")
    groups: dict[Hashable, list[float]] = {}
    for value, event in zip(values, events, strict=True):
        groups.setdefault(event, []).append(value)
    return list(groups.values())


def _quantile(ranked: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values, interpolated between neighbours."""
    position = share * (len(ranked) - 1)
    below = int(position)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (position - below)
