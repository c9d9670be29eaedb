"""A plugin that does wrong in a running daemon is named; it stops nothing else and gives away no secret."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

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
"""
BAD = """
  {name}:
    sources: [made]
    detectors: [consensus, hostile: {{act: {detector}, key: "${{env:CANARY}}"}}]
    sinks: [hostile: {{act: {sink}, key: "${{env:CANARY}}"}}, file: {{path: {folder}/{name}.jsonl}}]
"""
DETECTORS = ("leak", "end", "interrupt", "mute", "surrogate", "record", "outcome", "version")
SINKS = ("leak", "end", "interrupt", "mute", "surrogate")


def holding(folder: Path) -> list[Path]:
    """Return the files of the database that the secret is in."""
    files = list(folder.glob("run.db*"))
    assert files
    return [path for path in files if CANARY.encode() in path.read_bytes()]


async def seen(daemon: Daemon, event: str, part: str, names: Iterable[str]) -> None:
    """Wait until the log has a line about `event` for each of these pipelines or sinks."""
    wanted = set(names)
    with anyio.fail_after(PATIENCE):
        while missing := wanted - {line.get(part) for line in daemon.lines(event)}:
            assert daemon.process.poll() is None, f"{missing}: {daemon.said}"
            await anyio.sleep(0.05)


async def observed(daemon: Daemon, pipelines: Collection[str], count: int) -> dict[str, Any]:
    """Wait until each pipeline processed so many observations; return the status."""
    with anyio.fail_after(PATIENCE):
        while True:
            status = msgspec.json.decode((await daemon.ask("/status")).content)
            if all(status["pipelines"].get(each, {}).get("observations", 0) >= count for each in pipelines):
                return dict(status)
            await anyio.sleep(0.05)


@pytest.mark.parametrize("kind", ["detectors", "sinks"])
async def test_the_daemon_goes_on_and_says_who_did_wrong(tmp_path: Path, kind: str) -> None:
    """All at once, each in a pipeline of its own."""
    config, acts = tmp_path / "run.yaml", DETECTORS if kind == "detectors" else SINKS
    does = {act: (act, "signal") if kind == "detectors" else ("signal", act) for act in acts}
    bad = [BAD.format(folder=tmp_path, name=act, detector=one, sink=other) for act, (one, other) in does.items()]
    config.write_text(CONFIG.format(folder=tmp_path) + "".join(bad))
    env = {"PYTHONPATH": str(install(tmp_path / "site")), "CANARY": CANARY}
    daemon = Daemon(config, env=env)
    try:
        if kind == "detectors":
            await seen(daemon, "plugin failed", "pipeline", acts)
        else:
            await seen(daemon, "delivery put off", "sink", [f"{act}.hostile" for act in acts])
        status = await observed(daemon, ["good", *acts], 3)
        metrics = (await daemon.ask("/metrics")).text
        code, _ = await daemon.stop()
    finally:
        daemon.kill()
    assert code == 0, daemon.said
    states = {(each["kind"], each["name"]): each for each in status["components"]}
    assert {name: states["pipeline", name]["state"] for name in acts} == dict.fromkeys(acts, "OK")
    if kind == "detectors":
        assert [fault["component"] for fault in status["failures"]] == ["hostile"]
        assert {line["component"] for line in daemon.lines("plugin failed")} == {"hostile"}
    else:
        for act in acts:
            assert "plugin hostile 1.0 failed in" in states["sink", f"{act}.hostile"]["reason"]
            assert (tmp_path / f"{act}.jsonl").exists(), "another sink gets its signals"
    assert CANARY not in daemon.said + str(status) + metrics
    assert holding(tmp_path) == []
