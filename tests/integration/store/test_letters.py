"""What a person sees of deliveries, and sending some of them again."""

from __future__ import annotations

import json

import pytest

from stratumd.plugin import MINUTE, iso
from stratumd.store import UnknownDeliveryError, Wanted, open_reader, replay_deliveries
from tests.integration.store.test_deliveries import NOW, keep, state
from tests.support.cli import stratumd
from tests.support.steps import START


@pytest.fixture
def url(database_url, store):
    """A database with two deliveries to each of two sinks: one dead, one delivered, two that wait."""
    keep(store, signals=2, sinks=("nba.chat", "nba.mail"))
    (first,) = store.claim("nba.chat", 1, NOW)
    store.failed(first.id, NOW, "refused for good", None)
    (second,) = store.claim("nba.chat", 1, NOW)
    store.delivered([second.id], NOW, "m1")
    return database_url


@pytest.fixture
def run(capsys):
    """A command's exit code and what it printed on both streams."""

    def run(*words):
        capsys.readouterr()
        code = stratumd("deliveries", *words)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def listed(run, url):
    """The rows that `list` shows."""

    def listed(*words):
        code, out, _ = run("list", "--database", url, "--json", *words)
        assert code == 0
        return [json.loads(line) for line in out.splitlines()]

    return listed


def test_they_are_listed_oldest_first_with_what_became_of_them(url, listed):
    rows = listed("--sink", "chat")
    assert [(row["state"], row["attempts"], row["error"], row["receipt"]) for row in rows] == [
        ("dead", 1, "refused for good", None),
        ("delivered", 1, None, "m1"),
    ]
    assert rows[0]["ended_at"] == iso(NOW)


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ((), 4),
        (("--sink", "nba.mail"), 2),
        (("--sink", "mail"), 2),
        (("--sink", "ail"), 0),
        (("--state", "dead"), 1),
        (("--state", "dead", "--state", "pending"), 3),
        (("--since", iso(START + 1)), 2),
        (("--event", "event0"), 4),
        (("--limit", "1"), 1),
    ],
)
def test_they_are_chosen_by_sink_state_time_and_event(url, words, number, listed):
    assert len(listed(*words)) == number


def test_one_is_shown_with_its_signal(url, listed, run):
    (dead,) = listed("--state", "dead")
    code, out, _ = run("show", dead["id"][:10], "--database", url, "--json")
    shown = json.loads(out)
    assert (code, shown["id"], shown["signal"]["type"]) == (0, dead["id"], "STEAM")
    code, out, _ = run("show", dead["id"], "--database", url)
    assert "refused for good" in out


def test_one_that_is_not_there_is_said_so(url, run):
    code, _, err = run("show", "nowhere", "--database", url)
    assert (code, "no delivery's id begins with 'nowhere'" in err) == (1, True)


def test_a_dead_letter_is_sent_again_under_its_id_before_what_came_later(url, store, listed, run):
    (dead,) = listed("--state", "dead")
    code, out, _ = run("replay", "--sink", "chat", "--database", url)
    assert (code, out) == (0, "1 deliveries wait again\n")
    (again,) = store.claim("nba.chat", 5, NOW + 10**15)
    assert (again.id, again.attempt) == (dead["id"], 1)
    store.delivered([again.id], NOW)
    assert state(store, "nba.chat") == {"delivered": 2}


def test_what_is_sent_again_does_not_expire(url, store):
    store.expire("nba.mail", NOW + 1_000 * MINUTE)
    found = replay_deliveries(url, Wanted(sink="nba.mail", states=("expired",)), NOW)
    assert {row.state for row in found} == {"expired"}
    assert store.expire("nba.mail", NOW + 2_000 * MINUTE) == 0
    assert state(store, "nba.mail") == {"pending": 2}


def test_what_waits_or_is_under_way_is_left_alone(url, store):
    (lent,) = store.claim("nba.mail", 1, NOW)
    assert replay_deliveries(url, Wanted(ids=(lent.id,), states=("in_flight", "pending")), NOW) == []
    assert state(store, "nba.mail") == {"in_flight": 1, "pending": 1}


def test_nothing_is_sent_again_by_mistake(url, listed, run):
    code, _, err = run("replay", "--database", url)
    assert (code, "--all" in err) == (2, True)
    code, _, err = run("list", "--state", "lost", "--database", url)
    assert (code, "there are pending, in_flight" in err) == (2, True)
    assert [row["state"] for row in listed("--sink", "chat")] == ["dead", "delivered"]


def test_an_unknown_id_changes_nothing(url, store, listed):
    (dead,) = listed("--state", "dead")
    with pytest.raises(UnknownDeliveryError):
        replay_deliveries(url, Wanted(ids=(dead["id"], "nowhere")), NOW)
    reader = open_reader(url)
    assert reader.delivery(dead["id"])[0].state == "dead"
    reader.close()
