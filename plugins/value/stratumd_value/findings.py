"""From what was found to findings: magnitudes, thresholds, strengths."""

from __future__ import annotations

from stratumd.odds import Component, breadth, magnitude, strength
from stratumd.plugin import Finding, Market, Micros
from stratumd_value import evidence
from stratumd_value.legs import Legs, Together, age_seconds
from stratumd_value.middle import Between
from stratumd_value.options import Options
from stratumd_value.positive import Worth
from stratumd_value.reference import Reference


def positive_finding(reference: Reference, worth: Worth, options: Options, at: Micros) -> Finding:
    """Return a finding whose magnitude is how far the implied probability lies below the fair one."""
    quote, least = worth.quote, options.positive_ev.min_ev_percent / 100.0
    others = len(reference.voices(frozenset((quote.line.operator,))))
    parts = [magnitude(worth.least, least), breadth(others, 1 if reference.is_sharp else options.min_books)]
    return Finding(
        type="POSITIVE_EV",
        key=reference.market.key,
        outcome=quote.outcome,
        direction="down",
        magnitude=worth.chance.probability - 1.0 / quote.price,
        threshold=least / (quote.price * (1.0 - worth.chance.push)),
        books=(quote.line.book,),
        strength=strength(parts),
        operator=quote.line.operator,
        evidence=lambda: evidence.positive(reference, worth, parts, at),
    )


def arbitrage_finding(market: Market, best: Together, options: Options, at: Micros) -> Finding:
    """Return a finding whose magnitude is how far the implied probabilities together lie below one."""
    least = options.arbitrage.min_margin_percent / 100.0
    size, threshold = 1.0 - best.total, least / (1.0 + least)
    parts = [magnitude(size, threshold), _freshness(best.legs, options, at), breadth(best.operators, 2)]
    return Finding(
        type="ARBITRAGE",
        key=market.key,
        outcome=best.legs[0].outcome,
        direction="down",
        magnitude=size,
        threshold=threshold,
        books=_books(best.legs),
        strength=strength(parts),
        evidence=lambda: evidence.arbitrage(best, parts, at),
    )


def low_hold_finding(market: Market, best: Together, options: Options, at: Micros) -> Finding:
    """Return a finding whose magnitude is the share of all stakes that comes back."""
    most, hold = options.low_hold.max_hold_percent / 100.0, 1.0 - 1.0 / best.total
    # Half at the threshold as everywhere, and three quarters where nothing is held.
    parts = [magnitude(2.0 * most - hold, most), _freshness(best.legs, options, at), breadth(best.operators, 2)]
    return Finding(
        type="LOW_HOLD",
        key=market.key,
        outcome=best.legs[0].outcome,
        direction="down",
        magnitude=1.0 - hold,
        threshold=1.0 - most,
        books=_books(best.legs),
        strength=strength(parts),
        evidence=lambda: evidence.low_hold(best, parts, at),
    )


def middle_finding(reference: Reference, between: Between, options: Options, at: Micros) -> Finding:
    """Return a finding whose magnitude is the distance of the two lines."""
    width, least = between.width, options.middle.min_width
    parts = [magnitude(width, least), _freshness(between.legs, options, at), breadth(between.operators, 2)]
    first = between.legs[0].outcome
    return Finding(
        type="MIDDLE",
        key=reference.market.key,
        outcome=first,
        direction="up" if first == "home" else "down",
        magnitude=width,
        threshold=least,
        books=_books(between.legs),
        strength=strength(parts),
        evidence=lambda: evidence.middle(reference, between, parts, at),
    )


def _freshness(legs: Legs, options: Options, at: Micros) -> Component:
    """Return how young the oldest leg is, from 1 (this moment) to 0 (`max_age`): old prices are often gone. Weight
    0.3.
    """
    oldest = max([age_seconds(leg.line, at) for leg in legs])
    return Component("freshness", 0.3, 1.0 - oldest / max(options.max_age.total_seconds(), 1.0))


def _books(legs: Legs) -> tuple[str, ...]:
    return tuple(sorted({leg.line.book for leg in legs}))
