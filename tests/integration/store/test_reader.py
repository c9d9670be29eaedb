"""The reading side: signals, events, odds at a time, movement, the best, the board, the status."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from stratumd.engine.outcome import Coverage, Step
from stratumd.errors import RateLimited
from stratumd.plugin import DAY, HOUR, MINUTE, Change, Credits, Event, MarketKey, Poll, Request, iso
from stratumd.store import UnknownEventError
from tests.support import steps
from tests.support.steps import START

EVENT = "dd23179c"
ALSO = "dd23aaaa"


def quoted(at: int, *changes: Change, markets=("h2h",), events=(), event: str = EVENT) -> Step:
    """Return a step at `at` with these changes."""
    seen = steps.observation(START + at)
    keys = tuple(MarketKey(market) for market in markets)
    return Step(
        "nba", seen, seen.received_at, events=events, coverage=(Coverage(event, keys),), changes=changes, quotes=2
    )


def change(book: str, price: float | None, *, outcome="home", market="h2h", line=None, event=EVENT, **more) -> Change:
    return Change(event, book, market, more.get("player"), outcome, more.get("rung"), line, price)


def fixture(event: str = EVENT, *, home="Las Vegas Aces", away="New York Liberty", start=START + HOUR) -> Event:
    return Event(event, "basketball_wnba", home, away, start)


@pytest.fixture
def game(store):
    """One game: pinnacle moves at 20 and withdraws at 30, betmgm stands still, polled at 0, 10, 20, 30."""
    steps.keep(
        store,
        quoted(0, change("pinnacle", 1.9), change("betmgm", 1.8), events=(fixture(),)),
        quoted(10),
        quoted(20, change("pinnacle", 2.0)),
        quoted(30, change("pinnacle", None)),
    )
    return store


def prices(quotes) -> dict[str, float]:
    return {quote.book: quote.price for quote in quotes}


def test_odds_now_are_without_what_is_gone(game, reader):
    (quote,) = reader.odds(EVENT)
    assert (quote.book, quote.price, quote.changed_at, quote.confirmed_at) == ("betmgm", 1.8, START, START + 30)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (-1, {}),
        (0, {"pinnacle": 1.9, "betmgm": 1.8}),
        (19, {"pinnacle": 1.9, "betmgm": 1.8}),
        (20, {"pinnacle": 2.0, "betmgm": 1.8}),
        (29, {"pinnacle": 2.0, "betmgm": 1.8}),
        (30, {"betmgm": 1.8}),
        (9999, {"betmgm": 1.8}),
    ],
)
def test_odds_at_a_time_know_nothing_later(game, reader, at, expected):
    assert prices(reader.odds(EVENT, at=START + at)) == expected


def test_a_quote_is_confirmed_when_something_else_in_its_market_changed(game, reader):
    quote = next(q for q in reader.odds(EVENT, at=START + 25) if q.book == "betmgm")
    assert (quote.changed_at, quote.confirmed_at) == (START, START + 20)


def test_a_tolerance_leaves_out_what_is_too_old(game, reader):
    assert prices(reader.odds(EVENT, at=START + 31, tolerance=1)) == {"betmgm": 1.8}
    assert reader.odds(EVENT, at=START + 32, tolerance=1) == []


@pytest.mark.parametrize(("at", "confirmed"), [(5, 0), (12, 10), (19, 10), (25, 20)])
def test_a_quote_that_stood_still_is_confirmed_by_the_answers_up_to_then(game, reader, at, confirmed):
    """Nothing changed at 10, but the same request was answered, and the quote was still there."""
    quote = next(q for q in reader.odds(EVENT, at=START + at) if q.book == "betmgm")
    assert (quote.changed_at, quote.confirmed_at) == (START, START + confirmed)
    assert "betmgm" in prices(reader.odds(EVENT, at=START + at, tolerance=at - confirmed))


def test_an_answer_to_another_question_confirms_nothing(store, reader):
    other = steps.observation(START + 10, path="/events/other/odds")
    steps.keep(
        store,
        quoted(0, change("betmgm", 1.8), events=(fixture(),)),
        Step("nba", other, other.received_at, quotes=2),
        quoted(20),
    )
    (quote,) = reader.odds(EVENT, at=START + 15)
    assert quote.confirmed_at == START


def test_odds_asked_for_the_future_of_one_market_are_not_confirmed_by_another(store, reader):
    steps.keep(
        store,
        quoted(0, change("betmgm", 1.8), events=(fixture(),)),
        quoted(10, change("betmgm", 1.9, market="spreads", line=-2.5), markets=("spreads",)),
    )
    confirmed = {q.market: q.confirmed_at - START for q in reader.odds(EVENT, at=START + 50)}
    assert confirmed == {"h2h": 0, "spreads": 10}


def test_movement_is_the_whole_path_with_disappearances(game, reader):
    path = [(p.observed_at - START, p.price) for p in reader.movement(EVENT, book="pinnacle")]
    assert path == [(0, 1.9), (20, 2.0), (30, None)]


def test_movement_within_a_time(game, reader):
    path = [p.price for p in reader.movement(EVENT, since=START + 1, until=START + 20)]
    assert path == [2.0]


def test_the_best_price_is_per_outcome_and_line_and_never_a_lay_price(store, reader):
    steps.keep(
        store,
        quoted(
            0,
            change("a", 1.9, market="spreads", line=-2.5),
            change("b", 1.95, market="spreads", line=-2.5),
            change("c", 2.1, market="spreads", line=-3.5),
            change("a", 2.0, market="spreads", line=2.5, outcome="away"),
            change("exchange", 5.0, market="h2h_lay"),
            change("a", 1.5),
            events=(fixture(),),
        ),
    )
    best = {(q.market, q.outcome, q.line): q.book for q in reader.best(EVENT)}
    assert best == {
        ("spreads", "home", -2.5): "b",
        ("spreads", "home", -3.5): "c",
        ("spreads", "away", 2.5): "a",
        ("h2h", "home", None): "a",
    }


def test_compare_puts_books_side_by_side(store, reader):
    steps.keep(store, quoted(0, change("a", 2.0), change("b", 1.6), change("c", 1.0), events=(fixture(),)))
    rows = [(row.book, row.implied, row.best) for row in reader.compare(EVENT, market="h2h")]
    assert rows == [("a", 0.5, True), ("b", 0.625, False), ("c", None, False)]


def test_a_ladder_keeps_its_rungs_apart(store, reader):
    rungs = [change("a", 2.0 + r, market="alt", line=r, rung=r, player="Jokić") for r in (10.5, 20.5, 30.5)]
    steps.keep(store, quoted(0, *rungs, events=(fixture(),)))
    assert [(q.line, q.price, q.player) for q in reader.odds(EVENT)] == [
        (10.5, 12.5, "Jokić"),
        (20.5, 22.5, "Jokić"),
        (30.5, 32.5, "Jokić"),
    ]


def test_facts_of_pipelines_are_apart_and_the_newest_is_shown(store, reader):
    old = quoted(0, change("a", 1.5), events=(fixture(),))
    new = msgspec.structs.replace(quoted(10, change("a", 1.7)), pipeline="other")
    steps.keep(store, old, new)
    assert prices(reader.odds(EVENT)) == {"a": 1.7}
    assert prices(reader.odds(EVENT, pipeline="nba")) == {"a": 1.5}


def test_an_event_is_found_by_its_beginning(game, reader):
    assert reader.event("dd2").id == EVENT
    assert reader.event(EVENT).id == EVENT


def test_an_event_that_is_not_there_is_named(game, reader):
    with pytest.raises(UnknownEventError, match="no event begins with 'DD2': `stratumd events` lists them"):
        reader.odds("DD2")
    with pytest.raises(UnknownEventError):
        reader.odds("d%")


def test_an_ambiguous_beginning_names_the_candidates(store, reader):
    steps.keep(store, quoted(0, events=(fixture(), fixture(ALSO, start=START))))
    with pytest.raises(UnknownEventError, match=f"several events begin with 'dd23': {EVENT}, {ALSO}"):
        reader.odds("dd23")
    assert reader.event("dd231").id == EVENT


def test_a_start_that_moves_keeps_its_history(store, reader):
    steps.keep(
        store,
        quoted(0, events=(fixture(),)),
        quoted(10, events=(fixture(start=START + 2 * HOUR),)),
    )
    event = reader.event(EVENT)
    assert event.commence_at == START + 2 * HOUR
    assert [(s.observed_at - START, s.commence_at - START) for s in event.starts] == [(0, HOUR), (10, 2 * HOUR)]
    assert event.first_seen_at == START


def test_an_older_word_on_an_event_does_not_replace_a_newer_one(store, reader):
    """As when a second pipeline works through an old backlog."""
    steps.keep(store, quoted(10, events=(fixture(start=START + 2 * HOUR),)))
    steps.keep(store, msgspec.structs.replace(quoted(0, events=(fixture(),)), pipeline="other"))
    assert reader.event(EVENT).commence_at == START + 2 * HOUR


def test_events_by_day_team_sport_and_what_is_to_come(store, reader):
    day = datetime.fromtimestamp(START / 1e6, UTC).date()
    other = fixture(ALSO, home="Chicago Sky", away="100% Team", start=START + 2 * DAY)
    steps.keep(store, quoted(0, events=(fixture(), other)))

    def ids(**conditions):
        return [event.id for event in reader.events(**conditions)]

    assert ids() == [EVENT, ALSO]
    assert ids(day=day) == [EVENT]
    assert ids(team="liberty") == [EVENT]
    assert ids(team="0%") == [ALSO]
    assert ids(sport="basketball_nba") == []
    assert ids(upcoming_at=START + HOUR) == [ALSO]


def test_signals_in_order_and_by_every_condition(store, reader):
    first, second = (steps.step(steps.observation(START + n), signals=2, event_number=n) for n in (0, 1))
    steps.keep(store, second, first)
    ordered = sorted(first.signals, key=lambda s: s.id) + sorted(second.signals, key=lambda s: s.id)
    assert reader.signals() == ordered
    assert reader.signals(limit=3) == ordered[1:]
    assert reader.signals(since=START + 1) == ordered[2:]
    assert reader.signals(until=START) == ordered[:2]
    assert reader.signals(event=steps.event(1).id) == ordered[2:]
    assert reader.signals(types=["STEAM", "MOVE"], market="spreads", sport="basketball_nba") == ordered
    for nothing in ({"types": ["MOVE"]}, {"market": "h2h"}, {"sport": "x"}, {"pipeline": "x"}, {"min_strength": 62}):
        assert reader.signals(**nothing) == []
    assert reader.signals(min_strength=61, pipeline="nba") == ordered


def test_the_history_of_the_consensus(store, reader):
    many = [steps.step(steps.observation(START + n), signals=0) for n in range(3)]
    steps.keep(store, *many)
    found = reader.consensus(steps.event().id, market="spreads", since=START + 1)
    assert [row.observed_at - START for row in found] == [1, 2]
    assert found[0].point == many[0].records[0][1]
    assert reader.consensus(steps.event().id, market="h2h") == []


def test_the_board_shows_what_is_to_come_with_its_consensus_and_last_signal(store, reader):
    many = [steps.step(steps.observation(START + n), signals=1) for n in range(2)]
    steps.keep(store, *many)
    (row,) = reader.board(START)
    assert row.event.id == steps.event().id
    assert [(c.observed_at, c.point) for c in row.consensus] == [(START + 1, many[1].records[0][1])]
    assert row.last_signal == many[1].signals[0]
    assert reader.board(START + HOUR) == []


def test_the_board_leaves_off_what_nobody_offers_any_more(store, reader):
    first, last = (steps.step(steps.observation(START + n), signals=0) for n in range(2))
    steps.keep(store, first)
    assert len(reader.board(START)) == 1
    gone = tuple(change._replace(line=None, price=None) for change in first.changes)
    steps.keep(store, msgspec.structs.replace(last, changes=gone))
    assert reader.board(START) == []


def test_the_status_counts(store, reader):
    steps.keep(store, steps.step(steps.observation(), signals=2))
    failed = Poll(Request("/odds"), START + 5, 9, None, RateLimited("slow down", code="EXCEEDED", status=429))
    store.observe([("nba", failed)])
    status = reader.status(START + MINUTE)
    (source,) = status.sources
    assert (source.polls_24h, source.success_rate_24h, source.credits_remaining) == (2, 0.5, 99)
    assert (source.last_poll.error, source.last_poll.status) == ("RateLimited", 429)
    assert (status.events, status.events_upcoming, status.quotes, status.signals, status.signals_24h) == (1, 1, 3, 2, 2)
    assert [(w.sink, w.state, w.number) for w in status.deliveries] == [("log", "pending", 2)]
    assert status.last_signal_at == START
    assert status.database_bytes > 0


def test_the_status_a_day_later_says_that_nothing_was_polled(store, reader):
    store.observe([("nba", Poll(Request("/odds"), START, 1, steps.observation(), None, Credits()))])
    (source,) = reader.status(START + DAY).sources
    assert (source.polls_24h, source.success_rate_24h) == (0, None)


def test_the_status_of_an_empty_store(reader):
    status = reader.status(START)
    assert (status.sources, status.deliveries, status.signals, status.last_signal_at) == ((), (), 0, None)


def test_polls_the_newest_in_order(store, reader):
    many = [steps.observation(START + n) for n in range(4)]
    store.observe([(seen.source, steps.poll(seen)) for seen in many])
    assert [p.observation for p in reader.polls(limit=2)] == [many[2].id, many[3].id]
    assert [p.observation for p in reader.polls(since=START + 3 - 5)] == [many[3].id]
    assert reader.polls(source="other") == []


def test_the_statistics_count_every_table(store, reader):
    steps.keep(store, steps.step(steps.observation(), signals=2))
    rows = {row.table: row.rows for row in reader.stats()}
    assert (rows["signals"], rows["changes"], rows["records"]) == (2, 3, 0)
    assert all(row.bytes for row in reader.stats())


def test_what_is_shown_has_times_in_iso(game, reader):
    public = reader.odds(EVENT)[0].public()
    assert public["changed_at"] == iso(START)
    assert public["last_update"] is None
    assert reader.event(EVENT).public()["starts"][0]["commence_at"] == iso(START + HOUR)
    assert reader.board(START)[0].public()["event"]["commence_at"] == iso(START + HOUR)
