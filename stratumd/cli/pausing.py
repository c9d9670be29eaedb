"""`stratumd pause` and `stratumd resume`: no polls of a source or runs of a job, for all daemons, over restarts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stratumd.cli.console import DEFAULT_CONFIG, ConfigPath, DatabaseUrl, say, warn
from stratumd.cli.run import length

if TYPE_CHECKING:
    from stratumd.config import Config

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A source, or a job such as nba.clv; clv alone where one pipeline has it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)


def pause(
    name: Name,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    lasting: Annotated[
        timedelta | None,
        typer.Option("--for", parser=length, metavar="TIME", help="Such as 2h: then it goes on by itself."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who look at the status.")] = "",
) -> None:
    """Poll a source or run a job no more, until it is resumed: its schedule, and a source's cycles.

    A running daemon goes by it within some seconds, as do all daemons of the database and those that start later. What
    is due meanwhile is not made up for. `stratumd status` and /status show it. What is no schedule goes on: backfills,
    `stratumd clv --run`.
    """
    from stratumd.config import load_config
    from stratumd.plugin import SECOND, micros
    from stratumd.plugin.views import PauseRow
    from stratumd.runtime.clock import SystemTimer
    from stratumd.store import pause_schedule

    if lasting is not None and lasting <= timedelta():
        raise typer.BadParameter("--for is longer than nothing, such as 2h")
    loaded, now = load_config(config), SystemTimer().now() // SECOND * SECOND
    name = _full(name, loaded)
    row = PauseRow(name, reason, now, None if lasting is None else now + micros(lasting))
    pause_schedule(database or loaded.database.connect_url(), row)
    say(f"{name} is {row.told()}")


def resume(name: Name, config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None) -> int:
    """Poll a paused source or run a paused job again, from its next instant on."""
    from stratumd.config import load_config
    from stratumd.store import resume_schedule

    loaded = load_config(config)
    url = database or loaded.database.connect_url()
    # What the file has no more can be paused still.
    if resume_schedule(url, name) or resume_schedule(url, name := _full(name, loaded)):
        say(f"{name} is {'run' if '.' in name else 'polled'} again from its next instant on")
        return 0
    warn(f"{name} is not paused: there is nothing to resume")
    return 1


def _full(name: str, config: Config) -> str:
    """Return the name of a source or a job of the file, as it is stored."""
    from stratumd.plugin.known import suggest

    jobs = [job.name for pipeline in config.pipelines.values() for job in pipeline.jobs]
    if name in config.sources:
        if config.sources[name].schedule is None:
            raise typer.BadParameter(f"{name!r} has no schedule that could be paused")
        return name
    named = [job for job in jobs if name in (job, job.partition(".")[2])]
    if len(named) > 1:
        raise typer.BadParameter(f"{name!r} is {' or '.join(named)}; say which")
    if not named:
        known = [*config.sources, *jobs]
        hint = suggest(name, known) or f"there are {', '.join(known)}"
        raise typer.BadParameter(f"no source or job is called {name!r}; {hint}")
    return named[0]
