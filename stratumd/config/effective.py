"""What a configuration amounts to, value by value, each with where it comes from; secrets are never shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from stratumd.config.alerts import Alerts
from stratumd.config.defaults import default_of
from stratumd.config.digests import SignalDigest
from stratumd.config.document import Items, Node, Scalar, Table
from stratumd.config.listed import Item, read_items
from stratumd.config.load import Document
from stratumd.config.models import Database, HttpSpec, LogSpec, PricingMethods, QualityRules, Retention, When
from stratumd.config.options import is_secret, names, nested_models
from stratumd.config.reader import Reader, condition
from stratumd.config.references import Surroundings, Unresolved, parts, references
from stratumd.config.report import Span
from stratumd.config.schedules import Budget, Schedule
from stratumd.config.spec import Config
from stratumd.config.timetable import Timetable
from stratumd.registry import RESERVED

SECRET = "***"  # noqa: S105 - what is shown in place of one

Path = tuple[str, ...]
"""Keys from the outermost on; an item of a list stands there as its number, from 0."""


class Value(NamedTuple):
    """One value of the configuration."""

    path: Path
    value: Any
    """What a YAML or JSON file would hold; `***` for a secret."""
    origin: str
    """`default`, `file:line`, `env:NAME`, `file:/path` or `cred:name`."""


def effective(document: Document, config: Config) -> Iterator[Value]:
    """Yield every value of `config`, which was read from `document`, in the order of the file."""
    return _View(document, config).values()


class _View:
    def __init__(self, document: Document, config: Config) -> None:
        self.root = document.root
        self.file = document.path.name
        self.surroundings = document.surroundings
        self.registry = config.registry
        self.reader = Reader(document.report, document.surroundings, config.registry)

    def values(self) -> Iterator[Value]:
        yield from self._database()
        if "retention" in self.root.entries:
            yield from self._model(("retention",), Retention, self._table("retention"))
        yield from self._model(("alerts",), Alerts, self._table("alerts"))
        yield from self._model(("log",), LogSpec, self._table("log"))
        yield from self._http()
        for name, entry in self._table("sources").entries.items():
            yield from self._source(("sources", name), _table(entry.node))
        for name, entry in self._table("pipelines").entries.items():
            yield from self._pipeline(("pipelines", name), _table(entry.node))

    def _table(self, key: str) -> Table:
        return _table(self.root.get(key))

    def _database(self) -> Iterator[Value]:
        entry = self.root.entries.get("database")
        table = _table(entry.node) if entry else _NOTHING
        if entry is not None and isinstance(entry.node, Scalar):
            table = Table({"url": entry}, entry.key)
        for path, value, origin in self._model(("database",), Database, table):
            shown = Database.model_construct(url=value).shown_url() if path[-1] == "url" else value
            yield Value(path, shown, origin)

    def _http(self) -> Iterator[Value]:
        entry = self.root.entries.get("http")
        if entry is None or (isinstance(entry.node, Scalar) and entry.node.value is not None):
            yield Value(("http",), "off", "default" if entry is None else self._line(entry.key))
        else:
            table = _table(entry.node)
            yield from self._model(("http",), HttpSpec, table)
            listed = table.get("routes")
            for index, item in enumerate(
                read_items(listed.items if isinstance(listed, Items) else [], "routes", self.reader)
            ):
                yield from self._component(("http", "routes", str(index), item.name), "routes", item)

    def _source(self, path: Path, table: Table) -> Iterator[Value]:
        yield from self._written(path, table, ("use", "isolate", "on_error"))
        yield from self._enabled(path, table)
        found = self.registry.sources.get(_text(table.get("use")))
        if "schedule" in table.entries:
            yield from self._model((*path, "schedule"), Schedule, _table(table.get("schedule")), given=True)
        if "budget" in table.entries:
            yield from self._model((*path, "budget"), Budget, _table(table.get("budget")), given=True)
        if found is not None:
            yield from self._model(path, found.component.config, table, skip=RESERVED["source"])

    def _pipeline(self, path: Path, table: Table) -> Iterator[Value]:
        yield from self._written(path, table, ("sources",))
        for kind in ("detector", "job", "sink"):
            listed = table.get(f"{kind}s")
            items = read_items(listed.items if isinstance(listed, Items) else [], kind, self.reader)
            for index, item in enumerate(items):
                yield from self._component((*path, f"{kind}s", str(index), item.name), kind, item)
        yield from self._model((*path, "pricing"), PricingMethods, _table(table.get("pricing")))
        yield from self._model((*path, "quality"), QualityRules, _table(table.get("quality")))
        yield from self._written(path, table, ("operators",))

    def _component(self, path: Path, kind: str, item: Item) -> Iterator[Value]:
        yield from self._written(path, item.options, ("name", "notices", "isolate", "on_error"))
        yield from self._enabled(path, item.options, at=item.at)
        found = self.registry.of(kind).get(item.name)
        if found is not None:
            yield from self._model(path, found.component.config, item.options, skip=RESERVED[kind])
        if kind == "job" and "schedule" in item.options.entries:
            yield from self._model((*path, "schedule"), Timetable, _table(item.options.get("schedule")), given=True)
        if "when" in item.options.entries:
            yield from self._model((*path, "when"), When, _table(item.options.get("when")), given=True)
        if kind == "sink" and "digest" in item.options.entries:
            yield from self._model((*path, "digest"), SignalDigest, _table(item.options.get("digest")))

    def _enabled(self, path: Path, table: Table, at: Span | None = None) -> Iterator[Value]:
        """Say what a condition comes to; a component without one is enabled."""
        node = table.get("enabled")
        if isinstance(node, Scalar):
            verdict = condition(node, self.surroundings)
            origin = self._line(node.span)
            yield Value(
                (*path, "enabled"), verdict, origin if isinstance(node.value, bool) else f"{node.text}, {origin}"
            )
        elif at is not None:
            yield Value((*path, "enabled"), True, self._line(at))

    def _model(
        self, path: Path, model: type[BaseModel], table: Table, *, skip: Collection[str] = (), given: bool = False
    ) -> Iterator[Value]:
        """Yield the options of a model; with `given`, only those that the file has."""
        for name, info in names(model).items():
            entry = table.entries.get(name)
            inner = next(nested_models(info.annotation), None)
            if name in skip or (given and entry is None):
                continue
            if entry is not None and is_secret(info.annotation):
                yield Value((*path, name), SECRET, self._origin(entry.node))
            elif inner is not None and (entry is None or isinstance(entry.node, Table)) and _direct(info, inner):
                yield from self._model((*path, name), inner, _table(entry.node if entry else None))
            elif entry is not None:
                yield from self._node((*path, name), entry.node)
            else:
                yield Value((*path, name), default_of(info), "default")

    def _written(self, path: Path, table: Table, keys: tuple[str, ...]) -> Iterator[Value]:
        for key in keys:
            node = table.get(key)
            if node is not None:
                yield from self._node((*path, key), node)

    def _node(self, path: Path, node: Node) -> Iterator[Value]:
        if isinstance(node, Table) and node.entries:
            for key, entry in node.entries.items():
                yield from self._node((*path, key), entry.node)
        else:
            yield Value(path, self._shown(node), self._origin(node))

    def _shown(self, node: Node) -> Any:
        if isinstance(node, Table):
            return {key: self._shown(entry.node) for key, entry in node.entries.items()}
        if isinstance(node, Items):
            return [self._shown(item) for item in node.items]
        return _resolved(node, self.surroundings) if isinstance(node.value, str) else node.value

    def _origin(self, node: Node) -> str:
        """Name the references in a value, or the line that it stands in."""
        used = list(dict.fromkeys(reference.origin for reference in _references(node)))
        return ", ".join(used) if used else self._line(node.span)

    def _line(self, span: Span) -> str:
        return f"{self.file}:{span.line}"


_NOTHING = Table({}, Span(1, 1))


def _table(node: Node | None) -> Table:
    return node if isinstance(node, Table) else _NOTHING


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _references(node: Node) -> Iterator[Any]:
    if isinstance(node, Scalar):
        yield from references(node.text)
    else:
        inside = [entry.node for entry in node.entries.values()] if isinstance(node, Table) else node.items
        for inner in inside:
            yield from _references(inner)


def _resolved(node: Scalar, surroundings: Surroundings) -> str:
    """Return a text with its references resolved; one that gives nothing stays as it is written."""
    text = ""
    for part in parts(node.text):
        try:
            text += part.text if part.reference is None else surroundings.value(part.reference)
        except Unresolved:
            text += part.text
    return text


def _direct(info: Any, inner: type[BaseModel]) -> bool:
    """Say whether an option is one nested model, not a list or mapping of them."""
    return info.annotation is inner or (info.annotation == inner | None and info.default is not None)
