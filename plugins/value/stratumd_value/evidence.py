"""What the signals of `value` carry: prices, their ages, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stratumd.odds import Component, Fair, Method
from stratumd.plugin import Micros, rounded
from stratumd_value.legs import Legs, Together, age_seconds, stakes
from stratumd_value.metadata import (
    ArbitrageMetadata,
    Basis,
    Best,
    Leg,
    LowHoldMetadata,
    MiddleMetadata,
    PositiveEvMetadata,
)
from stratumd_value.middle import Between
from stratumd_value.positive import Worth
from stratumd_value.reference import Reference, Voice


def positive(reference: Reference, worth: Worth, parts: Sequence[Component], at: Micros) -> dict[str, Any]:
    """Return the metadata of POSITIVE_EV."""
    quote, chance = worth.quote, worth.chance
    rests_on = _rests_on(reference, quote.outcome, frozenset((quote.line.operator,)), at)
    age = _round(age_seconds(quote.line, at))
    return _plain(
        PositiveEvMetadata(
            unit="probability",
            value=_round(1.0 / quote.price),
            consensus=_round(chance.probability),
            fair_price=_round(1.0 / chance.probability),
            best=Best(quote.line.book, quote.at, _round(quote.price), age),
            ev_percent=_by_method(worth.ev),
            push_probability=_round(chance.push),
            reference=_whose(reference),
            rests_on=rests_on,
            oldest_seconds=max([age, *[each.age_seconds for each in rests_on]]),
            components=_components(parts),
        )
    )


def arbitrage(best: Together, parts: Sequence[Component], at: Micros) -> dict[str, Any]:
    """Return the metadata of ARBITRAGE."""
    legs = _legs(best.legs, at)
    return _plain(
        ArbitrageMetadata(
            unit="probability",
            value=_round(best.total),
            consensus=_round(best.alone),
            line=best.legs[0].at,
            margin_percent=_round(100.0 * (1.0 / best.total - 1.0)),
            legs=legs,
            operators=best.operators,
            oldest_seconds=max([leg.age_seconds for leg in legs]),
            components=_components(parts),
        )
    )


def low_hold(best: Together, parts: Sequence[Component], at: Micros) -> dict[str, Any]:
    """Return the metadata of LOW_HOLD."""
    legs = _legs(best.legs, at)
    return _plain(
        LowHoldMetadata(
            unit="probability",
            value=_round(best.total),
            consensus=_round(best.alone),
            line=best.legs[0].at,
            hold_percent=_round(100.0 * (1.0 - 1.0 / best.total)),
            legs=legs,
            operators=best.operators,
            oldest_seconds=max([leg.age_seconds for leg in legs]),
            components=_components(parts),
        )
    )


def middle(reference: Reference, between: Between, parts: Sequence[Component], at: Micros) -> dict[str, Any]:
    """Return the metadata of MIDDLE."""
    legs = _legs(between.legs, at)
    rests_on = _rests_on(reference, between.legs[0].outcome, frozenset([leg.line.operator for leg in between.legs]), at)
    return _plain(
        MiddleMetadata(
            unit="points",
            width=between.width,
            cost_percent=_round(100.0 * between.cost),
            probability=_round(between.probability),
            ev_percent=_by_method(between.ev),
            legs=legs,
            reference=_whose(reference),
            rests_on=rests_on,
            operators=between.operators,
            oldest_seconds=max([leg.age_seconds for leg in legs] + [basis.age_seconds for basis in rests_on]),
            components=_components(parts),
        )
    )


def _legs(legs: Legs, at: Micros) -> list[Leg]:
    shares = stakes([leg.price for leg in legs])
    return [
        Leg(
            outcome=leg.outcome,
            operator=leg.line.operator,
            book=leg.line.book,
            line=leg.at,
            price=_round(leg.price),
            stake=_round(share),
            age_seconds=_round(age_seconds(leg.line, at)),
        )
        for leg, share in zip(legs, shares, strict=True)
    ]


def _rests_on(reference: Reference, outcome: str, without: frozenset[str], at: Micros) -> list[Basis]:
    return [_basis(voice, outcome, at) for voice in reference.voices(without)]


def _basis(voice: Voice, outcome: str, at: Micros) -> Basis:
    fair = voice.line.fair
    assert isinstance(fair, Fair), "a voice has a fair price"
    price = fair.prices[fair.outcomes.index(outcome)]
    return Basis(voice.operator, voice.line.book, fair.line, _round(price), _round(age_seconds(voice.line, at)))


def _whose(reference: Reference) -> str:
    return "sharp" if reference.is_sharp else "others"


def _by_method(ev: Mapping[Method, float]) -> dict[str, float]:
    found: dict[str, float] = {method: round(100.0 * value, 3) + 0.0 for method, value in ev.items()}
    return found | {"worst_case": min(found.values())}


def _components(parts: Sequence[Component]) -> dict[str, Any]:
    return {part.name: {"weight": part.weight, "value": _round(part.value)} for part in parts}


def _plain(metadata: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(metadata)
    return found


def _round(value: float) -> float:
    return rounded(value) or 0.0
