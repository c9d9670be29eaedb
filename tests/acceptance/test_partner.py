"""A partner's first months, over HTTP against the running daemon: buy, read, stream, use too much, fail to pay, pay.

All of the daemon runs but for its clock, which the story moves on: an hour of the market passes in seconds, and a month
between two invoices. Stripe and the provider of odds are fakes on this machine that speak their protocols.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from anyio import to_thread

from stratumd.config import load_config
from stratumd.plugin import DAY, HOUR, MINUTE, Micros
from stratumd.runtime import daemon
from stratumd.runtime.clock import SystemTimer
from stratumd.runtime.daemon import RunOptions, run
from stratumd.store import open_reader
from stratumd.testing.clock import VirtualClock
from stratumd.testing.provider import FakeOddsApi
from stratumd.testing.stripe import FakeStripe
from stratumd_demo.market import Market
from stratumd_demo.wire import Json, SimulatedContent
from tests.support import ROOT

pytestmark = pytest.mark.anyio

PAGE = ROOT / "docs" / "how-to" / "sell-the-api.md"
PATIENCE = 60.0
WEBHOOK_SECRET = "whsec_canary_of_the_story"
INCLUDED = 40
OVERAGE_CENTS = 5
CONFIG = """
database: sqlite:///{folder}/story.db
sources:
  odds:
    use: odds-api
    api_key: fake-key
    base_url: {odds}
    sports: [basketball_nba]
    regions: [us]
    schedule: {{every: 100ms, idle: 100ms}}
pipelines:
  nba:
    sources: [odds]
    detectors: [consensus, move, dislocation, steam]
http:
  listen: 127.0.0.1:0
  routes:
    - accounts:
        secret: canary-secret-of-the-story-0123456789
        public_url: https://odds.example.com
        argon2: {{time: 1, memory: 8, lanes: 1}}
        plans:
          free: {{kind: web, title: Free, delay: 10m, hidden: [velocity, components, books]}}
          api_monthly:
            kind: api
            title: API
            scopes: [intel:read, stream:read]
            per_minute: 6000
            included: {included}
            overage: true
    - partner-api
    - stripe-billing:
        secret_key: {stripe_key}
        webhook_secrets: [{secret}]
        base_url: {stripe}
        offers: {{api_monthly: {{cents: 9900, overage_cents: {overage}, overage_per: 1}}}}
        grace: 3d
        success_url: https://odds.example.com/thanks
        cancel_url: https://odds.example.com/account
"""


class StoryClock(VirtualClock):
    """The present, and all that the story put on top of it."""

    def __init__(self) -> None:
        super().__init__(SystemTimer().now())
        self._began = time.monotonic_ns()

    def now(self) -> Micros:
        return super().now() + (time.monotonic_ns() - self._began) // 1_000


class Exchange(SimulatedContent):
    """A market in which a minute passes with every poll, until it closes."""

    def __init__(self, clock: StoryClock) -> None:
        super().__init__(Market(11, clock.now()), clock)
        self.polls = 0
        self.open = True

    def odds(self, sport: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]) -> list[Json]:
        if not self.open:
            return []
        assert isinstance(self.clock, StoryClock)
        self.clock.advance(MINUTE)
        self.polls += 1
        return super().odds(sport, markets, regions, bookmakers)

    async def pass_by(self, polls: int) -> None:
        """Wait until so many more answers were given."""
        goal = self.polls + polls
        with anyio.fail_after(PATIENCE):
            while self.polls < goal:  # noqa: ASYNC110  # the daemon does it
                await anyio.sleep(0.02)


class Partner:
    """Somebody with a browser and a program."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.session = ""
        self.key = ""
        self.asked: set[tuple[str, str]] = set()

    async def ask(self, method: str, path: str, json: Any = None) -> Any:
        """Ask in the browser, and return what it shows."""
        headers = {"authorization": f"Bearer {self.session}"} if self.session else {}
        self.asked.add((method, f"/api/v1{path}"))
        answer = await self.client.request(method, f"/api/v1{path}", json=json, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def read(self, path: str = "/intel/signals?limit=5") -> httpx.Response:
        """Ask with the program's key."""
        self.asked.add(("GET", f"/api/v1{path.partition('?')[0]}"))
        return await self.client.get(f"/api/v1{path}", headers={"authorization": f"Bearer {self.key}"})

    async def stream(self, count: int, after: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        """Read so many signals from the stream, with their ids, and hang up."""
        headers = {"authorization": f"Bearer {self.key}"}
        if after is not None:
            headers["last-event-id"] = str(after)
        self.asked.add(("GET", "/api/v1/stream/signals"))
        found: list[tuple[int, dict[str, Any]]] = []
        with anyio.fail_after(PATIENCE):
            async with self.client.stream("GET", "/api/v1/stream/signals", headers=headers) as answer:
                assert answer.status_code == 200
                async for block in blocks(answer):
                    if block.get("event", "signal") == "signal" and "data" in block:
                        found.append((int(block["id"]), json.loads(block["data"])))
                        if len(found) == count:
                            break
        return found


async def blocks(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Yield the messages of an event stream as their fields."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line and fields:
            yield fields
            fields = {}


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[str]:
    """Run the daemon, and give the address that it listens at."""
    listening: list[str | None] = []
    loaded = load_config(config)
    async with anyio.create_task_group() as group:
        group.start_soon(run, loaded, RunOptions(announce=listening.append))
        with anyio.fail_after(PATIENCE):
            while not listening:  # noqa: ASYNC110  # it says so once
                await anyio.sleep(0.02)
        assert listening[0] is not None
        yield listening[0].removesuffix("/status")
        group.cancel_scope.cancel()


async def console(config: Path, *words: str) -> list[dict[str, Any]]:
    """Run a command as its operator does, and return its rows."""
    command = [sys.executable, "-c", "from stratumd.cli import main; main()", *words, "-c", str(config), "--json"]
    done = await anyio.run_process(command, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


async def until(holds: Any, what: str) -> Any:
    """Wait until `holds` returns something."""
    for _ in range(int(PATIENCE / 0.1)):
        found = await holds()
        if found:
            return found
        await anyio.sleep(0.1)
    raise AssertionError(f"it never came that {what}")


async def test_a_partner_buys_reads_streams_overuses_fails_to_pay_and_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StoryClock()
    monkeypatch.setattr(daemon, "SystemTimer", lambda: Watch(clock))
    market, config = Exchange(clock), tmp_path / "story.yaml"
    async with FakeOddsApi(market, credits=10**9) as odds, FakeStripe(clock) as stripe:
        config.write_text(
            CONFIG.format(
                folder=tmp_path, odds=odds.url, stripe=stripe.url, stripe_key=stripe.key, secret=WEBHOOK_SECRET,
                included=INCLUDED, overage=OVERAGE_CENTS,
            )
        )  # fmt: skip
        async with running(config) as address, httpx.AsyncClient(base_url=address, trust_env=False) as client:
            stripe.listen(f"{address}/api/v1/billing/webhook", WEBHOOK_SECRET)
            await console(config, "billing", "setup", "--reason", "opening", "--confirm", "catalogue")
            partner = Partner(client)
            await buy(partner, stripe)
            await read_and_stream(partner, market, f"sqlite:///{tmp_path}/story.db")
            market.open = False
            used = await use_too_much(partner)
            await be_billed(partner, stripe, clock, used)
            await fail_and_pay(partner, stripe, clock)
            (reconciled, *_) = await console(config, "billing", "reconcile")
            assert reconciled["difference"] == 0, reconciled
    assert told() == partner.asked, "the page tells the same story"


def told() -> set[tuple[str, str]]:
    """Return the methods and paths of the requests on the page."""
    lines = [shlex.split(line) for line in PAGE.read_text().splitlines() if line.startswith("curl ")]
    return {(words[words.index("-X") + 1], urlsplit(words[words.index("-X") + 2]).path) for words in lines}


class Watch(SystemTimer):
    """The machine's monotonic clock beside the story's wall clock."""

    def __init__(self, clock: StoryClock) -> None:
        self._clock = clock

    def now(self) -> Micros:
        return self._clock.now()


async def buy(partner: Partner, stripe: FakeStripe) -> None:
    """Make an account, buy access, and make a key, which is shown once."""
    person = {"email": "ann@example.com", "password": "a long enough Pa55phrase"}
    await partner.ask("POST", "/account", person)
    partner.session = (await partner.ask("POST", "/session", {**person, "keep": "token"}))["token"]
    checkout = await partner.ask("POST", "/billing/checkout", {"plan": "api_monthly"})
    stripe.buy(checkout["url"].rpartition("/")[2])
    await stripe.webhooks.deliver()
    assert (await partner.ask("GET", "/account"))["api"]["plan"] == "api_monthly"
    made = await partner.ask("POST", "/account/keys", {"name": "my program"})
    partner.key = made["key"]
    assert re.fullmatch(r"strm_live_\w+", partner.key)
    assert partner.key not in json.dumps(await partner.ask("GET", "/account/keys"))


async def read_and_stream(partner: Partner, market: Exchange, database: str) -> None:
    """Read the feed, stream, be away for an hour of the market, and miss nothing."""

    async def some() -> Any:
        return (await partner.read()).json()["items"]

    await until(some, "there are signals")
    first = await partner.stream(3)
    last = first[-1][0]
    await market.pass_by(60)
    reader = open_reader(database)
    try:
        newest = (await to_thread.run_sync(reader.ends))[1]
        missed = await partner.stream(newest - last, after=last)
        stored = await to_thread.run_sync(lambda: reader.feed(last, newest - last))
    finally:
        reader.close()
    assert newest - last >= 10, "an hour of the market brings signals"
    assert [id for id, _ in missed] == [*range(last + 1, newest + 1)]
    assert [signal["id"] for _, signal in missed] == [entry.signal.id for entry in stored]


async def use_too_much(partner: Partner) -> int:
    """Go beyond what is included: it is served all the same, and every answer says so. Returns how much was used."""
    for _ in range(INCLUDED + 20):
        answer = await partner.read()
        assert answer.status_code == 200
    used = int(answer.headers["x-usage-used"])
    assert int(answer.headers["x-usage-remaining"]) == 0
    assert int(answer.headers["x-usage-overage"]) == used - INCLUDED >= 20
    return used


async def be_billed(partner: Partner, stripe: FakeStripe, clock: StoryClock, used: int) -> None:
    """See the overage on the invoice at the end of the month."""
    clock.advance(2 * HOUR)

    async def metered() -> bool:
        return sum(int(each["payload"]["value"]) for each in stripe.meters.received) == used

    await until(metered, "Stripe knows of every request")
    stripe.advance(32 * DAY)
    await stripe.webhooks.deliver()
    (invoice, *_) = stripe.shelf.of("invoice")
    assert invoice["status"] == "paid"
    assert invoice["total"] == 9_900 + OVERAGE_CENTS * (used - INCLUDED)
    assert (await partner.read()).status_code == 200


async def fail_and_pay(partner: Partner, stripe: FakeStripe, clock: StoryClock) -> None:
    """Fail to pay: access ends when the grace has passed, and is back with the payment."""
    (customer, *_) = stripe.shelf.of("customer")
    stripe.decline(customer["id"])
    stripe.advance(31 * DAY)
    await stripe.webhooks.deliver()
    assert (await partner.read()).status_code == 200, "within the grace"
    clock.advance(4 * DAY)

    async def refused() -> bool:
        return (await partner.read()).status_code in (401, 402, 403)

    await until(refused, "access ends")
    stripe.decline(customer["id"], False)
    owed = next(each for each in stripe.shelf.of("invoice") if each["status"] == "open")
    stripe.pay(owed["id"])
    await stripe.webhooks.deliver()

    async def served() -> bool:
        return (await partner.read()).status_code == 200

    await until(served, "access is back")
