"""`stratumd tap`: polls and signals as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from stratumd.cli import tables
from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit_lines, say
from stratumd.cli.read import now, reading
from stratumd.cli.run import length
from stratumd.plugin import MINUTE, SECOND

if TYPE_CHECKING:
    from stratumd.plugin import Micros, Signal
    from stratumd.plugin.views import PollRow
    from stratumd.store import Reader

PAUSE = 0.5
"""Seconds between two looks into the store."""
LONGEST = 3 * MINUTE
"""A poll is stored when it has ended: so much earlier it may have begun."""
AT_ONCE = 500


class Wanted(NamedTuple):
    """What is watched: of one source its polls, of one detector its signals, else all of both."""

    polls: bool = True
    signals: bool = True
    source: str | None = None
    detector: str | None = None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tap")(tap)


def tap(
    name: Annotated[str | None, typer.Argument(help="A source, for its polls, or a detector, for its signals.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    duration: Annotated[
        timedelta | None, typer.Option("--for", parser=length, metavar="LENGTH", help="End after 30s, 10m, 2h …")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Watch polls and signals as they come, until Ctrl-C: all, or those of one source or detector.

    It reads what the daemon stores, and asks nothing of the daemon itself.
    """
    wanted = _wanted(config, name)
    end = None if duration is None else time.monotonic() + duration.total_seconds()
    with reading(config, database) as reader:
        flow = Flow(reader, wanted)
        while True:
            for row in flow.news():
                _show(row, as_json)
            if end is not None and time.monotonic() >= end:
                return
            time.sleep(PAUSE)


def _wanted(config: Path, name: str | None) -> Wanted:
    from stratumd.config import load_config

    if name is None:
        return Wanted()
    loaded = load_config(config)
    detectors = dict.fromkeys(each.name for spec in loaded.pipelines.values() for each in spec.detectors)
    if name in loaded.sources:
        return Wanted(signals=False, source=name)
    if name in detectors:
        return Wanted(polls=False, detector=name)
    known = ", ".join([*loaded.sources, *detectors])
    raise typer.BadParameter(f"no source or detector is called {name!r}; there are {known}")


class Flow:
    """What is new in the store since the last look."""

    def __init__(self, reader: Reader, wanted: Wanted) -> None:
        self._reader = reader
        self._wanted = wanted
        self._read = reader.ends()[1]
        self._seen = {poll.id for poll in self._recent()}

    def news(self) -> Iterator[PollRow | Signal]:
        """Yield the polls that have ended since, and then the signals that were committed."""
        if self._wanted.polls:
            recent = self._recent()
            yield from [poll for poll in recent if poll.id not in self._seen]
            self._seen = {poll.id for poll in recent}
        if self._wanted.signals:
            yield from self._signals()

    def _recent(self) -> list[PollRow]:
        return self._reader.polls(source=self._wanted.source, since=now() - LONGEST)

    def _signals(self) -> Iterator[Signal]:
        while entries := self._reader.feed(self._read, AT_ONCE):
            self._read = entries[-1].sequence
            found = [entry.signal for entry in entries]
            yield from [each for each in found if self._wanted.detector in (None, each.detector)]


def _show(row: PollRow | Signal, as_json: bool) -> None:
    from stratumd.plugin import Signal

    if as_json:
        import msgspec

        emit_lines([row.to_json() if isinstance(row, Signal) else msgspec.json.encode(row.public())])
    elif isinstance(row, Signal):
        say(_line(tables.signal(row)))
    else:
        say(_line(_poll(row)))


def _line(row: dict[str, Any]) -> str:
    cells = [", ".join(cell) if isinstance(cell, (list, tuple)) else cell for cell in row.values()]
    return "  ".join(str(cell) for cell in cells if cell is not None)


def _poll(row: PollRow) -> dict[str, Any]:
    return {
        "at": tables.moment(row.started_at + row.elapsed),
        "source": row.source,
        "result": row.error or row.status,
        "path": row.path,
        "seconds": _seconds(row.elapsed),
        "bytes": None if row.body_bytes is None else f"{row.body_bytes:,} bytes",
        "credits": None if row.credits_last is None else f"{row.credits_last} credits",
        "why": row.detail,
    }


def _seconds(elapsed: Micros) -> str:
    return f"{elapsed / SECOND:.2f} s"
