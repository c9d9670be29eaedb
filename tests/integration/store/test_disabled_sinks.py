"""Which sinks are off is remembered, shown, and forgotten on demand, on both engines."""

from __future__ import annotations

import pytest

from stratumd.errors import StartupError
from stratumd.plugin.views import DisabledRow
from stratumd.store import Disabled, enable_sink, open_reader, open_store
from tests.support.steps import START

GONE = Disabled("the webhook was deleted", START, "salt$mark")


@pytest.fixture
def store(database_url):
    found = open_store(database_url)
    yield found
    found.close()


def test_it_is_remembered_by_name_until_it_is_enabled(store, database_url):
    store.disable("nba.chat", GONE)
    store.close()
    again = open_store(database_url)
    assert again.disabled() == {"nba.chat": GONE}
    assert (again.enable("nba.chat"), again.enable("nba.chat"), again.disabled()) == (True, False, {})
    again.close()


def test_the_last_word_counts(store):
    store.disable("nba.chat", GONE._replace(reason="401"))
    store.disable("nba.chat", GONE)
    store.disable("nba.mail", GONE._replace(reason="no\0pe"))
    assert store.disabled() == {"nba.chat": GONE, "nba.mail": GONE._replace(reason="no\ufffdpe")}


def test_the_status_shows_it(store, database_url):
    store.disable("nba.chat", GONE)
    reader = open_reader(database_url)
    assert reader.status(START).disabled_sinks == (DisabledRow("nba.chat", GONE.reason, START),)
    reader.close()


def test_it_is_enabled_beside_a_daemon_that_holds_the_database(store, database_url):
    """The daemon's next look finds it enabled; what it writes itself goes on."""
    store.disable("nba.chat", GONE)
    assert enable_sink(database_url, "nba.chat")
    assert not enable_sink(database_url, "nba.chat")
    assert store.disabled() == {}
    store.disable("nba.chat", GONE)


def test_nothing_is_enabled_in_a_database_that_is_not_there(tmp_path):
    with pytest.raises(StartupError, match="does not exist"):
        enable_sink(f"sqlite:///{tmp_path / 'no.db'}", "nba.chat")
    assert not (tmp_path / "no.db").exists()
