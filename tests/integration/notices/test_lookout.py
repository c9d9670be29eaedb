"""The lookout over a real store: reports exactly once, alerts with their end, and what is said where nobody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stratumd.config import Config, load_config
from stratumd.plugin import HOUR, MINUTE, Notice, Severity, parse_iso
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.journal import Journal
from stratumd.runtime.lookout import SUMMARY, Lookout
from stratumd.runtime.notices import Notices
from stratumd.runtime.states import State, States
from stratumd.store import Outage, Store, Taker, open_store
from tests.support import steps
from tests.unit.runtime.virtual import VirtualTimer

pytestmark = pytest.mark.anyio

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What both engines do alike, as other tests show."""
FILE = """
sources: {nba: {use: demo, schedule: {every: 2s}}}
pipelines: {main: {sources: [nba], sinks: [log]}}
"""
SUNDAY = "2026-11-22T20:00:00Z"
LOG = Taker("main.log", False)


class Sinks:
    """Those that take notices."""

    def __init__(self, *takers: Taker) -> None:
        self.found = list(takers)

    def takers(self) -> list[Taker]:
        return self.found

    def wake(self) -> None: ...


class Watching:
    """One daemon's lookout, on a clock of the test's."""

    def __init__(self, store: Store, config: Config, sinks: Sinks, timer: VirtualTimer) -> None:
        self.timer = timer
        self.core = Core(store, States(timer.now), Journal(), timer=timer)
        self.lookout = Lookout(lambda: config, sinks, Notices(sinks, self.core), self.core)

    async def at(self, moment: str) -> None:
        self.timer.wall = parse_iso(moment)
        await self.lookout.look()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "stratumd.yaml"
    path.write_text(FILE)
    return load_config(path, env={})


Opening = Callable[[], Store]


@pytest.fixture
def opening(database_url: str) -> Iterator[Opening]:
    """Opens the store again and again; several at once on PostgreSQL alone."""
    opened: list[Store] = []

    def open() -> Store:
        if database_url.startswith("sqlite") and opened:
            opened.pop().close()
        opened.append(open_store(database_url))
        return opened[-1]

    yield open
    for each in opened:
        each.close()


async def told(store: Store) -> list[Notice]:
    return [*(await transaction(lambda: store.notices.route([], 0))).untaken]


async def test_reports_are_made_once_across_restarts_and_daemons(opening: Opening, config: Config) -> None:
    """Several daemons on PostgreSQL, restarts on SQLite: whichever looks, and however often."""
    timer = VirtualTimer(SUNDAY)
    for moment in ("22T20:00", "23T06:00", "23T12:59", "23T13:00", "25T09:00", "30T13:00"):
        store = opening()
        for _ in range(2):
            await Watching(store, config, Sinks(LOG), timer).at(f"2026-11-{moment}:00Z")
    assert [notice.id for notice in await told(store)] == [
        "daily_summary/2026-11-23",
        "ops_digest/2026-W48",
        "daily_summary/2026-11-25",
        "daily_summary/2026-11-30",
        "ops_digest/2026-W49",
    ], "a new database begins with the next one; what was missed is made up for by the newest alone"


@SQLITE
async def test_a_digest_that_nobody_takes_is_skipped_and_said_so(
    opening: Opening, config: Config, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    store = opening()
    sinks = Sinks(Taker("main.pager", False, Severity.WARNING))
    watching = Watching(store, config, sinks, VirtualTimer(SUNDAY))
    await watching.at(SUNDAY)
    await watching.at("2026-11-23T13:00:00Z")
    await watching.at("2026-11-23T13:00:30Z")
    said = caplog.text + "".join(capsys.readouterr())
    assert said.count("ops digest skipped: no sink takes it") == 1
    assert said.count("daily summary skipped: no sink takes it") == 1
    sinks.found.append(LOG)
    await watching.at("2026-11-23T14:00:00Z")
    assert await told(store) == [], "it is not made up for"
    await watching.at("2026-11-30T13:00:00Z")
    assert {notice.kind for notice in await told(store)} == {"ops_digest", "daily_summary"}


@SQLITE
async def test_a_digest_has_the_figures_of_its_week(opening: Opening, config: Config) -> None:
    store = opening()
    timer = VirtualTimer("2026-07-12T00:00:00Z")  # the made-up week begins two days later
    watching = Watching(store, config, Sinks(LOG), timer)
    await watching.at("2026-07-12T00:00:00Z")
    await transaction(lambda: steps.keep(store, steps.step(steps.observation(steps.START), signals=2)))
    await watching.at("2026-07-20T13:00:00Z")
    (digest,) = [notice for notice in await told(store) if notice.kind == "ops_digest"]
    assert "Polls: 1, failed 0 (100.0 % answered), credits spent 3" in digest.text
    assert "Signals: 2 (STEAM 2)" in digest.text
    assert digest.figures["signals"] == {"STEAM": 2}
    assert digest.figures["sources"][0]["credits"] == 3


@SQLITE
async def test_a_source_that_is_down_is_told_of_and_that_it_is_back(opening: Opening, config: Config) -> None:
    store = opening()
    watching = Watching(store, config, Sinks(LOG), VirtualTimer(SUNDAY))
    began = parse_iso(SUNDAY)
    outage = Outage("timeout", 3, began, began + HOUR, "x")
    await transaction(lambda: store.trip("source", "nba", outage))
    await watching.at(SUNDAY)
    assert await told(store) == []
    await watching.at("2026-11-22T20:02:00Z")
    opened = watching.core.metrics.registry.get_sample_value(
        "stratumd_alerts_open", {"kind": "source_down", "severity": "error"}
    )
    assert opened == 1
    await transaction(lambda: store.mend("source", "nba"))
    again = Watching(opening(), config, Sinks(LOG), watching.timer)
    await again.at("2026-11-22T20:05:00Z")
    await again.at("2026-11-22T20:07:00Z")
    raised, over = await told(again.core.store)  # type: ignore[arg-type]  # it is a store
    assert (raised.title, over.title, over.resolved) == (
        "The source nba is down",
        "Over: The source nba is down",
        True,
    )
    assert over.text.startswith("It lasted 5m")


@SQLITE
async def test_without_a_taker_an_alert_is_in_the_log_once_and_told_when_there_is_one(
    opening: Opening, config: Config, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    store, sinks = opening(), Sinks()
    watching = Watching(store, config, sinks, VirtualTimer(SUNDAY))
    watching.core.states.put("job", "main.clv", State.PERMANENT_ERROR, "no such table")
    for minute in range(2, 6):
        await watching.at(f"2026-11-22T20:0{minute}:00Z")
    said = caplog.text + "".join(capsys.readouterr())
    assert said.count("no sink takes an alert") == 1
    assert "no such table" in said
    sinks.found.append(LOG)
    await watching.at("2026-11-22T20:09:00Z")
    (notice,) = await told(store)
    assert (notice.title, notice.severity) == ("The job main.clv is off", Severity.ERROR)


@SQLITE
async def test_nothing_is_told_where_alerts_are_off(opening: Opening, tmp_path: Path) -> None:
    path = tmp_path / "off.yaml"
    path.write_text(f"alerts: {{enabled: false}}\n{FILE}")
    store = opening()
    watching = Watching(store, load_config(path, env={}), Sinks(LOG), VirtualTimer(SUNDAY))
    watching.core.states.put("job", "main.clv", State.PERMANENT_ERROR, "no such table")
    for moment in (SUNDAY, "2026-11-23T13:00:00Z"):
        await watching.at(moment)
    assert await told(store) == []


@SQLITE
async def test_where_alerts_are_turned_off_nothing_is_shown_any_more(
    opening: Opening, config: Config, tmp_path: Path
) -> None:
    path = tmp_path / "off.yaml"
    path.write_text(f"alerts: {{enabled: false}}\n{FILE}")
    store, timer = opening(), VirtualTimer(SUNDAY)
    watching, off = (Watching(store, each, Sinks(LOG), timer) for each in (config, load_config(path, env={})))
    watching.core.states.put("job", "main.clv", State.PERMANENT_ERROR, "no such table")
    await watching.at("2026-11-22T20:02:00Z")
    assert len(watching.core.journal.alerts) == 1
    await off.at("2026-11-22T20:03:00Z")
    assert off.core.journal.alerts == []
    assert [notice.title for notice in await told(store)] == ["The job main.clv is off"]


@SQLITE
async def test_a_report_comes_without_what_a_plugin_fails_to_say(
    opening: Opening, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(*_: object) -> list[dict[str, Any]]:
        return [{"valued": 3}]

    monkeypatch.setattr("stratumd.runtime.lookout.answered", answered)
    monkeypatch.setitem(config.registry.reports, SUMMARY, config.registry.sinks["log"])
    watching = Watching(opening(), config, Sinks(LOG), VirtualTimer(SUNDAY))
    await watching.at(SUNDAY)
    await watching.at("2026-11-23T06:00:00Z")
    assert [notice.kind for notice in await told(watching.core.store)] == ["daily_summary"]


@SQLITE
async def test_it_looks_every_half_minute_and_says_that_it_is_well(opening: Opening, config: Config) -> None:
    watching = Watching(opening(), config, Sinks(), VirtualTimer(SUNDAY))
    seen: list[Any] = []

    class Enough(Exception):
        """The test has seen enough."""

    def stop() -> None:
        seen.append(watching.core.states.get("alerts", "lookout").state)
        raise Enough

    watching.timer.while_asleep = stop
    with pytest.raises(Enough):
        await watching.lookout.run()
    assert (watching.timer.sleeps, seen) == ([MINUTE // 2], [State.OK])
