"""A file with bits that turned over is refused with a word what to do, or read as it was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stratumd.errors import StartupError
from stratumd.store import damage, open_reader
from tests.faults import flips


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


def test_a_file_without_its_schema_says_what_to_do(tmp_path: Path) -> None:
    flips.prepare(tmp_path)
    path = tmp_path / "life.db"
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(3_900))
    with pytest.raises(StartupError, match="stratumd db restore"):
        open_reader(f"sqlite:///{path}")
