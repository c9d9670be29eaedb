"""What a signal carries: the projection, what the market says instead, and the prices that are worth it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stratumd.odds import Component
from stratumd.plugin import SECOND, BookLine, ConsensusPoint, Market, Micros, rounded
from stratumd_projection.distribution import named
from stratumd_projection.metadata import Best, MispricedMetadata, Row, Worthwhile
from stratumd_projection.worth import Expected, Worth, by_consensus, confirmed_at

READING = (
    "The price is worth more than it costs if the projection is right; where the whole market disagrees with it, "
    "the projection is the likelier one to be wrong."
)


def mispriced(
    market: Market,
    point: ConsensusPoint,
    projection: Expected,
    source: str,
    found: Sequence[Worth],
    parts: Sequence[Component],
    at: Micros,
) -> dict[str, Any]:
    """Return the metadata of MISPRICED; `found` has the best first, `source` is where the projection is from."""
    best = found[0]
    metadata = MispricedMetadata(
        reading=READING,
        unit="probability",
        value=_round(best.probability),
        consensus=rounded(by_consensus(market, point, best)),
        implied=_round(1.0 / best.price),
        fair_price=_round(1.0 / best.probability),
        push_probability=_round(best.settled.push),
        ev_percent=_percent(best.ev),
        best=Best(best.line.operator, best.line.book, best.at, _round(best.price), age_seconds(best.line, at)),
        worthwhile=[
            Worthwhile(each.line.operator, each.line.book, each.at, _round(each.price), _percent(each.ev))
            for each in found
        ],
        operators=point.operators,
        projection=_row(projection, source, at),
        components={part.name: {"weight": part.weight, "value": _round(part.value)} for part in parts},
    )
    plain: dict[str, Any] = msgspec.to_builtins(metadata)
    return plain


def age_seconds(line: BookLine, at: Micros) -> float:
    """Return how old the present offer of `line` is; never negative, though a book's clock may run fast."""
    span = line.now
    assert span is not None, "the line offers something"
    return _round(max(0, at - confirmed_at(span)) / SECOND)


def _row(projection: Expected, source: str, at: Micros) -> Row:
    row = projection.row
    return Row(
        source=source,
        line=row.line,
        mean=row.mean,
        sd=projection.sd,
        distribution=named(projection.family, row.mean, projection.sd),
        age_seconds=_round((at - row.written_at) / SECOND),
    )


def _percent(ev: float) -> float:
    return rounded(100.0 * ev, 3) or 0.0


def _round(value: float) -> float:
    return rounded(value) or 0.0
