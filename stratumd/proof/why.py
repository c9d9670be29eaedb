"""Why a signal is there: everything it rests on, as it stood, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stratumd.odds import Fair, Shift, shifts
from stratumd.plugin import (
    MINUTE,
    SECOND,
    BookLine,
    Change,
    ConsensusPoint,
    Market,
    MarketKey,
    Micros,
    Signal,
    iso,
    rounded,
)
from stratumd.plugin.evidence import number, rows, text
from stratumd.plugin.views import PathPoint
from stratumd.proof.instant import Instant, fairs, instants
from stratumd.proof.past import Past, ProofError
from stratumd.proof.why_not import REMEMBERED, Asking, Check, Which
from stratumd.proof.worth import Closes, Offer, offers

FOLLOWING = 30 * MINUTE
"""How long after a signal a book counts as following it."""
_SHARE = 0.5
"""Of the signal's threshold, that a book must have moved by to have followed."""


class Posted(msgspec.Struct, frozen=True):
    """One book's quote of the signal's outcome when it was given."""

    book: str
    operator: str
    named: bool
    """The signal is about this book."""
    line: float | None
    """Points, of the bettor's side."""
    price: float
    """Decimal odds."""
    changed_seconds: float
    """Since it was first observed so."""
    confirmed_seconds: float
    """Since it was last observed."""
    book_seconds: float | None
    """Since the book's own last update; None where it gives none."""


class Moved(msgspec.Struct, frozen=True):
    """A book of the signal that changed: between which instants, for a poll does not tell more."""

    book: str
    operator: str
    after: str
    before: str


class Followed(msgspec.Struct, frozen=True):
    """A book that moved the same way afterwards."""

    book: str
    operator: str
    seconds: float
    """After the signal."""
    move: float
    """Points or probability, of the compared value."""


class Taken(msgspec.Struct, frozen=True):
    """A price that the signal offered, and what became of it."""

    book: str
    outcome: str
    line: float | None
    """Points, of the bettor's side."""
    price: float
    """Decimal odds."""
    there: bool
    """Whether it is still offered, by the newest observation."""
    seconds: float | None
    """How long it was offered after the signal; None where it still is."""
    value: float | None
    """Its expected profit per unit by the newest consensus before the start; None where the two cannot be compared."""


class Why(msgspec.Struct, frozen=True):
    """The explanation of one signal."""

    signal: Signal
    source: str
    request: str
    changes: list[Change]
    """What the observation changed in the signal's market."""
    quotes: list[Posted]
    moved: list[Moved]
    first: str | None
    """The operator that is known to have moved first; None where the intervals do not tell, or nobody moved."""
    followed: list[Followed]
    consensus: ConsensusPoint | None
    taken: list[Taken]
    checks: list[Check]
    """The conditions that were met, each with what there was."""
    build_noted: bool
    """Whether the options of then are noted; else all was stepped under those of now."""

    @property
    def margin(self) -> float:
        """Return by how much the magnitude exceeds its threshold."""
        return rounded(self.signal.magnitude - self.signal.threshold) or 0.0

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        plain["signal"] = self.signal.public()
        plain["changes"] = [
            {**change._asdict(), "last_update": change.last_update and iso(change.last_update)}
            for change in self.changes
        ]
        plain["thresholds"] = [
            {
                "name": "magnitude",
                "value": self.signal.magnitude,
                "threshold": self.signal.threshold,
                "margin": self.margin,
            }
        ]
        plain["checks"] = [msgspec.to_builtins(check) for check in self.checks]
        plain["regime"] = self.signal.metadata.get("regime")
        return plain


def why(past: Past, signal: Signal) -> Why:
    """Step the event up to the signal and a while on, and tell what it rests on. `ProofError` where it is not there."""
    key = MarketKey(signal.market, signal.player)
    instant, market, walk = _found(past, signal, key)
    before, tick, checks = fairs(market), instant.tick, _checks(instant, signal, market)
    books = _books(signal, market)
    moved = _moved(signal, market, books)
    point = tick.record("consensus", key)
    quotes = [posted for line in market.present() if (posted := _posted(line, signal, books)) is not None]
    changes = [each for each in instant.step.changes if each.event == signal.event and each[2:4] == key]
    return Why(
        signal=signal,
        source=instant.step.observation.source,
        request=instant.step.observation.request.path,
        changes=changes,
        quotes=quotes,
        moved=moved,
        first=_first(moved),
        followed=list(_followed(walk, signal, key, before, books)),
        consensus=point if isinstance(point, ConsensusPoint) else None,
        taken=_taken(past, signal),
        checks=checks,
        build_noted=bool(past.eras),
    )


def _found(past: Past, signal: Signal, key: MarketKey) -> tuple[Instant, Market, Iterator[Instant]]:
    walk = instants(past, signal.event, REMEMBERED)
    for instant in walk:
        if instant.tick.observation == signal.observation:
            market = instant.market(key)
            if market is None:
                break
            return instant, market, walk
    raise ProofError(f"the observation of signal {signal.id} is not stored any more, or says something else now")


def _checks(instant: Instant, signal: Signal, market: Market) -> list[Check]:
    """Measure the conditions, where the detector is there still and names any."""
    own = next((each for each in instant.pipeline.detectors if each.name == signal.detector), None)
    if own is None or signal.type not in own.gates:
        return []
    which = Which(signal.outcome, signal.direction, signal.operator)
    return Asking(instant, own, signal.type, market, which).explained().checks


def _books(signal: Signal, market: Market) -> frozenset[str]:
    return frozenset(signal.books) & market.lines.keys()


def _posted(line: BookLine, signal: Signal, books: frozenset[str]) -> Posted | None:
    span, at = line.now, signal.observed_at
    assert span is not None, "it is present"
    assert span.offer is not None, "it is present"
    quote = next((each for each in span.offer.quotes if each.outcome == signal.outcome), None)
    if quote is None:
        return None
    return Posted(
        book=line.book,
        operator=line.operator,
        named=line.book in books,
        line=quote.line,
        price=quote.price,
        changed_seconds=(at - span.since) / SECOND,
        confirmed_seconds=(at - span.confirmed) / SECOND,
        book_seconds=None if span.last_update is None else (at - span.last_update) / SECOND,
    )


def _moved(signal: Signal, market: Market, books: frozenset[str]) -> list[Moved]:
    """Return the intervals in which the signal's books changed: as the signal tells, else all of it in its window."""
    told = [mover for each in rows(signal.metadata, "movers") if (mover := _told(each)) is not None]
    if told:
        return told
    opened = signal.observed_at - round((number(signal.metadata, "window_seconds") or 0.0) * SECOND)
    found = [_changing(market.lines[book], opened) for book in sorted(books)]
    return [each for each in found if each is not None]


def _told(mover: Mapping[str, Any]) -> Moved | None:
    book, operator, interval = text(mover, "book"), text(mover, "operator"), mover.get("interval")
    if book is None or operator is None or not isinstance(interval, list) or len(interval) != 2:
        return None
    return Moved(book, operator, *map(str, interval))


def _changing(line: BookLine, opened: Micros) -> Moved | None:
    """Return from before the first to after the last change of a book since `opened`, or its last change before."""
    changes = [number for number, span in enumerate(line.spans) if number and span.since > opened]
    first = changes[0] if changes else len(line.spans) - 1
    if first == 0:
        return None
    return Moved(line.book, line.operator, iso(line.spans[first - 1].confirmed), iso(line.spans[-1].since))


def _first(moved: Sequence[Moved]) -> str | None:
    """Return the operator whose change is known to precede all others': its interval ends before theirs begin."""
    operators = {each.operator for each in moved}
    if len(operators) < 2:
        return None
    for operator in sorted(operators):
        own = [each.before for each in moved if each.operator == operator]
        if all(max(own) <= each.after for each in moved if each.operator != operator):
            return operator
    return None


def _followed(
    walk: Iterator[Instant], signal: Signal, key: MarketKey, before: dict[str, Fair], books: frozenset[str]
) -> Iterator[Followed]:
    done = set(books)
    for instant in walk:
        at = instant.tick.at
        if at > signal.observed_at + FOLLOWING:
            return
        market = instant.market(key)
        if market is None:
            continue
        for book, fair in fairs(market).items():
            shift = _same_way(shifts(market.kind, before[book], fair), signal) if book in before else None
            if shift is not None and book not in done:
                done.add(book)
                seconds = (at - signal.observed_at) / SECOND
                yield Followed(book, market.lines[book].operator, seconds, rounded(shift.magnitude) or 0.0)


def _same_way(found: Sequence[Shift], signal: Signal) -> Shift | None:
    least = signal.threshold * _SHARE
    return next((each for each in found if each.outcome == signal.outcome and each.magnitude >= least), None)


def _taken(past: Past, signal: Signal) -> list[Taken]:
    """Say of each price that the signal names, or else of its books, whether it is there and what it is worth."""
    path = past.reader.movement(signal.event, market=signal.market, player=signal.player, pipeline=past.spec.name)
    closes = Closes(past)
    named = dict.fromkeys((each.book, each.outcome) for each in offers(signal))
    found = []
    for book, outcome in named or [(book, signal.outcome) for book in signal.books]:
        own = [each for each in path if (each.book, each.outcome) == (book, outcome)]
        later = [each for each in own if each.observed_at > signal.observed_at]
        earlier = own[: len(own) - len(later)]
        if earlier and earlier[-1].price is not None:
            offer = Offer(book, outcome, earlier[-1].line, earlier[-1].price)
            found.append(_became(offer, later, signal, closes))
    return found


def _became(offer: Offer, later: Sequence[PathPoint], signal: Signal, closes: Closes) -> Taken:
    gone = later[0].observed_at if later else None
    seconds = None if gone is None else (gone - signal.observed_at) / SECOND
    return Taken(*offer, gone is None, seconds, closes.value(signal, offer))
