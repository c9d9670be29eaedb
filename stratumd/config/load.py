"""From a file to a configuration, or to all of its mistakes at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from stratumd import registry
from stratumd.config import pipelines, serving, sources
from stratumd.config.alerts import Alerts
from stratumd.config.document import Items, Node, Scalar, Table, read
from stratumd.config.models import Database, LogSpec, Retention
from stratumd.config.options import Owner, read_options
from stratumd.config.reader import Reader
from stratumd.config.references import Surroundings
from stratumd.config.report import Report, Span
from stratumd.config.spec import Config, SourceSpec
from stratumd.errors import ConfigError, Problem
from stratumd.redaction import learn

KEYS = ("database", "retention", "alerts", "log", "http", "sources", "pipelines")
"""The keys of a configuration, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that is YAML and a mapping, before anything in it was understood."""

    path: Path
    root: Table
    report: Report
    surroundings: Surroundings


def load_config(path: Path, *, env: Mapping[str, str] | None = None, extra: Iterable[ModuleType] = ()) -> Config:
    """Read, resolve and check a configuration. `ConfigError` holds every mistake, each with its place.

    Nothing is connected to. `env` replaces the environment; `extra` are plugins that are not installed.
    """
    return understand(open_document(path, env=env), extra=extra)


def open_document(path: Path, *, env: Mapping[str, str] | None = None) -> Document:
    """Read a file as YAML. `ConfigError` where it is not there, or no mapping."""
    text = _text(path)
    report = Report(str(path), text)
    node = read(text, report)
    if not isinstance(node, Table):
        if node is not None:
            report.add(node.span, "expected a mapping", hint="a configuration begins with keys such as 'sources:'")
        report.close()
        report.add(Span(1, 1), "the file is empty", hint="'stratumd init' writes a commented one")
        report.close()
    assert isinstance(node, Table)
    return Document(path, node, report, Surroundings(os.environ if env is None else env, path.parent))


def understand(document: Document, *, extra: Iterable[ModuleType] = ()) -> Config:
    """Return the configuration that a file holds. `ConfigError` holds every mistake."""
    root, report = document.root, document.report
    tables = {key: _part(root, key, report) for key in ("sources", "pipelines")}
    named = [
        *sources.named_plugins(tables["sources"]),
        *pipelines.named_plugins(tables["pipelines"]),
        *serving.named_plugins(root),
    ]
    available = registry.discover()
    plugins = registry.load([name for name in dict.fromkeys(named) if name in available], extra=extra)
    reader = Reader(report, document.surroundings, plugins)
    reader.known_keys(root, KEYS, "the configuration")
    fed = sources.read_sources(tables["sources"], reader)
    read_pipelines = pipelines.read_pipelines(tables["pipelines"], fed, reader)
    _unused(tables, fed, report)
    database, log = _database(reader, root), reader.section(LogSpec, root, "log")
    alerts = reader.section(Alerts, root, "alerts")
    retention = reader.section(Retention, root, "retention") if "retention" in root.entries else None
    http, routes = serving.read_http(root, reader)
    warnings = report.close()
    # From here on nothing is wrong: whatever could not be read has been reported, and reports with errors do not close.
    assert database is not None, "a database that cannot be read is an error"
    assert log is not None, "a log that cannot be read is an error"
    known = {name: source for name, source in fed.items() if source is not None}
    return Config(
        path=document.path,
        database=database,
        sources=known,
        pipelines=read_pipelines,
        http=http,
        log=log,
        registry=plugins,
        warnings=warnings,
        absent=tuple(reader.absent),
        retention=retention,
        routes=routes,
        alerts=alerts or Alerts(),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; name another (-c FILE), or let 'stratumd init' write one"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a folder; name the file in it") from None
    except PermissionError:
        raise ConfigError(
            f"{path}: user id {os.geteuid()} may not read it; give it the right to, here and on the folders above"
            " (chmod, chown), or name another (-c FILE)"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name another (-c FILE)") from None
    except UnicodeDecodeError as error:
        raise ConfigError([_not_text(path, error)]) from None


def _not_text(path: Path, error: UnicodeDecodeError) -> Problem:
    before = error.object[: error.start]
    line = before.count(b"\n") + 1
    column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
    return Problem("this is not UTF-8", str(path), line, column, hint="save the file as UTF-8")


def _part(root: Table, key: str, report: Report) -> Table:
    """Return `sources` or `pipelines`; there must be one of each."""
    entry = root.entries.get(key)
    if entry is None:
        report.add(Span(1, 1), f"no {key} are configured", hint=f"add '{key}:'; 'stratumd init' writes an example")
        return Table({}, Span(1, 1))
    if isinstance(entry.node, Table) and entry.node.entries:
        return entry.node
    if isinstance(entry.node, Table) or _empty(entry.node):
        report.add(entry.key, f"no {key} are configured", hint="add one below, indented: 'name:'")
    else:
        report.add(entry.node.span, f"{key!r}: expected a mapping", hint="write names below it, indented: 'name:'")
    return Table({}, entry.key)


def _unused(tables: Mapping[str, Table], fed: Mapping[str, SourceSpec | None], report: Report) -> None:
    """Warn of sources that no pipeline reads: they cost credits and give no signal."""
    read = set[str]()
    for entry in tables["pipelines"].entries.values():
        listed = entry.node.get("sources") if isinstance(entry.node, Table) else None
        if isinstance(listed, Items):
            read |= {node.text for node in listed.items if isinstance(node, Scalar)}
    for name, entry in tables["sources"].entries.items():
        spec = fed[name]
        if name not in read and spec is not None and spec.enabled:
            hint = "list it under 'sources' of one, or set 'enabled: false'"
            report.add(entry.key, f"no pipeline reads source {name!r}", hint=hint, severity="warning")


def _database(reader: Reader, root: Table) -> Database | None:
    """Return the database, given as a URL or as a mapping of `url` and `password`."""
    found = _read_database(reader, root)
    learn(found and found.secret)
    return found


def _read_database(reader: Reader, root: Table) -> Database | None:
    entry = root.entries.get("database")
    if entry is None or isinstance(entry.node, Table):
        return reader.section(Database, root, "database")
    url = Table({"url": entry}, entry.key)
    owner = Owner("'database'", entry.key, single=True)
    return read_options(Database, url, owner, reader.report, reader.surroundings)


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
