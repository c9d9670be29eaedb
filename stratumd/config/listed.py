"""Lists of plugins, whose order is the pipeline: a bare name, or one name with its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stratumd.config.document import Items, Node, Scalar, Table
from stratumd.config.reader import Reader
from stratumd.config.report import Span
from stratumd.registry import plugin_of


class Item(NamedTuple):
    """A component in a list."""

    name: str
    at: Span
    """Where its name stands."""
    options: Table


def plugins_in(node: Node | None) -> Iterator[str]:
    """Yield the plugins that a list names, whatever else is wrong with it."""
    for item in node.items if isinstance(node, Items) else []:
        if isinstance(item, Table):
            yield from map(plugin_of, item.entries)
        elif isinstance(item, Scalar) and isinstance(item.value, str):
            yield plugin_of(item.value)


def read_items(nodes: list[Node], kind: str, reader: Reader) -> Iterator[Item]:
    """Yield the detectors or sinks of a list, in order. An item that cannot be read is reported."""
    for node in nodes:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            yield Item(node.text, node.span, Table({}, node.span))
        elif isinstance(node, Table) and node.entries:
            yield from _with_options(node, kind, reader)
        else:
            reader.report.add(node.span, f"expected a {kind}", hint="write '- name', or '- name: {option: value}'")


def _with_options(table: Table, kind: str, reader: Reader) -> Iterator[Item]:
    (name, entry), *others = table.entries.items()
    for other, second in others:
        if plugin_of(other) in reader.registry.available:
            hint = f"begin each {kind} with its own dash: '- {other}'"
        else:
            hint = f"indent the options of {name!r} further than its name"
        reader.report.add(second.key, f"an item names one {kind}; {other!r} is one too many", hint=hint)
    options = reader.table(entry.node, f"{kind} {name!r}", entry.key)
    if options is not None:
        yield Item(name, entry.key, options)
