"""A file with bits that turned over is refused with a word what to do, or read as it was written."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from sqlalchemy import select, text

from stratumd.errors import StartupError
from stratumd.store import StoreBroken, damage, engines, open_reader, open_store
from stratumd.store.errors import DAMAGED
from stratumd.store.keys import event_key
from stratumd.store.packed import as_stored
from stratumd.store.tables import consensus
from tests.faults import flips
from tests.support import steps


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_read_wrongly_and_nothing_fails_without_a_word(tmp_path: Path, seed: int) -> None:
    stored = flips.prepare(tmp_path)
    number = int(os.environ.get("STRATUMD_FLIPS", "40"))
    found = flips.run(tmp_path, stored, number, seed)
    assert found["refused"], "some bits matter"
    assert found["read in part, found by the check"]


def test_a_body_that_changed_is_not_given_out(tmp_path: Path) -> None:
    """In the middle of the compressed bytes: the page is as sound as before."""
    flips.prepare(tmp_path)
    path = tmp_path / "life.db"
    url = f"sqlite:///{path}"
    content = bytearray(path.read_bytes())
    content[content.rindex(b"\x28\xb5\x2f\xfd") + 20] ^= 1  # behind the head of a zstd frame
    path.write_bytes(content)
    (found,) = damage(url)
    assert found.where.startswith("observations, row ")
    assert "stratumd db restore" in found.what


def test_contributors_that_changed_are_not_given_out(database_url: str) -> None:
    store = open_store(database_url)
    steps.keep(store, *(steps.step(steps.observation(steps.START + n)) for n in range(3)))
    store.close()
    spoil(database_url, steps.START + 1)
    reader = open_reader(database_url)
    with pytest.raises(StoreBroken, match=re.escape(DAMAGED)):
        reader.consensus(steps.event().id)
    with pytest.raises(StoreBroken, match=re.escape(DAMAGED)):
        list(reader.export("consensus"))
    assert len(reader.consensus(steps.event().id, since=steps.START + 2)) == 1
    reader.close()
    (found,) = damage(database_url)
    assert found.where == f"consensus, event {event_key(steps.event().id)} at {steps.START + 1}, nba, spreads"
    assert "stratumd db restore" in found.what


def spoil(url: str, at: int) -> None:
    """Turn a bit over in the middle of the contributors of the point of `at`."""
    engine = engines.writer(engines.parse_url(url))
    mine = consensus.c.observed_at == at
    with engine.begin() as connection:
        content = bytearray(connection.scalars(select(as_stored(consensus.c.contributors)).where(mine)).one())
        content[len(content) // 2] ^= 1
        written = text("UPDATE consensus SET contributors = :stored WHERE observed_at = :at")
        connection.execute(written, {"stored": bytes(content), "at": at})
    engine.dispose()


def test_a_file_without_its_schema_says_what_to_do(tmp_path: Path) -> None:
    flips.prepare(tmp_path)
    path = tmp_path / "life.db"
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(3_900))
    with pytest.raises(StartupError, match="stratumd db restore"):
        open_reader(f"sqlite:///{path}")
