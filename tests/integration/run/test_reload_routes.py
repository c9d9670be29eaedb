"""Reloads of a daemon that serves routes: partners are shown the pipelines that are configured now."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio import to_thread

from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.control import Request, ask
from stratumd.runtime.reload import Answer
from stratumd.testing.provider import FakeOddsApi
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent
from tests.support.daemon import COMMAND, PATIENCE, Daemon

pytestmark = pytest.mark.anyio

KEY = "canary-77ac"
CONFIG = """
database: sqlite:///{folder}/run.db
http:
  listen: 127.0.0.1:0
  routes:
    - accounts:
        secret: canary-secret-of-the-reloads-0123456789
        public_url: http://127.0.0.1
        argon2: {{time: 1, memory: 8, lanes: 1}}
        plans: {{free: {{kind: web, title: Free, scopes: [intel:read, stream:read], per_minute: 6000}}}}
    - partner-api
    - admin
    - dashboard
sources:
  odds: {{use: odds-api, api_key: {key}, base_url: '{url}', sports: [basketball_nba], regions: [us],
         schedule: {{every: 300ms}}}}
pipelines:
  steady: {{sources: [odds], detectors: [consensus], jobs: [clv]}}
"""
OLD = "  old: {sources: [odds], detectors: [consensus], jobs: [clv]}\n"
NEW = "  new: {sources: [odds], detectors: [consensus, steam], jobs: [clv]}\n"


class Bench:
    """A daemon, somebody who asks it, and its control socket."""

    def __init__(self, folder: Path, url: str, without: str) -> None:
        """`without`: what is left out of the file at the start."""
        self.folder = folder
        self.config = folder / "run.yaml"
        self.text = CONFIG.format(folder=folder, url=url, key=KEY).replace(without, "")
        self.write(OLD.replace(without, ""))
        self.daemon = Daemon(self.config, env={"RUNTIME_DIRECTORY": str(folder)})
        self.client: httpx.AsyncClient

    def write(self, *more: str) -> None:
        """Write the file, with these pipelines beside the one that stays."""
        self.config.write_text(self.text + "".join(more))

    async def reload(self, daemons: int = 1) -> Sequence[Answer]:
        """Have all daemons of the file read it again."""
        with anyio.fail_after(PATIENCE):
            while len(found := list(self.folder.glob("*.sock"))) < daemons:  # noqa: ASYNC110  # others make them
                await anyio.sleep(0.02)
        return await to_thread.run_sync(lambda: list(ask(Request("reload"), found)))

    async def token(self) -> str:
        """Return a token of a program that operates the daemon."""
        words = ["service-tokens", "issue", "ops", "--reason", "test", "--confirm", "ops"]
        done = await anyio.run_process([*COMMAND, *words, "-c", str(self.config), "--json"])
        return str(json.loads(done.stdout)["token"])


class Asking:
    """Somebody who is logged in at a daemon."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(f"/api/v1/{path}", **more)

    async def problem(self, path: str) -> tuple[int, str]:
        """Return what a refusal says."""
        answer = await self.get(path)
        return answer.status_code, answer.json()["detail"]


@asynccontextmanager
async def asking(daemon: Daemon) -> AsyncIterator[Asking]:
    """Log in; whoever has no account makes one."""
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading all authorities takes longer than all answers
    async with httpx.AsyncClient(base_url=await daemon.address(), trust_env=False, verify=plain, timeout=30) as client:
        person = {"email": "ann@example.com", "password": "a long enough Pa55phrase"}
        await client.post("/api/v1/account", json=person)
        session = await client.post("/api/v1/session", json={**person, "keep": "token"})
        client.headers["authorization"] = f"Bearer {session.json()['token']}"
        yield Asking(client)


class Heard:
    """What a stream of changes said so far."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.ended = ""

    async def listen(self, partner: Asking, pipeline: str) -> None:
        async with partner.client.stream("GET", f"/api/v1/stream/changes?pipeline={pipeline}&after=0") as answer:
            assert answer.status_code == 200, await answer.aread()
            name = ""
            async for line in answer.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name == "changes":
                    self.positions.append(json.loads(value)["position"])
                elif field == "data":
                    self.ended = name

    async def more(self, count: int) -> None:
        """Wait until it said so much more."""
        goal = len(self.positions) + count
        await until(lambda: len(self.positions) >= goal)


async def until(holds: Any) -> None:
    with anyio.fail_after(PATIENCE):
        while not holds():  # noqa: ASYNC110  # another process
            await anyio.sleep(0.02)


@pytest.fixture
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    timer = SystemTimer()
    async with FakeOddsApi(SimulatedContent(Market(7, timer.now(), pace=1_200.0), timer), key=KEY) as provider:
        made = Bench(tmp_path, provider.url, getattr(request, "param", ""))
        try:
            await made.daemon.wait_for("cycle", 3)
            yield made
        finally:
            made.daemon.kill()


QUESTIONS = ("intel/clv?pipeline={}", "intel/clv/summary?pipeline={}", "intel/clv/scorecards?pipeline={}",
             "dashboard/closing?pipeline={}")  # fmt: skip


async def assert_shown(partner: Asking, pipeline: str) -> None:
    for path in QUESTIONS:
        answer = await partner.get(path.format(pipeline))
        assert answer.status_code == 200, f"{path}: {answer.text}"


async def assert_unknown(partner: Asking, pipeline: str, known: str) -> None:
    for path in (*QUESTIONS, "stream/changes?pipeline={}"):
        wanted = (404, f"There is no such pipeline: there are {known}.")
        assert await partner.problem(path.format(pipeline)) == wanted, path


async def test_routes_show_the_pipelines_of_a_reload(bench: Bench) -> None:
    """New ones are served, those that are gone are unknown, and a stream of what stays goes on without a break."""
    stays, goes, comes = Heard(), Heard(), Heard()
    async with asking(bench.daemon) as partner, anyio.create_task_group() as group:
        operator = {"authorization": f"Bearer {await bench.token()}"}
        group.start_soon(stays.listen, partner, "steady")
        group.start_soon(goes.listen, partner, "old")
        await stays.more(2)
        await goes.more(1)
        await assert_shown(partner, "old")
        await assert_unknown(partner, "new", "steady, old")
        unheard_of = (422, "types: there are no signals of type 'STEAM'")
        assert await partner.problem("intel/signals?types=STEAM") == unheard_of

        bench.write(NEW)
        (answer,) = await bench.reload()
        assert {"pipeline new"} <= {*answer.plan["start"]}

        await assert_shown(partner, "new")
        assert (await partner.get("intel/signals?types=STEAM")).status_code == 200
        group.start_soon(comes.listen, partner, "new")
        await comes.more(2)
        report = (await partner.get("ops/report", headers=operator)).json()
        assert [each["pipeline"] for each in report["pipelines"]] == ["steady", "new"]

        await assert_unknown(partner, "old", "steady, new")
        assert (await partner.get("intel/signals?pipeline=old")).status_code == 200, "what is stored stays there"
        await until(lambda: goes.ended)
        assert goes.ended == "bye", "who comes back is told which there are"

        bench.write(NEW, OLD)
        await bench.reload()
        await assert_shown(partner, "old")
        group.start_soon(goes.listen, partner, "old")
        await goes.more(2)

        await stays.more(2)
        group.cancel_scope.cancel()
    assert not stays.ended
    assert stays.positions == sorted(set(stays.positions)), "nothing came twice"
    assert_nothing_was_left_out(bench.folder, stays.positions)


def assert_nothing_was_left_out(folder: Path, positions: Sequence[int]) -> None:
    """Every step up to the newest that was told changed nothing, or was told."""
    from stratumd.store import open_reader

    reader = open_reader(f"sqlite:///{folder}/run.db")
    try:
        told = [step.position for step in reader.changed("steady", 0, 10_000) if step.points]
    finally:
        reader.close()
    assert positions == [position for position in told if position <= positions[-1]]


@pytest.mark.parametrize("bench", [", jobs: [clv]"], indirect=True, ids=["without clv"])
async def test_a_plugin_that_a_reload_brings_has_its_tables(bench: Bench) -> None:
    async with asking(bench.daemon) as partner:
        assert (await partner.problem("intel/clv/summary?pipeline=steady"))[0] == 404, "nobody works it out"
        bench.text = bench.text.replace("[consensus]", "[consensus], jobs: [{clv: {schedule: {every: 1s}}}]")
        bench.write(OLD)
        (answer,) = await bench.reload()
        assert "job steady.clv" in answer.plan["start"]
        await assert_shown(partner, "steady")
        await bench.daemon.wait_for("done")
        assert not bench.daemon.lines("failed; it is started again")


async def test_a_daemon_for_http_alone_shows_the_pipelines_of_a_reload(bench: Bench) -> None:
    """It works none of them; what it reads of the others' it reads by the new file."""
    beside = Daemon(bench.config, "--role", "api", env={"RUNTIME_DIRECTORY": str(bench.folder)})
    try:
        stays, comes = Heard(), Heard()
        async with asking(beside) as partner, anyio.create_task_group() as group:
            group.start_soon(stays.listen, partner, "steady")
            await stays.more(2)
            await assert_unknown(partner, "new", "steady, old")
            bench.write(NEW)
            answers = {each.pid: each for each in await bench.reload(daemons=2)}
            plan = answers[beside.process.pid].plan
            assert (plan["start"], plan["stop"], plan["fixed"]) == (["pipeline new"], ["pipeline old"], [])
            await assert_shown(partner, "new")
            await assert_unknown(partner, "old", "steady, new")
            group.start_soon(comes.listen, partner, "new")
            await comes.more(2)
            await stays.more(2)
            group.cancel_scope.cancel()
        assert not stays.ended
        status = (await beside.ask("/status")).json()
        assert {each["kind"] for each in status["components"]} == {"store", "routes"}
        assert status["pipelines"] == {}
    finally:
        beside.kill()
