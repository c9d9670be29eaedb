"""Which references of a file resolve, and from where; never to what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stratumd.config.document import Items, Node, Scalar, Table
from stratumd.config.load import Document
from stratumd.config.reader import condition
from stratumd.config.references import Surroundings, Unresolved, references


class Use(NamedTuple):
    """One reference in the file."""

    path: str
    """The option's path, such as `sources.nba.api_key` or `pipelines.nba.sinks.0.discord.webhook`."""
    line: int
    reference: str
    """As written, without its default."""
    enabled: bool
    """Whether the component that it belongs to is enabled."""
    state: str
    """`resolves`, `default`, or why it gives nothing."""

    @property
    def missing(self) -> bool:
        """True where an enabled component would not start for want of it."""
        return self.enabled and self.state not in ("resolves", "default")


def uses(document: Document) -> Iterator[Use]:
    """Yield every reference of the file in order, whatever else may be wrong with it."""
    stopped = _stopped_pipelines(document)
    yield from _walk(document.root, (), True, document.surroundings, stopped)


def _walk(
    node: Node, path: tuple[str, ...], enabled: bool, surroundings: Surroundings, stopped: set[str]
) -> Iterator[Use]:
    if isinstance(node, Scalar):
        for reference in references(node.text):
            written = f"${{{reference.origin}}}"
            state = _state(node, reference.written, surroundings)
            yield Use(".".join(path), node.span.line, written, enabled, state)
    elif isinstance(node, Items):
        for index, item in enumerate(node.items):
            place = (*path, str(index)) if isinstance(item, Table) else path
            yield from _walk(item, place, enabled, surroundings, stopped)
    else:
        enabled = enabled and _enabled(node, surroundings) and not (path[:1] == ("pipelines",) and path[-1] in stopped)
        for key, entry in node.entries.items():
            yield from _walk(entry.node, (*path, key), enabled, surroundings, stopped)


def _state(node: Scalar, written: str, surroundings: Surroundings) -> str:
    reference = references(written)[0]
    try:
        surroundings.value(reference)
    except Unresolved as problem:
        return str(problem)
    variable = reference.origin.removeprefix("env:")
    by_default = ":-" in written and not surroundings.set(variable)
    return "default" if by_default else "resolves"


def _enabled(table: Table, surroundings: Surroundings) -> bool:
    node = table.get("enabled")
    return node is None or condition(node, surroundings) is not False


def _stopped_pipelines(document: Document) -> set[str]:
    """Return the pipelines that do not run, because none of their sources is enabled."""
    sources, pipelines = document.root.get("sources"), document.root.get("pipelines")
    if not (isinstance(sources, Table) and isinstance(pipelines, Table)):
        return set()
    off = {
        name
        for name, entry in sources.entries.items()
        if isinstance(entry.node, Table) and not _enabled(entry.node, document.surroundings)
    }
    return {name for name, entry in pipelines.entries.items() if _listed(entry.node) and _listed(entry.node) <= off}


def _listed(pipeline: Node) -> set[str]:
    listed = pipeline.get("sources") if isinstance(pipeline, Table) else None
    return {node.text for node in listed.items if isinstance(node, Scalar)} if isinstance(listed, Items) else set()
