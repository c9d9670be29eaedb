"""The store as a job sees it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec
import pytest

from stratumd.plugin import HOUR, MINUTE, Change, Phase, Row, Start
from stratumd.registry import load
from stratumd.store import Store, StoreLedger, open_ledger, open_store, plugin_migrations
from stratumd.store.shelves import table_of
from stratumd_clv.rows import KINDS, Closed, Closing
from tests.support.steps import START, event, keep, observation, result, signal, step

FOLDERS = plugin_migrations((each.plugin, each.component) for _, each in load(["clv"]).components())


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url, plugins=FOLDERS)
    yield opened
    opened.close()


def polled(number: int, *, price: float | None, path: str = "/odds", quotes: int = 3) -> object:
    """Return the step of a poll, `number` minutes after the first, in which one book says `price`."""
    at = START + number * MINUTE
    seen = observation(at, path=path, body=repr((number, path)).encode())
    changes = () if price is None else (Change(event().id, "pinnacle", "spreads", None, "home", None, -2.5, price, at),)
    plain = step(seen, signals=0)
    return msgspec.structs.replace(plain, changes=changes, quotes=quotes, states=(), records=(), issues=(), failures=())


def test_a_quote_is_confirmed_by_every_answer_to_the_same_request(store: Store) -> None:
    keep(
        store,
        polled(0, price=1.9),
        polled(1, price=None),
        polled(2, price=None, path="/other"),
        polled(3, price=None, quotes=0),  # an error page
        polled(4, price=1.8),
        polled(5, price=None),
    )
    (past,) = store.ledger("nba").pasts([event().id, "nobody"])
    (path,) = past.paths
    assert [(point.observed_at - START, point.price) for point in path.points] == [(0, 1.9), (4 * MINUTE, 1.8)]
    assert [(at - START) // MINUTE for at in path.confirmed] == [0, 1, 4, 5]
    assert (path.book, path.market, path.outcome, path.points[0].line) == ("pinnacle", "spreads", "home", -2.5)


def test_a_pipeline_sees_its_own_facts_alone(store: Store) -> None:
    keep(store, step(observation(), pipeline="nba"))
    assert store.ledger("other").events() == []
    assert list(store.ledger("other").pasts([event().id])) == []
    assert store.ledger("other").signals([event().id]) == []
    assert len(store.ledger("nba").signals([event().id])) == 1


def test_events_are_found_by_their_newest_start(store: Store) -> None:
    moved = msgspec.structs.replace(event(), commence_at=START + 5 * HOUR)
    later = msgspec.structs.replace(step(observation(START + MINUTE, body=b"[1]"), signals=0), events=(moved,))
    keep(store, step(observation(), signals=0), later)
    ledger = store.ledger("nba")
    assert ledger.events(until=START + 5 * HOUR) == []
    (known,) = ledger.events(since=START + 5 * HOUR)
    assert (known.event, known.observed_at) == (moved, START + MINUTE)
    (past,) = ledger.pasts([event().id])
    assert past.starts == [Start(START, event().commence_at), Start(START + MINUTE, START + 5 * HOUR)]


def test_a_called_off_start_is_one_until_another_is_announced(store: Store) -> None:
    keep(store, step(observation(), signals=0))
    (known,) = store.ledger("nba").events()
    assert known.phase is Phase.SCHEDULED
    off = msgspec.structs.replace(
        polled(1, price=None), results=(result(phase=Phase.POSTPONED, event=event().id),), plays=(), events=()
    )
    keep(store, off)
    (known,) = store.ledger("nba").events()
    assert known.phase is Phase.POSTPONED
    moved = msgspec.structs.replace(event(), commence_at=START + 29 * HOUR)
    keep(store, msgspec.structs.replace(polled(2, price=None), results=(), plays=(), events=(moved,)))
    (known,) = store.ledger("nba").events()
    assert known.phase is None


def test_signals_and_consensus_come_back_as_they_were_stored(store: Store) -> None:
    taken = step(observation())
    keep(store, taken)
    ledger = store.ledger("nba")
    assert ledger.signals([event().id]) == [signal(observation())]
    assert ledger.consensus(event().id) == [(START, taken.records[0][1])]


def closing(convention: str, cutoff: int = 1, event_id: str = "e") -> Closing:
    return Closing("nba", event_id, convention, cutoff, None)


def test_rows_replace_those_of_the_same_key_and_are_dropped_by_their_fields(store: Store) -> None:
    ledger = store.ledger("nba")
    ledger.write([closing("a"), closing("b"), closing("a", 2), closing("c", event_id="other\0")])
    assert ledger.rows(Closing, event="e") == [closing("a", 2), closing("b")]
    ledger.write([closing("d")], [(Closing, {"event": "e"})])
    assert [row.convention for row in ledger.rows(Closing)] == ["d", "c"]
    assert ledger.rows(Closing, closed_at=None, event="e") == [closing("d")]


def test_a_write_is_whole_or_not_at_all(store: Store) -> None:
    ledger = store.ledger("nba")
    ledger.write([closing("a")])

    class Strange(Row, frozen=True):
        table: ClassVar[str] = "clv_strange"
        key: ClassVar[tuple[str, ...]] = ("id",)
        id: str

    with pytest.raises(Exception, match="clv_strange"):
        ledger.write([closing("b"), Strange("x")], [(Closing, {"event": "e"})])
    assert ledger.rows(Closing) == [closing("a")]


def test_a_ledger_can_be_opened_beside_the_daemon(store: Store, database_url: str) -> None:
    with open_ledger(database_url, "nba", FOLDERS) as beside:
        beside.write([closing("a")])
        assert isinstance(beside, StoreLedger)
    assert store.ledger("nba").rows(Closing) == [closing("a")]


def test_the_tables_of_clv_are_those_of_its_rows(store: Store) -> None:
    """What the migrations make is what the structs say: every row can be written and read."""
    for kind in KINDS:
        names = {"str": "x", "int": 1, "float": 1.5, "int | None": 1, "float | None": 1.5, "str | None": "x"}
        row = kind(**{field.name: names[kind.__annotations__[field.name]] for field in msgspec.structs.fields(kind)})
        store.ledger("x").write([row])
        assert store.ledger("x").rows(kind) == [row]
        assert table_of(kind).name.startswith("clv_")


def test_a_column_holds_plain_values_only() -> None:
    class Wrong(Row, frozen=True):
        table: ClassVar[str] = "clv_wrong"
        key: ClassVar[tuple[str, ...]] = ("id",)
        id: str
        parts: list[str]

    with pytest.raises(TypeError, match=r"Wrong\.parts: a column is a str, an int or a float"):
        table_of(Wrong)
    assert Closed.key == ("pipeline", "event")
