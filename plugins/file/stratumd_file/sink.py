"""The sink `file`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread

from stratumd.errors import DeliveryError, StartupError
from stratumd.plugin import Context, Delivery, PluginConfig, Sink
from stratumd_file.lines import LinesFile


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
    options: Options

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self._file = LinesFile(options.path.expanduser(), fsync=options.fsync)

    async def open(self) -> None:
        """Create the folder and the file. `StartupError` where that cannot be."""
        try:
            await to_thread.run_sync(self._file.open)
        except OSError as error:
            raise StartupError(f"cannot open {self._file.path}: {error.strerror}") from error

    async def close(self) -> None:
        """Close the file."""
        await to_thread.run_sync(self._file.close)

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Append a line for each. After a failure they are appended again: readers go by the signal's id."""
        lines = b"".join(delivery.signal.to_json() + b"\n" for delivery in deliveries)
        try:
            await to_thread.run_sync(self._file.append, lines)
        except OSError as error:
            raise DeliveryError(f"cannot write to {self._file.path}: {error.strerror}") from error
