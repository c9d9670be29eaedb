"""Notices in the store: stored once, given to the sinks that fit, claimed by one daemon, and no longer than needed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stratumd.plugin import HOUR, SECOND, Notice
from stratumd.store import Disabled, Keep, Reader, Store, Taker, open_store
from stratumd.store.notices import KEPT, SHOWN
from tests.support.steps import START

NEWS = Notice("usage/7/80", "usage", "80 % used", "You have used 80 % of it.", START)
LINK = Notice("reset/1", "password_reset", "A new password", "https://example.com/reset?canary-t0ken", START, "a@b.org")
CHAT, MAIL, POST = Taker("main.discord", False), Taker("main.email", True), Taker("main.post", True)


def everything(store: Store) -> str:
    """All that the database holds of notices."""
    with store._engine.begin() as connection:
        tables = [connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in ("notices", "notice_sinks")]
    return str(tables)


def due(store: Store, *takers: Taker, at: int = START) -> dict[str, Notice]:
    """What is due at each of these sinks; it is lent out."""
    claimed = {taker.sink: store.notices.claim(taker.sink, at) for taker in takers}
    return {sink: errand.notice for sink, errand in claimed.items() if errand is not None}


def test_the_same_id_again_is_the_same_notice(store: Store) -> None:
    assert [store.notify(NEWS), store.notify(msgspec.structs.replace(NEWS, text="other"))] == [True, False]
    store.notices.route([CHAT], START)
    assert due(store, CHAT) == {"main.discord": NEWS}
    assert not store.notify(NEWS), "also while it is under way"
    store.notices.delivered(NEWS.id, "main.discord", START)
    assert not store.notify(NEWS), "and when it was sent"
    assert due(store, CHAT) == {}


def test_a_notice_to_the_operator_goes_to_all_that_take_notices(store: Store) -> None:
    store.notify(NEWS)
    assert store.notices.route([CHAT, MAIL], START) == (1, ())
    assert due(store, CHAT, MAIL) == {"main.discord": NEWS, "main.email": NEWS}
    assert store.notices.route([POST], START) == (0, ()), "a sink that comes later is not told what others were"


def test_a_notice_to_a_person_goes_to_one_sink_that_can_address_one(store: Store) -> None:
    store.notify(LINK)
    assert store.notices.route([CHAT], START).untaken == (LINK,)
    assert store.notices.route([CHAT, POST, MAIL], START) == (1, ())
    assert due(store, CHAT, MAIL, POST) == {"main.post": LINK}


def test_what_no_sink_takes_waits_until_one_does(store: Store, reader: Reader) -> None:
    store.notify(NEWS)
    assert store.notices.route([], START).untaken == (NEWS,)
    (row,) = reader.status(START).notices
    assert (row.title, row.sink, row.state) == ("80 % used", None, "new")
    store.notices.route([MAIL], START)
    assert due(store, MAIL) == {"main.email": NEWS}


def test_the_sink_that_it_is_about_does_not_get_it(store: Store) -> None:
    store.disable("main.discord", Disabled("gone", START, "mark"), NEWS)
    assert store.notices.route([CHAT], START).untaken == (NEWS,)
    assert store.notices.route([CHAT, MAIL], START).sent_out == 1
    assert due(store, CHAT, MAIL) == {"main.email": NEWS}


def test_what_was_off_already_is_no_news(store: Store) -> None:
    """Two daemons find out at the same time."""
    other = msgspec.structs.replace(NEWS, id="another")
    store.disable("main.post", Disabled("gone", START, "mark"), NEWS)
    store.disable("main.post", Disabled("gone", START + 1, "mark"), other)
    store.enable("main.discord", other)
    assert store.notices.route([], START).untaken == (NEWS,)


def test_a_failed_one_is_due_again_and_is_given_up_at_last(store: Store, reader: Reader) -> None:
    store.notify(NEWS)
    store.notices.route([CHAT, MAIL], START)
    assert due(store, CHAT)
    store.notices.failed(NEWS.id, "main.discord", START, "busy", START + SECOND)
    assert due(store, CHAT, at=START) == {}
    again = store.notices.claim("main.discord", START + SECOND)
    assert again is not None
    assert (again.notice, again.attempt) == (NEWS, 2)
    store.notices.failed(NEWS.id, "main.discord", START, "refused", None)
    assert due(store, CHAT, at=START + HOUR) == {}
    shown = {row.sink: (row.state, row.attempts, row.error) for row in reader.status(START).notices}
    assert shown == {"main.discord": ("dead", 2, "refused"), "main.email": ("pending", 0, None)}
    assert due(store, MAIL)
    store.notices.delivered(NEWS.id, "main.email", START)
    assert reader.status(START).notices == (), "somebody has it"


def test_the_text_to_a_person_is_gone_once_it_was_sent(store: Store) -> None:
    store.notify(LINK)
    store.notices.route([MAIL], START)
    assert "canary" in everything(store)
    assert due(store, MAIL) == {"main.email": LINK}
    store.notices.delivered(LINK.id, "main.email", START)
    assert "canary" not in everything(store)
    assert not store.notify(LINK)
    assert "canary" not in everything(store)


def test_the_text_to_a_person_is_gone_once_it_was_given_up(store: Store) -> None:
    store.notify(LINK)
    store.notices.route([MAIL], START)
    assert due(store, MAIL)
    store.notices.failed(LINK.id, "main.email", START, "no such user", None)
    assert "canary" not in everything(store)


@pytest.mark.parametrize("takers", [[], [MAIL]])
def test_after_an_hour_it_is_gone_in_any_case(store: Store, takers: list[Taker], reader: Reader) -> None:
    store.notify(LINK)
    store.notify(NEWS)
    store.notices.route(takers, START)
    store.notices.sweep(START + HOUR - 1)
    assert "canary" in everything(store)
    store.notices.sweep(START + HOUR)
    assert "canary" not in everything(store)
    store.notices.route([MAIL], START + HOUR)
    assert due(store, MAIL, at=START + HOUR) == {"main.email": NEWS}, "what is for the operator waits"
    assert [row.kind for row in reader.status(START).notices] == ["usage"]


def test_an_old_one_is_not_sent_before_it_was_swept(store: Store) -> None:
    store.notify(LINK)
    store.notices.route([MAIL], START)
    assert due(store, MAIL, at=START + HOUR) == {}


def test_very_old_ones_are_deleted(store: Store) -> None:
    store.notify(NEWS)
    store.notices.route([CHAT], START)
    store.notify(msgspec.structs.replace(NEWS, id="new"))
    for length, left in ((KEPT, 2), (KEPT - 1, 0)):
        list(store.clean(Keep(notices=length), START + KEPT))
        assert everything(store).count(NEWS.title) == left
    assert everything(store) == "[[], []]"


def test_only_the_newest_are_shown(store: Store) -> None:
    for number in range(SHOWN + 5):
        store.notify(msgspec.structs.replace(NEWS, id=f"n{number:03}", at=START + number))
    shown = [row.id for row in store.notices.unsent()]
    assert (len(shown), shown[0], shown[-1]) == (SHOWN, "n005", f"n{SHOWN + 4}")


def test_what_a_killed_process_had_is_due_again(store: Store, database_url: str) -> None:
    store.notify(NEWS)
    store.notices.route([CHAT], START)
    assert due(store, CHAT) == {"main.discord": NEWS}
    store.close()
    again = open_store(database_url)
    try:
        lapse(again)
        found = again.notices.claim("main.discord", START)
        assert found is not None
        assert (found.notice, found.attempt) == (NEWS, 2)
    finally:
        again.close()


def test_of_two_daemons_one_has_it(store: Store, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one daemon")
    other = open_store(database_url)
    try:
        store.notify(NEWS)
        assert other.notices.route([CHAT], START).sent_out == 1
        assert store.notices.route([MAIL], START).sent_out == 0
        assert due(other, CHAT) == {"main.discord": NEWS}
        assert due(store, CHAT) == {}
        lapse(store)
        assert due(store, CHAT) == {"main.discord": NEWS}
        other.notices.delivered(NEWS.id, "main.discord", START)
        assert [row.state for row in store.notices.unsent()] == ["in_flight"], "it is no longer the other's"
    finally:
        other.close()


def lapse(store: Store) -> None:
    """Let the time pass for which a killed process keeps what it had in flight on PostgreSQL."""
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE notice_sinks SET lease_until = 0")


def test_no_address_and_no_text_is_shown(store: Store, reader: Reader) -> None:
    store.notify(LINK)
    shown: Any = reader.status(START).public()["notices"]
    assert [(row["personal"], row["title"]) for row in shown] == [(True, "A new password")]
    assert "canary" not in str(shown)
    assert "a@b.org" not in str(shown)
    assert "canary" not in repr(LINK)
