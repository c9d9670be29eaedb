"""A plugin's own tables: whole transactions, counters, and an audit that cannot be changed unnoticed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

from stratumd.plugin import Row
from stratumd.plugin.desk import Act, AuditRow, Reading, Writing
from stratumd.store import Store, StoreDesk, audit_breaks, open_store

NOW = 1_768_046_400_000_000
ACT = Act(actor="console:root", action="notes.write", target="a", reason="a test", request_id="r1")


class Note(Row, frozen=True):
    table: ClassVar[str] = "desk_notes"
    key: ClassVar[tuple[str, ...]] = ("name",)
    hidden: ClassVar[tuple[str, ...]] = ("secret",)

    name: str
    number: int
    secret: str | None = None


MIGRATION = '''"""Notes."""
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "desk_notes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
'''


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_notes.py").write_text(MIGRATION)
    opened = open_store(database_url, plugins={"desk": folder})
    yield opened
    opened.close()


@pytest.fixture
def desk(store: Store) -> StoreDesk:
    return store.desk(lambda: NOW)


def all_of(desk: StoreDesk) -> list[Note]:
    return desk.read(lambda reading: reading.find(Note))


def test_what_is_written_is_read(desk: StoreDesk) -> None:
    desk.write(lambda writing: writing.put(Note("b", 2), Note("a", 1, "s"), Note("c", 3)))
    assert [note.name for note in all_of(desk)] == ["a", "b", "c"]
    assert desk.read(lambda r: r.get(Note, name="a")) == Note("a", 1, "s")
    assert desk.read(lambda r: r.get(Note, name="z")) is None
    assert [n.name for n in desk.read(lambda r: r.find(Note, since=("number", 2), until=("number", 3)))] == ["b"]
    assert [n.name for n in desk.read(lambda r: r.find(Note, order=("number",), newest=True, limit=2))] == ["c", "b"]
    assert desk.read(lambda r: r.count(Note, secret=None)) == 2


def test_a_row_that_tells_nothing_stands_in_no_audit(desk: StoreDesk) -> None:
    class Quiet(Note, frozen=True):
        audited: ClassVar[bool] = False

    desk.write(lambda writing: writing.put(Quiet("q", 1)), ACT)
    assert desk.read(lambda r: r.count(AuditRow)) == 0
    desk.write(lambda writing: writing.put(Quiet("q", 2), Note("n", 1)), ACT)
    (made,) = desk.read(lambda r: r.find(AuditRow))
    assert made.after == '[{"row":{"name":"n","number":1,"secret":null},"table":"desk_notes"}]'


def test_a_transaction_is_whole_or_not_at_all(desk: StoreDesk) -> None:
    def work(writing: Writing) -> None:
        writing.put(Note("a", 1))
        raise LookupError("no")

    with pytest.raises(LookupError):
        desk.write(work, ACT)
    assert all_of(desk) == []
    assert desk.read(lambda r: r.count(AuditRow)) == 0


def test_an_insert_says_whether_it_was_the_first(desk: StoreDesk) -> None:
    assert desk.write(lambda w: (w.insert(Note("a", 1)), w.insert(Note("a", 2)))) == (True, False)
    assert all_of(desk) == [Note("a", 1)]


def test_a_drop_says_how_many_and_wants_to_know_which(desk: StoreDesk) -> None:
    desk.write(lambda writing: writing.put(Note("a", 1), Note("b", 1)))
    assert desk.write(lambda writing: writing.drop(Note, number=1)) == 2
    with pytest.raises(TypeError):
        desk.write(lambda writing: writing.drop(Note))


def test_counters_of_many_threads_add_up(desk: StoreDesk) -> None:
    def count() -> None:
        for _ in range(10):
            desk.write(lambda writing: writing.add(Note("a", 1), "number"))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all_of(desk) == [Note("a", 40)]


def test_reading_and_then_writing_never_loses_an_update(desk: StoreDesk) -> None:
    def raised(writing: Writing) -> None:
        found = writing.get(Note, name="a")
        writing.put(Note("a", found.number + 1 if found else 1))

    threads = [threading.Thread(target=lambda: [desk.write(raised) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all_of(desk) == [Note("a", 20)]


def rows(reading: Reading) -> list[AuditRow]:
    return reading.find(AuditRow)


def test_an_act_is_written_down_with_what_it_changed(desk: StoreDesk) -> None:
    desk.write(lambda writing: writing.put(Note("a", 1, "canary")), ACT)
    desk.write(lambda writing: writing.put(Note("a", 1, "canary")), ACT)  # changes nothing
    desk.write(lambda writing: writing.add(Note("a", 2), "number"), ACT)
    desk.write(lambda writing: writing.drop(Note, name="a"), ACT)
    made, raised, gone = desk.read(rows)
    assert (made.sequence, made.at, made.actor, made.target, made.reason) == (1, NOW, "console:root", "a", "a test")
    assert made.before == "[]"
    assert made.after == '[{"row":{"name":"a","number":1,"secret":"***"},"table":"desk_notes"}]'
    assert '"number":3' in raised.after
    assert (gone.sequence, gone.after) == (3, "[]")
    assert "canary" not in made.before + made.after + raised.before + gone.before


def test_the_chain_of_the_audit_holds_until_somebody_changes_it(desk: StoreDesk, database_url: str) -> None:
    for number in range(4):
        desk.write(lambda writing, number=number: writing.put(Note("a", number)), ACT)
    assert audit_breaks(database_url) == []
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE audit SET reason = 'other' WHERE sequence = 2"))
    assert [(each.sequence, each.reason) for each in audit_breaks(database_url)] == [(2, "it was changed")]
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM audit WHERE sequence IN (2, 4)"))
    assert [each.sequence for each in audit_breaks(database_url)] == [2, 4]
    engine.dispose()
