"""`db backup`, `db restore` and `db check`: a copy is one moment of a life, and what was there is kept."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from stratumd.errors import ConfigError, StartupError
from stratumd.store import StoreBroken, StoreFull, backup, damage, open_reader, open_store, restore
from tests.support import steps
from tests.support.cli import stratumd


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stratum.db"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def fill(path: Path, number: int = 20) -> list[str]:
    """Store observations with a signal each; return the signals' ids."""
    store = open_store(url_of(path))
    for n in range(number):
        steps.keep(store, steps.step(steps.observation(steps.START + n, body=b'[{"n": %d}]' % n * 50)))
    store.close()
    return ids(path)


def ids(path: Path) -> list[str]:
    reader = open_reader(url_of(path))
    try:
        return [signal.id for signal in reader.signals()]
    finally:
        reader.close()


def test_a_copy_beside_a_writer_is_one_moment(path: Path, tmp_path: Path) -> None:
    store, stop = open_store(url_of(path)), threading.Event()
    written: list[str] = []

    def write() -> None:
        number = 0
        while not stop.is_set():
            step = steps.step(steps.observation(steps.START + number, body=b"[%d]" % number))
            steps.keep(store, step)
            written.extend(signal.id for signal in step.signals)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        counts = []
        for number in range(5):
            before = len(written)
            backup(url_of(path), tmp_path / f"copy{number}.db")
            counts.append((before, ids(tmp_path / f"copy{number}.db")))
    finally:
        stop.set()
        thread.join()
        store.close()
    for number, (before, found) in enumerate(counts):
        assert damage(url_of(tmp_path / f"copy{number}.db")) == []
        assert found == written[: len(found)], "a copy is a beginning of what was written"
        assert len(found) >= before, "with all that was acknowledged before"


def test_what_was_there_is_kept_and_the_life_goes_on_from_the_copy(path: Path, tmp_path: Path) -> None:
    early = fill(path, 5)
    copy = tmp_path / "copy.db"
    backup(url_of(path), copy)
    later = fill(path, 20)
    old = restore(url_of(path), copy, "then")
    assert old == tmp_path / "stratum.db.before-then"
    assert ids(path) == early
    assert ids(old) == later
    assert fill(path, 20) == later, "stored again, with the same ids"
    assert restore(url_of(tmp_path / "new.db"), copy, "then") is None
    assert ids(tmp_path / "new.db") == early


def test_the_old_log_never_meets_the_new_file(path: Path, tmp_path: Path) -> None:
    early = fill(path, 3)
    backup(url_of(path), tmp_path / "copy.db")
    store = open_store(url_of(path))
    steps.keep(store, steps.step(steps.observation(steps.START + 99)))
    for end in ("", "-wal", "-shm"):  # as a kill leaves them
        shutil.copy(f"{path}{end}", f"{tmp_path / 'killed.db'}{end}")
    store.close()
    old = restore(url_of(tmp_path / "killed.db"), tmp_path / "copy.db", "then")
    assert ids(tmp_path / "killed.db") == early
    assert old is not None
    assert len(ids(old)) == 4, "its log went with it"


def test_a_running_daemons_database_is_not_exchanged(path: Path, tmp_path: Path) -> None:
    fill(path, 3)
    backup(url_of(path), tmp_path / "copy.db")
    store = open_store(url_of(path))
    with pytest.raises(StartupError, match="stop that stratumd first"):
        restore(url_of(path), tmp_path / "copy.db", "then")
    store.close()


def test_what_is_no_sound_copy_is_refused_and_nothing_changes(path: Path, tmp_path: Path) -> None:
    kept = fill(path, 40)
    copy, empty, text = tmp_path / "copy.db", tmp_path / "empty.db", tmp_path / "text.db"
    backup(url_of(path), copy)
    sqlite3.connect(empty).execute("CREATE TABLE a (b)").connection.close()
    text.write_text("no database")
    torn = tmp_path / "torn.db"
    torn.write_bytes(copy.read_bytes()[:-8_192])
    for file, error, words in (
        (empty, StartupError, "none of stratumd's"),
        (text, StartupError, "no SQLite database"),
        (torn, StoreBroken, "damaged"),
        (tmp_path / "no.db", ConfigError, "no such file"),
        (path, ConfigError, "the database itself"),
    ):
        with pytest.raises(error, match=words):
            restore(url_of(path), file, "then")
    assert ids(path) == kept
    assert not [*tmp_path.glob("*before*")]


@pytest.mark.parametrize("fails", ["shutil.copyfile", "os.fsync", "os.replace"])
def test_a_restore_that_fails_leaves_everything_as_it_was(
    path: Path, tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full, say: half of a copy would keep it so. The log of a killed daemon goes back to its database."""
    kept = fill(path, 3)
    copy, place = tmp_path / "copy.db", tmp_path / "killed.db"
    backup(url_of(path), copy)
    store = open_store(url_of(path))
    steps.keep(store, steps.step(steps.observation(steps.START + 99)))
    for end in ("", "-wal", "-shm"):  # as a kill leaves them
        shutil.copy(f"{path}{end}", f"{place}{end}")
    store.close()

    def full(*_: object) -> None:
        (tmp_path / "killed.db.restoring").write_bytes(b"a beginning")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(fails, full)
        with pytest.raises(StoreFull, match="No space left"):
            restore(url_of(place), copy, "then")
    assert {each.name for each in tmp_path.glob("killed*")} >= {"killed.db", "killed.db-wal", "killed.db-shm"}
    assert not [*tmp_path.glob("*.restoring"), *tmp_path.glob("*.before-*")]
    assert len(ids(place)) == 4
    assert restore(url_of(place), copy, "then") is not None, "and nothing is in the way of the next attempt"
    assert ids(place) == kept


def test_what_a_killed_restore_left_is_written_over(path: Path, tmp_path: Path) -> None:
    """And it follows no link that somebody put there."""
    early = fill(path, 3)
    copy, left, other = tmp_path / "copy.db", tmp_path / "stratum.db.restoring", tmp_path / "other"
    backup(url_of(path), copy)
    fill(path, 5)
    left.write_bytes(b"longer than the copy" * 100_000)
    left.chmod(0o400)
    restore(url_of(path), copy, "then")
    assert ids(path) == early
    other.write_text("somebody else's")
    left.symlink_to(other)
    restore(url_of(path), copy, "later")
    assert ids(path) == early
    assert not path.is_symlink()
    assert other.read_text() == "somebody else's"
    assert not left.exists()


def test_a_damaged_database_is_not_copied(path: Path, tmp_path: Path) -> None:
    fill(path, 40)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 8_192)
    with pytest.raises((StoreBroken, StartupError), match="damaged"):
        backup(url_of(path), tmp_path / "copy.db")
    assert not [*tmp_path.glob("copy*")]


def test_an_old_copy_is_not_written_over(path: Path, tmp_path: Path) -> None:
    fill(path, 1)
    (tmp_path / "copy.db").write_text("the only one")
    with pytest.raises(ConfigError, match="name a new file"):
        backup(url_of(path), tmp_path / "copy.db")
    with pytest.raises(ConfigError, match="no folder"):
        backup(url_of(path), tmp_path / "nowhere" / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "the only one"


def test_the_commands(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    fill(path, 3)
    where = ("--database", url_of(path))
    assert stratumd("db", "backup", "copy.db", *where) == 0
    assert capsys.readouterr().out == f"copy.db: {(tmp_path / 'copy.db').stat().st_size:,} bytes\n"
    assert stratumd("db", "restore", "copy.db", *where) == 0
    assert "stratum.db.before-" in capsys.readouterr().out
    assert stratumd("db", "check", *where) == 0
    assert "nothing is damaged" in capsys.readouterr().err


def test_an_answer_that_was_changed_is_named(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By whoever can write to the database: its page is sound, and its checksum, too."""
    store = open_store(database_url)
    for n in range(3):
        steps.keep(store, steps.step(steps.observation(steps.START + n)))
    with store._engine.begin() as connection:  # nothing else of ours changes an answer
        connection.exec_driver_sql("UPDATE observations SET received_at = received_at + 1 WHERE position = 2")
    store.close()
    assert stratumd("db", "check", "--json", "--database", database_url) == 1
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert found["where"] == "observations, row 2"
    assert "not the answer that was received" in found["what"]


def test_postgres_has_its_own_tools(postgres_server, tmp_path: Path) -> None:
    url = postgres_server.url("any")
    with pytest.raises(ConfigError, match="pg_dump"):
        backup(url, tmp_path / "copy.db")
    with pytest.raises(ConfigError, match="pg_restore"):
        restore(url, tmp_path / "copy.db", "then")
