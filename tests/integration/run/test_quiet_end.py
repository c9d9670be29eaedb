"""A dry run ends with whoever reads it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.daemon import COMMAND

CONFIG = """
database: sqlite:///{folder}/run.db
http: off
sources: {{demo: {{use: demo, pace: 3600, schedule: {{every: 200ms}}}}}}
pipelines:
  demo:
    sources: [demo]
    detectors: [consensus, move: {{window: 20s, thresholds: {{spread: 0.01, total: 0.01, probability: 0.0001}}}}]
    sinks: [log]
"""


def test_a_dry_run_that_nobody_reads_any_more_stops(tmp_path: Path) -> None:
    """As `stratumd run --dry-run | head -1` does: quietly, and with the code of a program that SIGPIPE ended."""
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG.format(folder=tmp_path))
    with subprocess.Popen(
        [*COMMAND, "run", str(config), "--dry-run", "--for", "60s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("would send to demo.log: ")
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 141
    assert '"stopping"' in said
    assert said.index('"stopping"') < said.index('"stopped"')
    assert "ReaderLeft" not in said
    assert "Traceback" not in said
