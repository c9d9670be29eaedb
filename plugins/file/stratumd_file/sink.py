"""The sink `file`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import anyio
import msgspec
from anyio import to_thread

from stratumd.errors import DeliveryError, StartupError
from stratumd.plugin import Context, Delivery, Notice, PluginConfig, Sink
from stratumd_file.lines import LinesFile
from stratumd_file.rows import HEADER, row

NOTICE = "stratumd.notice"
"""The type of a line, or row, that is a message of the daemon itself."""


class Options(PluginConfig):
    """Options of `file`."""

    path: Path
    """The file, from the working directory where it is relative. Its folder is created; `~` is your home."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """JSON Lines, or CSV with one header and the columns of `stratumd export signals --format csv`."""
    fsync: bool = True
    """Wait until the lines are on the disk before they count as delivered. Without it a power cut may lose some."""


class FileSink(Sink):
    """Appends one line of JSON, or one row of CSV, per signal."""

    name, config = "file", Options
    batch = 100
    notices = True
    options: Options

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self._is_csv = options.format == "csv"
        header = HEADER if self._is_csv else b""
        self._file = LinesFile(options.path.expanduser(), fsync=options.fsync, header=header)
        self._turn = anyio.Lock()

    async def open(self) -> None:
        """Create the folder and the file. `StartupError` where that cannot be."""
        try:
            await to_thread.run_sync(self._file.open)
        except OSError as error:
            raise StartupError(f"cannot open {self._file.path}: {error.strerror}") from error

    async def close(self) -> None:
        """Close the file."""
        await to_thread.run_sync(self._file.close)

    async def probe(self) -> str:
        """See whether the file, or the folder where it is to be created, may be written."""
        await to_thread.run_sync(self._check_writable)
        return f"{self._file.path} can be written"

    def _check_writable(self) -> None:
        path = self._file.path.absolute()
        there = next(each for each in (path, *path.parents) if each.exists())
        if there.is_dir() == (there == path) or not os.access(there, os.W_OK):
            raise StartupError(f"cannot write {path}: {there} is not writable, or not what it should be")

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Append a line for each. After a failure they are appended again: readers go by the signal's id."""
        signals = [delivery.signal for delivery in deliveries]
        lines = [row(each.public()) if self._is_csv else each.to_json() + b"\n" for each in signals]
        await self._append(b"".join(lines))

    async def notify(self, notice: Notice) -> None:
        """Append a line that says of itself that it is no signal: its type is `stratumd.notice`."""
        public = notice.public()
        if self._is_csv:
            await self._append(row({"id": notice.id, "type": NOTICE, "observed_at": public["at"], "metadata": public}))
            return
        await self._append(msgspec.json.encode({"type": NOTICE, **public}) + b"\n")

    async def _append(self, lines: bytes) -> None:
        try:
            async with self._turn:
                await to_thread.run_sync(self._file.append, lines)
        except OSError as error:
            raise DeliveryError(f"cannot write to {self._file.path}: {error.strerror}") from error
