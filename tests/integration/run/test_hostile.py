"""A plugin that does wrong in a running daemon is named; it stops nothing else and gives away no secret."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from tests.integration.run.hostile import install
from tests.support.daemon import PATIENCE, Daemon

pytestmark = pytest.mark.anyio

CANARY = "canary-77-c4n4ry"
CONFIG = """
database: sqlite:///{folder}/run.db
http: {{listen: "127.0.0.1:0"}}
log: {{format: json}}
sources:
  made: {{use: demo, schedule: {{every: 200ms}}}}
pipelines:
  good:
    sources: [made]
    detectors: [consensus]
  bad:
    sources: [made]
    detectors: [consensus, hostile: {{act: {detector}, key: "${{env:CANARY}}"}}]
    sinks: [hostile: {{act: {sink}, key: "${{env:CANARY}}"}}, file: {{path: {folder}/signals.jsonl}}]
"""


def holding(folder: Path) -> list[Path]:
    """Return the files of the database that the secret is in."""
    files = list(folder.glob("run.db*"))
    assert files
    return [path for path in files if CANARY.encode() in path.read_bytes()]


async def observed(daemon: Daemon, pipeline: str, count: int) -> dict[str, object]:
    """Wait until a pipeline processed so many observations; return the status."""
    with anyio.fail_after(PATIENCE):
        while True:
            status = msgspec.json.decode((await daemon.ask("/status")).content)
            if status["pipelines"].get(pipeline, {}).get("observations", 0) >= count:
                return dict(status)
            await anyio.sleep(0.05)


@pytest.mark.parametrize(
    ("detector", "sink"),
    [
        ("leak", "signal"),
        ("end", "signal"),
        ("interrupt", "signal"),
        ("mute", "signal"),
        ("surrogate", "signal"),
        ("record", "signal"),
        ("outcome", "signal"),
        ("version", "signal"),
        ("signal", "leak"),
        ("signal", "end"),
        ("signal", "interrupt"),
        ("signal", "mute"),
        ("signal", "surrogate"),
    ],
)
async def test_the_daemon_goes_on_and_says_who_did_wrong(tmp_path: Path, detector: str, sink: str) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG.format(folder=tmp_path, detector=detector, sink=sink))
    env = {"PYTHONPATH": str(install(tmp_path / "site")), "CANARY": CANARY}
    daemon = Daemon(config, env=env)
    try:
        await daemon.wait_for("plugin failed" if sink == "signal" else "delivery put off")
        await observed(daemon, "good", 3)
        status = await observed(daemon, "bad", 3)
        metrics = (await daemon.ask("/metrics")).text
        code, _ = await daemon.stop()
    finally:
        daemon.kill()
    assert code == 0, daemon.said
    states = {(each["kind"], each["name"]): each for each in status["components"]}  # type: ignore[attr-defined]
    assert states["pipeline", "bad"]["state"] == "OK"
    if sink == "signal":
        assert [fault["component"] for fault in status["failures"]] == ["hostile"]  # type: ignore[attr-defined]
    else:
        assert "plugin hostile 1.0 failed in 'bad.hostile'" in states["sink", "bad.hostile"]["reason"]
        assert (tmp_path / "signals.jsonl").exists(), "another sink gets its signals"
    assert CANARY not in daemon.said + str(status) + metrics
    assert holding(tmp_path) == []
