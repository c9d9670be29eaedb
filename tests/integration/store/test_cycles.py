"""One row of figures for each cycle, written with it, and what became of its signals counted when it is read."""

from __future__ import annotations

import msgspec
import pytest

from stratumd.plugin import DAY, MINUTE, SECOND
from stratumd.store import Commit, Keep, Kpi, Reader, Store
from tests.support import steps
from tests.support.cli import stratumd
from tests.support.steps import START

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What both engines do alike, as other tests show."""
NAMES = {
    "requests_used_delta", "requests_last", "snapshots_inserted", "consensus_points_written",
    "signals_created_by_type", "alerts_sent", "alerts_failed", "latency_seconds",
}  # fmt: skip


def cycle(store: Store, number: int, *, answers: int = 1, signals: int = 2, sinks: tuple[str, ...] = ("log",)) -> None:
    """Process some answers as one cycle."""
    at = START + number * MINUTE
    many = [
        steps.step(steps.observation(at + n, path=f"/{n}"), event_number=10 * number + n, signals=signals)
        for n in range(answers)
    ]
    store.observe([(each.observation.source, steps.poll(each.observation)) for each in many])
    kpi = Kpi(answers, at + SECOND, SECOND, 3 * answers, answers, {"MOVE": signals * answers} if signals else {})
    commits = [steps.commit(each, sinks=sinks) for each in many]
    store.commit([*commits[:-1], msgspec.structs.replace(commits[-1], kpi=kpi)])


def test_a_cycle_has_one_row_with_the_names_that_were_promised(store: Store, reader: Reader) -> None:
    cycle(store, 0, answers=2)
    cycle(store, 1, signals=0)
    first, second = [row.public() for row in reader.cycles()]
    assert first.keys() == NAMES | {"pipeline", "position", "finished_at", "observations"}
    assert {name: first[name] for name in NAMES} == {
        "requests_used_delta": 6, "requests_last": 3, "snapshots_inserted": 6, "consensus_points_written": 2,
        "signals_created_by_type": {"MOVE": 4}, "alerts_sent": 0, "alerts_failed": 0, "latency_seconds": 1.0,
    }  # fmt: skip
    assert (second["position"], second["requests_used_delta"], second["signals_created_by_type"]) == (3, 3, {})


@SQLITE
def test_deliveries_count_for_the_cycle_of_their_signal(store: Store, reader: Reader) -> None:
    cycle(store, 0, answers=2, sinks=("log", "chat"))
    cycle(store, 1)
    sent = store.claim("log", 100, START + 2 * MINUTE)
    store.delivered([each.id for each in sent], START + 2 * MINUTE)
    (given_up, *_) = store.claim("chat", 1, START + 2 * MINUTE)
    store.failed(given_up.id, START + 2 * MINUTE, "400", None)
    first, second = reader.cycles()
    assert (first.alerts_sent + second.alerts_sent, second.alerts_sent) == (len(sent), 1)
    assert (first.alerts_failed, second.alerts_failed) == (1, 0)


@SQLITE
def test_a_step_that_is_there_already_brings_no_second_row(store: Store, reader: Reader) -> None:
    seen = steps.step(steps.observation(START))
    commit = Commit(seen, (), None, Kpi(1, START, 0, 3, 1, {}))
    store.observe([("nba", steps.poll(seen.observation))])
    store.commit([commit])
    store.commit([commit])
    (row,) = reader.cycles()
    assert row.position == 1


def test_pages_go_back_to_the_first(store: Store, reader: Reader) -> None:
    for number in range(5):
        cycle(store, number, signals=0)
    newest = reader.cycles(limit=2)
    assert [row.position for row in newest] == [4, 5]
    before = (newest[0].finished_at, newest[0].pipeline, newest[0].position)
    assert [row.position for row in reader.cycles(limit=9, before=before)] == [1, 2, 3]
    assert [row.position for row in reader.cycles(since=newest[0].finished_at)] == [4, 5]
    assert reader.cycles(pipeline="other") == []


@SQLITE
def test_old_ones_go_by_their_own_retention(store: Store, reader: Reader) -> None:
    cycle(store, 0)
    cycle(store, 60 * 24)
    done = [*store.clean(Keep(kpi=30 * DAY), START + 31 * DAY - MINUTE)]
    assert [(each.table, each.rows) for each in done] == [("cycles", 1)]
    assert [row.position for row in reader.cycles()] == [2]


@SQLITE
def test_the_command_shows_them(store: Store, database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    cycle(store, 0, answers=2)
    store.close()
    assert stratumd("cycles", "--database", database_url, "--pipeline", "nba") == 0
    headings, row = capsys.readouterr().out.splitlines()
    assert headings.split("  ")[0] == "FINISHED"
    assert "MOVE=4" in row
