"""Closing lines and the values of prices, on made-up histories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from stratumd.odds import Pricing, clv_ev, translate_spread
from stratumd.plugin import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Drop,
    Event,
    EventPast,
    KnownEvent,
    Micros,
    Phase,
    PluginConfig,
    QuotePath,
    QuotePoint,
    Row,
    Signal,
    Start,
)
from stratumd_clv.conventions import cuts, first_in_play, scheduled_start
from stratumd_clv.job import ClosingLines
from stratumd_clv.options import Convention, Options
from stratumd_clv.reports import Excluded, ValueQuestion, Values
from stratumd_clv.rows import BookClose, Closed, Closing, MarketClose, Value

START = 1_784_000_000_000_000
GAME = Event("game", "basketball_nba", "Home", "Away", START)
ACTUAL, SCHEDULED, IN_PLAY, SEEN = Convention
BOOKS = ("a", "b", "c", "d", "e", "f")


class Context:
    pipeline, pricing, log = "p", Pricing(), None

    def operator(self, book: str) -> str:
        return {"a2": "a"}.get(book, book)


class FakeLedger:
    """The store, in memory."""

    def __init__(self, *pasts: EventPast, signals: Sequence[Signal] = ()) -> None:
        self.pasts_by_id = {past.event.id: past for past in pasts}
        self.all_signals = list(signals)
        self.kept: dict[tuple[Any, ...], Row] = {}
        self.writes = 0
        self.phases: dict[str, Phase] = {}

    def events(self, *, since: Micros | None = None, until: Micros | None = None) -> list[KnownEvent]:
        return [
            KnownEvent(past.event, past.observed[-1], self.phases.get(past.event.id))
            for past in self.pasts_by_id.values()
            if (since is None or past.event.commence_at >= since) and (until is None or past.event.commence_at < until)
        ]

    def pasts(self, events: Sequence[str]) -> Iterator[EventPast]:
        return iter([self.pasts_by_id[event] for event in events])

    def signals(self, events: Sequence[str]) -> list[Signal]:
        return [signal for signal in self.all_signals if signal.event in events]

    def rows(self, kind: type[Any], **equal: Any) -> list[Any]:
        found = [row for row in self.kept.values() if type(row) is kind]
        return [row for row in found if all(getattr(row, name) == value for name, value in equal.items())]

    def write(self, put: Iterable[Row] = (), drop: Iterable[Drop] = ()) -> None:
        for kind, equal in drop:
            gone = self.rows(kind, **equal)
            self.kept = {key: row for key, row in self.kept.items() if row not in gone}
        for row in put:
            self.writes += 1
            self.kept[type(row), *[getattr(row, name) for name in row.key]] = row


Quotes = Mapping[int, tuple[float, float, float] | None]
"""By minutes to the start: home line, home price, away price; None where the book withdrew them."""


def spreads(books: Mapping[str, Quotes], observed: Sequence[int], starts: Sequence[Start] | None = None) -> EventPast:
    """Return the past of a game; `observed` in minutes before the start, first to last."""
    times = tuple(START - minutes * MINUTE for minutes in observed)
    paths = [
        QuotePath(
            book,
            "spreads",
            None,
            side,
            None,
            [
                QuotePoint(
                    START - minutes * MINUTE,
                    None if quote is None else (quote[0] if side == "home" else -quote[0]),
                    None if quote is None else quote[1 if side == "home" else 2],
                    None,
                )
                for minutes, quote in sorted(quotes.items(), reverse=True)
            ],
            times,
        )
        for book, quotes in books.items()
        for side in ("home", "away")
    ]
    announced = starts if starts is not None else [Start(times[0], START)]
    return EventPast(GAME, announced, times, paths)


def even(line: float) -> tuple[float, float, float]:
    return line, 1.91, 1.91


def steam(at: int, *, books: tuple[str, ...] = ("a",), stale: Sequence[str] = (), outcome: str = "home") -> Signal:
    metadata = {"stale": [{"book": book} for book in stale], "movers": [], "originator": None}
    return Signal(
        "s", "STEAM", "p", "steam", "1", GAME.sport, GAME.id, "Home", "Away", START, "spreads", None, outcome, "down",
        None, books, 1.0, 0.5, 70, START - at * MINUTE, None, "o", metadata,
    )  # fmt: skip


def closed(ledger: FakeLedger, at: Micros = START + HOUR, **options: Any) -> str:
    return ClosingLines(Options(**options), Context()).run(at, ledger)


def close_of(ledger: FakeLedger, convention: Convention = ACTUAL) -> MarketClose:
    (row,) = ledger.rows(MarketClose, convention=convention)
    return row


# ---- conventions


def test_a_start_that_moved_on_moves_the_actual_close_only() -> None:
    starts = [Start(START - 5 * HOUR, START - HOUR), Start(START - HOUR - 30 * MINUTE, START)]
    past = spreads({"a": {300: even(-3)}}, (300, 90, 61, 30, 1), starts)
    found = {cut.convention: cut for cut in cuts(past)}
    assert found[ACTUAL].closed_at == START - MINUTE
    assert found[SCHEDULED].cutoff_at == START
    late = [Start(START - 5 * HOUR, START - HOUR), Start(START - HOUR - 10 * MINUTE, START)]
    assert scheduled_start(late, START) == START
    assert scheduled_start([late[0], Start(START - 30 * MINUTE, START)], START) == START - HOUR


def test_an_event_first_seen_late_was_scheduled_as_first_announced() -> None:
    assert scheduled_start([Start(START - 10 * MINUTE, START)], START) == START


def test_play_that_was_taken_back_is_no_beginning() -> None:
    starts = [Start(0, START - HOUR), Start(START - 50 * MINUTE, START)]
    shown = [START - 70 * MINUTE, START - 55 * MINUTE, START - 40 * MINUTE, START + 5 * MINUTE]
    assert first_in_play(starts, START, shown) == START + 5 * MINUTE


def test_last_seen_is_before_the_event_left() -> None:
    past = spreads({"a": {60: even(-3), -20: None}}, (60, 30, -10, -20, -30))
    found = {cut.convention: cut for cut in cuts(past)}
    assert found[SEEN].closed_at == START + 10 * MINUTE
    assert found[IN_PLAY].closed_at == START - 30 * MINUTE


# ---- closing lines


def test_the_close_is_the_median_of_fresh_books() -> None:
    books = {book: {60: even(-3 - index / 2)} for index, book in enumerate("abcde")}
    ledger = FakeLedger(spreads(books, (60, 5)))
    assert closed(ledger).startswith("1 of 1 events closed")
    found = close_of(ledger)
    assert (found.quality, found.operators, found.line, found.oldest_seconds) == ("good", 5, -4.0, 300.0)
    assert found.fair_line == pytest.approx(-4.0)


def test_a_quote_at_the_start_or_later_is_no_close() -> None:
    books: dict[str, Quotes] = {book: {60: even(-3), 0: even(-9), -5: even(-12)} for book in "abcde"}
    ledger = FakeLedger(spreads(books, (60, 10, 0, -5)))
    closed(ledger)
    assert close_of(ledger).line == -3.0


def test_what_a_book_itself_dates_after_the_start_is_no_close() -> None:
    past = spreads({book: {60: even(-3), 10: even(-9)} for book in "abcde"}, (60, 10, 5))
    late = [
        path._replace(points=[path.points[0], path.points[1]._replace(last_update=START + SECOND)])
        for path in past.paths
    ]
    ledger = FakeLedger(past._replace(paths=late))
    closed(ledger)
    assert close_of(ledger).quality == "none"  # the old quotes were last confirmed an hour ago
    assert {row.line for row in ledger.rows(BookClose)} >= {-3.0}


def test_withdrawn_and_old_quotes_have_a_close_of_their_own_but_no_voice() -> None:
    books: dict[str, Quotes] = {book: {60: even(-3)} for book in "abcde"} | {"f": {60: even(-8), 40: None}}
    ledger = FakeLedger(spreads(books, (60, 41, 40, 5)))
    closed(ledger)
    assert (close_of(ledger).operators, close_of(ledger).line) == (5, -3.0)
    (gone,) = [row for row in ledger.rows(BookClose, book="f") if row.closed_at == START - 5 * MINUTE]
    assert (gone.line, gone.confirmed_at) == (-8.0, START - 41 * MINUTE)


def test_books_of_one_operator_count_once_and_few_make_a_low_quality() -> None:
    ledger = FakeLedger(spreads({"a": {60: even(-3)}, "a2": {60: (-4.0, 1.8, 1.8)}, "b": {60: even(-3)}}, (60, 5)))
    closed(ledger)
    found = close_of(ledger)
    assert (found.quality, found.operators, found.books, found.line) == ("low", 2, 3, -3.0)


def test_a_market_that_nobody_confirmed_lately_has_no_close() -> None:
    ledger = FakeLedger(spreads({book: {60: even(-3)} for book in "abcde"}, (60, 20)))
    closed(ledger)
    assert close_of(ledger).quality == "none"
    assert close_of(ledger, SEEN).quality == "good"  # by the time it was seen last, they were fresh


# ---- the job


def test_nothing_is_closed_before_its_time_and_nothing_twice() -> None:
    ledger = FakeLedger(spreads({book: {60: even(-3)} for book in "abcde"}, (60, 5)))
    assert closed(ledger, START + 9 * MINUTE).startswith("0 of 0")
    assert closed(ledger, START + 11 * MINUTE).startswith("1 of 1")
    before, writes = dict(ledger.kept), ledger.writes
    assert closed(ledger, START + 12 * MINUTE).startswith("0 of 1")
    assert (ledger.kept, ledger.writes) == (before, writes)


def test_a_start_that_moves_on_opens_the_close_again() -> None:
    past = spreads({book: {60: even(-3), -30: even(-5)} for book in "abcde"}, (60, 5, -30, -50))
    ledger = FakeLedger(past)
    closed(ledger, START + 15 * MINUTE)
    later = START + HOUR
    moved = msgspec.structs.replace(GAME, commence_at=later)
    ledger.pasts_by_id["game"] = past._replace(event=moved, starts=[*past.starts, Start(START + MINUTE, later)])
    assert closed(ledger, START + 20 * MINUTE).endswith("1 events opened again")
    assert ledger.kept == {}
    closed(ledger, later + 15 * MINUTE)
    assert close_of(ledger).line == -5.0
    assert ledger.rows(Closed)[0].commence_at == later


def test_rows_of_signals_that_are_gone_go_too() -> None:
    past = spreads({book: {60: even(-3)} for book in "abcde"}, (60, 5))
    ledger = FakeLedger(past, signals=[steam(60)])
    closed(ledger)
    assert ledger.rows(Value)
    ledger.all_signals.clear()
    closed(ledger)
    assert ledger.rows(Value) == []


@pytest.mark.parametrize("phase", [Phase.CANCELLED, Phase.POSTPONED])
def test_an_event_that_was_called_off_has_no_close_and_says_why(phase: Phase) -> None:
    past = spreads({book: {60: even(-3)} for book in "abcde"}, (60, 5))
    ledger = FakeLedger(past, signals=[steam(60)])
    ledger.phases["game"] = phase
    assert closed(ledger).endswith("0 signals valued, 0 events opened again, 1 called off")
    (row,) = ledger.kept.values()
    assert (type(row), row.excluded, row.signals) == (Closed, phase.value, 1)
    assert [(each["event"], each["reason"]) for each in Excluded(PluginConfig(), Context()).answer(ledger)] == [
        ("game", phase.value)
    ]


def test_one_signal_can_be_asked_for_what_its_prices_were_worth() -> None:
    past = spreads({book: {60: even(-3), 10: even(-4)} for book in "abcdef"}, (60, 10, 5))
    ledger = FakeLedger(past, signals=[steam(60)])
    closed(ledger, offsets=[timedelta()])
    named, *others = Values(ValueQuestion(signal="s"), Context()).answer(ledger)
    (value,) = ledger.rows(Value, reference="named")
    assert (named["reference"], named["status"], named["book"]) == ("named", "valued", "a")
    assert (named["line"], named["close_line"], named["price"]) == (-3, -4, 1.91)
    assert named["ev_percent"] == pytest.approx(100 * value.ev, abs=1e-3)
    assert [row["reference"] for row in others] == ["stale", "consensus"]
    assert (others[0]["status"], others[0]["ev_percent"]) == ("no_price", None)
    assert [*Values(ValueQuestion(signal="another"), Context()).answer(ledger)] == []


def test_what_the_price_at_the_signal_was_worth_is_always_found() -> None:
    past = spreads({book: {60: even(-3), 10: even(-4)} for book in "abcdef"}, (60, 10, 5))
    ledger = FakeLedger(past, signals=[steam(60)])
    closed(ledger, offsets=[timedelta(minutes=1)])
    assert {row.after_seconds for row in ledger.rows(Value)} == {0, 60}


def test_a_word_that_comes_after_the_close_closes_anew() -> None:
    past = spreads({book: {60: even(-3)} for book in "abcde"}, (60, 5))
    ledger = FakeLedger(past, signals=[steam(60)])
    closed(ledger)
    assert ledger.rows(Value)
    before = dict(ledger.kept)
    ledger.phases["game"] = Phase.CANCELLED
    assert closed(ledger).startswith("0 of 1 events closed")
    assert [type(row) for row in ledger.kept.values()] == [Closed]
    ledger.phases["game"] = Phase.FINAL
    assert closed(ledger).startswith("1 of 1 events closed")
    assert ledger.kept == before


def test_signals_are_owed_as_long_as_their_event_may_be_closed_anew() -> None:
    ledger = FakeLedger(spreads({book: {60: even(-3)} for book in "abcde"}, (60, 5)))
    job = ClosingLines(Options(), Context())
    assert job.owes(START - HOUR, ledger) == ["game"]
    assert job.owes(START + HOUR, ledger) == ["game"]
    closed(ledger)
    assert job.owes(START + 6 * DAY, ledger) == ["game"], "without its signals their values would go with the next run"
    assert job.owes(START + 8 * DAY, FakeLedger(*ledger.pasts_by_id.values())) == []  # it is left as it is for good


def test_rows_go_some_time_after_the_start_but_not_while_they_would_come_back() -> None:
    ledger = FakeLedger(spreads({book: {60: even(-3)} for book in "abcde"}, (60, 5)))
    closed(ledger)
    job = ClosingLines(Options(), Context())
    assert [*job.forget(START + 60 * DAY, ledger)] == []
    assert [*job.forget(START + 8 * DAY, ledger, DAY)] == []
    assert ledger.kept
    assert [*job.forget(START + 61 * DAY, ledger)] == [1]
    assert ledger.kept == {}


def test_all_four_conventions_are_kept_and_the_option_says_which_one_values() -> None:
    books: dict[str, Quotes] = {book: {60: even(-3), -10: even(-6)} for book in "abcde"}
    past = spreads(books, (60, 5, -10, -12))
    actual, seen = FakeLedger(past, signals=[steam(60)]), FakeLedger(past, signals=[steam(60)])
    closed(actual)
    closed(seen, convention="last_seen")
    assert {row.convention for row in actual.rows(Closing)} == {each.value for each in Convention}
    assert values(actual)["named", 0].close_line == -3.0
    assert values(seen)["named", 0].close_line == -6.0


# ---- values


def values(ledger: FakeLedger) -> dict[tuple[str, int], Value]:
    return {(row.reference, row.after_seconds): row for row in ledger.rows(Value)}


def test_a_price_is_worth_what_the_close_says_at_the_line_taken() -> None:
    """Taken at −3, closed at −5: worth the cover probability carried over two points."""
    books: dict[str, Quotes] = {book: {60: even(-3), 10: even(-5)} for book in "bcdef"} | {"a": {60: even(-3)}}
    ledger = FakeLedger(spreads(books, (60, 59, 54, 10, 5)), signals=[steam(60)])
    closed(ledger)
    found = values(ledger)["named", 0]
    p = translate_spread(0.5, -5.0, -3.0, 11.2)
    assert found.close_probability == pytest.approx(p)
    assert found.ev == pytest.approx(clv_ev(1.91, p))
    assert (found.points, found.status, found.close_line) == (2.0, "valued", -5.0)
    other = translate_spread(0.5, 5.0, 3.0, 11.2)
    assert found.baseline == pytest.approx((clv_ev(1.91, p) + clv_ev(1.91, other)) / 2)


def test_the_best_of_the_stale_books_is_a_reference_of_its_own() -> None:
    books: dict[str, Quotes] = {book: {60: even(-5)} for book in "abcd"} | {"e": {60: even(-3)}, "f": {60: even(-3.5)}}
    ledger = FakeLedger(spreads(books, (60, 5)), signals=[steam(60, books=("a", "b"), stale=("e", "f"))])
    closed(ledger)
    found = values(ledger)
    assert (found["named", 0].line, found["stale", 0].line, found["stale", 0].book) == (-5.0, -3.0, "e")
    assert (found["consensus", 0].line, found["consensus", 0].book) == (-5.0, None)
    assert found["stale", 0].ev > found["named", 0].ev


def test_a_price_is_looked_for_again() -> None:
    """It was there a minute later, and gone after five; what nobody looked at is not known."""
    books: dict[str, Quotes] = {book: {60: even(-3)} for book in "bcdef"} | {"a": {60: even(-3), 55: even(-4)}}
    ledger = FakeLedger(spreads(books, (60, 59, 55, 5)), signals=[steam(60)])
    closed(ledger)
    assert [values(ledger)["named", after].status for after in (0, 60, 300)] == ["valued", "valued", "gone"]
    blind = FakeLedger(spreads(books, (60, 5)), signals=[steam(60)])
    closed(blind)
    assert [values(blind)["named", after].status for after in (60, 300)] == ["unobserved", "unobserved"]


def test_a_price_in_play_does_not_say_what_was_there_before() -> None:
    """A minute after the signal is before the start, the next look is not: there a price follows the score."""
    books: dict[str, Quotes] = {book: {60: even(-3), -9: even(-9)} for book in "abcde"} | {"f": {60: even(-3)}}
    for book in "af":
        ledger = FakeLedger(spreads(books, (60, 5, -9)), signals=[steam(5, books=(book,))])
        closed(ledger)
        assert [values(ledger)["named", after].status for after in (0, 60)] == ["valued", "unobserved"]


def test_the_consensus_at_a_signal_is_of_those_who_offer_something_then() -> None:
    """Four withdrew what they had a minute ago; two came with another line."""
    gone: dict[str, Quotes] = {book: {62: even(-3), 61: None} for book in "bcde"}
    books = gone | {book: {61: even(-5)} for book in "af"}
    ledger = FakeLedger(spreads(books, (62, 61, 60, 5)), signals=[steam(60)])
    closed(ledger)
    assert values(ledger)["consensus", 0].line == -5.0


def test_a_clock_that_is_ahead_takes_no_price_from_a_signal() -> None:
    """What was observed was there, though its book dates it a second later."""
    past = spreads({book: {61: even(-3), 60: even(-5)} for book in "abcde"}, (61, 60, 5))
    ahead = [
        path._replace(points=[path.points[0], path.points[1]._replace(last_update=START - HOUR + SECOND)])
        for path in past.paths
    ]
    ledger = FakeLedger(past._replace(paths=ahead), signals=[steam(60)])
    closed(ledger)
    found = values(ledger)
    assert [(found[name, 0].status, found[name, 0].line) for name in ("named", "consensus")] == [("valued", -5.0)] * 2


def test_offsets_are_written_as_everywhere() -> None:
    assert Options(offsets=["0s", "10m"]).offsets == (timedelta(), timedelta(minutes=10))


def test_a_signal_in_play_has_no_close_to_beat() -> None:
    ledger = FakeLedger(spreads({book: {60: even(-3)} for book in "abcde"}, (60, 5, -5)), signals=[steam(-5)])
    closed(ledger)
    assert ledger.rows(Value) == []


def test_without_a_close_the_record_says_so() -> None:
    ledger = FakeLedger(spreads({book: {60: even(-3)} for book in "abcde"}, (60, 40)), signals=[steam(60)])
    closed(ledger)
    found = values(ledger)["named", 0]
    assert (found.status, found.ev, found.quality) == ("no_close", None, "none")


def test_a_sport_without_a_margin_model_compares_equal_lines_only() -> None:
    past = spreads({book: {60: even(-1.5), 10: even(1.5)} for book in "abcde"}, (60, 10, 5))
    baseball = msgspec.structs.replace(GAME, sport="baseball_mlb")
    ledger = FakeLedger(past._replace(event=baseball), signals=[steam(60)])
    closed(ledger)
    assert values(ledger)["named", 0].status == "not_comparable"
