"""schemathesis against the running API, with all of its checks: `make fuzz-api` asks for twenty thousand cases."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from anyio import to_thread

from stratumd.plugin import MINUTE
from tests.integration.partner_api.world import START, make_signal, world

pytestmark = pytest.mark.anyio

CASES = int(os.environ.get("STRATUMD_FUZZ_CASES", "3"))
"""Cases of each endpoint and phase."""
FIGURES = os.environ.get("STRATUMD_FUZZ_FIGURES", "")
"""A file that is told what schemathesis said."""
PHASES = os.environ.get("STRATUMD_FUZZ_PHASES", "fuzzing")


SETTINGS = """
[checks]
# A cursor is opaque: a text that looks like one is none, which is a 400.
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "429"]

[[operations]]
# Where a URL leads is no matter of its form: what may not be sent to is a 422.
include-path-regex = "/webhooks"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "403", "404", "409", "422", "429"]
"""


async def test_no_case_is_answered_as_it_should_not_be(tmp_path: Path) -> None:
    options = {"stream_lifetime": "200ms", "webhooks_per_account": 1_000_000, "streams_per_key": 10_000}
    async with world(f"sqlite:///{tmp_path}/s.db", options | {"streams_per_address": 10_000}, background=True) as held:
        await held.signals(*[make_signal(f"s{n}", START - n * MINUTE) for n in range(30)])
        runs = [await to_thread.run_sync(fuzz, held.held.url, tmp_path, phase) for phase in PHASES.split(",")]
    cases = sum(asked(done.stdout) for done in runs)
    failed = [done for done in runs if done.returncode]
    if FIGURES:
        told = "".join(done.stdout for done in runs)
        Path(FIGURES).write_text(f"{told}\n{cases} cases in all, {len(failed)} phases failed\n")  # noqa: ASYNC240  # small
    assert not failed, "".join(done.stdout[-6_000:] + done.stderr[-2_000:] for done in failed)
    assert cases > 20 * CASES


def asked(told: str) -> int:
    """Return how many cases a run says that it asked."""
    found = re.search(r"(\d+) (?:generated|test cases)", told)
    return int(found[1]) if found else 0


def fuzz(url: str, folder: Path, phase: str) -> subprocess.CompletedProcess[str]:
    """Run a phase of schemathesis' own command, in a process of its own."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    command = [
        sys.executable, "-m", "tests.support.asker", "run", f"{url}/api/v1/openapi.json",
        "-H", "Authorization: Bearer key_ann", "--checks", "all", "--phases", phase, "--max-examples", str(CASES),
        "--no-color", "--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "20",
        "--workers", "1", "--no-shrink", "--include-path-regex", "^/api/v1/(intel|stream|docs)",
    ]  # fmt: skip
    # It looks for its settings where it runs.
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(command, cwd=folder, env=here, capture_output=True, text=True, timeout=7_200, check=False)
