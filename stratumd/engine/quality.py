"""The quality of what books offer: named rules, judged where something changed. What is wrong is flagged, not dropped.

Everything here is a function of the observations: what is remembered between them is stored with the step, so that a
restart and a replay flag the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress

import msgspec

from stratumd.engine.board import Board, Update
from stratumd.engine.lane import Lane
from stratumd.engine.outcome import StateChange
from stratumd.engine.taking import Taken
from stratumd.odds import BOOKS, TEAMS, Kind, is_lay, kind, team_of
from stratumd.plugin import (
    DAY,
    MINUTE,
    Event,
    Issue,
    Listing,
    Market,
    Micros,
    Observation,
    Offer,
    Quote,
    Scope,
    Severity,
    Snapshot,
)

COMPONENT = "quality"
"""The name under which its memory is stored, for no event."""
HIGHEST_PRICE = 1001.0
"""Decimal odds: the highest of two million recorded quotes. No bookmaker means more."""
STALE = 3.0
"""How many times its usual age, which nine in ten of its quotes are below, makes a quote stale."""
STALE_AT_LEAST = 2 * MINUTE
"""Younger quotes are never stale: polls and the provider's own rounds take so long."""
_LEARNED = 50  # ages seen of a book before it is judged
_AT_FIRST = float(MINUTE)
# An age above the estimate raises it nine times as far as one below lowers it: it rests where one in ten is above.
_UP, _DOWN = 1.045, 0.995121
_TWO_SIDED = (Kind.MONEYLINE, Kind.SPREAD, Kind.TOTAL)
_SEVERITIES = {
    "price_range": Severity.ERROR,
    "hold_range": Severity.WARNING,
    "missing_line": Severity.ERROR,
    "unequal_lines": Severity.ERROR,
    "one_sided": Severity.WARNING,
    "excessive_movement": Severity.WARNING,
    "sequence": Severity.WARNING,
    "stale_book": Severity.WARNING,
    "unknown_book": Severity.WARNING,
    "missing_book": Severity.WARNING,
    "missing_market": Severity.INFO,
    "unmatched_team": Severity.WARNING,
}
RULES: Mapping[str, Severity] = _SEVERITIES
"""The rules that are judged here; a normalizer has its own of what cannot be read."""
REJECTING = frozenset({"price_range", "hold_range", "missing_line", "unequal_lines", "excessive_movement"})
"""Rules whose offers are left out where that is asked for, beside the offers of unknown books."""


class Bounds(msgspec.Struct, frozen=True):
    """What counts as wrong in one pipeline."""

    min_hold: float
    max_hold: float
    most_movement: float
    """Points between two answers."""
    reject_invalid: bool


class Rhythm(msgspec.Struct):
    """How a book confirms its quotes."""

    seen: int = 0
    """Ages that were seen; counted no further than is needed to judge."""
    usual: float = _AT_FIRST
    """µs: nine of ten ages are below."""


class _Body(msgspec.Struct):
    rhythms: dict[str, Rhythm]
    flagged: dict[str, Micros]


class Quality:
    """Judges one pipeline's observations, in their order."""

    def __init__(self, bounds: Bounds, operators: Mapping[str, str]) -> None:
        """`operators` are those of the configuration: the books it names are known."""
        self.bounds = bounds
        self._known: Collection[str] = BOOKS.keys() | operators.keys() | set(operators.values())
        self.rhythms: dict[str, Rhythm] = {}
        self._flagged: dict[str, Micros] = {}
        """When what lasts was flagged last: it is flagged once a day."""
        self._changed = False

    def load(self, body: bytes) -> None:
        """Go on with what was stored."""
        known = msgspec.json.decode(body, type=_Body)
        self.rhythms, self._flagged = known.rhythms, known.flagged

    def news(self) -> list[StateChange]:
        """Return what is to be stored."""
        if not self._changed:
            return []
        self._changed = False
        return [StateChange(COMPONENT, "", msgspec.json.encode(_Body(self.rhythms, self._flagged)))]

    def late(self, seen: Observation, at: Micros) -> Iterator[Issue]:
        """Yield what is wrong with when an observation came that was taken at `at`."""
        if seen.received_at < at:
            late = (at - seen.received_at) / 1e6
            yield _issue("sequence", f"received {late:.1f} s before an answer that was taken already")

    def judge(self, update: Update, scope: Scope | None, at: Micros) -> Iterator[Issue]:
        """Yield what is wrong with what an observation did to one event of the board."""
        if not (update.taken or update.changes or update.announced):
            return
        event = update.event
        if update.announced:
            yield from _teams(event)
            yield from _missing_markets(update, scope)
        bounds, known = self.bounds, self._known
        for taken in update.taken:
            book = taken.line.book
            if book not in known and self._again(f"unknown_book {book}", at):
                yield _issue("unknown_book", "no such book is known; operators: in the file makes it so", event, book)
            if not is_sound(taken, bounds):
                yield from self._offer(event, taken)
        moved = [market for market in update.markets if market.changed_at == at]
        for market in moved:
            if not market.offering:
                yield _issue("missing_market", "nobody offers it any more", event, market=market.key.market)
        if moved and update.lane is not None:
            for book, (age, name) in self._ages(update.lane, {*moved}, at).items():
                usual = self.rhythms[book].usual
                detail = f"confirmed {age / 1e6:.0f} s ago, while others move; usual: {usual / 1e6:.0f} s"
                yield _issue("stale_book", detail, event, book, name)

    def _offer(self, event: Event, taken: Taken) -> Iterator[Issue]:
        line, before, last_update = taken
        span = line.now
        if span is None or span.offer is None:
            return
        offer = span.offer
        yield from flaws(offer, self.bounds, event.id)
        if before is not None:
            yield from moved(before, offer, self.bounds, event.id)
        if last_update is not None and span.last_update is not None and span.last_update < last_update:
            behind = (last_update - span.last_update) / 1e6
            detail = f"changed, with a last_update {behind:.1f} s before the one it had"
            yield _issue("sequence", detail, event, offer.book, offer.market)

    def _ages(self, lane: Lane, moved: Collection[Market], at: Micros) -> dict[str, tuple[Micros, str]]:
        """Return the age and the market of books whose quotes are stale in markets that moved; learn how old is usual.

        Of each book one quote of an event that moved is learned from: its markets are nearly always of one age.
        """
        updated = dict(compress(zip(lane.books, lane.updated, strict=True), map(moved.__contains__, lane.markets)))
        stale = self._stale(lane, moved, at) if lane.updated_since < at - STALE_AT_LEAST else {}
        rhythms = self.rhythms
        for book, last in updated.items():  # every book of every event that moved: each look counts
            if last is None:
                continue
            rhythm = rhythms.get(book)
            if rhythm is None:
                rhythm = rhythms[book] = Rhythm()
            usual = rhythm.usual
            if at - last > usual:
                rhythm.usual = usual * _UP
            elif usual > 1.0:
                rhythm.usual = usual * _DOWN
            if rhythm.seen < _LEARNED:
                rhythm.seen += 1
        self._changed |= bool(updated)
        return stale

    def _stale(self, lane: Lane, moved: Collection[Market], at: Micros) -> dict[str, tuple[Micros, str]]:
        stale: dict[str, tuple[Micros, str]] = {}
        quotes, latest = zip(lane.books, lane.markets, lane.updated, strict=True), at - STALE_AT_LEAST
        for book, market, last in quotes:
            if last is not None and last < latest and market in moved:
                rhythm = self.rhythms.get(book)
                if rhythm is not None and rhythm.seen >= _LEARNED and at - last > STALE * rhythm.usual:
                    stale.setdefault(book, (at - last, market.key.market))
        return stale

    def missing_books(self, scope: Scope, board: Board, at: Micros) -> Iterator[Issue]:
        """Yield the books that were asked for by name and offer nothing, when all of an answer is on the board: a
        misspelt name is answered without a word.
        """
        for book in sorted(scope.books or ()):
            if not board.offers(scope.sport, book) and self._again(f"missing_book {scope.sport} {book}", at):
                detail = f"asked for by name, and it offers nothing on {scope.sport}"
                yield Issue("missing_book", detail, RULES["missing_book"], book=book)

    def _again(self, what: str, at: Micros) -> bool:
        """Say whether `what` is to be flagged: at first, and when it still holds a day later."""
        last = self._flagged.get(what)
        if last is not None and at - last < DAY:
            return False
        self._flagged[what] = at
        self._changed = True
        return True

    def rejected(self, snapshot: Snapshot, board: Board) -> tuple[Snapshot, list[Issue]]:
        """Return `snapshot` without the offers that are wrong, and what is wrong with them.

        What is left out counts as not offered. An offer that the board holds already is not judged again.
        """
        if not self.bounds.reject_invalid or snapshot.scope is None:
            return snapshot, []
        issues: list[Issue] = []
        listings = [self._accepted(listing, snapshot.scope.lane, board, issues) for listing in snapshot.listings]
        return msgspec.structs.replace(snapshot, listings=listings), issues

    def _accepted(self, listing: Listing, lane: str, board: Board, issues: list[Issue]) -> Listing:
        held = board.held(listing.event.id, lane)
        kept = []
        for offered in listing.offers:
            offer = offered[0]
            found = () if id(offer) in held else self._faults(listing.event, offer, board)
            issues += found
            if not found:
                kept.append(offered)
        return listing if len(kept) == len(listing.offers) else Listing(listing.event, kept, listing.unreadable)

    def _faults(self, event: Event, offer: Offer, board: Board) -> list[Issue]:
        if offer.book not in self._known:
            return [_issue("unknown_book", "no such book is known; left out", event, offer.book, offer.market)]
        found = list(flaws(offer, self.bounds, event.id))
        before = board.offer(event.id, offer)
        if before is not None:
            found += moved(before, offer, self.bounds, event.id)
        return [
            msgspec.structs.replace(each, detail=f"{each.detail}; left out") for each in found if each.rule in REJECTING
        ]


def is_sound(taken: Taken, bounds: Bounds) -> bool:
    """Say whether an offer is a whole market of two sides with nothing wrong, as nearly all are: one look at each."""
    line, before, last_update = taken
    span = line.now
    if span is None or span.offer is None or len(span.offer.quotes) != 2 or line.market.lay:
        return False
    (one, price, points), (other, opposite, against) = span.offer.quotes
    if one == other or not (1.0 < price <= HIGHEST_PRICE and 1.0 < opposite <= HIGHEST_PRICE):
        return False
    if not bounds.min_hold <= 1.0 - price * opposite / (price + opposite) <= bounds.max_hold:
        return False
    if last_update is not None and span.last_update is not None and span.last_update < last_update:
        return False
    if points is None or against is None:
        return line.market.kind is Kind.MONEYLINE
    if points != (-against if line.market.kind is Kind.SPREAD else against):
        return False
    if before is None:
        return True
    was = before.quotes[0]
    return was.outcome == one and was.line is not None and abs(points - was.line) <= bounds.most_movement


def flaws(offer: Offer, bounds: Bounds, event: str) -> Iterator[Issue]:
    """Yield what is wrong with an offer by itself."""
    quotes, family = offer.quotes, kind(offer.market)
    for quote in quotes:
        if not 1.0 < quote.price <= HIGHEST_PRICE:
            yield _flaw("price_range", f"{quote.outcome} at {quote.price:g}", offer, event)
    if family in _TWO_SIDED:
        yield from _sides(offer, family, event)
    if not _is_whole(quotes) or is_lay(offer.market) or family is Kind.OTHER:
        return
    total = sum([1.0 / quote.price for quote in quotes if quote.price > 0])
    hold = 1.0 - 1.0 / total if total else 0.0
    if not bounds.min_hold <= hold <= bounds.max_hold:
        yield _flaw("hold_range", f"{hold:.2%}", offer, event)


def _sides(offer: Offer, family: Kind, event: str) -> Iterator[Issue]:
    quotes = offer.quotes
    if len({quote.outcome for quote in quotes}) == 1:
        # Books often offer one side of a player's line: that is usual there.
        severity = RULES["one_sided"] if offer.player is None else Severity.INFO
        yield _flaw("one_sided", f"{quotes[0].outcome} only", offer, event, severity)
    if family is Kind.MONEYLINE:
        return
    if any(quote.line is None for quote in quotes):
        yield _flaw("missing_line", "a quote without its line", offer, event)
    elif _is_whole(quotes) and len(quotes) == 2 and not _fits(family, quotes[0].line, quotes[1].line):
        yield _flaw("unequal_lines", f"{quotes[0].line:g} against {quotes[1].line:g}", offer, event)


def _is_whole(quotes: Sequence[Quote]) -> bool:
    """Say whether these are the sides of one market: no ladder, and not one side alone."""
    return len(quotes) == len({quote.outcome for quote in quotes}) > 1


def _fits(family: Kind, first: float | None, second: float | None) -> bool:
    assert first is not None, "it was looked at before"
    assert second is not None, "it was looked at before"
    return first == (-second if family is Kind.SPREAD else second)


def moved(before: Offer, after: Offer, bounds: Bounds, event: str) -> Iterator[Issue]:
    """Yield how far a book's line moved between two answers, where that is too far."""
    if not (_is_whole(before.quotes) and _is_whole(after.quotes)):
        return
    lines = {quote.outcome: quote.line for quote in before.quotes}
    for quote in after.quotes:
        line = lines.get(quote.outcome)
        if line is not None and quote.line is not None and abs(quote.line - line) > bounds.most_movement:
            yield _flaw("excessive_movement", f"{quote.outcome} from {line:g} to {quote.line:g}", after, event)
            return


def _teams(event: Event) -> Iterator[Issue]:
    if event.sport in TEAMS:
        for name in (event.home, event.away):
            if team_of(event.sport, name) is None:
                yield _issue("unmatched_team", f"no team of {event.sport} is known as {name!r}", event)


def _missing_markets(update: Update, scope: Scope | None) -> Iterator[Issue]:
    """Flag markets that were asked for and that nobody offers on an event that is new or announced anew."""
    if scope is None or scope.markets is None or not update.quotes:
        return
    there = {market.key.market for market in update.markets if market.offering}
    for market in sorted(scope.markets - there):
        if not is_lay(market):
            yield _issue("missing_market", "asked for, and nobody offers it", update.event, market=market)


def _flaw(rule: str, detail: str, offer: Offer, event: str, severity: Severity | None = None) -> Issue:
    return Issue(rule, detail, severity or RULES[rule], event, offer.book, offer.market)


def _issue(
    rule: str, detail: str, event: Event | None = None, book: str | None = None, market: str | None = None
) -> Issue:
    return Issue(rule, detail, RULES[rule], None if event is None else event.id, book, market)
