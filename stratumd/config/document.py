"""A YAML file as a tree in which every key and every value knows its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ruamel.yaml import YAML, nodes
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError

from stratumd.config.report import Report, Span, names_secret
from stratumd.config.syntax import explain

Plain = str | int | float | bool | None
"""What a scalar of YAML 1.2 can be here; dates and times stay texts."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value."""

    value: Plain
    text: str
    """As written, without quotes."""
    span: Span


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: list[Node]
    span: Span


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order of the file."""

    entries: dict[str, Entry]
    span: Span
    repeated: list[tuple[str, Entry]] = field(default_factory=list)
    """Keys that stand there once more; only their first value counts."""

    def get(self, key: str) -> Node | None:
        """Return the value of `key`, or None where the key is not there."""
        entry = self.entries.get(key)
        return entry.node if entry else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place and its value."""

    key: Span
    node: Node


Node = Scalar | Items | Table


def read(text: str, report: Report) -> Node | None:
    """Return the tree of a YAML text; None where it holds nothing, or where its syntax is wrong.

    Mistakes of syntax, repeated keys and tags are added to `report`.
    """
    # Composed, not loaded: the nodes have the marks that loading throws away, and nothing is constructed from tags.
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # YAML lets the latest count, and a warning has no place in the file
    try:
        root = yaml.compose(text)
        return _Builder(report).build(root) if root is not None else None
    except MarkedYAMLError as error:
        explain(error, report)
    except YAMLError as error:  # a character that YAML does not allow; the reader knows only its position
        _unreadable(text, error, report)
    except RecursionError:
        report.add(Span(1, 1), "the file is nested too deeply to be a configuration")
    return None


def _unreadable(text: str, error: YAMLError, report: Report) -> None:
    position = getattr(error, "position", 0)
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    report.add(Span(line, column), "a character that YAML does not allow", hint="remove it; it may be invisible")


class _Builder:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.open: set[int] = set()
        """Nodes that are being built: one of them again is an alias inside its own anchor."""

    def build(self, node: nodes.Node, owner: Span | None = None) -> Node:
        span = self._span(node, owner)
        if isinstance(node, nodes.ScalarNode):
            return self._scalar(node, span)
        if id(node) in self.open:
            self.report.add(span, "an alias inside stands for all of this again", hint="write the value out")
            return Scalar(None, "", span)
        self.open.add(id(node))
        if isinstance(node, nodes.MappingNode):
            built: Node = self._table(node, span)
        else:
            built = Items([self.build(item) for item in node.value], span)
        self.open.discard(id(node))
        return built

    def _table(self, node: nodes.MappingNode, span: Span) -> Table:
        table = Table({}, span)
        merged: list[tuple[Span, nodes.Node]] = []
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                others = value.value if isinstance(value, nodes.SequenceNode) else [value]
                merged += [(self._span(key), other) for other in others]
            else:
                self._entry(table, key, value)
        for place, other in merged:
            self._merge(table, place, other)
        return table

    def _entry(self, table: Table, key: nodes.Node, value: nodes.Node) -> None:
        place = self._span(key)
        if not isinstance(key, nodes.ScalarNode):
            self.report.add(place, "a key must be a text", hint="quote a text that begins with [ or {")
            return
        entry = Entry(place, self.build(value, place))
        # By its name alone: whose option it is, and whether a model calls it a secret, may never be found out.
        if isinstance(entry.node, Scalar) and names_secret(key.value) and "${" not in entry.node.text:
            self.report.cover(entry.node.span)
        first = table.entries.setdefault(key.value, entry)
        if first is not entry:
            self._repeated(table, key.value, first, entry)

    def _repeated(self, table: Table, key: str, first: Entry, again: Entry) -> None:
        table.repeated.append((key, again))
        self.report.add(
            again.key,
            f"the key {key!r} is already there, in line {first.key.line}",
            hint="keep one of the two: YAML would silently drop the other",
        )

    def _merge(self, table: Table, place: Span, other: nodes.Node) -> None:
        if not isinstance(other, nodes.MappingNode) or id(other) in self.open:
            self.report.add(place, "only another mapping can be merged with '<<'", hint="write *anchor")
            return
        built = self.build(other)
        assert isinstance(built, Table)
        for key, entry in built.entries.items():
            table.entries.setdefault(key, entry)

    def _scalar(self, node: nodes.ScalarNode, span: Span) -> Scalar:
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        text: str = node.value
        if kind not in _READERS:
            if kind not in _TEXTS:
                self.report.add(span, f"the tag {kind!r} means nothing here", hint="remove it")
            return Scalar(text, text, span)
        try:
            return Scalar(_READERS[kind](text), text, span)
        except ValueError:
            self.report.add(span, f"this is no {_NAMES[kind]}", hint="quote it if it is a text")
            return Scalar(text, text, span)

    def _span(self, node: nodes.Node, owner: Span | None = None) -> Span:
        """Return where a node is; a block or nothing at all is shown at the key that it belongs to."""
        start, end = node.start_mark, node.end_mark
        empty = isinstance(node, nodes.ScalarNode) and node.style is None and not node.value
        block = isinstance(node, nodes.CollectionNode) and not node.flow_style
        if owner is not None and (empty or block):
            return owner
        if block and node.value:
            first = node.value[0]
            return self._span(first[0] if isinstance(first, tuple) else first)
        return Span(start.line + 1, start.column + 1, self._width(start, end))

    def _width(self, start: StringMark, end: StringMark) -> int:
        if end.line == start.line:
            return max(1, end.column - start.column)
        return max(1, len(self.report.line(start.line + 1).rstrip()) - start.column)


def _whole(text: str) -> int:
    digits = text.replace("_", "")
    try:
        return int(digits)
    except ValueError:
        return int(digits, 0)


def _number(text: str) -> float:
    return float(re.sub(r"\.(inf|nan)$", r"\1", text.replace("_", ""), flags=re.IGNORECASE))


def _truth(text: str) -> bool:
    return text.lower() in ("true", "yes", "on", "y")


def _nothing(text: str) -> None:
    return None


_READERS: dict[str, Callable[[str], Plain]] = {
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "null": _nothing,
}
_NAMES = {"int": "whole number", "float": "number", "bool": "true or false", "null": "null"}
_TEXTS = frozenset({"str", "timestamp", "value", "merge"})
