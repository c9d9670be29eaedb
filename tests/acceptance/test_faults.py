"""Short versions of the fault runs; `make kill`, `make power` and `make delivery` are the long ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from stratumd.plugin import HOUR
from tests.faults import day, disks, unknown
from tests.support import ROOT, postgres

KILLS = 200
COMMITS = 8


def run(module: str, *words: object) -> str:
    """Run a module of its own process, which forks: nothing else may be going on there."""
    command = [sys.executable, "-m", f"tests.faults.{module}", *map(str, words)]
    environment = {name: value for name, value in os.environ.items() if name != "STRATUMD_FAILPOINTS"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kills_at_every_failpoint_lose_and_double_nothing() -> None:
    said = run("kills", "--kills", KILLS, "--jobs", 1)
    places = re.findall(r"^ +(\d+)  (\w+):", said, re.MULTILINE)
    assert sum(int(times) for times, _ in places) == KILLS
    assert {"source", "observe", "rows", "pipeline", "commit", "sink", "claim", "delivered", "statement"} <= {
        name for _, name in places
    }
    assert "observations, signals and deliveries lost 0, ids doubled 0" in said


@pytest.mark.skipif(postgres.SKIP, reason="STRATUMD_TEST_POSTGRES=skip leaves out the tests on PostgreSQL")
def test_commits_of_unknown_outcome_lose_and_double_nothing() -> None:
    cut, _, left = unknown.run(COMMITS, seed=3)
    assert cut.total() >= COMMITS
    assert left.observations == 60


@pytest.mark.skipif(disks.why_not() is not None, reason=f"power cuts: {disks.why_not()}")
def test_power_cuts_lose_nothing_acknowledged() -> None:
    said = run("power", "--cuts", 3)
    assert " 0 of them lost, 0 damaged files" in said


@pytest.mark.anyio
async def test_a_receiver_that_is_down_for_a_day_gets_everything_in_order() -> None:
    report = await day.run(2 * HOUR)
    assert report.delivered == report.signals == 13
    assert report.busiest <= day.PER_SECOND
