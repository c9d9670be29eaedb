"""Commands about plugins: plugins, plugins new, plugins verify."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say, warn
from stratumd.errors import ConfigError, PluginError, StratumError
from stratumd.plugin import iso

if TYPE_CHECKING:
    from stratumd.registry import Found, Registered, Registry
    from stratumd.testing.conformance import Verdict

TEMPLATES = Path(__file__).parent / "scaffold"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

COLUMNS = {
    "name": "PLUGIN",
    "version": "VERSION",
    "provides": "PROVIDES",
    "distribution": "DISTRIBUTION",
    "health": "HEALTH",
}
CHECKS = {
    "component": "COMPONENT", "kind": "KIND", "number": "CHECK", "must": "MUST", "holds": "HOLDS", "problem": "PROBLEM",
}  # fmt: skip


class Kind(StrEnum):
    """What a new plugin is to be."""

    DETECTOR = "detector"
    SINK = "sink"
    SOURCE = "source"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    plugins = typer.Typer(invoke_without_command=True, help="List the installed plugins, write one, check one.")
    plugins.callback()(show)
    plugins.command("list")(list_plugins)
    plugins.command("new")(new)
    plugins.command("verify")(verify)
    app.add_typer(plugins, name="plugins")


def show(
    context: typer.Context,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List the installed plugins. Each is loaded, so that its health is known; `new` and `verify` are commands.

    Where a database is at hand, by --database or by the configuration file, it tells which are in quarantine.
    """
    if context.invoked_subcommand is None:
        list_plugins(config, database, as_json)


def list_plugins(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List the installed plugins, as `stratumd plugins` alone does."""
    from stratumd.registry import discover, load

    found = discover()
    registry = load(found)
    left_out = _left_out(config, database)
    emit([_row(each, registry, left_out) for each in found.values()], COLUMNS, as_json=as_json)


def _left_out(config: Path, database: str | None) -> dict[str, str]:
    """Return, by plugin, which pipeline leaves it out and why. Nothing where there is no database to ask."""
    from stratumd.cli.read import now, reading
    from stratumd.registry import plugin_of
    from stratumd.store import NoDatabase

    if database is None and not config.exists():
        return {}
    try:
        with reading(config, database) as reader:
            rows = reader.status(now()).left_out
    except NoDatabase:
        return {}
    except StratumError as error:
        warn(f"it is not known which are in quarantine: {error}")
        return {}
    return {
        plugin_of(row.component): f"left out of {row.pipeline} until {iso(row.until_at)}: {row.error} ({row.where})"
        for row in rows
    }


def _row(found: Found, registry: Registry, left_out: Mapping[str, str]) -> dict[str, Any]:
    failure = registry.failure(found.name)
    provides = [kind for kind, each in registry.components() if each.plugin == found.name]
    return {
        "name": found.name,
        "version": found.version,
        "provides": sorted(set(provides)),
        "distribution": found.distribution,
        "health": left_out.get(found.name, "ok") if failure is None else str(failure),
    }


def new(
    name: Annotated[str, typer.Argument(help="Lower-case words joined by hyphens, such as late-money.")],
    kind: Annotated[Kind, typer.Option("--kind", help="What the plugin provides.")] = Kind.DETECTOR,
) -> None:
    """Write a small plugin that works at once, with its test, into the new folder stratumd-NAME."""
    if not NAME.fullmatch(name):
        raise StratumError(f"{name!r} is no plugin name: use lower-case words joined by hyphens, such as late-money")
    _refuse_taken(name)
    folder = Path(f"stratumd-{name}")
    words = _words(name)
    try:
        folder.mkdir()
    except FileExistsError:
        raise StratumError(f"{folder} is already there; choose another name, or move it away") from None
    for template, target in _files(kind, words["module"]).items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled((TEMPLATES / template).read_text(encoding="utf-8"), words), encoding="utf-8")
    (folder / words["module"] / "py.typed").touch()
    options = " --option path=signals.txt" if kind is Kind.SINK else ""
    verify = f"stratumd plugins verify {name}{options}"
    say(f"wrote {folder}; next: pip install -e '{folder}[test]' && python -m pytest {folder} && {verify}")


def _refuse_taken(name: str) -> None:
    """Refuse the name of a bundled plugin: where two plugins have one name, neither is loaded."""
    from stratumd.registry import discover

    found = discover().get(name)
    if found is not None and found.distribution == "stratumd":
        raise StratumError(f"{name!r} is a plugin that stratumd brings along; choose another name")


def _files(kind: Kind, module: str) -> dict[str, str]:
    """Return by template the file that is made from it."""
    return {
        "pyproject.toml.txt": "pyproject.toml",
        f"{kind}_readme.md": "README.md",
        f"{kind}.py.txt": f"{module}/__init__.py",
        f"{kind}_test.py.txt": f"tests/test_{module}.py",
    }


def _words(name: str) -> dict[str, str]:
    """Return what the templates' `@words@` stand for."""
    parts = name.split("-")
    return {
        "name": name,
        "module": f"stratumd_{'_'.join(parts)}",
        "class": "".join(part.capitalize() for part in parts),
        "TYPE": "_".join(parts).upper(),
    }


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"@(\w+)@", lambda match: words[match[1]], text)


def verify(
    name: Annotated[str, typer.Argument(help="The plugin's name, as `stratumd plugins` lists it.")],
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option that it needs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check whether a plugin keeps the contract. A sink really delivers: give it options that may be written to."""
    from stratumd.registry import discover, load

    registry = load(discover())
    failure = registry.failure(name)
    if failure is not None:
        raise failure
    mine = [(kind, each) for kind, each in registry.components() if each.plugin == name]
    if not mine:
        raise PluginError(f"no plugin {name!r} is installed; there are: {', '.join(registry.available)}", plugin=name)
    options = dict(_pair(each) for each in option or [])
    rows = [
        {"component": each.component.name, "kind": kind} | verdict._asdict() | {"holds": verdict.problem is None}
        for kind, each in mine
        for verdict in _verdicts(kind, each, options, registry)
    ]
    emit(rows, CHECKS, as_json=as_json)
    if not all(row["holds"] for row in rows):
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE")
    return key, value


def _verdicts(kind: str, registered: Registered, options: Mapping[str, str], registry: Registry) -> list[Verdict]:
    from stratumd.testing import conformance

    component = registered.component
    try:
        if kind == "detector":
            return conformance.verify_detector(component, options, before=_providers(component, registry))
        if kind == "normalizer":
            return conformance.verify_normalizer(component, {})
        if kind == "sink":
            return conformance.verify_sink(component, options)
    except ConfigError as error:
        raise ConfigError(f"{error}; give it as --option KEY=VALUE") from None
    return conformance.verify_component(component)


def _providers(component: Any, registry: Registry) -> list[Any]:
    """Build, with their defaults, the detectors that provide what this one needs."""
    found = [
        each.component
        for each in registry.detectors.values()
        if each.component is not component and {*each.component.provides} & {*component.needs}
    ]
    return [each(each.config()) for each in found]
