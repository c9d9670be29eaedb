"""Who holds the database."""

from __future__ import annotations

import os

import pytest

from stratumd.errors import StartupError
from stratumd.store.lock import FileLock, Owner


def test_an_owner_is_read_back():
    owner = Owner.here()
    assert Owner.parse(str(owner)) == owner
    assert owner.pid == os.getpid()


@pytest.mark.parametrize("text", ["", "host boot", "host boot pid token", "a b 1 c d"])
def test_what_names_nobody(text):
    assert Owner.parse(text) is None


def test_two_openings_of_one_process_are_two_owners():
    assert Owner.here() != Owner.here()


def test_a_lock_excludes_until_it_is_closed(tmp_path):
    first = FileLock(tmp_path / "a.db", Owner.here())
    with pytest.raises(StartupError, match=f"process {os.getpid()} on"):
        FileLock(tmp_path / "a.db", Owner.here())
    first.close()
    FileLock(tmp_path / "a.db", Owner.here()).close()


def test_a_link_to_the_file_is_the_same_file(tmp_path):
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    first = FileLock(tmp_path / "a.db", Owner.here())
    with pytest.raises(StartupError):
        FileLock(tmp_path / "link.db", Owner.here())
    first.close()


def test_a_holder_that_left_no_name_is_another_process(tmp_path):
    first = FileLock(tmp_path / "a.db", Owner.here())
    first.path.write_text("")
    with pytest.raises(StartupError, match="in use by another process"):
        FileLock(tmp_path / "a.db", Owner.here())
    first.close()
