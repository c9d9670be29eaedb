"""Reads recordings and yields their observations as if they had just been polled, in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic import Field

from stratumd import recording
from stratumd.errors import StartupError
from stratumd.plugin import SECOND, Context, Observation, PluginConfig, Poll, Source


class Options(PluginConfig):
    """Options of `replay`."""

    files: tuple[Path, ...] = Field(min_length=1)
    """Recordings (`.jsonl` or `.jsonl.xz`), merged in the order of time."""
    speed: float | None = Field(default=None, gt=0)
    """How many seconds of the recording pass in one second; as fast as can be where it is not given."""


class Replay(Source):
    """Plays recordings once, from the first observation to the last."""

    name, config = "replay", Options
    format = "odds-api"
    requires = ("odds-api",)
    continuous = True
    options: Options

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)

    async def open(self) -> None:
        """Make sure that every file is there before anything is played."""
        for path in self.options.files:
            if not await anyio.Path(path).is_file():
                raise StartupError(f"there is no recording {path}; edit 'files' of source '{self.context.name}'")

    async def probe(self) -> str:
        """Look for the files."""
        await self.open()
        return f"recordings found: {len(self.options.files)}"

    async def poll(self) -> AsyncIterator[Poll]:
        """Yield every observation, under this source's name, at the pace that was asked for."""
        observations = self._merged()
        previous: Observation | None = None
        while (observation := await anyio.to_thread.run_sync(next, observations, None)) is not None:
            await self._wait(previous, observation)
            previous = observation
            yield Poll(observation.request, observation.received_at, 0, observation)

    def _merged(self) -> Iterator[Observation]:
        files = [recording.read(path) for path in self.options.files]
        for observation in heapq.merge(*files, key=lambda each: each.received_at):
            yield observation.under(self.context.name)

    async def _wait(self, previous: Observation | None, observation: Observation) -> None:
        if previous is None or self.options.speed is None:
            await anyio.lowlevel.checkpoint()
            return
        await anyio.sleep((observation.received_at - previous.received_at) / SECOND / self.options.speed)
