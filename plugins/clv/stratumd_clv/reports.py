"""What `stratumd clv` and a digest show: closing lines, a summary, scorecards, and what was learned of books."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Literal

from stratumd.plugin import Ledger, Micros, PluginConfig, Report, iso, rounded
from stratumd_clv.cards import overview, scorecards
from stratumd_clv.learned import Said, Standing, by_group, public, sharp_weights, standings
from stratumd_clv.options import Convention
from stratumd_clv.rows import BookClose, Closed, Closing, First, MarketClose, Value

Answer = Iterator[dict[str, Any]]
Field = Literal[
    "type", "market", "bucket", "reference", "after_seconds", "book", "sport", "tier", "quality", "outcome", "status"
]


class SumQuestion(PluginConfig):
    """Which records."""

    event: str | None = None
    """Only signals of this event."""
    types: tuple[str, ...] = ()
    """Only signals of these types."""
    market: str | None = None
    """Only signals of this market."""
    min_strength: int = 0
    """Only signals of at least this strength."""
    since: Micros = 0
    """Only signals observed from then on, microseconds UTC."""
    min_samples: int = 0
    """Only cells of at least so many records that have a value."""


class CardQuestion(SumQuestion):
    """Which records, and how they are grouped."""

    by: tuple[Field, ...] = ("type", "market", "bucket", "reference")
    """The fields that make a cell."""
    reference: Literal["named", "stale", "consensus"] | None = None
    """Only prices of this reference."""
    after_seconds: int | None = 0
    """Only prices so long after their signal; None for all."""


class ValueQuestion(PluginConfig):
    """Which signal."""

    signal: str
    """Its id."""


class CloseQuestion(PluginConfig):
    """Which closing lines."""

    event: str | None = None
    """Only this event."""
    convention: Convention | None = None
    """Only this convention."""
    market: str | None = None
    """Only this market."""
    since: Micros = 0
    """Only what closed from then on, microseconds UTC."""
    books: bool = False
    """Every book's line, not the market's."""


class Summary(Report):
    """What the prices of all signals were worth, by type and reference."""

    name, config = "clv.summary", SumQuestion
    options: SumQuestion

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a cell per type, reference and time after the signal."""
        values = _values(ledger, self.context.pipeline, self.options)
        yield from scorecards(values, ("type", "reference", "after_seconds"), self.options.min_samples)


class Scorecards(Report):
    """Closing-line value by cell."""

    name, config = "clv.scorecards", CardQuestion
    options: CardQuestion

    def answer(self, ledger: Ledger) -> Answer:
        """Yield the cells."""
        asked = {"reference": self.options.reference, "after_seconds": self.options.after_seconds}
        equal = {name: value for name, value in asked.items() if value is not None}
        values = _values(ledger, self.context.pipeline, self.options, **equal)
        yield from scorecards(values, self.options.by, self.options.min_samples)


class Values(Report):
    """What the prices of one signal were worth at the close."""

    name, config = "clv.values", ValueQuestion
    options: ValueQuestion

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a row per reference and time after the signal, also where it has no value."""
        for row in ledger.rows(Value, pipeline=self.context.pipeline, signal=self.options.signal):
            yield {
                "signal": row.signal,
                "reference": row.reference,
                "after_seconds": row.after_seconds,
                "status": row.status,
                "book": row.book,
                "line": row.line,
                "price": row.price,
                "close_line": row.close_line,
                "close_probability": rounded(row.close_probability, 4),
                "ev_percent": None if row.ev is None else rounded(100.0 * row.ev, 3),
                "points": row.points,
                "quality": row.quality,
            }


class Closes(Report):
    """Closing lines per event and market, with their quality."""

    name, config = "clv.closes", CloseQuestion
    options: CloseQuestion

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a row per event, convention and market, or per book."""
        own = {"pipeline": self.context.pipeline}
        equal = own | _given(event=self.options.event, convention=self.options.convention)
        found = [each for each in ledger.rows(Closing, **equal) if each.cutoff_at >= self.options.since]
        closings = {(each.event, each.convention): each for each in found}
        if self.options.books:
            yield from self._books(ledger, closings, own)
            return
        sports = {each.event: each for each in ledger.rows(Closed, **own)}
        for row in ledger.rows(MarketClose, **equal, **_given(market=self.options.market)):
            closing = closings.get((row.event, row.convention))
            if closing is None:
                continue
            yield {
                "event": row.event,
                "sport": sports[row.event].sport,
                "convention": row.convention,
                "market": row.market,
                "quality": row.quality,
                "operators": row.operators,
                "books": row.books,
                "line": row.line,
                "fair_line": rounded(row.fair_line, 4),
                "probabilities": _named(row.outcomes, row.probabilities),
                "oldest_seconds": row.oldest_seconds,
                "cutoff_at": iso(closing.cutoff_at),
                "closed_at": None if closing.closed_at is None else iso(closing.closed_at),
            }

    def _books(self, ledger: Ledger, closings: dict[tuple[str, str], Closing], own: dict[str, str]) -> Answer:
        held: dict[tuple[str, int], list[BookClose]] = {}
        where = own | _given(event=self.options.event, market=self.options.market)
        for row in ledger.rows(BookClose, **where):
            held.setdefault((row.event, row.closed_at), []).append(row)
        for (event, convention), closing in closings.items():
            for row in held.get((event, closing.closed_at or 0), ()):
                yield {
                    "event": event,
                    "convention": convention,
                    "market": row.market,
                    "book": row.book,
                    "operator": row.operator,
                    "line": row.line,
                    "fair_line": rounded(row.fair_line, 4),
                    "prices": _named(row.outcomes, row.prices),
                    "probabilities": _named(row.outcomes, row.probabilities),
                    "hold_percent": rounded(100.0 * row.hold, 3),
                    "changed_at": iso(row.changed_at),
                    "confirmed_at": iso(row.confirmed_at),
                    "age_seconds": (closing.cutoff_at - row.confirmed_at) / 1e6,
                }


class Sharpness(Report):
    """Books by how near their early word is to the close of the others: ranks with intervals."""

    name = "clv.sharpness"

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a row per market and book."""
        for market, found in _sharpness(ledger, self.context.pipeline).items():
            for each in found:
                yield public(each, market=market, book=each.subject)


class Weights(Report):
    """Consensus weights that follow from the ranks: a proposal, with the version of what it rests on."""

    name = "clv.weights"

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a row per market."""
        for market, found in _sharpness(ledger, self.context.pipeline).items():
            weights = sharp_weights(found)
            basis = repr([(each.subject, each.rank, each.low, each.high, each.records) for each in found])
            version = hashlib.sha256(basis.encode()).hexdigest()[:12]
            yield {"market": market, "version": version, "books": len(found), "weights": weights}


class Firsts(Report):
    """Operators by how often they moved first where it is known who did: ranks with intervals."""

    name = "clv.firsts"

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a row per operator, all markets and events together."""
        rows = ledger.rows(First, pipeline=self.context.pipeline)
        said = [Said(row.operator, row.event, -float(row.first)) for row in rows]
        for each in standings(said) if said else ():
            yield public(each, operator=each.subject)


class Overview(Report):
    """How many records there are, and why some have no value."""

    name = "clv.overview"

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a row per reference, time after the signal, and status."""
        yield from overview(ledger.rows(Value, pipeline=self.context.pipeline))


class Excluded(Report):
    """Events that were called off: they have no closing lines, and their signals no value."""

    name = "clv.excluded"

    def answer(self, ledger: Ledger) -> Answer:
        """Yield a row per event."""
        for each in ledger.rows(Closed, pipeline=self.context.pipeline):
            if each.excluded:
                start = iso(each.commence_at)
                yield {"event": each.event, "commence_at": start, "reason": each.excluded, "signals": each.signals}


def _values(ledger: Ledger, pipeline: str, asked: SumQuestion, **equal: Any) -> list[Value]:
    equal |= _given(event=asked.event, market=asked.market)
    return [
        row
        for row in ledger.rows(Value, pipeline=pipeline, **equal)
        if row.strength >= asked.min_strength
        and row.observed_at >= asked.since
        and (not asked.types or row.type in asked.types)
    ]


def _given(**named: object) -> dict[str, str]:
    """Return what is said, without what is not."""
    return {name: str(value) for name, value in named.items() if value is not None}


def _sharpness(ledger: Ledger, pipeline: str) -> dict[str, list[Standing]]:
    sports = {each.event: each.sport for each in ledger.rows(Closed, pipeline=pipeline)}
    items = [
        (f"{sports[row.event]} {row.market}", Said(row.book, row.event, row.early_error))
        for row in ledger.rows(BookClose, pipeline=pipeline)
        if row.early_error is not None
    ]
    return {group: standings(said) for group, said in by_group(items).items()}


def _named(outcomes: str, numbers: str) -> dict[str, float]:
    return dict(zip(outcomes.split(), [round(float(number), 6) for number in numbers.split()], strict=True))
