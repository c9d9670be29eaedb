"""What the prices of a signal were worth at the close."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from stratumd.odds import Ranking, ranking
from stratumd.plugin import MINUTE, SECOND, Micros, Signal
from stratumd.plugin.evidence import rows, text
from stratumd_clv.closing import Agreed, agree, own_line
from stratumd_clv.quotes import MarketPast, same_at
from stratumd_clv.rows import First, Value

PATIENCE = 15 * MINUTE
"""How long after the instant that is asked for an observation still says whether a price was there."""


class Taken(NamedTuple):
    """A price that could be had. `line` is the bettor's own side's."""

    book: str | None
    line: float | None
    price: float
    sides: tuple[tuple[str, float, float | None], ...]
    """All sides of the same quote: outcome, price, own line."""


class Valuing:
    """Values the signals about one market of one event."""

    def __init__(
        self,
        pipeline: str,
        market: MarketPast,
        operators: Mapping[str, str],
        sigma: float | None,
        close: Agreed | None,
        quality: str,
        max_age: Micros,
        cutoff: Micros,
        observed: Sequence[Micros],
    ) -> None:
        self._pipeline = pipeline
        self._market = market
        self._operators = operators
        self._sigma = sigma
        self._close = close
        self._quality = quality
        self._max_age = max_age
        self._cutoff = cutoff
        self._observed = observed
        self._known: dict[Micros, Agreed | None] = {}

    def values(self, signal: Signal, offsets: Sequence[Micros]) -> Iterator[Value]:
        """Yield the records of a signal: per reference, at each offset."""
        at = signal.observed_at
        now = self._agreed(at)
        rank = ranking(signal.strength, (signal.commence_at - at) / MINUTE)
        stale = _stale(signal)
        for name, books in (("named", signal.books), *((("stale", stale),) if stale is not None else ())):
            taken = self._best(books, signal.outcome, at, now)
            for offset in offsets:
                yield self._record(signal, rank, name, offset, *self._still(taken, signal.outcome, at, offset))
        for offset in offsets:
            then = self._agreed(at + offset)
            taken = None if then is None or at + offset >= self._cutoff else _consensus(then, signal.outcome)
            yield self._record(signal, rank, "consensus", offset, taken, "" if taken else "no_price")

    def _agreed(self, at: Micros) -> Agreed | None:
        """Return the consensus of the newest observation up to `at`."""
        index = bisect_right(self._observed, at)
        seen = self._observed[index - 1] if index else at
        if seen not in self._known:
            self._known[seen] = self._consensus_of(seen)
        return self._known[seen]

    def _consensus_of(self, at: Micros) -> Agreed | None:
        held = [self._market.standing(book, operator, at) for book, operator in self._operators.items()]
        return agree(self._market.market, self._sigma, filter(None, held), at - self._max_age)

    def _best(self, books: Sequence[str], outcome: str, at: Micros, now: Agreed | None) -> Taken | None:
        """Return the best price for the bettor among `books` as they stood at `at`.

        By what they are worth then, so that lines count; the highest price where the lines cannot be compared.
        """
        offered = [taken for book in books if (taken := self._taken(book, outcome, at)) is not None]
        if not offered:
            return None

        def rank(taken: Taken) -> tuple[float, float, str]:
            worth = now.value(outcome, taken.price, taken.line) if now is not None else None
            return (-worth.ev if worth is not None else 1.0, -taken.price, taken.book or "")

        return min(offered, key=rank)

    def _taken(self, book: str, outcome: str, at: Micros) -> Taken | None:
        if book not in self._market.books:
            return None
        held = self._market.standing(book, self._operators[book], at)
        if held is None or outcome not in held.fair.outcomes or held.confirmed_at < at:
            return None
        fair, market = held.fair, self._market.market
        sides = tuple(
            (side, price, own_line(market, side, fair.line))
            for side, price in zip(fair.outcomes, fair.prices, strict=True)
        )
        _, price, line = sides[fair.outcomes.index(outcome)]
        return Taken(book, line, price, sides)

    def _still(self, taken: Taken | None, outcome: str, at: Micros, offset: Micros) -> tuple[Taken | None, str]:
        """Return the price where it is still there after `offset`, else why there is none."""
        if taken is None or taken.book is None:
            return None, "no_price"
        if offset == 0:
            return taken, ""
        (path,) = [path for path in self._market.books[taken.book] if path.outcome == outcome]
        there = same_at(path, at, at + offset, PATIENCE, self._cutoff)  # after it a price follows the score
        if there is None:
            return None, "unobserved"
        return (taken, "") if there else (None, "gone")

    def _record(
        self, signal: Signal, rank: Ranking, reference: str, offset: Micros, taken: Taken | None, why: str
    ) -> Value:
        close = self._close
        worth = None
        if taken is not None and close is not None:
            worth = close.value(signal.outcome, taken.price, taken.line)
        status = why or ("no_close" if close is None else "not_comparable" if worth is None else "valued")
        return Value(
            pipeline=self._pipeline,
            signal=signal.id,
            reference=reference,
            after_seconds=offset // SECOND,
            event=signal.event,
            sport=signal.sport,
            type=signal.type,
            market=signal.market,
            outcome=signal.outcome,
            observed_at=signal.observed_at,
            strength=signal.strength,
            bucket=rank.timing.bucket if rank.timing else "",
            score=rank.score,
            tier=rank.tier,
            score_source=rank.score_source,
            status=status,
            book=taken.book if taken else None,
            line=taken.line if taken else None,
            price=taken.price if taken else None,
            close_line=own_line(signal.market, signal.outcome, close.line) if close else None,
            close_probability=worth.probability if worth else None,
            ev=worth.ev if worth else None,
            log=worth.log if worth else None,
            points=worth.points if worth else None,
            baseline=_baseline(taken, close) if worth and taken and close else None,
            quality=self._quality,
        )


def firsts(pipeline: str, signal: Signal) -> Iterator[First]:
    """Yield each mover's part in a signal that says who moved first; nothing where the intervals do not tell."""
    originator, movers = text(signal.metadata, "originator"), rows(signal.metadata, "movers")
    if originator is not None:
        for operator in sorted({operator for mover in movers if (operator := text(mover, "operator"))}):
            first = int(operator == originator)
            yield First(pipeline, signal.id, operator, signal.event, signal.market, first)


def _stale(signal: Signal) -> list[str] | None:
    """Return the books that a steam left behind; None for a signal of another shape."""
    if not isinstance(signal.metadata.get("stale"), list):
        return None
    return [book for each in rows(signal.metadata, "stale") if (book := text(each, "book"))]


def _consensus(now: Agreed, outcome: str) -> Taken | None:
    if outcome not in now.outcomes:
        return None
    sides = tuple(
        (side, price, own_line(now.market, side, now.line))
        for side, price in zip(now.outcomes, now.prices, strict=True)
    )
    _, price, line = sides[now.outcomes.index(outcome)]
    return Taken(None, line, price, sides)


def _baseline(taken: Taken, close: Agreed) -> float | None:
    """Return the mean worth of all sides of the quote that was taken from."""
    worths = [close.value(*side) for side in taken.sides]
    return None if None in worths else fmean([worth.ev for worth in worths if worth is not None])
