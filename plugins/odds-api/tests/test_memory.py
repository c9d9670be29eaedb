"""What the normalizer remembers changes no result and has an end."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.plugin import HOUR, Observation
from stratumd_odds_api import normalizer as reading
from stratumd_odds_api import remembered
from tests.support.odds_api import EVENTS, MONEYLINE, NOON, answer, book, event, fresh, market, outcome

NAMES = st.sampled_from(["Utah Jazz", "Boston Celtics", "Over", "Under", "Draw", "Kai Ito", "", "\x00"])
PRICES = st.sampled_from([-110, 100, 130, -150, 0, -99, 1e9, None, "x", 2.5])
POINTS = st.sampled_from([None, 0, -3.5, 3.5, 1e9, "x"])
WRONG: st.SearchStrategy[Any] = st.sampled_from([None, 3, "x", [], {}])

OUTCOMES = st.builds(outcome, NAMES, PRICES, POINTS)
MARKETS = st.builds(
    lambda key, rows, stamp: {**market(key, *rows), "last_update": stamp},
    st.sampled_from(["h2h", "spreads", "totals", "player_points"]),
    st.lists(OUTCOMES, max_size=4),
    st.sampled_from([None, "2026-01-10T11:59:30Z", "never", 1_768_046_370, 1.5]),
)
BOOKS = st.builds(
    lambda key, rows: book(key, *rows),
    st.sampled_from(["fanduel", "betmgm", ""]),
    st.lists(MARKETS | WRONG, max_size=4),
)
ROWS = st.builds(
    lambda one, home, start, books: event(*books, id=one, home_team=home, commence_time=start),
    st.sampled_from(["a", "b", "\n"]),
    st.sampled_from(["Utah Jazz", "Boston Celtics", None, 5]),
    st.sampled_from(["2026-01-10T20:00:00Z", "2026-01-10T21:00:00Z", 1_768_075_200, "soon"]),
    st.lists(BOOKS | WRONG, max_size=3),
)
BODIES = st.lists(ROWS | WRONG, max_size=3)
FORMATS = st.sampled_from(["american", "decimal"])


@settings(deadline=None)
@given(st.lists(st.tuples(BODIES, FORMATS), min_size=1, max_size=6))
def test_a_normalizer_that_remembers_reads_the_same_as_a_fresh_one(polls: list[tuple[Any, str]]) -> None:
    remembering = fresh()
    for number, (body, odds_format) in enumerate(polls):
        observation = answer(body, at=NOON + number * HOUR, oddsFormat=odds_format)
        assert remembering.normalize(observation) == fresh().normalize(observation)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(body: bytes) -> None:
    fresh().normalize(answer(body))


SOUND = json.dumps(EVENTS).encode()


@settings(deadline=None)
@given(st.integers(0, len(SOUND) - 1), st.integers(0, 40), st.binary(max_size=6))
def test_any_mutation_of_a_sound_answer_is_read_without_an_error(at: int, removed: int, added: bytes) -> None:
    normalizer = fresh()
    normalizer.normalize(answer(SOUND))
    broken = answer(SOUND[:at] + added + SOUND[at + removed :])
    found = normalizer.normalize(broken)
    assert found == fresh().normalize(broken)
    assert all(
        1 < quote.price < 1e6 for listing in found.listings for offer, _ in listing.offers for quote in offer.quotes
    )


def polled(number: int, at: int) -> Observation:
    return answer([event(book("fanduel", MONEYLINE), id=f"{number:032x}")], at=at)


def test_events_not_seen_for_hours_are_forgotten() -> None:
    normalizer = fresh()
    normalizer.normalize(polled(1, NOON))
    normalizer.normalize(polled(2, NOON + reading.KEEP_FOR + 1))
    assert len(normalizer._known) == 1


def test_events_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEEP_EVENTS", 3)
    normalizer = fresh()
    for number in range(10):
        normalizer.normalize(polled(number, NOON))
    assert [one.event.id for one in normalizer._known.values()] == [f"{number:032x}" for number in (7, 8, 9)]


def test_markets_of_an_event_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "KEEP_MARKETS", 5)
    normalizer = fresh()
    for number in range(30):
        normalizer.normalize(answer([event(book("fanduel", {**MONEYLINE, "key": f"m{number}"}))]))
    assert all(len(one.books["fanduel"].markets) <= 5 for one in normalizer._known.values())


def test_times_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "KEEP_TIMES", 10)
    normalizer = fresh()
    for second in range(50):
        stamped = {**MONEYLINE, "last_update": 1_768_046_000 + second}
        normalizer.normalize(answer([event(book("fanduel", stamped))]))
    assert len(normalizer._times) <= 10
