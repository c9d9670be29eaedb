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
        done = await to_thread.run_sync(lambda: fuzz(held.held.url, tmp_path))
    if FIGURES:
        Path(FIGURES).write_text(done.stdout)  # noqa: ASYNC240  # a file of a few kilobytes
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert int(re.search(r"(\d+) (?:generated|test cases)", done.stdout)[1]) > 20 * CASES  # type: ignore[index]


def fuzz(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run schemathesis' own command."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/v1/openapi.json",
        "-H", "Authorization: Bearer key_ann", "--checks", "all", "--phases", PHASES, "--max-examples", str(CASES),
        "--no-color", "--continue-on-failure", "--suppress-health-check", "all", "--request-timeout", "20",
        "--workers", "1", "--no-shrink", "--include-path-regex", "^/api/v1/(intel|stream|docs)",
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=7_200, check=False)
