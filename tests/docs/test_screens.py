"""The screens that the pages show are what the commands draw."""

import io
import re
from pathlib import Path

from rich.console import Console

from stratumd.cli.backfill import bars, show_in
from stratumd.runtime.backfill import Progress
from tests.support import ROOT
from tests.unit.runtime.test_digest import GOLDEN

PAGE: Path = ROOT / "docs" / "how-to" / "backfill.md"
MONITORING: Path = ROOT / "docs" / "how-to" / "monitoring.md"


def test_the_progress_bar_of_backfill_is_the_one_on_its_page() -> None:
    clock = [0.0]
    console = Console(file=io.StringIO(), width=100, record=True, color_system=None)
    shown = bars(console, lambda: clock[0])
    task = shown.add_task("backfill", total=None, spent="")
    for number in range(97):
        clock[0] = number * 0.4
        show_in(shown, task, Progress(steps=238, done=number, credits=30 * number, remaining=100_000 - 30 * number))
    console.print(shown.get_renderable())
    drawn = console.export_text().strip()
    assert re.search(r"96/238 2,880 credits, 97,120 left 0:00:5\d", drawn)
    assert drawn in PAGE.read_text()


def test_the_digest_is_the_one_on_its_page() -> None:
    assert f"```text\n{GOLDEN}\n```" in MONITORING.read_text()
