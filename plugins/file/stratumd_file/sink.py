"""The sink `file`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from stratumd.errors import DeliveryError, StartupError
from stratumd.plugin import Context, Delivery, Notice, PluginConfig, Sink
from stratumd_file.lines import LinesFile

NOTICE = "stratumd.notice"
"""The type of a line that is a message of the daemon itself."""


class Options(PluginConfig):
    """Options of `file`."""

    path: Path
    """The file, from the working directory where it is relative. Its folder is created; `~` is your home."""
    fsync: bool = True
    """Wait until the lines are on the disk before they count as delivered. Without it a power cut may lose some."""


class FileSink(Sink):
    """Appends one line of JSON per signal."""

    name, config = "file", Options
    batch = 100
    notices = True
    options: Options

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self._file = LinesFile(options.path.expanduser(), fsync=options.fsync)
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
        await self._append(b"".join(delivery.signal.to_json() + b"\n" for delivery in deliveries))

    async def notify(self, notice: Notice) -> None:
        """Append a line that says of itself that it is no signal: its type is `stratumd.notice`."""
        await self._append(msgspec.json.encode({"type": NOTICE, **notice.public()}) + b"\n")

    async def _append(self, lines: bytes) -> None:
        try:
            async with self._turn:
                await to_thread.run_sync(self._file.append, lines)
        except OSError as error:
            raise DeliveryError(f"cannot write to {self._file.path}: {error.strerror}") from error
