"""`stratumd test-alerts`: one test alert of each severity through every sink that takes it, and what each answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from stratumd.testing.discord import FakeDiscord
from stratumd.testing.receiver import Receiver
from stratumd.testing.smtp import FakeSmtp
from tests.support.cli import stratumd

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FILE = """
database: sqlite:///{folder}/stratumd.db
http: off
sources: {{demo: {{use: demo, schedule: {{every: 2s}}}}}}
pipelines:
  nba:
    sources: [demo]
    sinks: [{sinks}]
"""


async def run(folder: Path, *sinks: dict[str, Any]) -> int:
    """Run the command in a thread: it brings its own event loop, and the fakes need this one."""
    file = folder / "stratumd.yaml"
    file.write_text(FILE.format(folder=folder, sinks=", ".join(map(json.dumps, sinks))))
    return await anyio.to_thread.run_sync(lambda: stratumd("test-alerts", "--json", "--config", str(file)))


def results(captured: Any) -> dict[tuple[str, str], str]:
    return {(row["sink"], row["severity"]): row["result"] for row in map(json.loads, captured.out.splitlines())}


async def test_every_sink_gets_one_of_each_severity_that_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "out.jsonl"
    async with FakeDiscord() as discord, FakeSmtp() as smtp, Receiver(SECRET) as receiver:
        plain = {"host": "127.0.0.1", "port": smtp.port, "security": "none"}
        code = await run(
            tmp_path,
            {"log": {"notices": True}},
            {"file": {"path": str(lines), "notices": "warning"}},
            {"discord": {"webhook": discord.webhook, "allow_loopback": True, "notices": True}},
            {"email": {**plain, "sender": "a@example.com", "to": ["ops@example.com"], "notices": "error"}},
            {"webhook": {"url": receiver.url, "secret": SECRET, "allow": ["127.0.0.0/8"], "notices": "info"}},
            {"file": {"name": "deaf", "path": str(tmp_path / "deaf.jsonl")}},
        )
    captured = capsys.readouterr()
    assert code == 0, captured
    found = results(captured)
    assert {sink for sink, _ in found} == {"nba.log", "nba.file", "nba.discord", "nba.email", "nba.webhook"}
    assert [found["nba.file", each] for each in ("info", "warning", "error")] == ["skipped", "delivered", "delivered"]
    assert [json.loads(line)["severity"] for line in lines.read_text().splitlines()] == ["warning", "error"]
    assert [mail.message["Subject"] for mail in smtp.mails] == ["[error] A test alert (error)"]
    assert [message.embeds[0]["color"] for message in discord.messages] == [0x64748B, 0xF59E0B, 0xEF4444]
    posted = [request.json()["data"] for request in receiver.requests]
    assert [each["severity"] for each in posted] == ["info", "warning", "error"]
    assert all(not each["resolved"] and "Only a test" in each["text"] for each in posted)
    assert captured.err.count("Only a test") == 3


async def test_one_that_fails_is_named_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Receiver(SECRET) as receiver:
        receiver.usual = receiver.usual._replace(status=410)
        hook = {"url": receiver.url, "secret": SECRET, "allow": ["127.0.0.0/8"], "notices": True}
        code = await run(tmp_path, {"webhook": hook}, {"log": {"notices": "error"}})
    captured = capsys.readouterr()
    assert code == 1
    rows = [json.loads(line) for line in captured.out.splitlines()]
    assert [row["result"] for row in rows] == ["failed"] * 3 + ["skipped", "skipped", "delivered"]
    assert "410" in rows[0]["error"]


async def test_without_a_sink_that_takes_alerts_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(tmp_path, {"log": {}}) == 1
    assert "set 'notices: true'" in capsys.readouterr().err
