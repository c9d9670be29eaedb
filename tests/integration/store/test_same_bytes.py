"""Both engines give back the same bytes for the same input."""

from __future__ import annotations

import msgspec

from stratumd.store import open_reader, open_store
from stratumd.store.tables import metadata
from tests.support import steps
from tests.support.steps import START

OWN = {"deliveries": {"owner", "lease_until"}}  # who claimed, and until when by its own clock


def dump(url: str) -> dict[str, list[tuple]]:
    """Return every row of every table, in the order of the key."""
    reader = open_reader(url)
    with reader._engine.connect() as connection:
        found = {}
        for table in metadata.sorted_tables:
            columns = [c for c in table.columns if c.name not in OWN.get(table.name, ())]
            query = table.select().with_only_columns(*columns).order_by(*table.primary_key)
            found[table.name] = [tuple(row) for row in connection.execute(query)]
    reader.close()
    return found


def shown(url: str) -> list[bytes]:
    """Return what the reading commands would print."""
    reader = open_reader(url)
    event = steps.event(3).id
    encode = msgspec.json.encode
    answers = [
        *(signal.to_json() for signal in reader.signals()),
        *(encode(row.public()) for row in reader.odds(event)),
        *(encode(row.public()) for row in reader.odds(event, at=START + 90_000_000)),
        *(encode(row.public()) for row in reader.movement(event)),
        *(encode(row.public()) for row in reader.compare(event)),
        *(encode(row.public()) for row in reader.board(START)),
        *(encode(row.public()) for row in reader.polls()),
        *(encode(row.public()) for row in reader.events(team="home")),
    ]
    reader.close()
    return answers


def fill(url: str) -> None:
    store = open_store(url)
    many = list(steps.feed(12, events=5, books=4))
    odd = steps.step(steps.observation(START - 1), event_number=9, price=1 / 3)
    steps.keep(store, odd)
    for start in range(0, len(many), 5):
        steps.keep(store, *many[start : start + 5])
    store.pending("nba", ["nba"], 10)
    claimed = store.claim("log", 3, START * 2)
    store.failed(claimed[0].id, START, "no\0pe", None)
    store.delivered([claimed[1].id], START, "receipt")
    store.close()


def test_both_engines_keep_and_show_the_same(tmp_path, postgres_server, postgres_template):
    sqlite = f"sqlite:///{tmp_path / 'stratum.db'}"
    name = postgres_server.create(template=postgres_template)
    postgres = postgres_server.url(name)
    for url in (sqlite, postgres):
        fill(url)
    assert shown(sqlite) == shown(postgres)
    assert len(shown(sqlite)) > 100
    left, right = dump(sqlite), dump(postgres)
    for table in left:
        assert left[table] == right[table], table
    postgres_server.drop(name)
