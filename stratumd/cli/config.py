"""Commands about the configuration: check, config show, schema, init, secrets check."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import typer

from stratumd.cli.console import (
    CONFIG_WRONG,
    DEFAULT_CONFIG,
    DEPENDENCY_DOWN,
    OK,
    AsJson,
    ConfigFile,
    ConfigPath,
    emit,
    say,
    warn,
)
from stratumd.errors import StratumError

if TYPE_CHECKING:
    from stratumd.config import Config

EXAMPLE = "stratumd.example.yaml"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(check)
    app.command()(schema)
    app.command()(init)
    config = typer.Typer(help="Look into the configuration.", no_args_is_help=True)
    config.command("show")(show)
    app.add_typer(config, name="config")
    secrets = typer.Typer(help="Look into secrets, without showing them.", no_args_is_help=True)
    secrets.command("check")(check_secrets)
    app.add_typer(secrets, name="secrets")


def check(
    file: ConfigFile = None,
    config: ConfigPath = DEFAULT_CONFIG,
    connect: Annotated[
        bool, typer.Option("--probe", help="Also ask the database, sources and sinks whether they are there.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Say whether a configuration is right, and name every mistake in it; also which signals cannot come to be.

    Nothing is connected to without --probe. With it nothing is changed, sent or paid either, and the exit code is 75
    where something does not answer as it should. A part that has nothing to be asked is neither up nor down: `-`.
    --json prints what was asked, and concerns --probe only.
    """
    from stratumd.config import load_config

    path = file or config
    loaded = load_config(path)
    for warning in loaded.warnings:
        warn(warning.render())
    for line in _blind(loaded):
        warn(line)
    if not as_json:
        say(_summary(path, loaded))
    return _probe(loaded, as_json) if connect else OK


def _blind(config: Config) -> list[str]:
    """Say which signals cannot come to be: that is no mistake, and rarely what was meant. `plan` knows it of cadences,
    too."""
    from stratumd.runtime.clock import SystemTimer
    from stratumd.runtime.planning import outlook

    found = outlook(config, SystemTimer(), quick=True).blind()
    return [*found, "`stratumd plan` shows the rhythm of the polls and what it costs"] if found else []


def _summary(file: Path, config: Config) -> str:
    enabled, running = config.enabled_sources(), [p for p in config.pipelines.values() if p.runs]
    return (
        f"{file}: all right. Sources: {_names(enabled)}. Pipelines: {_names(p.name for p in running)}."
        f" Plugins: {_names(plugin.name for plugin in config.registry.plugins)}."
    )


def _probe(config: Config, as_json: bool) -> int:
    from stratumd.runtime.probing import probe

    answers = anyio.run(probe, config)
    columns = {"kind": "KIND", "name": "NAME", "up": "UP", "found": "FOUND"}
    emit([each._asdict() for each in answers], columns, as_json=as_json)
    return OK if all(each.up is not False for each in answers) else DEPENDENCY_DOWN


def _names(names: Any) -> str:
    return ", ".join(names) or "none"


def show(file: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show every value that is in effect, and where it comes from. Secrets are not shown."""
    from stratumd.config.effective import effective
    from stratumd.config.load import open_document, understand
    from stratumd.config.render import as_yaml

    document = open_document(file)
    values = list(effective(document, understand(document)))
    if as_json:
        rows = [{"path": ".".join(path), "value": value, "origin": origin} for path, value, origin in values]
        emit(rows, {"path": "path", "value": "value", "origin": "origin"}, as_json=True)
    else:
        say(as_yaml(values))


def schema() -> None:
    """Print the JSON Schema of a configuration with every installed plugin, for editors."""
    from stratumd.config.schema import file_schema
    from stratumd.registry import discover, load

    registry = load(discover())
    for failure in registry.failures:
        warn(f"left out: {failure}")
    say(json.dumps(file_schema(registry), indent=2, ensure_ascii=False))


def init(file: ConfigFile = None, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write a commented configuration that runs without a key. An existing file is left alone."""
    file = file or config
    text = example().replace("$schema=config/", "$schema=", 1)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise StratumError(f"{file} is already there; name another file, or move it away") from None
    except OSError as error:
        raise StratumError(f"{file} cannot be written: {error.strerror}") from None
    say(f"wrote {file}; run it with: stratumd run {file}")
    say("which signals it gives for quotes of your own: stratumd test, see docs/how-to/test-a-configuration.md")
    say("for completion in editors: stratumd schema > stratumd.schema.json")


def example() -> str:
    """Return the commented example: from the installed package, or from the repository in development."""
    packaged = files("stratumd") / "_files" / EXAMPLE
    with as_file(packaged) as path:
        if path.exists():
            return path.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / EXAMPLE).read_text(encoding="utf-8")


def check_secrets(file: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say which references of the file resolve and from where, never to what."""
    from stratumd.config.load import open_document
    from stratumd.config.secrets import uses

    found = list(uses(open_document(file)))
    columns = {"line": "LINE", "path": "OPTION", "reference": "REFERENCE", "enabled": "ENABLED", "state": "STATE"}
    if found or as_json:
        emit([use._asdict() for use in found], columns, as_json=as_json)
    else:
        say(f"{file} has no references")
    if any(use.missing for use in found):
        raise typer.Exit(CONFIG_WRONG)
