"""What the daemon shows of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stratumd.config import Config, Database, HttpSpec, LogSpec
from stratumd.plugin import SECOND, Secret
from stratumd.plugin.views import NoticeRow
from stratumd.redaction import learn
from stratumd.registry import Loaded, Registry
from stratumd.runtime.core import Core
from stratumd.runtime.journal import RECENT, Fault, Journal
from stratumd.runtime.states import State
from stratumd.runtime.view import DaemonView
from stratumd.store import Lease, Waiting
from tests.support.steps import START, observation, signal
from tests.unit.runtime.bench import core, timer_of

POSTGRES = Database(url="postgresql://stratum@db/odds", password=Secret("canary-8c"))


def view(shared: Core, database: Database = POSTGRES) -> DaemonView:
    registry = Registry(plugins=[Loaded("move", "stratumd", "0.1.0")])
    return DaemonView(Config(Path("stratumd.yaml"), database, {}, {}, HttpSpec(), LogSpec(), registry), shared)


def status(shared: Core) -> dict[str, Any]:
    """The status, as it comes out of JSON."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(view(shared).status()))
    return found


def test_whoever_asks_from_another_folder_is_told_where_the_database_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert view(core(), Database(url="sqlite:///x.db")).about().database == f"sqlite:///{tmp_path / 'x.db'}"
    assert view(core(), Database(url="sqlite:////srv/x.db")).about().database == "sqlite:////srv/x.db"
    assert view(core()).about().database == "postgresql://stratum@db/odds"


def test_a_daemon_that_just_started() -> None:
    shown = status(core())
    assert shown["started"] == "2026-01-10T12:00:00Z"
    assert shown["config"] == "stratumd.yaml"
    assert shown["plugins"] == {"move": "0.1.0"}
    assert shown["sources"] == shown["pipelines"] == shown["deliveries"] == {}
    assert "canary" not in str(shown)


def test_components_with_their_states() -> None:
    shared = core()
    shared.states.put("source", "nba", State.RECOVERABLE_ERROR, "down", 3)
    assert status(shared)["components"] == [
        {
            "kind": "source",
            "name": "nba",
            "state": "RecoverableError",
            "reason": "down",
            "since": "2026-01-10T12:00:00Z",
            "attempts": 3,
        }
    ]


def test_words_of_others_are_made_fit_to_be_shown() -> None:
    """A lone surrogate is no JSON, and a plugin may put a secret into its error."""
    shared = core()
    learn(Secret("canary-8d"))
    shared.states.put("source", "nba", State.RECOVERABLE_ERROR, "refused canary-8d\n\ud800")
    shared.journal.blame(Fault("move", "move", "1", "ValueError: canary-8d \udfff", "move.py:1\ud800", START))
    told = status(shared)
    assert told["components"][0]["reason"] == "refused *** \ufffd"
    assert told["failures"][0]["error"] == "ValueError: *** \ufffd"
    assert told["failures"][0]["where"] == "move.py:1\ufffd"


def test_a_source_with_its_last_poll_and_its_credits() -> None:
    shared = core()
    entry = shared.journal.source("nba")
    entry.polls, entry.credits_remaining = 4, 480
    entry.last_poll, entry.next_due = timer_of(shared).now(), timer_of(shared).now() + 60 * SECOND
    shown = status(shared)["sources"]["nba"]
    assert shown["last_poll"] == "2026-01-10T12:00:00Z"
    assert shown["next_due"] == "2026-01-10T12:01:00Z"
    assert shown["credits_remaining"] == 480


def test_deliveries_by_sink_and_state() -> None:
    shared = core()
    shared.journal.deliveries = {("main.log", "pending"): Waiting(2, timer_of(shared).now())}
    oldest = {"count": 2, "oldest": "2026-01-10T12:00:00Z"}
    assert status(shared)["deliveries"] == {"main.log": {"pending": oldest}}


def test_the_newest_signals_come_first_and_are_few() -> None:
    shared = core()
    shared.journal.signals.extend(signal(observation(), number) for number in range(RECENT + 5))
    shown = status(shared)["signals"]
    assert len(shown) == RECENT
    assert shown[0]["id"].endswith(f"-{RECENT + 4}")
    assert shown[0]["observed_at"].endswith("Z")


def test_failures_are_counted_by_component() -> None:
    journal = Journal()
    for number in range(3):
        journal.blame(Fault("steam", "steam", "1.0", f"ValueError: {number}", "steam.py:9", number, 2))
    (fault,) = journal.faults.values()
    assert (fault.count, fault.error) == (6, "ValueError: 2")


def test_no_more_failures_are_kept_than_fit() -> None:
    journal = Journal()
    for number in range(RECENT + 5):
        journal.blame(Fault(f"part{number}", "plugin", "1", "ValueError", "a.py:1", number))
    assert list(journal.faults) == [f"part{number}" for number in range(5, RECENT + 5)]


@pytest.mark.parametrize("kind", ["store", "source", "pipeline"])
@pytest.mark.parametrize("state", [s for s in State if s not in (State.OK, State.STOPPED)])
def test_a_required_component_that_is_not_ok_is_a_reason(kind: str, state: State) -> None:
    shared = core()
    shared.states.put(kind, "nba", state, "down")
    assert view(shared).unready() == [f"{kind} nba: {state.value} (down)"]


def test_a_sink_that_is_down_is_none() -> None:
    shared = core()
    shared.states.put("sink", "main.discord", State.RECOVERABLE_ERROR, "down")
    assert view(shared).unready() == []


def test_a_recording_that_came_to_its_end_is_none() -> None:
    shared = core()
    shared.states.put("source", "recording", State.STOPPED)
    assert view(shared).unready() == []


def test_the_age_of_the_quotes_grows() -> None:
    shared = core()
    shown = view(shared)
    shared.journal.pipeline("main").last_observation = timer_of(shared).now()
    timer_of(shared).pass_by(90 * SECOND)
    body, media_type = shown.metrics()
    assert b'stratumd_quote_age_seconds{pipeline="main"} 90.0' in body
    assert media_type.startswith("text/plain")


def test_the_quotes_of_a_pipeline_that_another_daemon_works_have_no_age_here() -> None:
    """The other one says how old they are. Where nobody works it they go on growing old."""
    shared = core()
    shown, mine = view(shared), shared.store.sharing.owner
    shared.journal.pipeline("main").last_observation = timer_of(shared).now()

    def age(owner: str, left: int) -> float | None:
        shared.journal.leases = [Lease("main", owner, 2, left)]
        timer_of(shared).pass_by(30 * SECOND)
        shown.metrics()
        return shared.metrics.registry.get_sample_value("stratumd_quote_age_seconds", {"pipeline": "main"})

    assert [age(mine, 1), age("another", 1), age("another", -1)] == [30, None, 90]


def test_notices_that_wait_without_their_text_and_address() -> None:
    shared = core()
    shared.journal.notices = [NoticeRow("n1", "usage", "80 % used", START, False, None, "new", 0, None, None)]
    (shown,) = status(shared)["notices"]
    assert (shown["title"], shown["sink"], shown["state"]) == ("80 % used", None, "new")
    assert not {"text", "to", "recipient"} & shown.keys()
