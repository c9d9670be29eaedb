"""Running jobs and asking reports by hand, for the commands that do: the plugin, its pipeline, and its ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.errors import ConfigError
from stratumd.plugin import Micros, micros, parse_iso

if TYPE_CHECKING:
    from stratumd.config import Config, PipelineSpec
    from stratumd.plugin import Ledger
    from stratumd.registry import Registry


def _time(text: str) -> Micros:
    try:
        return parse_iso(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-07-14T21:30:00Z") from None


At = Annotated[
    Micros | None, typer.Option("--at", parser=_time, metavar="TIME", help="As if it were this time, with --run.")
]
"""Option of commands that run a job."""


class Desk:
    """One plugin's jobs and reports for one pipeline."""

    def __init__(self, registry: Registry, spec: PipelineSpec, ledger: Ledger) -> None:
        self._registry = registry
        self._spec = spec
        self._ledger = ledger

    def run(self, name: str, at: Micros) -> str:
        """Run the job `name` now, with the options that the file gives it, and return what it says."""
        from stratumd.runtime.jobs import assigned

        registered = self._registry.jobs[name]
        given = next((job.options for job in self._spec.jobs if job.use == name), None)
        job = assigned(registered, given or registered.component.config(), self._spec, name)
        return str(job.run(at, self._ledger))

    def answer(self, name: str, question: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows with which the report `name` answers."""
        from pydantic import ValidationError

        from stratumd.runtime.jobs import assigned

        registered = self._registry.reports[name]
        try:
            options = registered.component.config.model_validate(dict(question))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None
        report = assigned(registered, options, self._spec, name)
        return [dict(row) for row in report.answer(self._ledger)]


@contextmanager
def opened(config: Path, database: str | None, plugin: str, pipeline: str | None) -> Iterator[Desk]:
    """Lend the desk of a plugin. Without `pipeline` it is the one whose jobs name the plugin, or the only one there."""
    from stratumd.config import load_config
    from stratumd.registry import load
    from stratumd.store import open_ledger, plugin_migrations

    loaded = load_config(config)
    registry = load([plugin])
    for failure in registry.failures:
        raise failure
    spec = _pipeline(loaded, plugin, pipeline)
    folders = plugin_migrations((each.plugin, each.component) for _, each in registry.components())
    with open_ledger(database or loaded.database.connect_url(), spec.name, folders) as ledger:
        yield Desk(registry, spec, ledger)


def now() -> Micros:
    """Return the present time."""
    return micros(datetime.fromtimestamp(time.time(), UTC))


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as a table shows it: intervals and mappings in words."""
    return {name: _words(value) for name, value in row.items()}


def _words(value: Any) -> Any:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " … ".join(str(_words(each)) for each in value)
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return value


def _pipeline(config: Config, plugin: str, name: str | None) -> PipelineSpec:
    if name is not None:
        if name not in config.pipelines:
            raise ConfigError(f"no pipeline {name!r} is configured: there are {', '.join(config.pipelines)}")
        return config.pipelines[name]
    using = [spec for spec in config.pipelines.values() if any(job.use.startswith(plugin) for job in spec.jobs)]
    found = using or [spec for spec in config.pipelines.values() if spec.runs] or list(config.pipelines.values())
    if len(found) > 1:
        raise ConfigError(f"name a pipeline with --pipeline: {', '.join(spec.name for spec in found)}")
    return found[0]
