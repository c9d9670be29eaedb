"""Opening: what is refused, and in which words."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from stratumd.errors import ConfigError, StartupError
from stratumd.store import StoreError, open_reader, open_store
from tests.support import steps

HOLD = """
import sys
from stratumd.store import open_store
store = open_store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'stratum.db'}"


def hold(url) -> subprocess.Popen:
    """Return another process that has the store open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "open\n"
    return process


def end(process: subprocess.Popen) -> None:
    with process:
        process.stdin.close()


def test_a_second_daemon_is_refused_and_told_who_is_first(url):
    process = hold(url)
    with pytest.raises(StartupError, match=rf"in use by process {process.pid} .*stop that stratumd first"):
        open_store(url)
    end(process)
    open_store(url).close()


def test_a_killed_daemon_leaves_no_lock(url):
    process = hold(url)
    process.kill()
    process.communicate()
    open_store(url).close()


def test_a_lock_is_waited_for_as_long_as_was_asked(url):
    first = open_store(url)
    threading.Timer(0.3, first.close).start()
    open_store(url, wait=20).close()


def test_a_reader_needs_no_lock(url):
    process = hold(url)
    reader = open_reader(url)
    assert reader.signals() == []
    reader.close()
    end(process)


def test_a_reader_cannot_write(store, database_url):
    reader = open_reader(database_url)
    if database_url.startswith("sqlite"):
        with pytest.raises(Exception, match="readonly"), reader._engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM events")
    else:
        with pytest.raises(Exception, match="read-only"), reader._engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM events")
    reader.close()


def test_a_reader_sees_what_is_committed_while_it_is_open(store, reader):
    assert reader.signals() == []
    steps.keep(store, steps.step(steps.observation()))
    assert len(reader.signals()) == 1


def test_every_commit_of_sqlite_is_on_the_disk(url):
    store = open_store(url)
    with store._engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 5000]
    store.close()


def test_a_missing_file_is_not_created_by_a_reader(tmp_path, url):
    with pytest.raises(StartupError, match="does not exist: start `stratumd run`"):
        open_reader(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("opening", [open_store, open_reader])
def test_a_missing_folder_is_named(opening, tmp_path):
    folder = tmp_path / "nowhere"
    with pytest.raises(StartupError, match=rf"no folder {folder}; create it"):
        opening(f"sqlite:///{folder / 'stratum.db'}")
    assert not folder.exists()


@pytest.mark.parametrize("opening", [open_store, open_reader])
def test_a_link_that_leads_nowhere_is_told_with_where(opening, tmp_path, url):
    """As to a disk that is not mounted."""
    link, folder = tmp_path / "stratum.db", tmp_path / "disk" / "data"
    link.symlink_to(folder / "x.db")
    with pytest.raises(StartupError, match=rf"{link} is a link, and where it leads there is no folder {folder}; cre"):
        opening(url)
    folder.mkdir(parents=True)
    open_store(url).close()
    assert (folder / "x.db").is_file()


@pytest.mark.parametrize("opening", [open_store, open_reader])
def test_a_link_that_leads_back_to_itself_is_told(opening, tmp_path, url):
    (tmp_path / "stratum.db").symlink_to("other.db")
    (tmp_path / "other.db").symlink_to("stratum.db")
    with pytest.raises(StartupError, match=r"stratum.db is a link that leads back to itself; name the file"):
        opening(url)


@pytest.mark.parametrize("opening", [open_store, open_reader])
def test_a_file_that_is_no_database_is_refused_and_nothing_is_left_beside_it(opening, tmp_path, url):
    file = tmp_path / "stratum.db"
    file.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(StartupError, match=rf"{file} is no SQLite database; name another file"):
        opening(url)
    assert list(tmp_path.iterdir()) == [file]
    file.unlink()
    open_store(url).close()


def test_an_empty_file_becomes_a_database(tmp_path, url):
    (tmp_path / "stratum.db").touch()
    open_store(url).close()
    open_reader(url).close()


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(StartupError, match="is a folder; name a file in it"):
        open_store(f"sqlite:///{tmp_path}")
    assert not tmp_path.with_name(f"{tmp_path.name}.lock").exists()


def test_a_server_that_is_down_is_named_without_its_password():
    with pytest.raises(StartupError, match=r"cannot open the database postgresql://me:\*\*\*@127.0.0.1:1/x") as caught:
        open_store("postgresql://me:canary@127.0.0.1:1/x")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://host/x", "sqlite://", "sqlite:///:memory:", "stratum.db", ""])
def test_other_databases_are_a_mistake_in_the_configuration(url):
    with pytest.raises(ConfigError, match=r"expected sqlite:///file.db or postgresql://"):
        open_store(url)


def test_a_failed_opening_lets_go_of_the_lock(tmp_path, url):
    with pytest.raises(StartupError):
        open_store(url, migrate=False)
    open_store(url).close()
    open_store(url, migrate=False).close()


def test_a_busy_file_is_waited_for_and_then_the_call_may_be_repeated(url, monkeypatch):
    monkeypatch.setattr("stratumd.store.engines.BUSY_TIMEOUT", 0.05)
    store = open_store(url)
    intruder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    step = steps.step(steps.observation())
    with pytest.raises(StoreError, match="locked"):
        steps.keep(store, step)
    intruder.execute("ROLLBACK")
    intruder.close()
    steps.keep(store, step)
    store.close()


def test_the_lock_names_this_process(tmp_path, url):
    store = open_store(url)
    assert f" {os.getpid()} " in (tmp_path / "stratum.db.lock").read_text()
    store.close()


def test_looking_at_a_file_takes_no_lock_from_the_process_that_has_it_open(tmp_path):
    """Else a reader of another process takes itself for the last one, and removes the log that is still written to."""
    url = f"sqlite:///{tmp_path / 'stratum.db'}"
    store = open_store(url)
    steps.keep(store, steps.step(steps.observation()))
    open_reader(url).close()
    look = [sys.executable, "-c", "from stratumd.cli import main; main()", "events", "--database", url, "--json"]
    assert len(subprocess.run(look, capture_output=True, check=True).stdout.splitlines()) == 1
    steps.keep(store, steps.step(steps.observation(steps.START + 1), event_number=1))
    assert len(subprocess.run(look, capture_output=True, check=True).stdout.splitlines()) == 2
    store.close()
