"""`stratumd replay`: recordings through the configured pipelines, in virtual time, without any network."""

from __future__ import annotations

import heapq
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say, written
from stratumd.errors import StratumError

if TYPE_CHECKING:
    from stratumd.engine import Pipeline, Step
    from stratumd.plugin import Observation, Signal
    from stratumd.store import Store


BAD = 400
"""From this status on an answer is an error."""
TOGETHER = 200
"""Imported observations that are read at once."""
NO_SIGNALS = "no signals: see whether each window is longer than the time between two observations"
NO_ANSWERS = "no signals: there was no answer to read"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    files: Annotated[list[Path] | None, typer.Argument(help="Recordings: .jsonl or .jsonl.xz.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Instead of files: what `backfill` put into the file's database.")
    ] = False,
    source: Annotated[str | None, typer.Option("--source", help="With --from-store: only this source's past.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", parser=written, metavar="FILE", help="Write the signals there, as JSON Lines."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Step recordings through every pipeline of the configuration. Nothing is stored unless --database names where."""
    if from_store == bool(files):
        raise typer.BadParameter("name recordings, or say --from-store")
    pipelines = _pipelines(config)
    if from_store:
        observations = _progress(_imported(config, source), "backfill")
    else:
        observations = _progress(merged(files or []), ", ".join(path.name for path in files or []))
    from stratumd.runtime.garbage import BATCH, settle
    from stratumd.runtime.turns import take_turns

    settle(BATCH)
    take_turns()
    started = time.perf_counter()
    if database is None:
        summary = _run(observations, pipelines, None)
    else:
        from stratumd.store import open_store

        store = open_store(database)
        try:
            summary = _run(observations, pipelines, store)
        finally:
            store.close()
    summary.seconds = time.perf_counter() - started
    if out is not None:
        _write(out, summary.in_order())
    summary.show(as_json)


def _write(out: Path, signals: Sequence[Signal]) -> None:
    try:
        out.write_bytes(b"".join(signal.to_json() + b"\n" for signal in signals))
    except OSError as error:
        raise StratumError(f"cannot write {out}: {error.strerror}") from error


class Summary:
    """What a replay amounted to."""

    def __init__(self) -> None:
        self.observations: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self.quotes = 0
        self.changes = 0
        self.signals: list[Signal] = []
        self.failures: Counter[str] = Counter()
        self.seconds = 0.0

    def add(self, step: Step) -> None:
        """Count one step."""
        if step.observation.id not in self.observations:
            self.observations.add(step.observation.id)
            self.statuses[step.observation.status] += 1
            self.quotes += step.quotes
        self.changes += len(step.changes)
        self.signals += step.signals
        self.failures.update(f"{failure.component}: {failure.error} ({failure.where})" for failure in step.failures)

    def in_order(self) -> list[Signal]:
        """Return the signals in the order in which every reading command shows them."""
        return sorted(self.signals, key=lambda signal: (signal.observed_at, signal.id))

    def show(self, as_json: bool) -> None:
        """Print the signals by pipeline, type and market, and the figures of the run."""
        counts = Counter((signal.pipeline, signal.type, signal.market) for signal in self.signals)
        rows: list[dict[str, Any]] = [
            {"pipeline": pipeline, "type": kind, "market": market, "signals": count}
            for (pipeline, kind, market), count in sorted(counts.items())
        ]
        figures = {
            "observations": len(self.observations),
            "quotes": self.quotes,
            "changes": self.changes,
            "signals": len(self.signals),
            "failures": dict(self.failures),
            "seconds": round(self.seconds, 3),
        }
        if as_json:
            emit([figures | {"by_type": rows}], {}, as_json=True)
            return
        columns = {"pipeline": "PIPELINE", "type": "TYPE", "market": "MARKET", "signals": "SIGNALS"}
        emit(rows, columns, as_json=False, none=self._why_none())
        rate = self.quotes / self.seconds if self.seconds else 0.0
        say(
            f"{len(self.observations):,} observations, {self.quotes:,} quotes, {self.changes:,} changes, "
            f"{len(self.signals):,} signals in {self.seconds:.1f} s ({rate:,.0f} quotes/s)"
        )
        for failure, count in self.failures.most_common():
            say(f"failed {count:,} times: {failure}")

    def _why_none(self) -> str:
        """Say what no signals may come from: without quotes there is nothing that a window could be too short for."""
        if not self.observations:
            return NO_ANSWERS
        if self.quotes:
            return NO_SIGNALS
        answers = f"{len(self.observations):,} {'answer' if len(self.observations) == 1 else 'answers'}"
        refused = {status: number for status, number in sorted(self.statuses.items()) if status >= BAD}
        if not refused:
            return f"no signals: {answers} read, and not one quote in them"
        statuses = ", ".join(f"{number:,} with status {status}" for status, number in refused.items())
        return f"no signals: {answers} read, {statuses}, and not one quote in them"


def _pipelines(path: Path) -> list[Pipeline]:
    from stratumd.config import load_config
    from stratumd.runtime.build import build_pipeline

    config = load_config(path)
    return [build_pipeline(spec, config.registry) for spec in config.pipelines.values()]


def _run(observations: Iterable[Observation], pipelines: list[Pipeline], store: Store | None) -> Summary:
    from stratumd.runtime.replaying import replay as run

    summary = Summary()
    with _interruptible() as interruptions:
        for step in run(observations, pipelines, store):
            summary.add(step)
            if interruptions:
                raise KeyboardInterrupt
    return summary


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """Let Ctrl-C end the replay between two observations; a second one ends it at once.

    Inside of one, whatever is raised is contained as the fault of the plugin whose code is running.
    """
    interruptions: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        interruptions.append(number)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interruptions
    finally:
        signal.signal(signal.SIGINT, before)


def merged(files: list[Path]) -> Iterator[Observation]:
    """Yield the observations of several recordings by the time received."""
    from stratumd import recording

    return iter(heapq.merge(*[recording.read(path) for path in files], key=lambda each: each.received_at))


def _imported(config: Path, source: str | None) -> Iterator[Observation]:
    """Yield what was imported of the past, in the order of the times of which it tells."""
    from stratumd.cli.read import reading
    from stratumd.runtime.backfill import history_of

    with reading(config, None) as reader:
        ids = reader.past(None if source is None else history_of(source))
        if not ids:
            raise StratumError("nothing of the past is stored: `stratumd backfill` fetches it")
        for first in range(0, len(ids), TOGETHER):  # no transaction stays open while observations are stepped through
            yield from [*reader.observations(ids[first : first + TOGETHER])]


def _progress(observations: Iterator[Observation], names: str) -> Iterator[Observation]:
    """Show a progress bar on a terminal, in observations: how many there will be is known only at the end."""
    if not sys.stderr.isatty():
        return observations
    from rich.console import Console
    from rich.progress import track

    return iter(track(observations, description=names, total=None, console=Console(stderr=True), transient=True))
