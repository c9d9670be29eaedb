"""A file of lines that only grows, is never torn in the middle, and may be rotated by somebody else."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_BLOCK = 64 * 1024


class LinesFile:
    """An append-only file. Every method may raise `OSError`; the next call then starts afresh."""

    def __init__(self, path: Path, *, fsync: bool, header: bytes = b"") -> None:
        """`header` is the first line of the file, with its end; without it every line is like any other."""
        self.path = path
        self._fsync = fsync
        self._header = header
        self._descriptor: int | None = None

    def open(self) -> None:
        """Open the file, create it and its folder where needed, and mend what a crash left unfinished.

        An unfinished line is taken out: it never counted as delivered, so it comes again, and what reads the file need
        not know of it.
        """
        if self._descriptor is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if is_new and self._fsync:
                self._sync_folder()
            self._begin()
            if self._is_torn():
                self._mend()
        except OSError:
            self.close()
            raise

    def append(self, lines: bytes) -> None:
        """Write whole lines; with `fsync` they are on the disk when this returns."""
        try:
            if self._was_rotated():
                self.close()
            self.open()
            self._begin()  # somebody may have emptied the open file
            self._write_whole(lines)
            if self._fsync:
                os.fsync(self._open_descriptor)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; `open` and `append` open it again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def _open_descriptor(self) -> int:
        assert self._descriptor is not None, "opened before it is used"
        return self._descriptor

    def _was_rotated(self) -> bool:
        """Say whether another file, or none, has the name of the one that is open."""
        if self._descriptor is None:
            return False
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return True
        return not os.path.samestat(named, os.fstat(self._descriptor))

    def _begin(self) -> None:
        """Write the header, or what a crash left out of it, where it is not there."""
        there = os.pread(self._open_descriptor, len(self._header), 0)
        if not self._header.startswith(there):
            raise OSError(errno.EEXIST, "its first line names other columns: move the file away, or name another one")
        self._write(self._header[len(there) :])

    def _write_whole(self, lines: bytes) -> None:
        """Write lines; where that fails, as on a full disk, leave readers no half one: it is written again anyway."""
        try:
            self._write(lines)
        except OSError:
            with suppress(OSError):  # what fails here, too, is mended when the file is opened again
                if self._is_torn():
                    self._mend()
            raise

    def _mend(self) -> None:
        start, end = os.fstat(self._open_descriptor).st_size, -1
        while end < 0 < start:
            start = max(0, start - _BLOCK)
            end = os.pread(self._open_descriptor, _BLOCK, start).rfind(b"\n")
        os.ftruncate(self._open_descriptor, start + end + 1)

    def _is_torn(self) -> bool:
        size = os.fstat(self._open_descriptor).st_size
        return size > 0 and os.pread(self._open_descriptor, 1, size - 1) != b"\n"

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._open_descriptor, rest) :]

    def _sync_folder(self) -> None:
        """Put the new name on the disk too: a synced file that no folder names is lost all the same."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
