"""Write docs/reference/: everything that the code itself can say. `make docs` runs it; a test fails on a stale page."""

from __future__ import annotations

import ast
import inspect
import json
import types
import typing
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import typer
from pydantic import BaseModel

from stratumd import errors, hookspecs
from stratumd.cli import build, operations
from stratumd.config import Timetable, alerts, digests, models, schedules
from stratumd.http import docstrings
from stratumd.observe.metrics import Metrics
from stratumd.odds import BOOKS
from stratumd.plugin import Component, Finding, Secret, Signal, format_duration
from stratumd.registry import Registry, discover, load
from stratumd.testing.conformance import musts

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/reference.py from the code: edit the docstrings there, then run `make docs`. -->"


def pages() -> dict[str, str]:
    """Return every page of the reference by its file name."""
    bundled = [name for name, found in discover().items() if found.distribution == "stratumd"]
    registry = load(bundled)
    assert not registry.failures, registry.failures
    written = {
        "cli.md": cli(),
        "configuration.md": configuration(),
        "plugins.md": plugins(registry),
        "signals.md": signals(registry),
        "metrics.md": metrics(),
        "hooks.md": hooks(),
        "plugin-api.md": plugin_api(),
        "errors.md": error_tree(),
    }
    return {name: f"{NOTE}\n\n{text.strip()}\n" for name, text in written.items()}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    (FOLDER.parent.parent / "config" / "books.json").write_text(books(), encoding="utf-8")


def books() -> str:
    """Return the table of books as JSON, a book a line."""
    rows = {
        key: {name: value for name, value in book._asdict().items() if name != "key"} for key, book in BOOKS.items()
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(row, ensure_ascii=False)}" for key, row in rows.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def table(*rows: tuple[str, ...]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *body = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# The command line


def cli() -> str:
    """Describe every command with its arguments and options."""
    exits = table(
        ("exit code", "meaning"),
        ("0", "done"),
        ("1", "failed"),
        ("2", "wrong usage"),
        ("75", "something that is needed is down: a restart may help"),
        ("78", "the configuration is wrong, or a newer stratumd made the database: a restart does not help"),
        ("130, 141", "ended by Ctrl-C; by a reader of its output, such as `head`, that has seen enough"),
        ("143", "`run`, by a second SIGTERM: it ended at once, as it stood; what was committed is safe"),
    )
    intro = (
        "# Command line\n\n`--json` prints JSON Lines, a contract that only grows. Tables are coloured on a terminal "
        "(`NO_COLOR` is honoured) and plain columns in a pipe. An error is one line on standard error; `--debug`, "
        f"anywhere, adds the traceback.\n\n{exits}"
    )
    own = _commands(typer.main.get_command(build()), "stratumd")
    operated = [
        page for name, app in operations.listed() for page in _commands(typer.main.get_command(app), f"stratumd {name}")
    ]
    return "\n\n".join([intro, *own, *operated])


def _commands(command: Any, path: str) -> Iterator[str]:
    children = getattr(command, "commands", {})
    if path != "stratumd" and (not children or getattr(command, "invoke_without_command", False)):
        yield _command(command, path)
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


def _command(command: Any, path: str) -> str:
    wanted = [each for each in command.params if each.name != "help"]
    arguments = [each for each in wanted if each.param_type_name == "argument"]
    shown = " ".join([path, *[_metavar(each) for each in arguments]])
    rows = [(_flag(each), each.help or "", _default(each.default)) for each in wanted]
    text = f"## `{shown}`\n\n{inspect.cleandoc(command.help or '')}"
    return f"{text}\n\n{table(('', 'meaning', 'default'), *rows)}" if rows else text


def _metavar(argument: Any) -> str:
    word = (argument.metavar or argument.name).strip("[]").upper() + ("…" if argument.nargs == -1 else "")
    return word if argument.required else f"[{word}]"


def _flag(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_metavar(parameter)}`"
    return ", ".join(f"`{each}`" for each in parameter.opts)


# Options


def configuration() -> str:
    """Describe the file's own sections; the options of components are on the page about plugins."""
    sections: dict[str, tuple[type[BaseModel], str]] = {
        "database": (models.Database, "Where everything is stored: a URL, or a section."),
        "retention": (models.Retention, "How long rows are kept. Without the section, for ever."),
        "alerts": (alerts.Alerts, "What the operator is told; see [monitoring](../how-to/monitoring.md)."),
        "http": (models.HttpSpec, "Health, status and metrics. `http: off` for none."),
        "log": (models.LogSpec, "What is logged, and how."),
        "sources.*.schedule": (schedules.Schedule, "When a source is polled; a continuous source takes none."),
        "sources.*.schedule.cadence[]": (schedules.Band, "A band of a cadence of your own."),
        "sources.*.budget": (schedules.Budget, "What a source may spend."),
        "pipelines.*.jobs[].schedule": (Timetable, "When a job runs; as often as the job itself says without it."),
        "pipelines.*.pricing": (models.PricingMethods, "How the margin is taken out of prices."),
        "pipelines.*.quality": (models.QualityRules, "What counts as wrong in quotes."),
        "pipelines.*.pricing.margins.*": (
            models.Margins,
            "σ of your own for a sport, by its key; see [the numbers](../explanation/numbers.md).",
        ),
        "pipelines.*.sinks[].when": (models.When, "Which signals a sink gets."),
        "pipelines.*.sinks[].digest": (
            digests.SignalDigest,
            "A sink's signals in one message a day or a week; see [digests](../how-to/digests.md).",
        ),
    }
    own = table(
        ("key", "in", "meaning"),
        ("`use`", "a source", "the plugin that polls"),
        ("`enabled`", "a source, a detector, a job, a sink", "`true`, `false`, `if-env NAME` or `unless-env NAME`"),
        ("`schedule`", "a source, a job", "below"),
        ("`budget`", "a source", "below"),
        ("`sources`", "a pipeline", "the names of the sources that feed it"),
        ("`detectors`", "a pipeline", "in this order: a detector reads what those before it recorded"),
        ("`jobs`", "a pipeline", "what is done with the stored history, on a schedule"),
        ("`sinks`", "a pipeline", "where its signals go"),
        ("`operators`", "a pipeline", "operator: its books; books of one operator count once"),
        ("`pricing`", "a pipeline", "below"),
        ("`quality`", "a pipeline", "below"),
        ("`name`", "a sink", "tells two sinks of one kind apart"),
        ("`when`", "a sink", "below"),
        (
            "`notices`",
            "a sink",
            "`true` where the daemon's own messages go there too; `info`, `warning` or `error` for those of this "
            "severity and above",
        ),
        ("`digest`", "a sink", "its signals in one message a day or a week: below"),
    )
    parts = [
        "# Configuration\n\nOne YAML file. `stratumd check` names every mistake at its line and column; "
        "`stratumd config show` prints what is in effect and where each value comes from; `stratumd schema` prints "
        "the JSON Schema that editors complete from.\n\n"
        "Durations are `30s`, `10m`, `2h`, `14d`, or sums such as `1h30m`. A text may refer to a secret: "
        "`${env:NAME}`, `${env:NAME:-default}`, `${file:/path}`, `${cred:name}` (systemd credentials). References are "
        "resolved on the parsed value, never in the text of the file, and a missing one is an error only where the "
        "component is enabled.\n\n"
        "A component's options stand beside core's own keys. An item of a list is a name, or a name with its "
        f"options: `- steam: {{window: 3m}}`. Options of components: [plugins](plugins.md).\n\n{own}"
    ]
    for name, (model, text) in sections.items():
        parts.append(f"## `{name}`\n\n{text}\n\n{_options(model)}")
    return "\n\n".join(parts)


def plugins(registry: Registry) -> str:
    """Describe the options of every component of every bundled plugin."""
    parts = [
        "# Bundled plugins and their options\n\nEach has a page of its own beside its code. `stratumd plugins` lists "
        "what is installed, a stranger's plugins too."
    ]
    for kind in ("source", "normalizer", "detector", "sink", "job", "report", "strategy", "routes"):
        for name, registered in sorted(registry.of(kind).items()):
            parts.append(_component(kind, name, registered.component, registered.plugin))
    return "\n\n".join(parts)


def _component(kind: str, name: str, component: type[Component], plugin: str) -> str:
    own = inspect.cleandoc(component.__doc__ or "")
    heading = f"## {kind} `{name}`\n\n{own}\n\n[More](../../plugins/{plugin}/README.md)"
    facts: list[str] = []
    if kind == "routes":
        facts += _services(component)
    elif needs := getattr(component, "needs", ()):
        facts.append(f"Needs before it: {_codes(needs)}.")
    if kind != "routes" and (provides := getattr(component, "provides", ())):
        facts.append(f"Records: {_codes(provides)}.")
    if given := getattr(component, "signals", {}):
        facts.append("Signals: " + ", ".join(f"[`{each}`](signals.md#{each.lower()})" for each in given) + ".")
    if note := getattr(component, "annotates", None):
        facts.append(
            "Adds to the metadata of signals: " + ", ".join(f"`{component.name}.{n}`" for n, _, _ in _fields(note))
        )
    if shadow := getattr(component, "shadow", ()):
        facts.append(f"In shadow, unless `when.types` names them: {_codes(sorted(shadow))}.")
    options = _options(component.config) if component.config.model_fields else "No options."
    return "\n\n".join([heading, *([" ".join(facts)] if facts else []), options])


def _services(component: Any) -> Iterator[str]:
    """Say what routes ask of other routes, and offer to them."""
    if component.needs:
        yield f"Needs of other routes: {_codes(kind.__name__ for kind in component.needs)}."
    if component.provides:
        yield f"Provides to other routes: {_codes(kind.__name__ for kind in component.provides)}."


def _codes(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _options(model: type[BaseModel]) -> str:
    return table(("option", "type", "default", "meaning"), *_option_rows(model, ""))


def _option_rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, option in model.model_fields.items():
        nested = option.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            yield from _option_rows(nested, f"{prefix}{name}.")
            continue
        default = "required" if option.is_required() else _default(option.get_default(call_default_factory=True))
        yield f"`{prefix}{name}`", _type(option.annotation), default, option.description or ""


def _default(value: Any) -> str:
    if value is None or value in ((), "", {}) or value is Ellipsis:
        return ""
    if isinstance(value, bool):
        return "" if value is False else "`true`"
    return f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    """Return a value as YAML writes it in one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, timedelta):
        return format_duration(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


PLAIN = {
    str: "text", int: "whole number", float: "number", bool: "true or false", timedelta: "duration", Secret: "secret",
    Path: "path", Any: "anything",
}  # fmt: skip


def _type(annotation: Any, null: str = "") -> str:
    """Say a type in words; `null` is the word for None."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is typing.Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words for each in arguments if (words := _type(each, null)))
    if origin in (tuple, list, frozenset, set):
        if origin is tuple and Ellipsis not in arguments:
            return f"[{', '.join(map(_type, arguments))}]"
        return f"list of {_type(arguments[0])}"
    if origin is not None and issubclass(origin, typing.cast(Any, typing.get_origin(typing.Mapping[str, str]))):
        return f"{_type(arguments[0])}: {_type(arguments[1])}"
    if annotation is type(None):
        return null
    if annotation in PLAIN:
        return PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return f"`{annotation.__name__}`"
    return str(getattr(annotation, "__name__", annotation))


# Signals


def signals(registry: Registry) -> str:
    """Describe what every signal has, and the metadata of each type."""
    said = docstrings.of_fields(Finding) | SIGNAL
    fields = [(f"`{name}`", _signal_type(name, hint), said[name]) for name, hint, _ in _fields(Signal)]
    parts = [
        "# Signals\n\nThe JSON object that every sink, `stratumd signals --json` and `stratumd replay --out` show. "
        "Times are ISO 8601 in UTC, prices decimal odds, lines points. The strength is a ranking from 1 to 100, not "
        f"a probability. Fields may be added; none is taken away.\n\n{table(('field', 'type', 'meaning'), *fields)}"
    ]
    for name, registered in sorted(registry.detectors.items()):
        for type_, metadata in registered.component.signals.items():
            text = f"## {type_}\n\nFrom [`{name}`](plugins.md#detector-{name}). Its `metadata`:"
            parts.append(text + "\n\n" + "\n\n".join(_structs(metadata)))
    return "\n\n".join(parts)


SIGNAL = {
    "id": "The same for the same signal: after a restart, on another machine, in replay.",
    "type": "`STEAM` and so on: below, or in a plugin's own page.",
    "pipeline": "The pipeline that gave it.",
    "detector": "The detector that found it.",
    "detector_version": "The detector's version: another version, another id.",
    "sport": "The provider's key, such as `basketball_nba`.",
    "event": "The provider's id of the event.",
    "home": "The home team.",
    "away": "The away team.",
    "commence_at": "The start as it was announced at the time.",
    "market": "The market's key, such as `spreads`.",
    "player": "The player, in a player's market.",
    "books": "The books that it is about.",
    "observed_at": "When the observation that made it was received.",
    "expires_at": "When it is no longer worth acting on.",
    "observation": "The id of that observation: `stratumd` keeps it as it was received.",
    "metadata": "What made it, by type: below.",
}
"""What the docstrings of `Finding` do not say already."""


def _signal_type(name: str, hint: Any) -> str:
    """Say the type as JSON shows it: `Signal.public` writes times as texts."""
    words = "object" if name == "metadata" else _type(hint, null="null")
    return words.replace("whole number", "time") if name.endswith("_at") else words


def _structs(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Describe a struct, then those that it is made of."""
    waiting, seen = [struct], {struct}
    while waiting:
        each = waiting.pop(0)
        rows = [(f"`{name}`", _type(hint, null="null"), text) for name, hint, text in _fields(each)]
        title = "" if each is struct else f"`{each.__name__}`: {inspect.cleandoc(each.__doc__ or '')}\n\n"
        yield title + table(("field", "type", "meaning"), *rows)
        for _, hint, _ in _fields(each):
            for part in _inner(hint):
                if part not in seen:
                    seen.add(part)
                    waiting.append(part)


def _inner(hint: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in typing.get_args(hint):
        yield from _inner(part)


def _fields(struct: type[msgspec.Struct]) -> list[tuple[str, Any, str]]:
    """Return name as encoded, type and docstring of each field."""
    hints, texts = typing.get_type_hints(struct), docstrings.of_fields(struct)
    return [
        (field.encode_name, hints[field.name], texts.get(field.name, "")) for field in msgspec.structs.fields(struct)
    ]


# The rest


def metrics() -> str:
    """Describe every metric."""
    rows = [
        (f"`{each.name}{'_total' if each.type == 'counter' else ''}`", each.type, each.documentation)
        for each in Metrics().registry.collect()
    ]
    return (
        "# Metrics\n\n`/metrics`, in the text format of Prometheus. Base units; no event, market or key is a label.\n\n"
        + table(("metric", "type", "meaning"), *rows)
    )


def hooks() -> str:
    """Describe every hook, and name the MUSTs."""
    found = [
        (name, each)
        for name, each in vars(hookspecs).items()
        if inspect.isfunction(each) and name.startswith("register")
    ]
    sections = [
        f"## `{name}() -> {each.__annotations__['return']}`\n\n{inspect.cleandoc(each.__doc__ or '')}"
        for name, each in found
    ]
    intro = f"# Hooks\n\n{inspect.cleandoc(hookspecs.__doc__ or '')} How: [plugin authors](../plugin-authors/index.md)."
    numbers = table(("MUST", ""), *[(number, text) for number, text in musts().items()])
    return "\n\n".join([intro, *sections, f"## What a component must do\n\n{numbers}"])


# What authors of plugins import

PUBLIC = {
    "stratumd.plugin": (
        "components", "options", "values", "tick", "market", "lines", "gates", "jobs", "strategies", "notices", "times",
        "feed", "wording", "compared", "strict",
    ),
    "stratumd.plugin.routes": (),
    "stratumd.plugin.operations": (),
    "stratumd.plugin.desk": (),
    "stratumd.plugin.history": (),
    "stratumd.plugin.pages": (),
    "stratumd.plugin.evidence": (),
    "stratumd.client": (),
    "stratumd.client.asking": (),
    "stratumd.recording": (),
    "stratumd.testing.harness": (),
    "stratumd.testing.conformance": (),
    "stratumd.testing.lent": (),
    "stratumd.testing.site": (),
    "stratumd.testing.samples": (),
    "stratumd.testing.clock": (),
    "stratumd.testing.jobs": (),
    "stratumd.testing.house": (),
}  # fmt: skip
"""What is imported, with the modules behind it where these are private, in the order of the page."""
CORES = "Only the board does this."
"""Ends the docstring of what is public for core's sake."""
LONG = 100
"""Characters of a constant's value that are not shown any more."""


def plugin_api() -> str:
    """Describe what a plugin imports: every class with its fields and methods, every function."""
    intro = (
        "# What plugins import\n\nEvery public class and function, with its fields and methods. Times are whole "
        "microseconds since 1970 UTC (`Micros`), prices decimal odds, lines points. How to use it: "
        "[plugin authors](../plugin-authors/index.md); mathematics: the docstrings of `stratumd.odds`; what may be "
        "raised: [errors](errors.md)."
    )
    parts = [intro]
    for module, behind in PUBLIC.items():
        exported = getattr(import_module(module), "__all__", None)
        described = [
            text
            for each in ([f"{module}.{name}" for name in behind] or [module])
            for name, text in _definitions(each)
            if (exported is None and not name.startswith("_")) or (exported is not None and name in exported)
        ]
        said = "" if behind else f"{_module(module)}\n\n"
        parts.append(f"## `{module}`\n\n{said}" + "\n\n".join(described))
    return "\n\n".join(parts)


def _module(name: str) -> str:
    """Return what a module says of itself. Its example is a part of one: no whole program, as on other pages."""
    return inspect.cleandoc(import_module(name).__doc__ or "").replace("```python", "```")


def _definitions(module: str) -> Iterator[tuple[str, str]]:
    """Yield what a module defines, by name, as the page shows it. It is read from the source: there are the words."""
    body = ast.parse(inspect.getsource(import_module(module))).body
    for node, text in zip(body, _texts(body), strict=True):
        if isinstance(node, ast.ClassDef):
            yield node.name, _class(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_overload(node):
            yield node.name, f"### `{_call(node)}`\n\n{_doc(node)}"
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            name, value = _target(node), ast.unparse(node.value)
            shown = f"`{value}`" if len(value) < LONG else ""
            yield name, f"### `{name}`\n\n" + ": ".join(part for part in (shown, text) if part)


def _class(node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(each) for each in node.bases)
    parts = [f"### `{node.name}({bases})`" if bases else f"### `{node.name}`", _doc(node)]
    made = next((each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None)
    if made is not None and _arguments(made) not in ("", "options: Any", "options: Any, context: Context"):
        parts.append(f"Made by `{node.name}({_arguments(made)})`. {_flat(_doc(made))}".strip())
    fields = [*_class_fields(node.body), *(_attributes(made) if made is not None else ())]
    if fields:
        parts.append(table(("field", "type", "default", "meaning"), *fields))
    methods = [
        f"* `{each.name if _is_property(each) else _call(each)}`: {_flat(_doc(each))}"
        for each in node.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and not each.name.startswith("_")
        and not _doc(each).endswith(CORES)
    ]
    return "\n\n".join([*(part for part in parts if part), *(["\n".join(methods)] if methods else [])])


def _class_fields(body: list[ast.stmt]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the public fields that a class declares."""
    for each, text in zip(body, _texts(body), strict=True):
        if isinstance(each, ast.AnnAssign) and not _target(each).startswith("_"):
            value = f"`{ast.unparse(each.value)}`" if each.value is not None else ""
            yield f"`{_target(each)}`", f"`{ast.unparse(each.annotation)}`", value, text


def _attributes(made: ast.FunctionDef) -> Iterator[tuple[str, str, str, str]]:
    """Yield the public attributes that `__init__` sets; one that is just an argument is of that argument's type."""
    given = {each.arg: each.annotation for each in (*made.args.args, *made.args.kwonlyargs)}
    for each, text in zip(made.body, _texts(made.body), strict=True):
        target = each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
        if isinstance(target, ast.Attribute) and not target.attr.startswith("_"):
            value = getattr(each, "value", None)
            argument = given.get(value.id) if isinstance(value, ast.Name) else None
            kind = getattr(each, "annotation", argument)
            yield f"`{target.attr}`", f"`{ast.unparse(kind)}`" if kind is not None else "", "", text


def _texts(body: list[ast.stmt]) -> list[str]:
    """Return for each statement the docstring that stands below it."""
    found = [
        each.value.value if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) else "" for each in body
    ]
    return [_flat(text) if isinstance(text, str) else "" for text in (*found[1:], "")[: len(body)]]


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    """Return the name that a statement sets; `_` where it sets anything else."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return target.id if isinstance(target, ast.Name) else "_"


def _doc(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.get_docstring(node) or ""


def _flat(text: str) -> str:
    return " ".join(text.split())


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.unparse(node.args).removeprefix("self").removeprefix("cls").removeprefix(", ")


def _call(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    result = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}{node.name}({_arguments(node)}){result}"


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(each) == "property" for each in node.decorator_list)


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(each) == "overload" for each in node.decorator_list)


def error_tree() -> str:
    """Describe every error."""
    tree = inspect.cleandoc(errors.__doc__ or "").removesuffix("The docstring of a class is its default message.")
    rows = []
    for name in errors.__all__:
        each = getattr(errors, name)
        if isinstance(each, type) and issubclass(each, errors.StratumError):
            rows.append((f"`{name}`", inspect.cleandoc(each.__doc__ or ""), str(each.exit_code)))
    text = (
        "A plugin raises those of its side: a source yields a `SourceError` in its poll, a sink raises `DeliveryError`."
    )
    return f"# Errors\n\n{tree.strip()}\n\n{text}\n\n{table(('error', 'message', 'exit code'), *rows)}"


if __name__ == "__main__":
    main()
