"""What a reload brings is there for operations, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratumd.config import Config, load_config
from stratumd.plugin import Notice, parse_iso
from stratumd.runtime.bulletin import Bulletin
from stratumd.runtime.house import House
from stratumd.store import open_store
from stratumd.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio

CONFIG = """
database: sqlite:///{folder}/run.db
http:
  routes:
    - accounts: {{secret: a-secret-of-thirty-two-letters-or-so, public_url: http://127.0.0.1}}
"""
START = parse_iso("2026-07-14T00:00:00Z")
ADMIN = "    - admin\n"
PIPELINE = """
sources:
  past: {use: replay, files: [past.jsonl]}
pipelines:
  steady: {sources: [past], detectors: [consensus]}
"""


def read(folder: Path, more: str = "") -> Config:
    path = folder / "run.yaml"
    path.write_text(CONFIG.format(folder=folder) + more + PIPELINE)
    return load_config(path)


async def ignore(notice: Notice) -> None:
    pass


async def test_operations_are_those_of_the_plugins_that_are_loaded_now(tmp_path: Path) -> None:
    current = read(tmp_path)
    store = open_store(f"sqlite:///{tmp_path}/run.db")
    reader = store.reader()
    try:
        house = House.of(lambda: current, store, reader, clock=VirtualClock(START), bulletin=Bulletin(), notify=ignore)
        office = house.office("accounts")
        assert not [each for each in office.operations() if each.name.startswith("admin.")]
        with pytest.raises(LookupError):
            office.operation("admin.runs.diagnose", {})
        current = read(tmp_path, ADMIN)
        assert "admin.runs.diagnose" in {each.name for each in office.operations()}
        assert office.operation("admin.runs.diagnose", {}).name == "admin.runs.diagnose"
    finally:
        reader.close()
        store.close()
