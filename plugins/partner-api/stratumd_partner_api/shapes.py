"""What a plan leaves out. Pure: stored values in, JSON objects out, with what is hidden gone from every place.

Where books are hidden, evidence keeps only what can name none: numbers, and the texts of a short list. A stranger's
detector may write a book's name anywhere, so what is not known to be harmless goes. The observation goes, too: a
signal's id is a hash of what it tells of, its operator among that, and with the observation the last unknown of it
would be there for whoever tries all operators.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from stratumd.odds import Ranking
from stratumd.plugin import ConsensusPoint, Contributor, Micros, Signal, iso
from stratumd.plugin.evidence import number
from stratumd.plugin.partners import Plan
from stratumd.plugin.views import ConsensusRow, PathPoint, QuoteRow

VELOCITY, COMPONENTS, BOOKS = "velocity", "components", "books"

_PACE = frozenset({"velocity", "minutes", "interval", "speed", "first_seen", "originator"})
"""Fields of evidence that say how fast something moved, or from which that follows."""
_TEXTS = frozenset({"unit", "reference"})
_KNOWN_TEXTS = ("points", "probability", "sharp", "others")
"""Texts of evidence that name no book."""
_NUMBERED = frozenset({"components", "ev_percent"})
"""Objects of evidence whose names are none of books."""


class Shape(NamedTuple):
    """What a plan shows: two plans of one shape get the same bytes."""

    delay: Micros
    hidden: frozenset[str]

    def hides(self, what: str) -> bool:
        """Say whether `what` is left out."""
        return what in self.hidden


FULL = Shape(0, frozenset())


@lru_cache(maxsize=256)
def _shape(delay: Micros, hidden: frozenset[str]) -> Shape:
    return Shape(delay, hidden)


def shape_of(plan: Plan) -> Shape:
    """Return the shape of a plan."""
    return _shape(plan.delay, plan.hidden)


def signal(found: Signal, hidden: frozenset[str]) -> dict[str, Any]:
    """Return a signal's JSON object."""
    shown = found.public()
    if BOOKS in hidden:
        shown["books"] = shown["operator"] = None
        shown["observation"] = ""
    shown["metadata"] = evidence(found.metadata, hidden, _names(found.books, found.operator))
    return shown


def ranking(found: Ranking, hidden: frozenset[str]) -> dict[str, Any]:
    """Return the score with what it is made of."""
    timing = found.timing
    return {
        "score": found.score,
        "tier": found.tier,
        "score_source": found.score_source,
        "from_strength": found.from_strength,
        "from_timing": found.from_timing,
        "timing": None
        if timing is None
        else {
            "minutes_to_start": round(timing.minutes_to_start, 2),
            "bucket": timing.bucket,
            "value": timing.value,
        },
    }


def evidence(metadata: Mapping[str, Any], hidden: frozenset[str], names: Collection[str]) -> dict[str, Any]:
    """Return the metadata of a signal without what is hidden; `names` are those of its books and operators."""
    if not hidden:
        return dict(metadata)
    gone = _gone(hidden)
    kept: dict[str, Any] = _pruned(metadata, gone)
    return _nameless(kept, names) if BOOKS in hidden else kept


def quote(found: QuoteRow, hidden: frozenset[str]) -> dict[str, Any]:
    """Return a quote's JSON object."""
    shown = found.public()
    return shown | {"book": None} if BOOKS in hidden else shown


def point(found: PathPoint, hidden: frozenset[str]) -> dict[str, Any]:
    """Return a point of a path as a JSON object."""
    shown = found.public()
    return shown | {"book": None} if BOOKS in hidden else shown


def consensus(found: ConsensusRow, hidden: frozenset[str]) -> dict[str, Any]:
    """Return a consensus as a JSON object."""
    told: ConsensusPoint = found.point
    return {
        "pipeline": found.pipeline,
        "event": found.event,
        "observed_at": iso(found.observed_at),
        "market": told.key.market,
        "player": told.key.player,
        "outcomes": list(told.outcomes),
        "line": told.line,
        "fair_line": told.fair_line,
        "probabilities": list(told.probabilities),
        "prices": list(told.prices),
        "dispersion": told.dispersion,
        "books": told.books,
        "operators": told.operators,
        "contributors": None if BOOKS in hidden else [each._asdict() for each in told.contributors],
        "reason": told.reason,
    }


def exported(kind: str, row: dict[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """Return a row of an export."""
    if kind == "signals":
        blank = {"books": None, "operator": None, "observation": ""} if BOOKS in hidden else {}
        names = _names(row["books"], row["operator"])
        return row | blank | {"metadata": evidence(row["metadata"], hidden, names)}
    if BOOKS in hidden:
        return row | ({"book": None} if kind == "changes" else {"contributors": None})
    if kind == "consensus":
        return row | {"contributors": [Contributor(*each)._asdict() for each in row["contributors"]]}
    return row


def velocity(found: Signal) -> float | None:
    """Return how fast what the signal tells of moved, per minute; None where that has no meaning."""
    return number(found.metadata, VELOCITY)


def encoded(found: Signal, score: Ranking, hidden: frozenset[str]) -> bytes:
    """Return a signal with its ranking as JSON."""
    return msgspec.json.encode(signal(found, hidden) | {"ranking": ranking(score, hidden)})


def _gone(hidden: frozenset[str]) -> frozenset[str]:
    gone = set[str]()
    if VELOCITY in hidden:
        gone |= _PACE
    if COMPONENTS in hidden:
        gone.add(COMPONENTS)
    return frozenset(gone)


def _pruned(value: Any, gone: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _pruned(each, gone) for name, each in value.items() if str(name).lower() not in gone}
    if isinstance(value, list | tuple):
        return [_pruned(each, gone) for each in value]
    return value


def _names(books: Iterable[str], operator: str | None) -> frozenset[str]:
    return frozenset([each.lower() for each in (*books, operator or "") if each])


def _nameless(metadata: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    kept = dict[str, Any]()
    for name, value in metadata.items():
        if any(each in str(name).lower() for each in names):
            continue
        if _plain(value) or (name in _TEXTS and value in _KNOWN_TEXTS):
            kept[name] = value
        elif name in _NUMBERED and isinstance(value, Mapping):
            kept[name] = {part: each for part, each in value.items() if _figures(each)}
    return kept


def _figures(value: Any) -> bool:
    return all(map(_plain, value.values())) if isinstance(value, Mapping) else _plain(value)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)
