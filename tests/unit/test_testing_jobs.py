"""A job and its report are tested over a real database, fed like a harness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stratumd import hookimpl
from stratumd.errors import PluginError
from stratumd.plugin import DAY, HOUR, MINUTE, Job, Ledger, Micros, PluginConfig, Report, parse_iso
from stratumd.testing.harness import detector, game, observation, spread
from stratumd.testing.jobs import working
from stratumd_clv.rows import Closed

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")


class Days(PluginConfig):
    days: int = 7
    """How far back."""


class Tally(Job):
    name, config = "tally", Days
    options: Days

    def run(self, at: Micros, ledger: Ledger) -> str:
        events = ledger.events(since=at - self.options.days * DAY)
        return f"{len(events)} events of {self.context.pipeline}"


class Types(Report):
    name = "tally.types"

    def answer(self, ledger: Ledger) -> Iterable[Mapping[str, Any]]:
        signals = ledger.signals([known.event.id for known in ledger.events()])
        yield from ({"type": type_, "signals": n} for type_, n in Counter(each.type for each in signals).items())


def tally() -> ModuleType:
    module = ModuleType("stratumd_tally")
    module.register_jobs = hookimpl(lambda: [Tally])
    module.register_reports = hookimpl(lambda: [Types])
    return module


def poll(minute: int, line: float) -> Any:
    return observation(NOON + minute * MINUTE, {game(starts=NOON + 6 * HOUR): {"fanduel": [spread(line, 1.91, 1.91)]}})


def test_a_job_sees_what_was_fed_and_its_report_answers(tmp_path: Path) -> None:
    with working(f"sqlite:///{tmp_path / 'a.db'}", detectors=[detector("move")], extra=[tally()]) as desk:
        desk.feed(poll(0, -3.5))
        assert [signal.type for signal in desk.feed(poll(1, -4.5)).signals] == ["MOVE"]
        assert desk.run("tally", NOON + HOUR) == "1 events of test"
        assert desk.run("tally", NOON + 30 * DAY, days=1) == "0 events of test"
        assert desk.ask("tally.types") == [{"type": "MOVE", "signals": 1}]


def test_an_installed_plugin_has_its_tables(tmp_path: Path) -> None:
    with working(f"sqlite:///{tmp_path / 'a.db'}", plugins=["clv"], pipeline="nba") as desk:
        desk.feed(poll(0, -3.5))
        desk.run("clv", NOON + DAY)
        assert [(row.pipeline, row.event) for row in desk.ledger.rows(Closed)] == [("nba", "game")]


def test_what_is_not_loaded_is_said(tmp_path: Path) -> None:
    with working(f"sqlite:///{tmp_path / 'a.db'}", extra=[tally()]) as desk:
        with pytest.raises(LookupError, match="'talley' is not loaded; there are: tally"):
            desk.run("talley", NOON)
        with pytest.raises(LookupError, match=r"'types' is not loaded; there are: tally\.types"):
            desk.ask("types")
    with pytest.raises(PluginError, match="not installed"), working("sqlite://", plugins=["no-such-plugin"]):
        pass
