"""Alerts in the store: decided by one daemon at a time, committed with what tells of them; what they are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from stratumd.plugin import DAY, HOUR, MINUTE, Notice, Severity
from stratumd.runtime.alerting import Condition, Rules, judged
from stratumd.store import Alert, Change, Outage, Question, Reader, Store, Taker, open_store
from stratumd.store.facts import Flawed, Spent, Told
from stratumd.store.figures import SourceFigures
from tests.support import steps
from tests.support.cli import stratumd
from tests.support.steps import START

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What both engines do alike, as other tests show."""
DOWN = Condition("source_down", "nba", Severity.ERROR, "The source nba is down", "timeout \0", START)
REPORT = Notice("ops_digest/2026-W29", "ops_digest", "Ops digest", "Polls: 1", START, figures={"polls": 1})
ASKED = Question(
    ["nba", "nfl"], ["nba"], ["nba.chat"], START - HOUR, START - HOUR, START - HOUR, START // DAY * DAY, {"nba": 0}
)


def look(store: Store, now: int, *conditions: Condition) -> Sequence[Change]:
    rules = Rules(now, MINUTE, DAY, str(store.sharing.owner), not store.sharing.shared, lambda severity, about: True)
    return store.alerts.change(lambda alerts: judged(conditions, alerts, rules))


def told(store: Store) -> list[str]:
    """The ids of the notices that are new, by time."""
    return [notice.id for notice in store.notices.route([], START).untaken]


def test_an_alert_and_its_notice_are_committed_together_and_survive_a_restart(
    store: Store, reader: Reader, database_url: str
) -> None:
    look(store, START + MINUTE, DOWN)
    (shown,) = reader.status(START).alerts
    assert (shown.title, shown.severity, shown.since_at, shown.said_at) == (
        DOWN.title,
        "error",
        START,
        START + MINUTE,
    )
    store.close()
    again = open_store(database_url)
    try:
        assert look(again, START + HOUR, DOWN) == (), "nothing is new"
        look(again, START + HOUR)
        (change,) = look(again, START + HOUR + MINUTE)
        assert change.notice is not None
        assert change.notice.resolved
        assert again.alerts.open() == []
        assert told(again) == [f"alert/source_down/nba/{START}", f"alert/source_down/nba/{START}/over"]
    finally:
        again.close()


@SQLITE
def test_what_was_taken_out_of_the_file_is_no_trouble_any_more(store: Store) -> None:
    outage = Outage("timeout", 3, START, START + HOUR, "x")
    for kind, name in (("source", "nba"), ("source", "gone"), ("sink", "nba.chat"), ("sink", "gone.chat")):
        store.trip(kind, name, outage)
    assert [row.name for row in store.alerts.facts(ASKED).breakers] == ["nba.chat", "nba"]


@SQLITE
def test_status_shows_what_is_wrong_and_whether_anybody_was_told(
    store: Store, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    look(store, START + MINUTE, DOWN)
    look(store, START + HOUR)
    assert stratumd("status", "--database", database_url) == 0
    row, waits = [line for line in capsys.readouterr().out.splitlines() if line.startswith(DOWN.title)]
    cells = [cell.strip() for cell in row.split("  ") if cell]
    assert cells[1:] == ["error", "2026-07-15 07:20:00", "2026-07-15 07:21:00", "well since 2026-07-15 08:20:00"]
    assert "no sink takes it" in waits


@SQLITE
def test_a_notice_keeps_its_severity_and_its_figures(store: Store) -> None:
    assert store.alerts.publish("alerts/digest", START, msgspec.structs.replace(REPORT, severity=Severity.WARNING))
    store.notices.route([Taker("main.log", False)], START)
    found = store.notices.claim("main.log", START)
    assert found is not None
    assert found.notice == msgspec.structs.replace(REPORT, severity=Severity.WARNING)


@SQLITE
def test_sinks_choose_by_severity_but_letters_to_a_person_leave_in_any_case(store: Store) -> None:
    loud = Taker("main.pager", True, Severity.ERROR)
    for number, severity in enumerate(Severity):
        store.notify(Notice(f"n{number}", "alert", "t", "", START + number, severity=severity))
    store.notify(Notice("letter", "password_reset", "t", "link", START + 9, "a@b.org"))
    store.notices.route([Taker("main.log", False), loud], START)
    sent = []
    while (errand := store.notices.claim("main.pager", START)) is not None:
        sent.append(errand.notice.id)
        store.notices.delivered(errand.notice.id, "main.pager", START)
    assert sent == ["n2", "letter"]


def test_of_several_daemons_one_tells(database_url: str, store: Store) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one daemon")
    others = [open_store(database_url) for _ in range(3)]
    try:
        with ThreadPoolExecutor(4) as pool:
            for now, conditions in ((START + MINUTE, [DOWN]), (START + HOUR, []), (START + 2 * HOUR, [])):
                [*pool.map(lambda each, now=now, there=conditions: look(each, now, *there), [store, *others])]
            published = [*pool.map(lambda each: each.alerts.publish("alerts/digest", START, REPORT), [store, *others])]
    finally:
        for each in others:
            each.close()
    assert published.count(True) == 1
    assert told(store) == [REPORT.id, f"alert/source_down/nba/{START}", f"alert/source_down/nba/{START}/over"]


@SQLITE
def test_a_report_is_made_once_also_where_it_was_skipped(store: Store, database_url: str) -> None:
    assert store.alerts.publish("alerts/digest", START, None)
    assert store.sharing.newest("alerts/digest").instant == START
    store.close()
    again = open_store(database_url)
    try:
        assert not again.alerts.publish("alerts/digest", START, REPORT)
        assert again.alerts.publish("alerts/digest", START + 7 * DAY, REPORT)
        assert not again.alerts.publish("alerts/digest", START + 8 * DAY, REPORT), "the same week by another instant"
        assert told(again) == [REPORT.id]
    finally:
        again.close()


def test_a_report_of_what_another_one_told_is_not_made(database_url: str, store: Store) -> None:
    """Daemons whose files name another time of day look at the same time: both know of the same one before."""
    assert store.alerts.publish("digest/a.b", START, None)
    later, earlier = START + DAY, START + DAY - HOUR
    for instant in (later, earlier, later + HOUR):
        notice = msgspec.structs.replace(REPORT, id=f"{instant}")
        assert store.alerts.publish("digest/a.b", instant, notice, since=START) is (instant == later)
    assert store.sharing.newest("digest/a.b").instant == later
    assert told(store) == [f"{later}"]


@SQLITE
def test_a_decision_that_fails_writes_nothing(store: Store) -> None:
    def decide(alerts: Sequence[Alert]) -> Sequence[Change]:
        found = judged([DOWN], alerts, Rules(START + HOUR, 0, DAY, "me", True, lambda severity, about: True))
        broken = msgspec.structs.replace(REPORT, figures={"x": object()})
        return [*found, Change(found[0].alert, notice=broken)]

    with pytest.raises(TypeError):
        store.alerts.change(decide)
    assert store.alerts.open() == []
    assert told(store) == []


def test_the_facts_are_those_of_the_last_while(store: Store) -> None:
    steps.keep(store, steps.step(steps.observation(START), signals=2), sinks=("nba.chat",))
    store.trip("source", "nfl", Outage("timeout", 3, START, START + HOUR, "x"))
    (claimed,) = store.claim("nba.chat", 1, START)
    store.failed(claimed.id, START + MINUTE, "400: refused", None)
    found = store.alerts.facts(ASKED)
    assert [(each.source, each.number, each.failed) for each in found.polled] == [("nba", 1, 0), ("nfl", 0, 0)]
    assert found.told == {"nba": Told(99, 1)}
    assert found.spent == {"nba": Spent({"base": 3}, 3), "nfl": Spent({}, 0)}
    assert [(row.kind, row.name) for row in found.breakers] == [("source", "nfl")]
    assert found.flawed == [Flawed("nba", 3, {"price_range": 1})]
    (given_up,) = found.given_up
    assert (given_up.sink, given_up.number, given_up.error) == ("nba.chat", 1, "400: refused")
    later = ASKED._replace(
        polls_since=START + DAY, quotes_since=START + DAY, letters_since=START + DAY, day=START + DAY
    )
    quiet = store.alerts.facts(later)
    assert ([each.number for each in quiet.polled], quiet.given_up) == ([0, 0], [])
    assert quiet.flawed == [Flawed("nba", 0, {})]


def test_the_figures_of_a_report_are_those_of_its_range(store: Store) -> None:
    steps.keep(store, steps.step(steps.observation(START), signals=2), sinks=("nba.chat",))
    steps.keep(store, steps.step(steps.observation(START + 50 * MINUTE), event_number=1, signals=0))
    (claimed,) = store.claim("nba.chat", 1, START)
    store.failed(claimed.id, START, "busy", START)
    (claimed,) = store.claim("nba.chat", 1, START)
    store.delivered([claimed.id], START + MINUTE)
    look(store, START + HOUR, DOWN)
    found = store.alerts.figures(START - HOUR, START + DAY)
    assert found.sources == (SourceFigures("nba", 2, 0, 6, 99, 50 * MINUTE),)
    assert (found.events, found.started, found.watched) == (2, 2, 1), "one was seen ten minutes before its start"
    assert found.signals == {"STEAM": 2}
    assert found.deliveries == {"delivered": 1, "dead": 0, "expired": 0, "failed": 1, "waiting": 1}
    assert found.issues == {"price_range": 2}
    assert found.alerts == (DOWN.title,)
    assert found.database_bytes > 0
    before = store.alerts.figures(START - DAY, START - HOUR)
    assert (before.sources, before.started, before.signals, before.issues) == ((), 0, {}, {})
