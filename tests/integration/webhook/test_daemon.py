"""The daemon in a process of its own: its signals arrive signed and by mail, and its heartbeat follows its quotes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from stratumd.plugin import HOUR, iso
from stratumd.runtime.clock import SystemTimer
from stratumd.testing.provider import FakeOddsApi
from stratumd.testing.receiver import Receiver
from stratumd.testing.smtp import FakeSmtp
from tests.support.daemon import PATIENCE, Daemon
from tests.support.odds_api import Row, book, event, market, outcome
from tests.support.provider import OneGame

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Jumping(OneGame):
    """Three games that start in three hours; their line moves by three points after the second poll."""

    def __init__(self) -> None:
        super().__init__()
        self.polls = 0

    def odds(self, sport: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]) -> list[Row]:
        self.polls += 1
        return [self._game(number, 3.5 if self.polls <= 2 else 6.5) for number in range(3)]

    def _game(self, number: int, line: float) -> Row:
        spread = market("spreads", outcome("Boston Celtics", -110, -line), outcome("Utah Jazz", -110, line))
        start = iso((SystemTimer().now() // HOUR + 3) * HOUR)
        return event(book("fanduel", spread), book("betmgm", spread), id=f"{number:032x}", commence_time=start)


def configuration(folder: Path, provider: str, key: str, receiver: str, monitor: str, smtp: int) -> str:
    """JSON is YAML too."""
    mail = {"host": "127.0.0.1", "port": smtp, "security": "none", "sender": "a@example.com", "to": ["b@example.com"]}
    source = {"use": "odds-api", "api_key": key, "base_url": provider, "sports": ["basketball_nba"], "regions": ["us"]}
    sinks = [
        {"webhook": {"url": receiver, "secret": SECRET, "allow": ["127.0.0.0/8"]}},
        {"heartbeat": {"url": monitor, "every": "1s"}},
        {"email": mail},
    ]
    pipeline = {"sources": ["nba"], "detectors": ["consensus", "move"], "sinks": sinks}
    return json.dumps(
        {
            "database": f"sqlite:///{folder / 'run.db'}",
            "http": "off",
            "sources": {"nba": source | {"retries": 0, "schedule": {"every": "200ms"}}},
            "pipelines": {"main": pipeline},
        }
    )


class Outside:
    """Everything that the daemon may send to."""

    def __init__(self, receiver: Receiver, monitor: Receiver, smtp: FakeSmtp, daemon: Daemon) -> None:
        self.receiver, self.monitor, self.smtp, self.daemon = receiver, monitor, smtp, daemon


@asynccontextmanager
async def running(folder: Path, key: str = "right") -> AsyncIterator[Outside]:
    """Start a daemon that polls a fake provider with `key`."""
    async with (
        FakeOddsApi(Jumping(), key="right") as provider,
        Receiver(SECRET) as receiver,
        Receiver() as monitor,
        FakeSmtp() as smtp,
    ):
        config = folder / "run.yaml"
        config.write_text(configuration(folder, provider.url, key, receiver.url, monitor.url, smtp.port))
        daemon = Daemon(config)
        try:
            yield Outside(receiver, monitor, smtp, daemon)
        finally:
            daemon.kill()


async def test_everything_arrives(tmp_path: Path) -> None:
    async with running(tmp_path) as outside:
        with anyio.fail_after(PATIENCE):
            await outside.receiver.arrived(3)
            await outside.monitor.arrived(2)
            await outside.smtp.reached(".")
        code, _ = await outside.daemon.stop()
    assert code == 0, outside.daemon.said
    assert [request.problem for request in outside.receiver.requests] == [None] * 3
    assert len({request.id for request in outside.receiver.requests}) == 3


async def test_no_quotes_no_heartbeat(tmp_path: Path) -> None:
    """The daemon runs, and the provider refuses its key: the monitor must notice."""
    async with running(tmp_path, key="wrong") as outside:
        await outside.daemon.wait_for("poll failed")
        code, _ = await outside.daemon.stop()
    assert (code, outside.monitor.connections) == (0, 0)
