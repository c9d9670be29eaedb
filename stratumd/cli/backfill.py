"""`stratumd backfill`: the past of a source, within hard limits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, DatabaseUrl, emit, say, warn
from stratumd.plugin import Micros, iso, micros, parse_duration, parse_iso

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from stratumd.config import Config, SourceSpec
    from stratumd.plugin import Normalizer
    from stratumd.runtime.backfill import Limits, Outlook, Progress, Wanted
    from stratumd.runtime.build import Feed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backfill")(backfill)


def _instant(text: str) -> Micros:
    """Read a day, which begins at midnight UTC, or an ISO 8601 time with its zone."""
    try:
        return micros(datetime.combine(date.fromisoformat(text), time(), UTC))
    except ValueError:
        pass
    try:
        return parse_iso(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a day, such as 2026-01-10, nor a time, such as 2026-01-10T18:00:00Z"
        ) from None


def _step(text: str) -> Micros:
    try:
        length = micros(parse_duration(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if length <= 0:
        raise typer.BadParameter("a step is longer than nothing")
    return length


def _keys(text: str) -> tuple[str, ...]:
    return tuple(key for part in text.split(",") if (key := part.strip()))


def backfill(
    start: Annotated[
        Micros | None, typer.Option("--from", parser=_instant, metavar="TIME", help="A day or an ISO time.")
    ] = None,
    end: Annotated[
        Micros | None, typer.Option("--to", parser=_instant, metavar="TIME", help="Up to then, not included.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    source: Annotated[str | None, typer.Option("--source", help="The source to ask; the only one that can.")] = None,
    sport: Annotated[str | None, typer.Option("--sport", help="Which of the source's sports.")] = None,
    markets: Annotated[str | None, typer.Option("--markets", help="h2h,spreads,totals; the source's own.")] = None,
    step: Annotated[
        Micros, typer.Option("--step", parser=_step, metavar="LENGTH", help="Between two snapshots: 10m, 6h, 1d.")
    ] = "1d",  # type: ignore[assignment]  # typer reads defaults, too
    sampled: Annotated[
        float | None, typer.Option("--sample", min=0.0, max=1.0, help="A part of the games: every so-many-th.")
    ] = None,
    max_events: Annotated[int | None, typer.Option("--max-events", min=1, help="Games at most.")] = None,
    max_requests: Annotated[int | None, typer.Option("--max-requests", min=0, help="Requests at most.")] = None,
    min_remaining: Annotated[
        int | None, typer.Option("--min-remaining", min=0, help="Credits that are left in any case.")
    ] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Only say what it would take; write nothing.")] = False,
    queued: Annotated[
        bool, typer.Option("--queued", help="Run what staff put into the queue, each within its limits.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Fetch the past of a source, snapshot by snapshot. What is stored already is not asked for again.

    So the same command goes on where it was interrupted. Limits count from the start of each run. With --queued the
    backfills of `runs backfills` are run, the oldest first, and those that ended well are taken out. Exit codes: 0
    done, or a limit is reached; 1 it ended otherwise: run it again.
    """
    if queued:
        from stratumd.cli.queued import drain

        given = (start, end, source, sport, markets, sampled, max_events, max_requests, min_remaining)
        if probe or any(each is not None for each in given):
            raise typer.BadParameter("--queued stands alone: each backfill in the queue has its own range and limits")
        return drain(config, database, lambda words: filled(words, config, database), as_json)
    asked = _Asked(start, end, config, database, source, sport, markets, step, sampled, probe)
    code, progress = _fill(asked, max_events, max_requests, min_remaining, as_json)
    if progress is not None:
        _show(progress, as_json)
    return code


class _Asked(NamedTuple):
    start: Micros | None
    end: Micros | None
    config: Path
    database: str | None
    source: str | None
    sport: str | None
    markets: str | None
    step: Micros
    sampled: float | None
    probe: bool


def filled(words: Sequence[str], config: Path, database: str | None) -> tuple[int, str]:
    """Run a backfill as the command line `words` say it, and return its exit code and what came of it."""
    app = typer.Typer(add_completion=False)
    app.command()(backfill)
    given = typer.main.get_command(app).make_context("backfill", [*words]).params
    asked = {name: given[name] for name in _Asked._fields} | {"config": config, "database": database}
    limits = given["max_events"], given["max_requests"], given["min_remaining"]
    code, progress = _fill(_Asked(**asked), *limits, False)
    if progress is None:
        return code, ""
    said = f"{progress.requests} requests, {progress.credits} credits, {progress.kept} snapshots kept"
    return code, f"{said}; {progress.stopped}" if progress.stopped else said


def _fill(
    asked: _Asked, max_events: int | None, max_requests: int | None, min_remaining: int | None, as_json: bool
) -> tuple[int, Progress | None]:
    from stratumd.config import load_config
    from stratumd.runtime.backfill import Limits, Wanted

    start, end, config, database, source, sport, markets, step, sampled, probe = asked
    if start is None or end is None:
        raise typer.BadParameter("say from when to when: --from and --to, or --queued")
    if end <= start:
        raise typer.BadParameter("--to lies after --from")
    if sampled == 0:
        raise typer.BadParameter("--sample is above 0")
    loaded = load_config(config)
    spec = _source(loaded, source)
    options: Any = spec.options
    wanted = Wanted(
        _sport(sport, getattr(options, "sports", ())),
        _keys(markets) if markets else tuple(getattr(options, "markets", ())),
        start,
        end,
        step,
        sampled,
    )
    limits = Limits(max_events, max_requests, min_remaining)
    if probe:
        _show_outlook(_look(loaded, spec, wanted, limits), as_json)
        return 0, None
    from stratumd.cli.read import database_url

    progress = _run(loaded, spec, wanted, limits, database_url(config, database))
    return (0 if progress.limited or not (progress.stopped or progress.failed) else FAILED), progress


def _source(config: Config, name: str | None) -> SourceSpec:
    able = {key: spec for key, spec in config.enabled_sources().items() if spec.component.remembers}
    if name is None and len(able) == 1:
        return next(iter(able.values()))
    if name in able:
        return able[name]
    listed = ", ".join(able) or "none"
    if name is None:
        raise typer.BadParameter(f"name one with --source; enabled sources that know the past: {listed}")
    raise typer.BadParameter(f"no enabled source {name!r} knows the past; there are: {listed}")


def _sport(name: str | None, sports: tuple[str, ...]) -> str:
    if name is not None:
        return name
    if len(sports) == 1:
        return sports[0]
    raise typer.BadParameter(f"name one with --sport; the source has: {', '.join(sports) or 'none'}")


def _parts(config: Config, spec: SourceSpec) -> tuple[Feed, Normalizer]:
    from stratumd.runtime.build import build_normalizer, build_source
    from stratumd.runtime.clock import SystemTimer

    normalizer = build_normalizer(spec.component.format, config.registry)
    return build_source(spec, config.registry, SystemTimer()), normalizer


def _look(config: Config, spec: SourceSpec, wanted: Wanted, limits: Limits) -> Outlook:
    import anyio

    from stratumd.runtime.backfill import outlook

    return anyio.run(outlook, *_parts(config, spec), wanted, limits)


def _run(config: Config, spec: SourceSpec, wanted: Wanted, limits: Limits, url: str) -> Progress:
    import anyio

    from stratumd.runtime.backfill import Backfill, credits_left
    from stratumd.store import open_store

    store = open_store(url, beside=True)
    try:
        with _bar() as report:

            async def run() -> Progress:
                _, remaining = await credits_left(_parts(config, spec)[0])
                feed, normalizer = _parts(config, spec)
                filling = Backfill(
                    spec.name, feed, normalizer, store, wanted, limits, remaining=remaining, report=report
                )
                return await filling.run()

            return anyio.run(run)
    finally:
        store.close()


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar on a terminal, with what was spent and when it will be over."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console

    with bar(Console(stderr=True)) as report:
        yield report


@contextmanager
def bar(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar on `console`; what is given is called with every progress."""
    with bars(console) as shown:
        task = shown.add_task("backfill", total=None, spent="")
        yield lambda progress: show_in(shown, task, progress)


def bars(console: Console, get_time: Callable[[], float] | None = None) -> Bars:
    """Return the bar: how many of how many snapshots, what was spent and is left, and how long it will take."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("backfill"),
        BarColumn(30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[spent]}"),
        TimeRemainingColumn(),
    )
    return Bars(*columns, console=console, transient=True, get_time=get_time)


def show_in(shown: Bars, task: TaskID, progress: Progress) -> None:
    """Bring the bar up to date."""
    shown.update(task, completed=progress.done, total=progress.steps or None, spent=spent(progress))


def spent(progress: Progress) -> str:
    """Return what was spent and what is left, for the bar."""
    left = "" if progress.remaining is None else f", {progress.remaining:,} left"
    return f"{progress.credits:,} credits{left}"


def _show(progress: Progress, as_json: bool) -> None:
    figures = {
        "requests": progress.requests,
        "credits": progress.credits,
        "credits_left": progress.remaining,
        "kept": progress.kept,
        "there_already": progress.skipped,
        "failed": progress.failed,
        "events_wanted": progress.wanted,
        "events": len(progress.events),
        "teams": len(progress.teams),
        "one_by_one": progress.singly,
        "stopped": progress.stopped or None,
    }
    if as_json:
        emit([figures], {}, as_json=True)
        return
    chosen = "" if progress.wanted is None else f" of {progress.wanted:,} chosen"
    say(f"requests   {progress.requests:,}, {spent(progress)}")
    say(f"snapshots  {progress.kept:,} kept, {progress.skipped:,} there already, {progress.failed:,} failed")
    say(f"events     {len(progress.events):,}{chosen} have quotes, of {len(progress.teams):,} teams")
    if progress.singly:
        say("asked      event by event: the question for all of them at once was refused")
    if progress.stopped:
        warn(f"it ended early: {progress.stopped}; the same command goes on from there")
    elif progress.failed:
        warn("some snapshots are missing; the same command asks for them again")


def _show_outlook(found: Outlook, as_json: bool) -> None:
    if as_json:
        told_at = None if found.told_at is None else iso(found.told_at)
        emit([{**found._asdict(), "told_at": told_at}], {}, as_json=True)
        return
    say(f"provider   {found.said}")
    told = "nothing" if found.told_at is None else f"{found.listed:,} events at {iso(found.told_at)}"
    say(f"the past   {told}")
    say(f"at most    {found.requests:,} requests, {found.credits:,} credits")
    say(f"enough     {'unknown' if found.enough is None else 'yes' if found.enough else 'no'}")
