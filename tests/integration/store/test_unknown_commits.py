"""The connection dies while PostgreSQL commits: nobody knows whether it did, and repeating the call is right."""

from __future__ import annotations

import os
import random
import socket

import psycopg
import pytest
from sqlalchemy import event

from stratumd.store import StoreDown, open_reader, open_store
from tests.support import steps
from tests.support.steps import START

ROUNDS = 60


class Cutter:
    """Cuts the connection at the next COMMIT, just before it or just after it."""

    def __init__(self, store) -> None:
        self.when: str | None = None
        event.listen(store._engine, "commit", self._commit)

    def _commit(self, connection) -> None:
        when, self.when = self.when, None
        if when is None:
            return
        driver = connection.connection.driver_connection
        if when == "after":
            driver.pgconn.exec_(b"COMMIT")
        with socket.socket(fileno=os.dup(driver.pgconn.socket)) as end:
            end.shutdown(socket.SHUT_RDWR)
        if when == "after":
            raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.fixture
def store(postgres_server, postgres_template):
    name = postgres_server.create(template=postgres_template)
    opened = open_store(postgres_server.url(name))
    opened.url = postgres_server.url(name)
    yield opened
    opened.close()
    postgres_server.drop(name)


def test_whatever_becomes_of_a_commit_repeating_it_loses_and_doubles_nothing(store):
    draw, cutter = random.Random(5), Cutter(store)
    many = [steps.step(steps.observation(START + n), event_number=n % 3, signals=1) for n in range(ROUNDS)]
    for step in many:
        for call in (
            lambda step=step: store.observe([("nba", steps.poll(step.observation))]),
            lambda step=step: store.commit([steps.commit(step)]),
        ):
            cutter.when = draw.choice(["before", "after"])
            with pytest.raises(StoreDown):
                call()
            call()
    reader = open_reader(store.url)
    assert [signal.id for signal in reader.signals()] == [s.id for step in many for s in step.signals]
    rows = {row.table: row.rows for row in reader.stats()}
    assert [rows[name] for name in ("observations", "polls", "processed", "deliveries")] == [ROUNDS] * 4
    reader.close()


def test_a_server_that_ends_every_connection_is_connected_to_again(store, postgres_server):
    first, second = (steps.step(steps.observation(START + n)) for n in (0, 1))
    steps.keep(store, first)
    postgres_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type"
        " = 'client backend'"
    )
    with pytest.raises(StoreDown):
        steps.keep(store, second)
    steps.keep(store, second)
    assert len(store.pending("other", ["nba"], 10)) == 2
