"""What staff may do, on the command line: every operation of a plugin is a command, found without importing any."""

from __future__ import annotations

import getpass
import inspect
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit
from stratumd.errors import ConfigError, StratumError
from stratumd.plugin import Secret
from stratumd.plugin.routes import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stratumd.config import Config
    from stratumd.plugin.operations import Operation
    from stratumd.runtime.house import House

GROUP = "stratumd.operations"
"""The entry point group in which a distribution names the groups of its commands: `keys = "stratumd_accounts"`."""
_OWN = {"config", "database", "reason", "confirm", "as_json"}
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

Reason = Annotated[str, typer.Option("--reason", help="Why: it stands in the audit.")]
Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="TARGET", help="What it is done to, once more, in place of a prompt.")
]


def register(app: typer.Typer) -> None:
    """Add a command for each group of operations; its own commands are made when it is called."""
    for name in groups():
        app.command(name, help=f"Operations on {name}.", context_settings=_PASS_ON)(_passing_on(name))


def groups() -> dict[str, list[str]]:
    """Return the groups of commands, each with the plugins that have some."""
    plugins = {point.value: point.name for point in entry_points(group="stratumd.plugins")}
    found: dict[str, list[str]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if point.value in plugins:
            found.setdefault(point.name, []).append(plugins[point.value])
    return found


def group(name: str) -> typer.Typer:
    """Return the commands of a group. `PluginError` where a plugin cannot be loaded."""
    from stratumd.registry import load

    registry = load(groups()[name])
    for failure in registry.failures:
        raise failure
    app = typer.Typer(help=f"Operations on {name}.", no_args_is_help=True, add_completion=False)
    for called, registered in sorted(registry.operations.items()):
        component: type[Operation] = registered.component
        if component.command[0] == name:
            app.command(component.command[1], help=inspect.getdoc(component))(_command(called, component))
    app.callback()(lambda: None)  # a group also where it has one command only
    return app


def _passing_on(name: str) -> Callable[[typer.Context], Any]:
    def pass_on(context: typer.Context) -> Any:  # typer reads the hints of a function, not of a partial one
        app = typer.main.get_command(group(name))
        return app.main(context.args, prog_name=f"stratumd {name}", standalone_mode=False)

    return pass_on


def _command(name: str, component: type[Operation]) -> Any:
    """Return a function whose parameters are the operation's arguments, those that it needs in their order."""
    parameters = [_parameter(field, info) for field, info in component.config.model_fields.items()]
    parameters.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)
    shared = inspect.signature(_run, eval_str=True).parameters.values()
    own = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in shared if each.name in _OWN]
    if not component.writes:
        own = [each for each in own if each.name not in ("reason", "confirm")]

    def command(**given: Any) -> None:
        mine = {key: value for key, value in given.items() if key in _OWN}
        arguments = {key: value for key, value in given.items() if key not in _OWN and value not in (None, [], ())}
        _run(name, arguments, **mine)

    command.__signature__ = inspect.Signature([*parameters, *own])  # type: ignore[attr-defined]  # typer reads it, and mypy knows no such attribute
    command.__annotations__ = {each.name: each.annotation for each in (*parameters, *own)}
    return command


def _parameter(name: str, info: Any) -> inspect.Parameter:
    """Return a field as an argument where it is needed, else as an option. What it means is for its model to say."""
    text = " ".join((info.description or "").split())
    several = "list" in str(info.annotation) or "tuple" in str(info.annotation)
    kind, option = inspect.Parameter.KEYWORD_ONLY, f"--{name.replace('_', '-')}"
    given: Any
    if info.annotation is Secret:
        given = Annotated[str, typer.Option(option, prompt=True, hide_input=True, help=text)]
        return inspect.Parameter(name, kind, annotation=given)
    if info.annotation is bool:
        given = Annotated[bool | None, typer.Option(f"{option}/--no{option[1:]}", help=text)]
        return inspect.Parameter(name, kind, default=None, annotation=given)
    if info.is_required():
        given = Annotated[list[str] if several else str, typer.Argument(metavar=name.upper(), help=text)]
        return inspect.Parameter(name, kind, annotation=given)
    given = Annotated[(list[str] if several else str) | None, typer.Option(option, help=text)]
    return inspect.Parameter(name, kind, default=None, annotation=given)


def _run(
    name: str,
    arguments: Mapping[str, Any],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    reason: Reason = "",
    confirm: Confirm = None,
    as_json: AsJson = False,
) -> None:
    """Run an operation as the person at the console, and print what it answers."""
    import anyio

    rows, columns = anyio.run(partial(operate, name, arguments, config, database, reason, confirm))
    shown = columns or {key: key.replace("_", " ").upper() for key in (rows[0] if rows else {})}
    emit(rows, shown, as_json=as_json, none="nothing to show")


async def operate(
    name: str, arguments: Mapping[str, Any], path: Path, database: str | None, reason: str, confirm: str | None
) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
    """Run an operation as the person at the console, and return its rows and the headings of their columns."""
    from stratumd.config import load_config
    from stratumd.plugin.desk import Act

    config = load_config(path)
    async with _house(config, database) as house:
        try:
            operation = house.office(name).operation(name, arguments)
        except LookupError:
            plugin = name.partition(".")[0]
            raise ConfigError(f"{path}: add '- {plugin}' to 'routes' under 'http', then ask again") from None
        except ConfigError as wrong:
            raise typer.BadParameter(str(wrong)) from None
        if operation.sensitive:
            _confirmed(operation.target, confirm)
        act = Act(
            actor=f"console:{getpass.getuser()}",
            action=name,
            target=operation.target,
            reason=reason,
            request_id=secrets.token_hex(8),
        )
        try:
            return [dict(row) for row in await operation.run(act)], operation.columns
        except Refused as refused:
            raise StratumError(refused.detail) from None


@asynccontextmanager
async def _house(config: Config, database: str | None) -> AsyncIterator[House]:
    """Lend the routes of a configuration beside the daemon: opened, but not served."""
    from anyio import to_thread

    from stratumd.plugin import Notice
    from stratumd.runtime.bulletin import Bulletin
    from stratumd.runtime.clock import SystemTimer
    from stratumd.runtime.house import House
    from stratumd.store import open_store, plugin_migrations

    folders = plugin_migrations((each.plugin, each.component) for _, each in config.registry.components())
    url, timer = database or config.database.connect_url(), SystemTimer()
    store = await to_thread.run_sync(lambda: open_store(url, plugins=folders, beside=True))
    reader = await to_thread.run_sync(store.reader)

    async def notify(notice: Notice) -> None:
        await to_thread.run_sync(store.notify, notice)

    try:
        house = House.of(lambda: config, store, reader, clock=timer, bulletin=Bulletin(), notify=notify)
        async with house.opened():
            yield house
    finally:
        reader.close()
        store.close()


def _confirmed(target: str, confirm: str | None) -> None:
    if confirm is None and not sys.stdin.isatty():
        raise StratumError(f"this cannot be taken back lightly: add --confirm {target}")
    given = confirm or typer.prompt(f"This cannot be taken back lightly. Type {target} to go on", err=True)
    if given != target:
        raise StratumError(f"{given!r} is not {target!r}: nothing was done")


def listed() -> Iterator[tuple[str, typer.Typer]]:
    """Yield every group with its commands, for the reference."""
    for name in groups():
        yield name, group(name)
