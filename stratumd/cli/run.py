"""`stratumd run`: the daemon."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratumd.cli.console import DEFAULT_CONFIG, ConfigFile, ConfigPath, DatabaseUrl, ReaderLeft, say, warn
from stratumd.plugin import parse_duration

if TYPE_CHECKING:
    from stratumd.config import Config, PipelineSpec


class Role(StrEnum):
    """What a daemon does of the work that several share."""

    ALL = "all"
    WORKER = "worker"
    API = "api"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def length(text: str) -> timedelta:
    """Read a length such as 10m."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def run(
    file: ConfigFile = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    once: Annotated[bool, typer.Option("--once", help="Poll each source once, deliver, and end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent; send nothing.")] = False,
    duration: Annotated[
        timedelta | None, typer.Option("--for", parser=length, metavar="LENGTH", help="End after 30s, 10m, 2h …")
    ] = None,
    role: Annotated[
        Role, typer.Option(help="all; worker: without HTTP; api: HTTP alone, beside daemons that work.")
    ] = Role.ALL,
) -> int:
    """Poll the sources, detect, deliver; until Ctrl-C or SIGTERM.

    Exit codes: 0 ended as asked, 1 something failed (with --once), 2 usage, 75 something needed is down and a restart
    may help, 78 the configuration is wrong or the database is newer than this stratumd.
    """
    if once and role is Role.API:
        raise typer.BadParameter("--once polls, which --role api never does: leave one of them out")
    from stratumd.runtime.stop import exit_quietly

    exit_quietly()
    import anyio

    from stratumd.observe import logs
    from stratumd.runtime.daemon import RunOptions
    from stratumd.runtime.daemon import run as run_daemon

    path = file or config
    loaded = _load(path, database)
    for problem in loaded.warnings:
        warn(problem.render())
    for_people = logs.configure(loaded.log.level, loaded.log.format, file=loaded.log.file)

    def announce(address: str | None) -> None:
        _announce(loaded, address, for_people)

    aloud = _Aloud()
    printing, load = aloud if dry_run else None, partial(_load, path, database)
    options = RunOptions(once, duration, printing, load, announce, role.value)
    code = anyio.run(run_daemon, loaded, options, backend_options={"use_uvloop": True})
    if aloud.alone:
        raise ReaderLeft
    return code


class _Aloud:
    """Prints what would be sent, and stops the daemon where nobody reads it any more: nothing else is to be done."""

    alone = False

    def __call__(self, text: str) -> None:
        try:
            say(text)
        except ReaderLeft:
            if not self.alone:
                self.alone = True
                os.kill(os.getpid(), signal.SIGTERM)


def _load(path: Path, database: str | None) -> Config:
    from stratumd.config import Database, load_config

    config = load_config(path)
    return config if database is None else replace(config, database=Database(url=database))


def _announce(config: Config, address: str | None, for_people: bool) -> None:
    """Say what runs, first of all: for people in lines, for machines as one line of the log."""
    facts = _facts(config, address)
    if not for_people:
        from stratumd.observe.logs import logger

        logger("stratumd").info("started", **facts)
        return
    for name, value in facts.items():
        warn(f"{name:<10}{value}")


def _facts(config: Config, address: str | None) -> dict[str, str]:
    facts = {
        "config": str(config.path),
        "database": config.database.shown_url(),
        "plugins": ", ".join(f"{plugin.name} {plugin.version}" for plugin in config.registry.plugins),
    }
    facts["pipelines"] = "; ".join(_flow(pipeline) for pipeline in config.pipelines.values())
    facts["listening"] = f"{address}/status" if address else "no"
    return facts


def _flow(pipeline: PipelineSpec) -> str:
    if not pipeline.runs:
        return f"{pipeline.name} (off: no source is enabled)"
    detectors = [detector.name for detector in pipeline.detectors]
    sinks = [sink.use for sink in pipeline.sinks if sink.enabled]
    stages = (pipeline.sources, detectors, sinks)
    return f"{pipeline.name}: " + " → ".join(", ".join(stage) for stage in stages if stage)
