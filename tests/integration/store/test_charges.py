"""What exchanges cost is stored with the poll log, and read back by budgets and reports."""

from __future__ import annotations

from stratumd.plugin import DAY, HOUR, Credits, Poll, Request, parse_iso
from stratumd.store import Charge, open_reader, open_store
from stratumd.store.charges import Quota

NOON = parse_iso("2026-01-10T12:00:00Z")


def poll(at: int, cost: int, **more: object) -> Poll:
    credits = Credits(remaining=1_000 - cost, used=cost, last=cost)
    return Poll(Request("/odds"), at, 5, credits=credits, charged=cost, price=cost, **more)


def test_charges_come_back_in_order(database_url):
    store = open_store(database_url)
    try:
        first = poll(NOON, 3, events=("a", "b"), tier="close")
        store.observe([("nba", poll(NOON + HOUR, 6, feature="props")), ("nba", first), ("nhl", poll(NOON, 9))])
        store.observe([("nba", first)])  # an answer was lost: it is the same exchange
        assert [each._replace(id="") for each in store.charges("nba", NOON)] == [
            Charge(NOON + 5, 3, "base", "close", ("a", "b")),
            Charge(NOON + HOUR + 5, 6, "props", "", ()),
        ]
        assert store.charges("nba", NOON + HOUR) == store.charges("nba", NOON)[1:]
    finally:
        store.close()


def test_a_source_that_says_nothing_of_charges_counts_by_the_providers_word(database_url):
    store = open_store(database_url)
    try:
        store.observe([("nba", Poll(Request("/odds"), NOON, 5, credits=Credits(last=4)))])
        assert [each.credits for each in store.charges("nba", NOON)] == [4]
    finally:
        store.close()


def test_the_quota(database_url):
    store = open_store(database_url)
    try:
        month = parse_iso("2026-01-01T00:00:00Z")
        old = [poll(month - HOUR, 100), poll(month + HOUR, 50), poll(NOON - 20 * HOUR, 20)]
        store.observe([("nba", each) for each in [*old, poll(NOON - HOUR, 7)]])
        store.observe([("silent", Poll(Request("/odds"), NOON, 5))])
    finally:
        store.close()
    reader = open_reader(database_url)
    try:
        assert reader.quotas(NOON, month) == [Quota("nba", NOON - HOUR + 5, 993, 7, 77, 7, 27, month - HOUR + 5)]
        assert reader.upcoming(NOON, NOON + DAY) == []
    finally:
        reader.close()
