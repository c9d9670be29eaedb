"""An event that is called off, from the word of a source of scores to what `stratumd clv` says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stratumd.plugin import HOUR, MINUTE, Phase, iso
from stratumd.store import open_store
from tests.support.cli import stratumd
from tests.support.steps import START, event, keep, observation, result, step

FILE = """
database: sqlite:///{folder}/off.db
sources: {{demo: {{use: demo, schedule: {{every: 2s}}}}}}
pipelines: {{nba: {{sources: [demo], detectors: [consensus], sinks: [log], jobs: [clv]}}}}
"""


def test_a_cancelled_event_is_left_out_and_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "off.yaml"
    config.write_text(FILE.format(folder=tmp_path))
    store = open_store(f"sqlite:///{tmp_path / 'off.db'}")

    def said(number: int, phase: Phase) -> None:
        word = step(observation(START + number * MINUTE), signals=0)
        game = result(phase=phase, event=event().id)
        keep(store, msgspec.structs.replace(word, results=(game,), plays=(), events=(), changes=()))

    def clv(*words: str) -> str:
        at = iso(START + 3 * HOUR)
        assert stratumd("clv", "--config", str(config), "--run", "--at", at, *words) == 0
        return capsys.readouterr().out

    keep(store, step(observation(), signals=2))
    assert "1 of 1 events closed, 2 signals valued" in clv()
    said(70, Phase.CANCELLED)
    shown = clv()
    assert "0 of 1 events closed, 0 signals valued, 0 events opened again, 1 called off" in shown
    assert "left out: events called off (1 cancelled) with 2 signals; --show excluded" in shown
    assert f"{event().id}  {iso(event().commence_at)}  cancelled  2" in clv("--show", "excluded")
    said(80, Phase.SCHEDULED)  # the same source takes it back
    assert "1 of 1 events closed" in clv()
    store.close()
