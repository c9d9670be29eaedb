"""A book's whole quote of a market at a time, from the paths of its sides."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stratumd.odds import Fair, Pricing, fair_quotes
from stratumd.plugin import EventPast, Micros, QuotePath, QuotePoint


class Held(NamedTuple):
    """A book's whole quote, fair, as it stood before some instant."""

    book: str
    operator: str
    fair: Fair
    changed_at: Micros
    confirmed_at: Micros
    """When it was last observed before that instant."""
    stands: bool
    """Whether it was still offered then, as far as was observed: neither changed nor withdrawn."""


Book = tuple[QuotePath, ...]
"""The sides of one book's market."""


class MarketPast:
    """One market of one event, book by book."""

    def __init__(self, market: str, sport: str, books: Mapping[str, Book], pricing: Pricing) -> None:
        self.market = market
        self._sport = sport
        self.books = books
        self._pricing = pricing
        self._fair: dict[tuple[object, ...], Fair | None] = {}

    def standing(self, book: str, operator: str, at: Micros) -> Held | None:
        """Return the whole quote of `book` that was on offer at `at`, by the observations up to then; None without one.

        What was observed was there: a book whose clock is ahead dates it a moment later.
        """
        held = self.held(book, operator, at + 1, by_own_word=False)
        return held if held is not None and held.stands else None

    def held(self, book: str, operator: str, before: Micros, *, by_own_word: bool = True) -> Held | None:
        """Return the last whole quote of `book` observed before an instant, by its own word too; None without one.

        Sides of different observations are never put together: each must have held while the others did.
        """
        sides, since, until, seen = [], 0, before, before
        for path in self.books[book]:
            index = _last(path, before, by_own_word)
            if index is None:
                continue
            points, confirmed = path.points, path.confirmed
            at, line, price, _ = points[index]
            end = points[index + 1].observed_at if index + 1 < len(points) else before
            if at > since:
                since = at
            if end < until:
                until = end
            position = bisect_left(confirmed, until) - 1
            last = confirmed[position] if position >= 0 and confirmed[position] > at else at
            if last < seen:
                seen = last
            sides.append((path.outcome, price, line))
        if since >= until or not sides:
            return None
        fair = self.fair(tuple(sides))
        return None if fair is None else Held(book, operator, fair, since, seen, until == before)

    def fair(self, sides: tuple[tuple[object, ...], ...]) -> Fair | None:
        """Return the fair quote of all sides, or None where they are no whole market. Computed once."""
        if sides not in self._fair:
            found = fair_quotes(self.market, self._sport, sides, self._pricing)  # type: ignore[arg-type]  # quotes
            self._fair[sides] = found if isinstance(found, Fair) else None
        return self._fair[sides]


def markets_of(past: EventPast, wanted: Sequence[str], pricing: Pricing) -> list[MarketPast]:
    """Return the wanted team markets of an event. A book that shows a ladder has no line of its own: left out."""
    books: dict[str, dict[str, list[QuotePath]]] = {market: {} for market in wanted}
    for path in past.paths:
        if path.market in books and path.player is None and path.rung is None:
            books[path.market].setdefault(path.book, []).append(path)
    sport = past.event.sport
    return [
        MarketPast(market, sport, {book: tuple(paths) for book, paths in found.items()}, pricing)
        for market, found in books.items()
        if found
    ]


def same_at(path: QuotePath, at: Micros, later: Micros, patience: Micros, end: Micros) -> bool | None:
    """Say whether what `path` offered at `at` was still offered at `later`.

    By the first observation from `later` on; None where there is none within `patience` and before `end`. In between
    nobody looked, so a price that went and came back counts as there.
    """
    position = bisect_left(path.confirmed, later)
    if position == len(path.confirmed) or path.confirmed[position] >= min(later + patience + 1, end):
        return None
    now, then = _in_force(path, at), _in_force(path, path.confirmed[position])
    if now is None or then is None:
        return False
    before, after = path.points[now], path.points[then]
    return (before.line, before.price) == (after.line, after.price)


def _in_force(path: QuotePath, at: Micros) -> int | None:
    index = bisect_right(path.points, at, key=_observed_at) - 1
    return index if index >= 0 else None


def _last(path: QuotePath, before: Micros, by_own_word: bool) -> int | None:
    """Return the index of the last point with a price that was observed before; and confirmed by the book, if asked."""
    points = path.points
    for index in range(bisect_left(points, before, key=_observed_at) - 1, -1, -1):
        point = points[index]
        dated = point.last_update if by_own_word else None
        if point.price is not None and (dated is None or dated < before):
            return index
    return None


def _observed_at(point: QuotePoint) -> Micros:
    return point.observed_at
