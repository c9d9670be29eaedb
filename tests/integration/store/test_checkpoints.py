"""SQLite's log comes into the file after the commit, by a thread that nobody waits for."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from stratumd.store import StoreBroken, StoreFull, checkpoints, open_store, opening
from tests.support import steps
from tests.support.steps import START

PAGE, FRAME = 4096, 4096 + 24


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "checked.db"


@pytest.fixture
def at_once(monkeypatch) -> None:
    monkeypatch.setattr(checkpoints, "ROWS", 1)
    monkeypatch.setattr(checkpoints, "PAUSE", 0.0)


def opened(file: Path):
    return open_store(f"sqlite:///{file}")


def keep(store, number: int = 0) -> None:
    steps.keep(store, steps.step(steps.observation(START + number, path=f"/{number}")))


def log_of(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def answers_in(file: Path) -> int:
    """Count the answers in the file alone, as if its log was lost."""
    copy = file.with_name("alone.db")
    content = bytearray(file.read_bytes())
    content[18:20] = b"\x01\x01"  # a file that never had a log
    copy.write_bytes(content)
    with closing(sqlite3.connect(copy)) as connection:
        return connection.execute("SELECT count(*) FROM observations").fetchone()[0]


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "checkpoints"]


def test_what_was_committed_comes_into_the_file(file, at_once):
    store = opened(file)
    keep(store)
    store.checkpoints.settle()
    assert answers_in(file) == 1
    assert store.checkpoints.seconds > 0
    store.close()


def test_small_commits_need_no_thread(file):
    before = threads()
    store = opened(file)
    keep(store)
    store.checkpoints.settle()
    assert threads() == before
    store.close()


def test_closing_ends_the_thread_and_leaves_no_log(file, at_once):
    before = threads()
    store = opened(file)
    keep(store)
    assert threads() == [*before, "checkpoints"]
    store.close()
    assert threads() == before
    assert not log_of(file).exists()
    assert answers_in(file) == 1


def test_nobody_waits_for_it(file, at_once, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def slow(path: Path) -> bool:
        begun.set()
        return may_end.wait(10)

    monkeypatch.setattr(checkpoints, "_copy", slow)
    store = opened(file)
    keep(store, 1)
    assert begun.wait(10)
    keep(store, 2)
    assert len(store.pending("other", ["nba"], 10)) == 2
    may_end.set()
    store.close()


@pytest.mark.parametrize(
    ("code", "text", "raised"),
    [(sqlite3.SQLITE_FULL, "full", StoreFull), (sqlite3.SQLITE_IOERR_WRITE, "disk I/O error", StoreBroken)],
)
def test_a_failure_is_told_once_and_what_was_asked_then_can_be_asked_again(
    file, at_once, monkeypatch, code, text, raised
):
    kept = threading.Event()

    def fails(path: Path) -> bool:
        assert kept.wait(10)
        error = sqlite3.OperationalError(text)
        error.sqlite_errorcode = code
        raise error

    store = opened(file)
    with monkeypatch.context() as broken:
        broken.setattr(checkpoints, "_copy", fails)
        keep(store, 1)
        kept.set()
        store.checkpoints.settle()
    step = steps.step(steps.observation(START + 2, path="/2"))
    with pytest.raises(raised, match=text):
        steps.keep(store, step)
    assert len(store.pending("other", ["nba"], 10)) == 1, "nothing of it was written"
    assert store.claim("log", 10, START + 10**9), "what is stored can be delivered"
    store.checkpoints.settle()
    steps.keep(store, step)
    store.checkpoints.settle()
    assert answers_in(file) == 2, "it was tried again"
    store.close()


def test_what_a_reader_still_needs_is_copied_after_a_later_commit(file, at_once):
    store = opened(file)
    keep(store, 1)
    store.checkpoints.settle()
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM observations").fetchone()
        keep(store, 2)
        store.checkpoints.settle()
        assert answers_in(file) == 1
    keep(store, 3)
    store.checkpoints.settle()
    assert answers_in(file) == 3
    store.close()


def test_the_log_stays_finite_while_the_thread_never_comes_to_it(file, monkeypatch):
    monkeypatch.setattr(checkpoints, "ROWS", 10**9)
    monkeypatch.setattr(opening, "PAGES", 50)
    store = opened(file)
    sizes = []
    for number in range(100):
        keep(store, number)
        sizes.append(log_of(file).stat().st_size // FRAME)
    assert max(sizes) < max(sizes[0] + 100, 250)
    assert sizes[-1] < sizes[50] + 50, "it is written over from its beginning: these are the frames of a few commits"
    store.close()


def test_a_daemons_log_may_grow_further_than_that_of_a_command_beside_it(file):
    store = opened(file)
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == checkpoints.PAGES
    store.close()
