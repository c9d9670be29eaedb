"""What the history says of books: how near their early word is to the close of the others, and who moves first.

Both are noisy, and operators that copy look like those they copy. So what is published is ranks with intervals.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, variance
from typing import Any, NamedTuple

from stratumd.odds import MIN_EVENTS

RESAMPLES = 400
SEED = 20_260_101
"""The draws are always the same: equal records give equal intervals."""


class Said(NamedTuple):
    """One figure of one subject (a book, an operator) in one event."""

    subject: str
    event: str
    value: float


class Standing(NamedTuple):
    """A subject's place among the others; rank 1 is the lowest figure."""

    subject: str
    records: int
    events: int
    rank: int
    low: int | None
    high: int | None
    """The 95 % interval of the rank, by resampling events; None while the baseline is building."""
    shrunk: float


def standings(said: Iterable[Said]) -> list[Standing]:
    """Return the subjects by rank of their shrunken means.

    A mean is drawn towards the mean of all by what is known of it (James–Stein, with the spread between subjects
    estimated by moments): few records say little. Intervals: whole events are drawn anew.
    """
    records = sorted(said)
    events = sorted({each.event for each in records})
    by_event: dict[str, list[Said]] = {event: [] for event in events}
    for each in records:
        by_event[each.event].append(each)
    shrunk = _shrunken(records)
    ranks = _ranks(shrunk)
    spread = _resampled(by_event, shrunk) if len(events) >= MIN_EVENTS else {}
    found = []
    for subject, rank in sorted(ranks.items(), key=lambda item: (item[1], item[0])):
        own = [each for each in records if each.subject == subject]
        seen = len({each.event for each in own})
        low, high = spread.get(subject, (None, None)) if seen >= MIN_EVENTS else (None, None)
        found.append(Standing(subject, len(own), seen, rank, low, high, shrunk[subject]))
    return found


def public(standing: Standing, **named: Any) -> dict[str, Any]:
    """Return a standing as it is shown: the rank and how sure it is, and no figure that looks exact."""
    low, high = standing.low, standing.high
    return {
        **named,
        "rank": standing.rank,
        "rank_interval": None if low is None else [low, high],
        "records": standing.records,
        "events": standing.events,
        "maturity": "baseline_building" if low is None else "ready",
    }


def sharp_weights(found: Sequence[Standing]) -> dict[str, float]:
    """Return weights for a consensus: 2 for books surely in the upper half, 0.5 for those surely in the lower one.

    Surely: the whole interval of the rank. Others weigh 1, and are left out.
    """
    middle = (len(found) + 1) / 2
    weights = {}
    for each in found:
        if each.high is not None and each.high < middle:
            weights[each.subject] = 2.0
        elif each.low is not None and each.low > middle:
            weights[each.subject] = 0.5
    return weights


def _shrunken(records: Sequence[Said]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for each in records:
        values.setdefault(each.subject, []).append(each.value)
    means = {subject: fmean(own) for subject, own in values.items()}
    overall = fmean([each.value for each in records])
    noise = {subject: _noise(own) for subject, own in values.items()}
    known = [subject for subject in means if noise[subject] is not None]
    between = 0.0
    if len(known) > 1:
        within = fmean([noise[subject] or 0.0 for subject in known])
        between = max(0.0, variance([means[subject] for subject in known]) - within)
    return {subject: overall + _trust(between, noise[subject]) * (mean - overall) for subject, mean in means.items()}


def _noise(own: Sequence[float]) -> float | None:
    """Return the variance of a mean; None where one record does not tell."""
    return variance(own) / len(own) if len(own) > 1 else None


def _trust(between: float, noise: float | None) -> float:
    if noise is None:
        return 0.0
    return between / (between + noise) if between + noise > 0.0 else 0.0


def _ranks(figures: Mapping[str, float]) -> dict[str, int]:
    ordered = sorted(figures.values())
    return {subject: 1 + ordered.index(figure) for subject, figure in figures.items()}


def _resampled(by_event: Mapping[str, Sequence[Said]], full: Mapping[str, float]) -> dict[str, tuple[int, int]]:
    """Return the 95 % interval of each subject's rank; one that a draw does not hold keeps its own figure."""
    if len(set(full.values())) == 1:  # the subjects differ by no more than chance: any of them may be anywhere
        return dict.fromkeys(full, (1, len(full)))
    draws = random.Random(SEED)  # noqa: S311  # a resampling is no secret
    names = list(by_event)
    found: dict[str, list[int]] = {subject: [] for subject in full}
    for _ in range(RESAMPLES):
        records = [said for _ in names for said in by_event[names[draws.randrange(len(names))]]]
        for subject, rank in _ranks({**full, **_shrunken(records)}).items():
            found[subject].append(rank)
    return {subject: (_at(ranks, 0.025), _at(ranks, 0.975)) for subject, ranks in found.items()}


def _at(ranks: list[int], share: float) -> int:
    return sorted(ranks)[round(share * (len(ranks) - 1))]


def by_group(items: Iterable[tuple[str, Said]]) -> dict[str, list[Said]]:
    """Return the figures by group, such as a market, in order."""
    found: dict[str, list[Said]] = {}
    for group, said in items:
        found.setdefault(group, []).append(said)
    return {group: found[group] for group in sorted(found)}
