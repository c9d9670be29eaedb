"""Deliveries that have ended wait again through the desk, on record; polls are read page by page."""

from __future__ import annotations

import json

import pytest

from stratumd.plugin.desk import Act, AuditRow
from stratumd.store import Store
from tests.integration.store.test_deliveries import NOW, keep, state
from tests.support import steps
from tests.support.steps import START

LATER = NOW + 5
ACT = Act(actor="account:a1", action="admin.runs.replay", target="dead", reason="the receiver is back", request_id="r1")


@pytest.fixture
def dead(store: Store) -> list[str]:
    """Three dead letters of one sink, the oldest signal first."""
    keep(store, signals=3, sinks=("nba.chat",))
    found = []
    for number in range(3):
        (claimed,) = store.claim("nba.chat", 1, NOW)
        assert claimed.signal.observed_at == START + number
        store.failed(claimed.id, NOW, "refused for good", None)
        found.append(claimed.id)
    return found


def test_what_has_ended_waits_again_and_stands_in_the_audit(store: Store, dead: list[str]) -> None:
    desk = store.desk(lambda: LATER)
    were = desk.write(lambda writing: writing.resend(sink="chat", limit=2), ACT)
    assert [(row.id, row.state) for row in were] == [(dead[1], "dead"), (dead[2], "dead")], "the newest two"
    assert state(store, "nba.chat") == {"dead": 1, "pending": 2}
    (row,) = desk.read(lambda reading: reading.find(AuditRow))
    assert (row.action, row.reason, row.actor) == ("admin.runs.replay", "the receiver is back", "account:a1")
    assert [each["row"]["state"] for each in json.loads(row.before)] == ["dead", "dead"]
    assert [each["row"]["state"] for each in json.loads(row.after)] == ["pending", "pending"]


def test_what_waits_is_left_alone(store: Store, dead: list[str]) -> None:
    desk = store.desk(lambda: LATER)
    assert desk.write(lambda writing: writing.resend(states=["pending", "delivered"], limit=9), ACT) == []
    assert desk.read(lambda reading: reading.count(AuditRow)) == 0


def test_a_delivery_that_is_not_there_is_said(store: Store, dead: list[str]) -> None:
    with pytest.raises(LookupError, match="no delivery"):
        store.desk(lambda: LATER).write(lambda writing: writing.resend(ids=["zz"], limit=1), ACT)


def test_polls_are_read_page_by_page(store: Store) -> None:
    many = [steps.observation(START + number // 2, path=f"/{number}") for number in range(5)]
    store.observe([(seen.source, steps.poll(seen)) for seen in many])
    reader, seen, before = store.reader(), [], None
    while page := reader.polls(limit=2, before=before):
        seen += [poll.id for poll in reversed(page)]
        before = (page[0].started_at, page[0].id)
    everything = [poll.id for poll in reader.polls()]
    assert seen == everything[::-1]
    assert len(seen) == 5
    assert reader.audit_breaks() == []
    reader.close()
