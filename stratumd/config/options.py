"""Options: from a mapping of the file to a pydantic model, every mistake at its own place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from stratumd.config.defaults import default_of
from stratumd.config.document import Items, Node, Scalar, Table
from stratumd.config.messages import Mistake, told
from stratumd.config.references import Surroundings, Unresolved, parts, references
from stratumd.config.report import Report, Span, names_secret
from stratumd.plugin import Secret
from stratumd.plugin.known import suggest
from stratumd.redaction import learn

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose options are being read."""

    label: str
    """As in a sentence: `source 'nba'`."""
    at: Span
    """Where it begins in the file."""
    docs: str | None = None
    single: bool = False
    """True where the file gives the first option alone, in place of a mapping."""
    nested: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Core's own sections beside the options, such as `when`, with their keys: some look for these one level up."""


@dataclass(slots=True)
class _Values:
    """The plain values of a mapping, and what is known about where they came from."""

    report: Report
    surroundings: Surroundings
    needed: bool
    """Whether a reference that gives nothing is a mistake."""
    docs: str | None = None
    missing: set[Span] = field(default_factory=set)
    resolved: list[str] = field(default_factory=list)

    def plain(self, node: Node) -> Any:
        if isinstance(node, Table):
            return {key: self.plain(entry.node) for key, entry in node.entries.items()}
        if isinstance(node, Items):
            return [self.plain(item) for item in node.items]
        return self._text(node) if isinstance(node.value, str) else node.value

    def _text(self, node: Scalar) -> str:
        return "".join(
            part.text if part.reference is None else self._resolved(node, part.text) for part in parts(node.text)
        )

    def _resolved(self, node: Scalar, written: str) -> str:
        reference = references(written)[0]
        try:
            value = self.surroundings.value(reference)
        except Unresolved as problem:
            self.missing.add(node.span)
            if self.needed or problem.malformed:
                place = _within(node, written, self.report)
                self.report.add(place, str(problem), hint=problem.hint, docs=self.docs)
            return ""
        self.resolved.append(value)
        return value


def _within(node: Scalar, written: str, report: Report) -> Span:
    """Return the place of a reference inside its scalar."""
    line = report.line(node.span.line)
    found = line.find(written.splitlines()[0] if written else written, node.span.column - 1)
    return node.span if found < 0 else Span(node.span.line, found + 1, min(len(written), len(line) - found))


def read_options(
    model: type[Model],
    table: Table,
    owner: Owner,
    report: Report,
    surroundings: Surroundings,
    *,
    skip: Collection[str] = (),
    needed: bool = True,
) -> Model | None:
    """Return the model that `table` without the keys `skip` describes, or None after adding to `report`.

    Where the options are not `needed` (their component is not enabled), references that give nothing are no
    mistakes, and then the result may be None with nothing added.
    """
    own = Table({key: entry for key, entry in table.entries.items() if key not in skip}, table.span)
    _cover(model, own, report)
    values = _Values(report, surroundings, needed, owner.docs)
    plain = values.plain(own)
    try:
        result = model.model_validate(plain)
    except ValidationError as invalid:
        for found in _by_place(invalid, own, owner):
            _add(found, model, owner, report, values)
        return None
    learn(result)
    return None if values.missing else result


def _by_place(invalid: ValidationError, table: Table, owner: Owner) -> Iterator[list[tuple[_Place, Mistake]]]:
    """Yield the mistakes of each place; a list is not called too short for want of its own wrong items."""
    found: dict[Span, list[tuple[_Place, Mistake]]] = {}
    for error in invalid.errors(include_url=False):
        place = _locate(table, error["loc"], owner)
        found.setdefault(place.span, []).append((place, told(error, place.node)))
    paths = [place.path for mistakes in found.values() for place, _ in mistakes]
    for mistakes in found.values():
        path = mistakes[0][0].path
        if not path or not any(len(other) > len(path) and other[: len(path)] == path for other in paths):
            yield mistakes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the file a pydantic error belongs."""

    span: Span
    path: tuple[str, ...]
    """The option's path inside its owner."""
    table: Table
    """The innermost mapping around it."""
    node: Node | None


def _locate(table: Table, loc: tuple[int | str, ...], owner: Owner) -> _Place:
    """Follow a pydantic location as far as the file has it; steps that it has not are types of a union."""
    node: Node = table
    around, span, path = table, owner.at, list[str]()
    for step in loc:
        if isinstance(node, Table) and isinstance(step, str) and step in node.entries:
            entry = node.entries[step]
            around, node = node, entry.node
            span = node.span if isinstance(node, Scalar) else entry.key
            path.append(step)
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            span = node.span
            path.append(str(step))
    return _Place(span, tuple(path), around, node if path else None)


def _add(
    found: list[tuple[_Place, Mistake]], model: type[BaseModel], owner: Owner, report: Report, values: _Values
) -> None:
    """Add the mistakes of one place; where a union refused a value in several ways, as one."""
    place, mistake = found[0]
    # A reference without a value stands as an empty text: what that breaks is the same mistake once more.
    if values.missing & _spans(place) or (place.node is None and values.missing and not mistake.structural):
        return
    if mistake.kind == "extra":
        _unknown(place, model, owner, report)
        return
    if mistake.kind == "missing":
        for inner, other in found:
            _absent(inner, other, owner, report)
        return
    wanted = list(dict.fromkeys(other.text for _, other in found))
    text = wanted[0] + "".join(f" or {other.removeprefix('expected ')}" for other in wanted[1:])
    path = ".".join(place.path[owner.single :])
    subject = f"option {path!r} of {owner.label}" if path else owner.label
    hint = _scrubbed(mistake.hint, values) or _default_hint(model, place.path)
    origins = _origins(place.node, values.surroundings)
    if origins:
        hint = f"it comes from {', '.join(origins)}: correct it there"
    elif place.path and names_secret(place.path[-1]):
        hint = "write a reference, such as ${env:NAME}"
    report.add(place.span, f"{subject}: {_scrubbed(text, values)}", hint=hint, docs=owner.docs)


def _spans(place: _Place) -> set[Span]:
    """Return where a value stands, and each item of a list."""
    return {place.span, *(item.span for item in (place.node.items if isinstance(place.node, Items) else ()))}


def _origins(node: Node | None, surroundings: Surroundings) -> list[str]:
    """Name what a value was taken from; a default stands in the file itself."""
    found = references(node.text) if isinstance(node, Scalar) else []
    by_default = (each for each in found if ":-" in each.written)
    own = {each for each in by_default if not surroundings.set(each.origin.removeprefix("env:"))}
    return [each.origin for each in found if each not in own and each.inside is not None]


def _unknown(place: _Place, model: type[BaseModel], owner: Owner, report: Report) -> None:
    key, inside = place.path[-1], place.path[:-1]
    options = [name for found in _models_at(model, inside) for name in names(found)]
    where = f"{'.'.join(inside)!r} of {owner.label}" if inside else owner.label
    entry = place.table.entries[key]
    near = suggest(key, options)
    if near and names_secret(near):
        _cover_all(entry.node, report)
    section = None if inside else next((name for name, keys in owner.nested.items() if key in keys), None)
    nested = f"write it as '{section}: {{{key}: …}}'" if section else None
    hint = nested or suggest(key, options, listed="its options are") or (None if options else "it has no options")
    report.add(entry.key, f"unknown option {key!r} in {where}", hint=hint, docs=owner.docs)


def _absent(place: _Place, mistake: Mistake, owner: Owner, report: Report) -> None:
    where = f"{'.'.join(place.path)!r} of {owner.label}" if place.path else owner.label
    example = f"${{env:{mistake.option.upper()}}}" if names_secret(mistake.option) else "…"
    report.add(
        place.span,
        f"{where} needs the option {mistake.option!r}",
        hint=f"add '{mistake.option}: {example}'",
        docs=owner.docs,
    )


def _scrubbed(text: str | None, values: _Values) -> str | None:
    """Take out of a message of a plugin's own whatever came from the surroundings: it may be a secret."""
    for value in sorted(filter(None, values.resolved), key=len, reverse=True):
        text = text.replace(value, "***") if text else text
    return text


def _default_hint(model: type[BaseModel], path: tuple[str, ...]) -> str | None:
    """Say what an option is where the file does not give it: the shortest example of a right value."""
    for found in _models_at(model, path[:-1]):
        default = default_of(names(found)[path[-1]]) if path and path[-1] in names(found) else None
        if isinstance(default, list) and default and not any(isinstance(item, list | dict) for item in default):
            return f"its default is [{', '.join(map(str, default))}]"
        if isinstance(default, str | int | float) and default != "":
            return f"its default is {str(default).lower() if isinstance(default, bool) else default}"
    return None


def _models_at(model: type[BaseModel], path: tuple[str, ...]) -> list[type[BaseModel]]:
    """Return the model, or the models nested at `path`."""
    models, keyed = [model], False
    for step in path:
        if keyed or step.isdecimal():  # the key of a mapping, the number of an item
            keyed = False
            continue
        annotations = [names(outer)[step].annotation for outer in models if step in names(outer)]
        models = [nested for annotation in annotations for nested in nested_models(annotation)]
        keyed = any(get_origin(annotation) is dict for annotation in annotations)
    return models


def names(model: type[BaseModel]) -> Mapping[str, Any]:
    """Return a model's fields under the names that the file uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def nested_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models inside a type, such as `list[Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from nested_models(argument)


def is_secret(annotation: Any) -> bool:
    """Say whether values of this type are, or hold, secrets of their own (not in a nested model)."""
    return annotation is Secret or any(is_secret(argument) for argument in get_args(annotation))


def _cover(model: type[BaseModel], table: Table, report: Report) -> None:
    """Keep secrets that are written out in the file out of every message."""
    for name, info in names(model).items():
        node = table.get(name)
        if node is None:
            continue
        if is_secret(info.annotation):
            _cover_all(node, report)
        for nested in nested_models(info.annotation):
            for inner in _tables(node):
                _cover(nested, inner, report)


def _tables(node: Node) -> Iterator[Table]:
    if isinstance(node, Table):
        yield node
        for entry in node.entries.values():
            yield from _tables(entry.node)
    elif isinstance(node, Items):
        for item in node.items:
            yield from _tables(item)


def _cover_all(node: Node, report: Report) -> None:
    if isinstance(node, Table):
        for entry in node.entries.values():
            _cover_all(entry.node, report)
    elif isinstance(node, Items):
        for item in node.items:
            _cover_all(item, report)
    elif not references(node.text):
        report.cover(node.span)
