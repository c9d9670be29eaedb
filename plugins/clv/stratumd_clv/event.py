"""One event: its closing lines under every convention, and the values of its signals under one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stratumd.odds.margin import sigma_for
from stratumd.plugin import EventPast, JobContext, Row, Signal, micros
from stratumd_clv.closing import Agreed, agree, comparable, errors_of, speakers
from stratumd_clv.conventions import Cut, cuts
from stratumd_clv.options import Options
from stratumd_clv.quotes import Held, MarketPast, markets_of
from stratumd_clv.rows import BookClose, Closing, MarketClose
from stratumd_clv.values import Valuing, firsts


def close_event(past: EventPast, signals: Sequence[Signal], options: Options, context: JobContext) -> Iterator[Row]:
    """Yield all rows of an event that has started."""
    found = cuts(past)
    for cut in found:
        yield Closing(context.pipeline, past.event.id, cut.convention, cut.cutoff_at, cut.closed_at)
    (taken,) = [cut for cut in found if cut.convention is options.convention]
    ordered = [taken, *[cut for cut in found if cut is not taken]]
    for market in markets_of(past, options.markets, context.pricing):
        mine = [signal for signal in signals if signal.market == market.market and signal.player is None]
        yield from _Closer(past, market, options, context).rows(ordered, mine)
    for signal in signals:
        yield from firsts(context.pipeline, signal)


class _Closer:
    """Closes one market of one event."""

    def __init__(self, past: EventPast, market: MarketPast, options: Options, context: JobContext) -> None:
        self._event = past.event.id
        self._observed = past.observed
        self._market = market
        self._options = options
        self._context = context
        self._operators = {book: context.operator(book) for book in sorted(market.books)}
        self._sigma = sigma_for(past.event.sport, market.market, context.pricing.margins)

    def rows(self, ordered: Sequence[Cut], signals: Sequence[Signal]) -> Iterator[Row]:
        """Yield the closes, and the values of `signals` under the first cut."""
        written: dict[int, list[Held]] = {}
        for cut in ordered:
            if cut.closed_at is None:
                close = self._market_close(cut, None)
            else:
                held = written.get(cut.closed_at)
                if held is None:  # conventions that end at one observation share their books' rows
                    held = written[cut.closed_at] = self._held(cut.cutoff_at)
                    yield from self._book_closes(cut, held, early=cut is ordered[0])
                close = self._market_close(cut, self._agreed(cut, held))
            yield close[0]
            if cut is ordered[0]:
                yield from self._values(cut, *close, signals)

    def _values(self, cut: Cut, row: MarketClose, close: Agreed | None, signals: Sequence[Signal]) -> Iterator[Row]:
        valuing = Valuing(
            self._context.pipeline,
            self._market,
            self._operators,
            self._sigma,
            close,
            row.quality,
            micros(self._options.max_age),
            cut.cutoff_at,
            self._observed,
        )
        offsets = list(dict.fromkeys([0, *map(micros, self._options.offsets)]))
        for signal in signals:
            if signal.observed_at < cut.cutoff_at:  # what came in play has no closing line left to beat
                yield from valuing.values(signal, offsets)

    def _held(self, before: int) -> list[Held]:
        found = [self._market.held(book, operator, before) for book, operator in self._operators.items()]
        return [each for each in found if each is not None]

    def _agreed(self, cut: Cut, held: list[Held]) -> Agreed | None:
        oldest = cut.reference_at - micros(self._options.max_age)
        return agree(self._market.market, self._sigma, held, oldest)

    def _market_close(self, cut: Cut, close: Agreed | None) -> tuple[MarketClose, Agreed | None]:
        place = (self._context.pipeline, self._event, cut.convention, self._market.market)
        if close is None:
            return MarketClose(*place, "none", 0, 0, "", None, None, "", None), None
        quality = "good" if close.operators >= self._options.min_operators else "low"
        oldest = (cut.reference_at - close.oldest_at) / 1e6
        row = MarketClose(
            *place,
            quality,
            close.operators,
            close.books,
            " ".join(close.outcomes),
            close.line,
            close.fair_line,
            _numbers(close.probabilities),
            oldest,
        )
        return row, close

    def _book_closes(self, cut: Cut, held: list[Held], early: bool) -> Iterator[Row]:
        assert cut.closed_at is not None, "a book's close is of an observation"
        errors = self._errors(cut, held) if early else {}
        for each in held:
            fair = each.fair
            yield BookClose(
                self._context.pipeline,
                self._event,
                cut.closed_at,
                self._market.market,
                each.book,
                each.operator,
                " ".join(fair.outcomes),
                fair.line,
                fair.fair_line,
                _numbers(fair.prices),
                _numbers(fair.probabilities),
                fair.hold,
                each.changed_at,
                each.confirmed_at,
                errors.get(each.book),
            )

    def _errors(self, cut: Cut, held: list[Held]) -> dict[str, float]:
        """Return by book how far its word some time before was from the close of the others."""
        oldest = cut.reference_at - micros(self._options.max_age)
        voices = comparable(speakers([each for each in held if each.confirmed_at >= oldest]), self._sigma)
        at = cut.reference_at - micros(self._options.early)
        before = {each.book: self._market.held(each.book, each.operator, at + 1) for each in voices}
        patience = at - micros(self._options.max_age)
        said = {book: early.fair for book, early in before.items() if early and early.confirmed_at >= patience}
        return errors_of(said, voices)


def _numbers(values: Sequence[float]) -> str:
    return " ".join([repr(value) for value in values])
