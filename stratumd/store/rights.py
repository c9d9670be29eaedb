"""What the user of this process may do with the files of a SQLite database, said so that somebody can mend it."""

from __future__ import annotations

import os
from pathlib import Path

from stratumd.errors import StartupError

BESIDE = ("", "-wal", "-shm")
"""What the names of SQLite's own files end with; the lock of a daemon is asked about when it is taken."""

_AS_WE_ARE = os.access in os.supports_effective_ids
"""Else the system is asked for who started the process, without the capabilities that it was given."""
_WORDS = {os.X_OK: "enter", os.R_OK: "read", os.W_OK: "write"}


def require(path: Path, *, writing: bool) -> None:
    """Refuse a database that may not be read, or written. `StartupError` names the place, the user and a way out.

    Who only reads may need to write to the folder, too, where no daemon runs: SQLite says so when it is asked.
    """
    path = path.resolve()  # SQLite's own files lie beside what a link leads to
    folder = path.parent
    require_all(folder, os.X_OK)
    files = [path.with_name(path.name + end) for end in BESIDE]
    if writing and not all(file.exists() for file in files):
        require_all(folder, os.W_OK)
    for file in files:
        if file.exists():
            require_all(file, os.R_OK, *([os.W_OK] if writing else []))


def require_all(place: Path, *rights: int) -> None:
    """Refuse a file or a folder that is there, where one of `rights` (`os.R_OK`, …) is missing."""
    for right in rights:
        if not os.access(place, right, effective_ids=_AS_WE_ARE):
            raise StartupError(f"{place}: user id {os.geteuid()} may not {_WORDS[right]} it; {_way_out(place)}")


def _way_out(place: Path) -> str:
    try:
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            return "the file system is mounted read-only: mount it for writing, or name a database elsewhere"
        owner = place.stat().st_uid
    except OSError:  # a folder above it is closed already
        return "give it the right to (chmod, chown), here and on the folders above"
    return f"give it the right to (chmod, chown), or run stratumd as user id {owner}, who owns it"
