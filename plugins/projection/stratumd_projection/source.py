"""The source: one file, read when it was written, and now and then although it was not."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from anyio import to_thread

from stratumd.errors import SourceError, TransientError
from stratumd.plugin import Context, Micros, Observation, Poll, Request, Source, iso, micros
from stratumd_projection.normalizer import TOPIC, WRITTEN
from stratumd_projection.options import SourceOptions
from stratumd_projection.table import Unreadable, read_table

LARGEST = 16 * 1024 * 1024
"""Bytes of a file that is read."""

Mark = tuple[int, int, int]
"""When a file was written (ns), how long it is, which it is: it changed where this did."""


class Written(NamedTuple):
    """A file, as it was read."""

    mark: Mark
    body: bytes

    @property
    def at(self) -> Micros:
        """Return when it was last written."""
        return self.mark[0] // 1000


class ProjectionFile(Source):
    """Reads the file at each poll and tells of it where it changed, or was last told of `again` ago.

    Told again, it need not be looked for in the past: a restart and a replay reach back no further than `heard_within`.
    """

    name = "projection"
    format = "projection"
    quotes = False
    config = SourceOptions
    options: SourceOptions

    def __init__(self, options: SourceOptions, context: Context) -> None:
        super().__init__(options, context)
        self._again = micros(options.again)
        self._told: tuple[Mark, Micros] | None = None

    def tells(self) -> dict[str, Micros]:
        """Return `again`, for projections."""
        return {TOPIC: self._again}

    async def probe(self) -> str:
        """Read the file, and say how much of it counts. Raises `SourceError` where it cannot be read."""
        written = await self._read()
        try:
            table = read_table(written.body, self.options.sports, ZoneInfo(self.options.timezone), written.at)
        except Unreadable as error:
            raise SourceError(f"{self.options.path}: {error}", code="malformed_body") from None
        counted = f"{len(table.rows)} projections"
        left_out = len(table.complaints)
        return counted if not left_out else f"{counted}, {left_out} rows left out, first {table.complaints[0]}"

    async def poll(self) -> AsyncIterator[Poll]:
        """Read the file; yield nothing where it was told of lately and did not change."""
        clock = self.context.clock
        started = clock.now()
        params = {"sports": ",".join(self.options.sports), "timezone": self.options.timezone}
        request = Request(str(self.options.path), params)
        try:
            written = await self._read()
        except SourceError as error:
            yield Poll(request, started, clock.now() - started, error=error)
            return
        now = clock.now()
        if self._told is not None and self._told[0] == written.mark and now - self._told[1] < self._again:
            return
        self._told = written.mark, now
        headers = {WRITTEN: iso(written.at)}
        yield Poll(
            request,
            started,
            now - started,
            Observation(self.context.name, self.format, now, request, 200, written.body, headers),
        )

    async def _read(self) -> Written:
        path = self.options.path
        try:
            return await to_thread.run_sync(_written, path)
        except FileNotFoundError:
            raise TransientError(f"there is no projection file {path}", code="no_file") from None
        except OSError as error:
            text = f"the projection file {path} cannot be read: {error.strerror or error}"
            raise TransientError(text, code="unreadable_file") from None


def _written(path: Path) -> Written:
    """Read a file. Raises OSError, also where it is a folder, too long, or a pipe, which would wait for a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no regular file")
        if found.st_size > LARGEST:
            raise OSError(f"it is longer than {LARGEST // 1024 // 1024} MiB")
        with open(descriptor, "rb", closefd=False) as file:
            return Written((found.st_mtime_ns, found.st_size, found.st_ino), file.read(LARGEST))
    finally:
        os.close(descriptor)
