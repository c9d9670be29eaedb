"""Ctrl-C while plugins step through the past: inside of a step it would be contained as their fault."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stratumd import recording
from stratumd.engine import Pipeline
from stratumd.errors import StratumError
from tests.support.cli import stratumd
from tests.support.past import polled

EVENT_AT = ["--at", "2026-01-10T12:47:30Z"]


@pytest.mark.parametrize(
    "words",
    [
        ["certify"],
        ["audit", "point-in-time"],
        ["audit", "point-in-time", "RECORDING"],
        ["validate", "RECORDING"],
        ["why-not", "steam", "EVENT", *EVENT_AT],
        ["whatif", "--set", "steam.operators=3", "--jobs", "1", "--out", "PROPOSAL"],
        ["backtest", "follow"],
        ["rebuild", "--check"],
    ],
    ids=lambda words: "-".join(words[:3]),
)
def test_what_steps_through_the_past_ends_at_once(
    words: list[str], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = []

    def stepped(self: Pipeline, *given: Any, **more: Any) -> Any:
        handlers.append(signal.getsignal(signal.SIGINT))
        raise StratumError("that is enough")

    monkeypatch.setattr(Pipeline, "step", stepped)
    monkeypatch.setattr("stratumd.proof.validation.judged", stepped)
    monkeypatch.setattr("stratumd.proof.judged", stepped)
    recording.write(tmp_path / "r.jsonl", polled(2))
    files = {
        "EVENT": json.loads(polled()[0].body)[0]["id"],
        "RECORDING": str(tmp_path / "r.jsonl"),
        "PROPOSAL": str(tmp_path / "proposal.yaml"),
    }
    before = signal.getsignal(signal.SIGINT)
    assert stratumd(*[files.get(word, word) for word in words], "-c", str(config)) == 1
    assert handlers == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) == before


def test_nothing_of_it_can_be_contained() -> None:
    code = (
        "import os, signal\nfrom stratumd.cli.console import ending_at_once\n"
        "with ending_at_once():\n    try:\n        os.kill(os.getpid(), signal.SIGINT)\n"
        "    except BaseException:\n        print('contained')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGINT, "")
