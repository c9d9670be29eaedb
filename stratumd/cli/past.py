"""What the commands about the past share: its range, and the stored past of each pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratumd.cli.console import ending_at_once
from stratumd.cli.read import moment
from stratumd.errors import ConfigError
from stratumd.plugin import Micros

if TYPE_CHECKING:
    from stratumd.config import Config
    from stratumd.proof import Past

From = Annotated[
    Micros | None, typer.Option("--from", parser=moment, metavar="TIME", help="From then on: 2h, or an ISO time.")
]
To = Annotated[Micros | None, typer.Option("--to", parser=moment, metavar="TIME", help="Up to then.")]
Only = Annotated[str | None, typer.Option("--pipeline", help="Only this pipeline of the configuration.")]


@contextmanager
def pasts(config: Path, database: str | None, pipeline: str | None) -> Iterator[list[Past]]:
    """Open the stored past of each pipeline of the configuration, or of one."""
    from stratumd.config import load_config
    from stratumd.proof import Past
    from stratumd.store import open_reader

    loaded = load_config(config)
    names = chosen(loaded, pipeline)
    reader = open_reader(database or loaded.database.connect_url())
    try:
        with ending_at_once():
            yield [Past(reader, loaded.pipelines[name], loaded.registry) for name in names]
    finally:
        reader.close()


@contextmanager
def one_past(config: Path, database: str | None, pipeline: str | None) -> Iterator[Past]:
    """Open the stored past of one pipeline: of the only one that has any, where none is named."""
    with pasts(config, database, pipeline) as found:
        yield _only(found)


def _only(found: list[Past]) -> Past:
    having = [past for past in found if past.reader.steps(past.spec.name)] or found
    if len(having) > 1:
        names = ", ".join(past.spec.name for past in having)
        raise typer.BadParameter(f"several pipelines are configured: name one by --pipeline; there are {names}")
    return having[0]


def chosen(config: Config, pipeline: str | None) -> list[str]:
    """Return the names of the pipelines that are asked for. `ConfigError` where there is none of that name."""
    if pipeline is None:
        return list(config.pipelines)
    if pipeline not in config.pipelines:
        raise ConfigError(f"no pipeline {pipeline!r} is configured; there are {', '.join(config.pipelines)}")
    return [pipeline]
