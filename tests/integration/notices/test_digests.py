"""Digests of signals over a real store and real HTTP: each once, of all that came since the one before."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import time
from pathlib import Path

import anyio
import msgspec
import pytest
from structlog.testing import capture_logs

from stratumd.config import Config, load_config
from stratumd.plugin import DAY, HOUR, Poll, Signal, Sink, iso, parse_iso, to_datetime
from stratumd.registry import load
from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.core import Core
from stratumd.runtime.digest import last_due
from stratumd.runtime.digests import LOOK, Digests
from stratumd.runtime.journal import Journal
from stratumd.runtime.notices import Notices
from stratumd.runtime.parts import Builder, assemble
from stratumd.runtime.states import State, States
from stratumd.store import Store, open_store, plugin_migrations
from stratumd.testing.discord import FakeDiscord
from stratumd_clv.rows import Value
from tests.support import steps
from tests.support.daemon import PATIENCE
from tests.support.daemon import Daemon as Process
from tests.unit.runtime.virtual import VirtualTimer

pytestmark = pytest.mark.anyio

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What both engines do alike, as other tests show."""
FILE = """
sources: {{feed: {{use: demo, schedule: {{every: 2s}}}}}}
pipelines:
  nba:
    sources: [feed]
    detectors: [consensus, move, steam]
    jobs: [clv]
    sinks: [{sink}]
"""
CHAT = 'discord: {{webhook: "{webhook}", allow_loopback: true, when: {{types: [STEAM, MOVE]}}, {more}}}'
WEEKLY = "digest: {every: weekly}"
SUNDAY = "2026-07-12T20:00:00Z"


def written(folder: Path, sink: str) -> Config:
    path = folder / "stratumd.yaml"
    path.write_text(FILE.format(sink=sink))
    return load_config(path, env={})


def chat(folder: Path, discord: FakeDiscord, more: str = WEEKLY) -> Config:
    return written(folder, CHAT.format(webhook=discord.webhook, more=more))


class Daemon:
    """What of a daemon makes digests and sends them, on a clock of the test's."""

    def __init__(self, store: Store, config: Config, timer: VirtualTimer | None = None) -> None:
        self.store, self.timer = store, timer or VirtualTimer(SUNDAY)
        self.core = Core(store, States(self.timer.now), Journal(), timer=self.timer)
        self.parts = assemble(config, self.core, once=False, write=None)
        self.digests = Digests(lambda: config, self.parts, self.core)

    async def at(self, *moments: str) -> None:
        """Look at these times, and send what is to be sent."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.parts.courier.run)
            group.start_soon(Notices(self.parts.courier, self.core).run)
            await self._opened()
            for moment in moments:
                self.timer.wall = parse_iso(moment)
                await self.digests.look()
                await self._sent()
            group.cancel_scope.cancel()

    async def _opened(self) -> None:
        with anyio.fail_after(PATIENCE):
            while not self._are_open():  # noqa: ASYNC110  # the workers'
                await anyio.sleep(0.005)

    def _are_open(self) -> bool:
        begun = {each.name for each in self.core.states if each.kind == "sink" and each.state is not State.STARTING}
        return begun == set(self.parts.courier.sinks)

    async def _sent(self) -> None:
        with anyio.fail_after(PATIENCE):
            while self.parts.courier.listening() and self._waiting():
                self.parts.courier.wake()
                await anyio.sleep(0.01)

    def _waiting(self) -> bool:
        return any(row.kind == "signal_digest" for row in self.store.notices.unsent())


Opening = Callable[[], Store]


@pytest.fixture
def opening(database_url: str) -> Iterator[Opening]:
    """Opens the store again and again; several at once on PostgreSQL alone."""
    opened: list[Store] = []
    folders = plugin_migrations((each.plugin, each.component) for _, each in load(["clv"]).components())

    def open() -> Store:
        if database_url.startswith("sqlite") and opened:
            opened.pop().close()
        opened.append(open_store(database_url, plugins=folders))
        return opened[-1]

    yield open
    for each in opened:
        each.close()


def happen(store: Store, moment: str, number: int = 1, **changed: object) -> list[Signal]:
    """Let that many signals come at a time, each of an event of its own."""
    seen = steps.observation(parse_iso(moment), source="feed")
    many = [msgspec.structs.replace(steps.signal(seen, event_number=event), **changed) for event in range(number)]
    steps.keep(store, msgspec.structs.replace(steps.step(seen), signals=tuple(many)), sinks=())
    return many


def titles(discord: FakeDiscord) -> list[str]:
    return [embed["title"] for message in discord.messages for embed in message.embeds]


async def test_each_comes_once_across_restarts_daemons_and_pauses(opening: Opening, tmp_path: Path) -> None:
    """Several daemons on PostgreSQL, restarts on SQLite: whichever looks, and however often."""
    async with FakeDiscord() as discord:
        config = chat(tmp_path, discord)
        timer = VirtualTimer(SUNDAY)
        await Daemon(opening(), config, timer).at(SUNDAY)
        for moment, came in (
            ("2026-07-13T13:00:59Z", 2),  # not yet: what was received before one o'clock may not be stored
            ("2026-07-13T13:01:00Z", 0),
            ("2026-07-19T23:00:00Z", 3),
            ("2026-08-05T09:00:00Z", 0),  # two were missed
            ("2026-08-10T13:30:00Z", 0),  # nothing came
        ):
            store = opening()
            if came:
                happen(store, moment[:11] + "12:00:00Z", came)
            for _ in range(2):
                await Daemon(store, config, timer).at(moment, moment)
    assert titles(discord) == ["Weekly digest 2026-W29: 2 signals", "Weekly digest 2026-W32: 3 signals"], (
        "the first instant only says where one begins, what was missed is in the next one, and nothing is not told"
    )
    (_, late) = discord.messages
    assert late.embeds[0]["description"].startswith("2026-07-13 13:00 to 2026-08-03 13:00 UTC\nTypes: STEAM 3\n")


async def test_of_two_daemons_that_look_at_the_same_time_one_sends_it(opening: Opening, tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        config = chat(tmp_path, discord, "digest: {at: '06:00'}")
        stores = [opening()]
        if stores[0].sharing.shared:
            stores.append(opening())
        daemons = [Daemon(store, config) for store in stores]
        await daemons[0].at(SUNDAY)
        happen(stores[0], "2026-07-13T05:59:59Z", 4)
        async with anyio.create_task_group() as group:
            for daemon in daemons:
                group.start_soon(daemon.at, "2026-07-13T06:02:00Z")
    assert titles(discord) == ["Daily digest 2026-07-13: 4 signals"]


@SQLITE
async def test_a_kill_before_it_is_sent_loses_nothing(database_url: str, opening: Opening, tmp_path: Path) -> None:
    now = SystemTimer().now()
    at = time(to_datetime(now - 2 * HOUR).hour)
    due = last_due(now, at)
    store = opening()
    store.alerts.publish("digest/nba.discord", due - DAY, None)
    happen(store, iso(due - HOUR), 2)
    store.close()
    async with FakeDiscord() as discord:
        options = {"webhook": discord.webhook, "allow_loopback": True, "digest": {"at": f"{at:%H:%M}"}}
        sink = {"discord": {**options, "when": {"types": ["STEAM"]}}}
        file = {
            "database": database_url,
            "http": "off",
            "sources": {"feed": {"use": "demo", "schedule": {"every": "1h"}}},
            "pipelines": {"nba": {"sources": ["feed"], "sinks": [sink]}},
        }
        config = tmp_path / "run.yaml"
        config.write_text(json.dumps(file))
        assert await Process(config, env={"STRATUMD_FAILPOINTS": "notice: sending"}).end() == -9
        assert discord.messages == []
        daemon = Process(config)
        try:
            with anyio.fail_after(PATIENCE):
                while not _delivered(database_url):  # noqa: ASYNC110  # another process
                    await anyio.sleep(0.02)
            assert (await daemon.stop())[0] == 0
        finally:
            daemon.kill()
        assert await Process(config, "--for", "1s").end() == 0
    assert titles(discord) == [f"Daily digest {iso(due)[:10]}: 2 signals"]


def _delivered(database_url: str) -> bool:
    """Say whether a notice is marked as sent. Look at the file: the running daemon has the store."""
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as file:
        return file.execute("SELECT state FROM notice_sinks").fetchall() == [("delivered",)]


@SQLITE
async def test_every_signal_is_in_one_digest(opening: Opening, tmp_path: Path) -> None:
    """Also where the time of day is changed in between, and at the very instant."""
    store, timer = opening(), VirtualTimer(SUNDAY)
    async with FakeDiscord() as discord:
        await Daemon(store, chat(tmp_path, discord, "digest: {at: '06:00'}"), timer).at(SUNDAY)
        happen(store, "2026-07-13T05:59:59Z", 1)
        happen(store, "2026-07-13T06:00:00Z", 2)
        await Daemon(store, chat(tmp_path, discord, "digest: {at: '06:00'}"), timer).at("2026-07-13T07:00:00Z")
        await Daemon(store, chat(tmp_path, discord, "digest: {at: '12:00'}"), timer).at("2026-07-13T13:00:00Z")
    assert titles(discord) == ["Daily digest 2026-07-13: 1 signal", "Daily digest 2026-07-13: 2 signals"]


@SQLITE
async def test_it_waits_for_what_is_not_stored_or_processed_yet(opening: Opening, tmp_path: Path) -> None:
    """What is received just before the hour may be on its way for a minute; then it can be waited for by name."""
    store = opening()
    late = steps.observation(parse_iso("2026-07-13T12:59:59Z"), source="feed", path="/late")
    async with FakeDiscord() as discord:
        daemon = Daemon(store, chat(tmp_path, discord))
        await daemon.at(SUNDAY)
        happen(store, "2026-07-13T01:00:00Z")
        await daemon.at("2026-07-13T13:00:59Z")
        assert titles(discord) == []
        store.observe([("feed", steps.poll(late))])
        await daemon.at("2026-07-13T13:01:00Z", "2026-07-13T14:00:00Z")
        assert titles(discord) == []
        store.commit([steps.commit(steps.step(late), sinks=())])
        await daemon.at("2026-07-13T14:00:30Z")
    assert titles(discord) == ["Weekly digest 2026-W29: 2 signals"]


@SQLITE
async def test_it_waits_for_an_answer_that_the_store_did_not_take_yet(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store is down or full over the hour, it may take the digest before it takes what was received."""
    store, asked, answered = opening(), threading.Event(), threading.Event()
    late, observe = steps.observation(parse_iso("2026-07-13T12:59:59Z"), source="feed"), store.observe

    def slowly(polls: Sequence[tuple[str, Poll]]) -> list[str]:
        asked.set()
        assert answered.wait(PATIENCE)
        return observe(polls)

    async with FakeDiscord() as discord:
        daemon = Daemon(store, chat(tmp_path, discord))
        await daemon.at(SUNDAY)
        happen(store, "2026-07-13T01:00:00Z")
        monkeypatch.setattr(store, "observe", slowly)
        async with anyio.create_task_group() as group:
            group.start_soon(daemon.parts.collectors["feed"]._keep, steps.poll(late))
            await anyio.to_thread.run_sync(asked.wait)
            await daemon.at("2026-07-13T13:05:00Z")
            answered.set()
        store.commit([steps.commit(steps.step(late), sinks=())])
        await daemon.at("2026-07-13T13:06:00Z")
    assert titles(discord) == ["Weekly digest 2026-W29: 2 signals"]


@SQLITE
async def test_it_has_what_the_sink_wants_and_nothing_else(opening: Opening, tmp_path: Path) -> None:
    store = opening()
    async with FakeDiscord() as discord:
        more = f"{WEEKLY}, alert_totals: false, watchlist: [Montréal “Été”]"
        daemon = Daemon(store, chat(tmp_path, discord, more))
        await daemon.at(SUNDAY)
        happen(store, "2026-07-13T01:00:00Z", 3)
        happen(store, "2026-07-13T02:00:00Z", 3, type="DISLOCATION")
        happen(store, "2026-07-13T03:00:00Z", 3, market="totals")
        happen(store, "2026-07-13T04:00:00Z", 3, home="Somebody")
        happen(store, "2026-07-13T05:00:00Z", 3, pipeline="wnba")
        happen(store, "2026-07-13T06:00:00Z", 1, type="MOVE", market="h2h")
        await daemon.at("2026-07-13T13:01:00Z")
    assert titles(discord) == ["Weekly digest 2026-W29: 4 signals"]
    said = discord.messages[0].embeds[0]["description"]
    assert "Types: STEAM 3, MOVE 1\nMarkets: spreads 3, h2h 1\n" in said


@SQLITE
async def test_where_the_sink_cannot_say_what_it_wants_all_is_in_it(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wants(self: Sink, signal: Signal) -> bool:
        raise SystemExit("broken")

    store = opening()
    async with FakeDiscord() as discord:
        daemon = Daemon(store, chat(tmp_path, discord))
        monkeypatch.setattr("stratumd_discord.sink.DiscordSink.wants", wants)
        await daemon.at(SUNDAY)
        happen(store, "2026-07-13T01:00:00Z", 2)
        await daemon.at("2026-07-13T13:01:00Z")
    assert titles(discord) == ["Weekly digest 2026-W29: 2 signals"]


@SQLITE
async def test_a_sink_that_takes_too_long_to_say_what_it_wants_holds_no_digest_up(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it said until then counts; of the rest it is asked nothing more, and all of it is in the digest."""
    asked, let_go = list[str](), threading.Event()

    def wants(self: Sink, signal: Signal) -> bool:
        asked.append(signal.id)
        if len(asked) == 2:
            let_go.wait()
        return False

    store = opening()
    async with FakeDiscord() as discord:
        daemon = Daemon(store, chat(tmp_path, discord))
        monkeypatch.setattr("stratumd_discord.sink.DiscordSink.wants", wants)
        monkeypatch.setattr("stratumd.runtime.digests.AT_ONCE", 3)
        monkeypatch.setattr("stratumd.runtime.digests.PATIENCE", 0.5)
        await daemon.at(SUNDAY)
        happen(store, "2026-07-13T01:00:00Z", 7)
        try:
            with anyio.fail_after(60), capture_logs() as lines:
                await daemon.at("2026-07-13T13:01:00Z")
        finally:
            let_go.set()
    assert titles(discord) == ["Weekly digest 2026-W29: 6 signals"]
    assert len(asked) == 2
    (line,) = [each for each in lines if each["event"] == "a sink cannot say what it wants"]
    assert (line["sink"], line["error"]) == ("nba.discord", "TimeoutError: no answer in time")


@SQLITE
async def test_a_sink_that_is_off_gets_one_of_all_of_it_later(opening: Opening, tmp_path: Path) -> None:
    store = opening()
    async with FakeDiscord() as discord:
        config, right = chat(tmp_path, discord, "digest: {every: daily}"), discord.token
        daemon = Daemon(store, config)
        await daemon.at(SUNDAY)
        discord.delete_webhook()
        happen(store, "2026-07-13T01:00:00Z")
        await daemon.at("2026-07-13T13:01:00Z")
        assert "nba.discord" in store.disabled()
        again = Daemon(store, config, daemon.timer)
        happen(store, "2026-07-13T22:00:00Z")
        await Daemon(store, config, VirtualTimer("2026-07-14T13:01:00Z")).digests.look()  # before the sink is begun
        assert store.sharing.newest("digest/nba.discord").instant == parse_iso("2026-07-13T13:00:00Z")
        for day in (14, 15, 16):
            happen(store, f"2026-07-{day}T01:00:00Z")
            await again.at(f"2026-07-{day}T12:00:00Z")
        store.enable("nba.discord")
        discord.token = right
        await Daemon(store, config, daemon.timer).at("2026-07-16T13:01:00Z")
    assert titles(discord) == ["Daily digest 2026-07-13: 1 signal", "Daily digest 2026-07-16: 4 signals"]


@SQLITE
@pytest.mark.parametrize(("options", "singly"), [("{only: true}", 0), ("{only: false}", 1)])
async def test_it_comes_in_place_of_the_signals_or_beside_them(
    opening: Opening, tmp_path: Path, options: str, singly: int
) -> None:
    async with FakeDiscord() as discord:
        config = chat(tmp_path, discord, f"digest: {options}")
    daemon = Daemon(opening(), config)
    spec = config.pipelines["nba"]
    assert len(Builder(config, daemon.core, daemon.parts).connected(spec, daemon.parts.outlets).sinks) == singly


@SQLITE
async def test_it_takes_no_other_notice_unless_it_is_told_to(opening: Opening, tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        daemon = Daemon(opening(), chat(tmp_path, discord))
        assert daemon.parts.courier.takers() == []
        assert daemon.parts.courier.listening() == {"nba.discord"}
        other = Daemon(daemon.store, chat(tmp_path, discord, f"{WEEKLY}, notices: true"))
        assert [taker.sink for taker in other.parts.courier.takers()] == ["nba.discord"]


@SQLITE
async def test_every_sink_that_takes_notices_can_have_one(opening: Opening, tmp_path: Path) -> None:
    """A program gets the signals themselves."""
    store, lines = opening(), tmp_path / "out.jsonl"
    daemon = Daemon(store, written(tmp_path, f'file: {{path: "{lines}", digest: {{top: 2}}}}'))
    await daemon.at(SUNDAY)
    signals = happen(store, "2026-07-13T01:00:00Z", 3)
    await daemon.at("2026-07-13T13:01:00Z")
    (line,) = map(json.loads, lines.read_text().splitlines())
    assert (line["kind"], line["id"]) == ("signal_digest", "signal_digest/nba.file/2026-07-13T13:00:00Z")
    assert line["figures"]["types"] == {"STEAM": 3}
    assert [each["signal"]["id"] for each in line["figures"]["strongest"]] == [each.id for each in signals[:2]]


@SQLITE
async def test_it_says_how_signals_closed_where_that_is_known(opening: Opening, tmp_path: Path) -> None:
    store = opening()
    async with FakeDiscord() as discord:
        daemon = Daemon(store, chat(tmp_path, discord))
        await daemon.at(SUNDAY)
        closed, _ = happen(store, "2026-07-13T01:00:00Z", 2)
        value = Value(
            "nba", closed.id, "named", 0, closed.event, closed.sport, closed.type, closed.market, closed.outcome,
            closed.observed_at, closed.strength, "T-1H", 0.5, "A", "rules", "valued", "betmgm", -3.5, 1.91, -4.5, 0.54,
            0.0312, 0.03, 1.0, -0.04, "good",
        )  # fmt: skip
        store.ledger("nba").write([value])
        await daemon.at("2026-07-13T13:01:00Z")
    said = discord.messages[0].embeds[0]["description"]
    assert said.count("at the close") == 1
    assert "; betmgm −3.5 at 1.91 was worth +3.1 % at the close of −4.5\n" in said


@SQLITE
@pytest.mark.parametrize("more", [{}, {"reference": "named"}, {"reference": "named", "price": "1.9"}])
async def test_it_comes_without_what_a_plugin_fails_to_say(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, str]
) -> None:
    monkeypatch.setattr(
        "stratumd.runtime.digests.answered", lambda *_: [{"status": "valued", "after_seconds": 0, **more}]
    )
    store = opening()
    async with FakeDiscord() as discord:
        daemon = Daemon(store, chat(tmp_path, discord))
        await daemon.at(SUNDAY)
        happen(store, "2026-07-13T01:00:00Z")
        await daemon.at("2026-07-13T13:01:00Z")
    assert titles(discord) == ["Weekly digest 2026-W29: 1 signal"]
    assert "at the close" not in discord.messages[0].embeds[0]["description"]


@SQLITE
async def test_it_looks_every_half_minute_and_says_that_it_is_well(opening: Opening, tmp_path: Path) -> None:
    daemon = Daemon(opening(), written(tmp_path, "log: {digest: }"))

    class Enough(Exception):
        """The test has seen enough."""

    def stop() -> None:
        assert daemon.core.states.get("digests", "editor").state is State.OK
        raise Enough

    daemon.timer.while_asleep = stop
    with pytest.raises(Enough):
        await daemon.digests.run()
    assert daemon.timer.sleeps == [LOOK]
