"""`stratumd pause` and `stratumd resume`: no polls of a source, for all daemons of the database, over restarts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stratumd.cli.console import DEFAULT_CONFIG, ConfigPath, DatabaseUrl, say, warn
from stratumd.cli.run import length

if TYPE_CHECKING:
    from stratumd.config import Config

Name = Annotated[str, typer.Argument(metavar="SOURCE", help="As the configuration calls it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)


def pause(
    source: Name,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    lasting: Annotated[
        timedelta | None,
        typer.Option("--for", parser=length, metavar="TIME", help="Such as 2h: then polls begin again by themselves."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who look at the status.")] = "",
) -> None:
    """Poll a source no more, until it is resumed: its schedule and its cycles.

    A running daemon goes by it within some seconds, as do all daemons of the database and those that start later. What
    is due meanwhile is not made up for. `stratumd status` and /status show it. Backfills are not schedules, and go on.
    """
    from stratumd.config import load_config
    from stratumd.plugin import SECOND, micros
    from stratumd.plugin.views import PauseRow
    from stratumd.runtime.clock import SystemTimer
    from stratumd.store import pause_source

    if lasting is not None and lasting <= timedelta():
        raise typer.BadParameter("--for is longer than nothing, such as 2h")
    loaded, now = load_config(config), SystemTimer().now() // SECOND * SECOND
    _refuse_unknown(source, loaded)
    row = PauseRow(source, reason, now, None if lasting is None else now + micros(lasting))
    pause_source(database or loaded.database.connect_url(), row)
    say(f"{source} is {row.told()}")


def resume(source: Name, config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None) -> int:
    """Poll a paused source again, from its next instant on."""
    from stratumd.config import load_config
    from stratumd.store import resume_source

    loaded = load_config(config)
    if resume_source(database or loaded.database.connect_url(), source):
        say(f"{source} is polled again from its next instant on")
        return 0
    _refuse_unknown(source, loaded)
    warn(f"{source} is not paused: there is nothing to resume")
    return 1


def _refuse_unknown(source: str, config: Config) -> None:
    from stratumd.config.report import suggest

    known = config.sources
    if source not in known:
        hint = suggest(source, known) or f"there are {', '.join(known)}"
        raise typer.BadParameter(f"no source is called {source!r}; {hint}")
    if known[source].schedule is None:
        raise typer.BadParameter(f"{source!r} has no schedule that could be paused")
