"""Reloads of a running daemon: what does not change runs on as if nothing had happened."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from stratumd.config import load_config
from stratumd.plugin import SECOND, Signal
from stratumd.plugin.views import PollRow
from stratumd.runtime.build import build_pipeline
from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.control import Request, ask
from stratumd.runtime.presence import About, look
from stratumd.runtime.reload import Answer
from stratumd.store import open_reader, open_store
from stratumd.testing.provider import FakeOddsApi
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent
from tests.support.daemon import COMMAND, PATIENCE, Daemon

pytestmark = pytest.mark.anyio

RELOADS = int(os.environ.get("STRATUMD_RELOADS", "20"))
"""Good ones, and as many broken ones."""
EVERY = SECOND // 2
KEY = "canary-77ac"
CONFIG = """
database: sqlite:///{folder}/run.db
http: {{listen: "127.0.0.1:0"}}
sources:
  steady: {{use: odds-api, {account}, regions: [us], schedule: {{every: 500ms, {late}}}}}
  tuned: {{use: odds-api, {account}, regions: [{region}], schedule: {{every: 500ms, {late}}}}}
pipelines:
  steady:
    sources: [steady]
    detectors:
      - consensus: {{min_books: 3}}
      - move: {{window: 2s, sync_window: 2s, cooldown: 1s}}
    sinks: [{{file: {{path: {folder}/steady.jsonl}}}}]
  tuned:
    sources: [steady]
    detectors:
      - consensus: {{min_books: 3}}
      - move: {{window: 2s, sync_window: 2s, cooldown: 1h, thresholds: {{spread: {threshold}}}}}
    sinks: [{{file: {{path: {folder}/tuned-{odd}.jsonl}}}}]
  other: {{sources: [tuned], detectors: [consensus]{sink}}}
"""
LATE = "catch_up: all, misfire_grace: 5m"
"""A busy machine polls late, and all the same at every instant."""
ACCOUNT = "api_key: '${{env:ODDS_KEY}}', base_url: '{url}', sports: [basketball_nba], retries: 0"

BROKEN: list[tuple[str, Callable[[str], str]]] = [
    ("not YAML", lambda text: text.replace("sources:", "sources: [", 1)),
    ("an unknown plugin", lambda text: text.replace("use: odds-api", "use: odds-apy", 1)),
    ("an unknown option", lambda text: text.replace("regions", "regoins", 1)),
    ("a secret that is not there", lambda text: text.replace("${env:ODDS_KEY}", "${env:NO_SUCH_KEY}")),
    ("a source that is not there", lambda text: text.replace("sources: [tuned]", "sources: [tunde]")),
    ("a wrong value", lambda text: text.replace("every: 500ms", "every: soon", 1)),
    ("an empty file", lambda text: ""),
    ("half a file", lambda text: text[: len(text) // 3]),
]


class Bench:
    """A daemon, its configuration, and the control socket."""

    def __init__(self, folder: Path, provider: FakeOddsApi) -> None:
        self.folder = folder
        self.config = folder / "run.yaml"
        self.provider = provider
        self.write(0)
        self.daemon = Daemon(self.config, env={"ODDS_KEY": KEY, "RUNTIME_DIRECTORY": str(folder)})

    def text(self, number: int) -> str:
        """The configuration, of which a part is another for every other number."""
        odd = number % 2
        return CONFIG.format(
            folder=self.folder,
            account=ACCOUNT.format(url=self.provider.url),
            late=LATE,
            region="eu" if odd else "us",
            threshold=0.75 if odd else 0.5,
            odd=odd,
            sink=", sinks: [log]" if odd else "",
        )

    def write(self, number: int) -> None:
        self.config.write_text(self.text(number))

    async def ask(self, request: Request) -> Answer:
        """Ask the daemon by its socket, as `stratumd reload` does."""
        with anyio.fail_after(PATIENCE):
            while not (found := list(self.folder.glob("*.sock"))):  # noqa: ASYNC110  # another process makes it
                await anyio.sleep(0.02)
        (answer,) = await to_thread.run_sync(lambda: list(ask(request, found)))
        return answer

    async def reload(self) -> Answer:
        return await self.ask(Request("reload"))

    async def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", (await self.daemon.ask("/metrics")).text, re.MULTILINE)
        assert found, name
        return float(found[1])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with benched(tmp_path) as made:
        yield made


@asynccontextmanager
async def benched(folder: Path) -> AsyncIterator[Bench]:
    timer = SystemTimer()
    async with FakeOddsApi(SimulatedContent(Market(7, timer.now(), pace=1_200.0), timer), key=KEY) as provider:
        made = Bench(folder, provider)
        try:
            await made.daemon.wait_for("cycle", 3)
            yield made
        finally:
            made.daemon.kill()


async def test_good_and_broken_reloads_under_load(bench: Bench) -> None:
    """No instant of a schedule is missed and its phase stays; no signal is lost, doubled or said again."""
    for number in range(1, RELOADS + 1):
        bench.write(number)
        answer = await bench.reload()
        assert (answer.exit_code, answer.error) == (0, "")
        assert {"source steady", "pipeline steady", "sink steady.file"} <= {*answer.plan["keep"]}
        assert {"source tuned", "pipeline tuned", "sink tuned.file"} <= {*answer.plan["restart"]}
        assert await bench.metric("stratumd_config_last_reload_successful") == 1
        what, breaking = BROKEN[number % len(BROKEN)]
        bench.config.write_text(breaking(bench.text(number + 1)))
        assert (await bench.reload()).exit_code == 78, what
        assert await bench.metric("stratumd_config_last_reload_successful") == 0
    assert len(bench.daemon.lines("reload failed; nothing was changed")) == RELOADS
    assert len(bench.daemon.lines("reloaded")) == RELOADS
    assert (await bench.daemon.stop())[0] == 0
    bench.write(RELOADS)
    for source in ("steady", "tuned"):
        assert_every_instant_once(bench.folder, source)
    assert_signals_are_those_of_a_replay(bench)
    assert_nothing_fires_again(stored(bench.folder, "tuned"))
    for pipeline in ("steady", "tuned"):
        assert_each_is_delivered_once(bench.folder, pipeline)


def assert_every_instant_once(folder: Path, source: str) -> None:
    """Polls were due at every half second from the first one on, and at no other time; none came before its time."""
    with closing(sqlite3.connect(folder / "run.db")) as connection:
        query = "SELECT instant FROM instants WHERE schedule = ? ORDER BY instant"
        instants = [row[0] for row in connection.execute(query, [f"source {source}"])]
    assert instants == [instants[0] + number * EVERY for number in range(len(instants))], source
    started = [row.started_at for row in polls(folder, source)]
    assert len(started) == len(instants), source
    assert all(at > instant - EVERY // 10 for at, instant in zip(started, instants, strict=True)), source


def assert_signals_are_those_of_a_replay(bench: Bench) -> None:
    config = load_config(bench.config, env={"ODDS_KEY": KEY})
    pipeline = build_pipeline(config.pipelines["steady"], config.registry)
    store = open_store(f"sqlite:///{bench.folder}/run.db")
    try:
        observations = store.pending("a replay of it", ("steady",), 100_000)
    finally:
        store.close()
    assert len(observations) == len(polls(bench.folder, "steady"))
    taken = taken_by(bench.folder, "steady")
    # A stop takes no more steps: what was stored last waits for the next start.
    assert [each.id for each in observations[: len(taken)]] == taken
    replayed = [signal for each in observations[: len(taken)] for signal in pipeline.step(each).signals]
    signals = stored(bench.folder, "steady")
    assert {each.id: each for each in replayed} == {each.id: each for each in signals}
    assert len(replayed) == len(signals) > 0


def assert_nothing_fires_again(signals: list[Signal]) -> None:
    """The cooldown of an hour outlives every change of the options."""
    fired = Counter((s.event, s.market, s.player, s.outcome, s.direction, s.operator, s.type) for s in signals)
    assert fired
    assert set(fired.values()) == {1}


def assert_each_is_delivered_once(folder: Path, pipeline: str) -> None:
    lines = [line for path in folder.glob(f"{pipeline}*.jsonl") for line in path.read_text().splitlines()]
    delivered = Counter(json.loads(line)["id"] for line in lines)
    assert set(delivered.values()) == {1}
    store = open_store(f"sqlite:///{folder}/run.db")
    try:
        counts = {
            state: each.number for (sink, state), each in store.delivery_counts().items() if sink == f"{pipeline}.file"
        }
    finally:
        store.close()
    assert counts.keys() <= {"delivered", "in_flight", "pending"}
    assert sum(counts.values()) == len(stored(folder, pipeline))
    done = counts.get("delivered", 0)  # one that was in flight when the daemon stopped may have arrived, or not
    assert done <= len(delivered) <= done + counts.get("in_flight", 0)


def taken_by(folder: Path, pipeline: str) -> list[str]:
    """Return the ids of the observations that a pipeline has processed, in order."""
    reader = open_reader(f"sqlite:///{folder}/run.db")
    try:
        return [each.observation for each in reader.taken(pipeline, (pipeline,)) if each.position is not None]
    finally:
        reader.close()


def polls(folder: Path, source: str) -> list[PollRow]:
    reader = open_reader(f"sqlite:///{folder}/run.db")
    try:
        return reader.polls(source=source)
    finally:
        reader.close()


def stored(folder: Path, pipeline: str) -> list[Signal]:
    reader = open_reader(f"sqlite:///{folder}/run.db")
    try:
        return reader.signals(pipeline=pipeline)
    finally:
        reader.close()


async def test_sighup_reloads(bench: Bench) -> None:
    bench.write(1)
    bench.daemon.process.send_signal(signal.SIGHUP)
    (line,) = await bench.daemon.wait_for("reloaded")
    assert line["start"] == "sink other.log"
    bench.config.write_text("sources: [")
    bench.daemon.process.send_signal(signal.SIGHUP)
    await bench.daemon.wait_for("reload failed; nothing was changed")
    assert (await bench.daemon.ask("/status")).json()["reload"]["successful"] is False


async def test_a_removed_part_is_shown_no_more_and_what_waits_for_it_is_named(bench: Bench) -> None:
    without = bench.text(0).split("  tuned:\n    sources")[0] + "  other: {sources: [tuned], detectors: [consensus]}\n"
    bench.config.write_text(without)
    answer = await bench.reload()
    assert answer.plan["stop"] == ["pipeline tuned", "sink tuned.file"]
    with anyio.fail_after(PATIENCE):
        while "tuned.file" in (shown := await named(bench)):  # noqa: ASYNC110  # another process
            await anyio.sleep(0.05)
    assert "tuned" not in (await bench.daemon.ask("/status")).json()["pipelines"]
    assert {"steady", "other"} <= shown
    assert "tuned.file" not in (await bench.daemon.ask("/metrics")).text.partition("stratumd_deliveries")[0]


async def named(bench: Bench) -> set[str]:
    return {each["name"] for each in (await bench.daemon.ask("/status")).json()["components"]}


async def test_what_needs_a_restart_is_named_and_stays(bench: Bench) -> None:
    text = bench.text(0).replace("run.db", "other.db").replace("127.0.0.1:0", "127.0.0.1:1")
    bench.config.write_text(text)
    for _ in range(2):  # it is named as long as the file says something else
        assert (await bench.reload()).plan["fixed"] == ["database", "http"]
    status = (await bench.daemon.ask("/status")).json()
    assert status["database"].endswith("run.db")
    assert status["reload"]["fixed"] == ["database", "http"]


async def test_a_preview_changes_nothing(bench: Bench) -> None:
    bench.write(1)
    answer = await bench.ask(Request("preview"))
    assert answer.plan["start"] == ["sink other.log"]
    assert bench.daemon.lines("reloaded") == []
    assert (await bench.daemon.ask("/status")).json()["reload"] is None


async def test_the_control_socket_is_its_users_own(bench: Bench) -> None:
    """It is shown in the status, closed to others, and gone with the daemon."""
    await bench.reload()
    path = Path((await bench.daemon.ask("/status")).json()["control"])
    assert path.parent == bench.folder
    assert mode(path) == 0o600
    assert (await bench.daemon.stop())[0] == 0
    assert mode(path) is None


def mode(path: Path) -> int | None:
    """The permissions of a file; None where there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def test_the_log_level_changes_while_it_runs(bench: Bench) -> None:
    bench.config.write_text(bench.text(0) + "log: {level: warning}\n")
    assert (await bench.reload()).plan["adjust"] == ["log"]
    before = len(bench.daemon.lines("cycle"))
    await anyio.sleep(2 * EVERY / SECOND)
    assert len(bench.daemon.lines("cycle")) == before


async def test_the_log_goes_over_to_a_file(bench: Bench) -> None:
    """Where that cannot be written, the reload is refused and nothing changes."""
    await bench.reload()
    bench.config.write_text(bench.text(0) + f"log: {{file: {bench.folder}/nowhere/log}}\n")
    refused = await bench.reload()
    assert refused.exit_code == 75
    assert "cannot write the log to" in refused.error
    bench.config.write_text(bench.text(0) + f"log: {{file: {bench.folder}/log}}\n")
    assert (await bench.reload()).plan["adjust"] == ["log"]
    assert '"reloaded"' in (bench.folder / "log").read_text()
    assert len(bench.daemon.lines("reloaded")) == 1, "the one before the file"


async def command(bench: Bench, *arguments: str) -> tuple[int, str, str]:
    """Run `stratumd reload` as an operator does; return exit code, output and errors."""
    done = await anyio.run_process(
        [*COMMAND, "reload", str(bench.config), *arguments],
        check=False,
        env={**os.environ, "RUNTIME_DIRECTORY": str(bench.folder)},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_the_command_says_what_came_of_it(bench: Bench) -> None:
    """The environment of the daemon counts, not that of the command, which has no key."""
    await bench.reload()  # the socket is there from now on
    bench.write(1)
    code, out, _ = await command(bench, "--dry-run")
    assert code == 0
    assert "  would start      sink other.log\n" in out
    code, out, _ = await command(bench)
    assert code == 0
    assert out.startswith(f"daemon {bench.daemon.process.pid}:\n")
    for line in ("started          sink other.log", "restarted        source tuned", "stayed           source steady"):
        assert f"  {line}\n" in out
    code, out, _ = await command(bench, "--json")
    assert json.loads(out)["plan"]["start"] == []


async def test_the_command_shows_the_mistakes_and_says_that_nothing_changed(bench: Bench) -> None:
    await bench.reload()
    bench.config.write_text(bench.text(0).replace("regions", "regoins", 1))
    code, out, errors = await command(bench)
    assert (code, out) == (78, "")
    assert "did you mean 'regions'?" in errors
    assert errors.endswith("nothing was changed\n")
    assert KEY not in errors


async def test_the_command_without_a_daemon(bench: Bench) -> None:
    await bench.daemon.stop()
    code, _, errors = await command(bench)
    assert code == 75
    assert "no daemon runs by this file" in errors


async def test_a_daemon_for_http_alone_says_what_needs_a_restart_of_it(bench: Bench) -> None:
    """Its parts run elsewhere; whoever sends the signal, such as systemd, hears that it was heard."""
    await bench.daemon.wait_for("cycle")  # the tables are there
    beside = Daemon(bench.config, "--role", "api", env={"ODDS_KEY": KEY, "RUNTIME_DIRECTORY": str(bench.folder)})
    try:
        await beside.address()
        bench.config.write_text(bench.text(1) + "log: {level: debug}\n")
        beside.process.send_signal(signal.SIGHUP)
        (line,) = await beside.wait_for("reloaded")
        assert line["adjust"] == "log"
        assert not {"start", "stop", "restart"} & line.keys()
        more = bench.text(1).replace("  other:", "  more: {sources: [steady], detectors: [consensus]}\n  other:")
        bench.config.write_text(more.replace("run.db", "other.db"))
        socket = Path((await beside.ask("/status")).json()["control"])
        for _ in range(2):  # it is named as long as the file says something else
            (answer,) = await to_thread.run_sync(lambda: list(ask(Request("reload"), [socket])))
            assert (answer.pid, answer.exit_code) == (beside.process.pid, 0)
            assert answer.plan["fixed"] == ["database"]
        assert "pipeline more" in answer.plan["keep"], "it is known since the first time"
        assert {each["kind"] for each in (await beside.ask("/status")).json()["components"]} == {"store"}
        code, _ = await beside.stop()
        assert code == 0, beside.said
    finally:
        beside.kill()


async def test_the_daemon_says_that_it_runs(bench: Bench) -> None:
    """As `stratumd status` asks; the states are those of /status."""
    await bench.ask(Request("preview"))  # the socket is there
    ((_, about),) = await to_thread.run_sync(lambda: list(look(list(bench.folder.glob("*.sock")))))
    status = (await bench.daemon.ask("/status")).json()
    assert isinstance(about, About)
    assert (about.pid, about.started, about.database) == (
        bench.daemon.process.pid,
        status["started"],
        status["database"],
    )
    assert sum(about.components.values()) == len(status["components"])
