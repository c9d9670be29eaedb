"""What the file says is what is posted: `when` decides, and STEAM is held back until somebody names it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stratumd.config import load_config
from stratumd.runtime.build import build_sink
from stratumd.runtime.clock import SystemTimer
from tests.unit.runtime.delivery_fakes import make_signal

FILE = """
database: sqlite:///stratumd.db
sources:
  demo: {{use: demo, schedule: {{every: 2s}}}}
pipelines:
  nba:
    sources: [demo]
    detectors: [consensus, move, dislocation, steam]
    sinks:
      - {sink}
"""
DISCORD = 'discord: {{webhook: "${{env:HOOK}}", {options}}}'
ENV = {"HOOK": "https://discord.com/api/webhooks/1/t"}


def posted(folder: Path, sink: str, *candidates: tuple[str, int]) -> list[tuple[str, int]]:
    """Return those of the signals, by type and strength, that the sink gets."""
    file = folder / "stratumd.yaml"
    file.write_text(FILE.format(sink=sink))
    config = load_config(file, env=ENV)
    outlet = build_sink(config.pipelines["nba"].sinks[0], config.registry, SystemTimer())
    made = [msgspec.structs.replace(make_signal("s1"), type=type, strength=strength) for type, strength in candidates]
    return [(each.type, each.strength) for each in made if outlet.wants(each)]


@pytest.mark.parametrize(
    ("options", "types"),
    [
        ("when: {types: [STEAM]}", ["STEAM"]),
        ("when: {types: [STEAM, DISLOCATION], min_strength: 60}", ["DISLOCATION", "STEAM"]),
        ("when: {min_strength: 60}", ["MOVE", "DISLOCATION"]),
        ("when: {min_strength: 60}, alert_dislocation: false", ["MOVE"]),
        ("watchlist: [Boston Celtics]", ["MOVE", "DISLOCATION"]),
        ("watchlist: [Denver Nuggets]", []),
    ],
)
def test_when_says_what_is_posted(tmp_path: Path, options: str, types: list[str]) -> None:
    """Also what the plugin was not asked about by name."""
    candidates = [("MOVE", 60), ("DISLOCATION", 60), ("STEAM", 60)]
    found = posted(tmp_path, DISCORD.format(options=options), *candidates)
    assert [type for type, _ in found] == types


def test_strength_is_asked_of_whatever_is_named(tmp_path: Path) -> None:
    sink = DISCORD.format(options="when: {types: [STEAM, DISLOCATION], min_strength: 60}")
    assert posted(tmp_path, sink, ("STEAM", 59), ("STEAM", 60), ("MOVE", 99)) == [("STEAM", 60)]


def test_other_sinks_hold_nothing_back(tmp_path: Path) -> None:
    assert posted(tmp_path, "log", ("STEAM", 1), ("MOVE", 1)) == [("STEAM", 1), ("MOVE", 1)]
