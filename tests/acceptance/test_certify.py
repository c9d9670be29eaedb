"""A live run with kills and a reload in the middle, certified afterwards; then three things planted, each named."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from stratumd.plugin import Poll
from stratumd.runtime.clock import SystemTimer
from stratumd.store import open_reader, open_store
from stratumd.testing.provider import FakeOddsApi
from stratumd_demo.market import Market
from stratumd_demo.wire import SimulatedContent
from tests.acceptance.test_kill import answers
from tests.support.daemon import COMMAND, Daemon

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("STRATUMD_KILLS", "2"))
DETECTOR = '''"""Signals where the home side's price is above a bound."""
from stratumd import hookimpl
from stratumd.plugin import Detector, Finding

class Dear(Detector):
    name = "dear"
    def detect(self, tick):
        for market in tick.markets:
            for line in market.present():
                if line.now.offer.quotes[0].price > 2.05:
                    yield Finding("DEAR", market.key, "home", "up", 1.0, 1.0, (line.book,), 50, {}, line.operator)

@hookimpl
def register_detectors():
    return [Dear]
'''
CONFIG = """
database: sqlite:///{folder}/run.db
http: off
sources:
  odds:
    use: odds-api
    api_key: fake-key
    base_url: {url}
    sports: [basketball_nba]
    regions: [us]
    schedule: {{every: 80ms}}
pipelines:
  main:
    sources: [odds]
    detectors:
      - consensus: {{min_books: 3}}
      - move: {{window: {window}, sync_window: 1s, cooldown: 1s}}
      - dislocation: {{cooldown: 1s}}
      - steam: {{window: 1s, min_age: 0s, cooldown: 1s}}
      - dear
"""


def install(folder: Path) -> Path:
    """Install a stranger's plugin into `folder`, as pip would; return its code."""
    metadata = folder / "stratumd_dear-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stratumd-dear\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[stratumd.plugins]\ndear = stratumd_dear\n")
    code = folder / "stratumd_dear.py"
    code.write_text(DETECTOR)
    return code


def certified(config: Path, env: dict[str, str]) -> dict[str, Any]:
    """Run the command and return what it printed."""
    words = [*COMMAND, "certify", "--config", str(config), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **env}, check=False)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (found["result"] != "equal")
    print(json.dumps({key: value for key, value in found.items() if key != "divergence"}))  # noqa: T201  # for `pytest -s`
    return found


async def test_a_live_run_with_kills_and_a_reload_is_certified(tmp_path: Path) -> None:
    plugins, config, chance = tmp_path / "plugins", tmp_path / "run.yaml", random.Random(5)
    code = install(plugins)
    path = os.pathsep.join([str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "RUNTIME_DIRECTORY": str(tmp_path)}
    market = Market(7, SystemTimer().now(), pace=600.0)
    async with FakeOddsApi(SimulatedContent(market, SystemTimer()), credits=10**9) as provider:

        def write(window: str) -> None:
            config.write_text(CONFIG.format(folder=tmp_path, url=provider.url, window=window))

        write("1s")
        for _ in range(KILLS):
            daemon = Daemon(config, env=env)
            await answers(provider, 3 + chance.randrange(5))
            daemon.kill()
        daemon = Daemon(config, env=env)
        await daemon.wait_for("cycle", 3)
        write("2s")
        reload = [*COMMAND, "reload", "--config", str(config)]
        await anyio.run_process(reload, env={**os.environ, **env})
        before = len(provider.served)
        await answers(provider, 8)
        assert (await daemon.stop())[0] == 0, daemon.said
        assert len(provider.served) > before
        served = len(provider.served)

        found = certified(config, env)
        assert found["result"] == "equal", found
        assert found["eras"] == 2
        assert found["signals"] > served // 4
        assert found["observations"] > KILLS * 3 + 8

        write("3s")
        assert certified(config, env)["cause"] == "changed_options"
        write("2s")
        code.write_text(DETECTOR.replace("2.05", "1.95"))
        assert certified(config, env)["cause"] == "changed_code"
        code.write_text(DETECTOR)
        plant(f"sqlite:///{tmp_path}/run.db")
        assert certified(config, env)["cause"] == "late_data"


def plant(url: str) -> None:
    """Store an answer of the past that nobody took: everything was withdrawn for a moment."""
    reader = open_reader(url)
    taken = reader.taken("main")
    (middle,) = reader.observations([taken[len(taken) // 2].observation])
    reader.close()
    late = msgspec.structs.replace(middle, body=b"[]", received_at=middle.received_at + 1, id="")
    store = open_store(url)
    store.observe([("odds", Poll(late.request, late.received_at, 0, late))])
    store.close()
