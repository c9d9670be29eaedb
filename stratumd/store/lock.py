"""One daemon per SQLite file: a lock beside it, with the holder's identity inside."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

from stratumd.errors import StartupError
from stratumd.store.rights import require_all

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Owner(NamedTuple):
    """A process, named so that a person can find it."""

    host: str
    boot: str
    pid: int
    token: str
    """Differs between two openings of a store in one process."""

    def __str__(self) -> str:
        return f"{self.host} {self.boot} {self.pid} {self.token}"

    @classmethod
    def here(cls) -> Owner:
        """Return a new owner in this process."""
        return cls(socket.gethostname(), _boot(), os.getpid(), secrets.token_hex(4))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return the owner that `text` names, or None where it names none."""
        match text.split():
            case [host, boot, pid, token] if pid.isdigit():
                return cls(host, boot, int(pid), token)
        return None


def require_lockable(database: Path) -> Path:
    """Return the lock's path. `StartupError` where it may not be written."""
    file = database.resolve()  # whichever link names it
    path = file.with_name(file.name + ".lock")
    require_all(path if path.exists() else path.parent, os.W_OK)
    return path


class FileLock:
    """Holds `<database>.lock` until it is closed. The kernel lets go of it when the process dies, however it dies."""

    def __init__(self, database: Path, owner: Owner) -> None:
        self.path = require_lockable(database)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = Owner.parse(os.pread(self._file, 1000, 0).decode(errors="replace"))
            os.close(self._file)
            raise StartupError(_refusal(database, holder)) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(owner).encode(), 0)

    def close(self) -> None:
        """Let go of the lock. The file stays: removing it would race with whoever opens it."""
        os.close(self._file)


def _refusal(database: Path, holder: Owner | None) -> str:
    who = "another process" if holder is None else f"process {holder.pid} on {holder.host}"
    return f"{database} is in use by {who}: stop that stratumd first, or give this one another database"


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "-"
