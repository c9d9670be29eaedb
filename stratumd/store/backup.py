"""Copies of a SQLite file, and putting one back. PostgreSQL has tools of its own for that."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from sqlalchemy.engine import URL

from stratumd.errors import ConfigError, StartupError
from stratumd.store import engines
from stratumd.store.errors import StoreBroken, StoreError, mapped, starting
from stratumd.store.lock import FileLock, Owner
from stratumd.store.migrate import CORE, revisions

_BESIDE = ("-wal", "-shm")
"""Files that belong to a SQLite file: with another in its place they would damage that."""


def backup(url: str, out: Path) -> int:
    """Write a copy of the SQLite database `url` to the file `out`, as of one moment, and return its bytes.

    A daemon may be writing meanwhile. `ConfigError` for PostgreSQL, or where `out` exists; `StoreBroken` where the
    database is damaged: then nothing is left at `out`.
    """
    path = _file_of(engines.parse_url(url), "pg_dump")
    if out.exists():
        raise ConfigError(f"{out} exists; name a new file, so that no backup is lost")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"{out}: there is no folder {out.absolute().parent}; create it first")
    _known(path)
    part = out.with_name(out.name + ".part")
    try:
        with mapped(), _reading(path) as source, closing(sqlite3.connect(part, isolation_level=None)) as copy:
            source.backup(copy)  # in one piece: its writer does not wait, and does not make it begin again
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        _require_sound(part)
        with mapped():
            os.replace(part, out)
            _settle(out.absolute().parent)
    finally:
        with suppress(OSError):
            part.unlink()
    return out.stat().st_size


def restore(url: str, backup: Path, stamp: str) -> Path | None:
    """Put the file `backup` in the place of the SQLite database `url`; return where what was there is now.

    None where there was nothing. `stamp` becomes part of its name. `StartupError` while a daemon has the database, and
    where the backup is none of stratumd's, or of a newer one; `StoreBroken` where it is damaged; `StoreFull` where
    there is no room for it; then nothing changes.
    """
    parsed = engines.parse_url(url)
    path = _file_of(parsed, "pg_restore")
    if not backup.is_file():
        raise ConfigError(f"{backup}: there is no such file")
    if path.exists() and backup.samefile(path):
        raise ConfigError(f"{backup} is the database itself; name a copy of it")
    engines.refuse_unfit(backup)
    _require_sound(backup)
    _known(backup)
    with starting(engines.printable(parsed)):
        lock = FileLock(path, Owner.here())
    try:
        with mapped():
            return _exchange(path, backup, stamp)
    finally:
        lock.close()


def _exchange(path: Path, backup: Path, stamp: str) -> Path | None:
    """Put `backup` in the place of `path`, or leave everything as it was."""
    new, old = path.with_name(f"{path.name}.restoring"), path.with_name(f"{path.name}.before-{stamp}")
    there = path.exists()
    if old.exists():
        raise ConfigError(f"{old} exists; try again in a second")
    with ExitStack() as undo:
        undo.callback(_remove, new)
        _remove(new)  # what a kill left; nothing is written through a link in its place
        shutil.copyfile(backup, new)
        _settle(new)
        if there:
            _keep(path, old)
            undo.callback(_give_back, old, path)
        for end in _BESIDE:  # before the new one is there: it must never meet them
            ours, kept = path.with_name(path.name + end), old.with_name(old.name + end)
            with suppress(FileNotFoundError):
                ours.rename(kept)
                undo.callback(kept.rename, ours)
        os.replace(new, path)
        undo.pop_all()
    _settle(path.absolute().parent)
    return old if there else None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _keep(path: Path, old: Path) -> None:
    """Give a file a second name, so that there is a database at each moment; or move it, where that cannot be."""
    try:
        os.link(path, old)
    except OSError:
        path.rename(old)


def _give_back(old: Path, path: Path) -> None:
    """Undo `_keep`."""
    if path.exists():  # under both names: to rename one to the other would leave both
        old.unlink()
    else:
        old.rename(path)


def _file_of(url: URL, tool: str) -> Path:
    path = engines.sqlite_path(url)
    if path is None:
        raise ConfigError(f"{engines.printable(url)}: this is for SQLite files; use PostgreSQL's own {tool}")
    return path


def _known(path: Path) -> None:
    """Refuse a file that is no database of stratumd's, or of a newer one."""
    with starting(str(path)):
        engine = engines.reader(engines.parse_url(f"sqlite:///{path}"))
        try:
            (core,) = [each for each in revisions(engine) if each.owner == CORE]
        finally:
            engine.dispose()
    if core.current is None:
        raise StartupError(f"{path} is a SQLite database, but none of stratumd's")


def _require_sound(path: Path) -> None:
    try:
        with mapped(), _reading(path) as connection:
            found = [line for (line,) in connection.execute("PRAGMA quick_check(1)")]
    except StoreError as error:
        raise StoreBroken(f"{path} is damaged: {error}") from error
    if found != ["ok"]:
        raise StoreBroken(f"{path} is damaged: {' '.join(str(found[0]).split())}")


def _reading(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True))


def _settle(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
