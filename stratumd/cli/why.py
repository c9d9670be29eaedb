"""`stratumd why`: what a signal rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say
from stratumd.cli.past import chosen
from stratumd.cli.why_not import CHECKS
from stratumd.errors import one_line
from stratumd.plugin import Signal, iso
from stratumd.plugin.evidence import number, part, text
from stratumd.plugin.wording import points

if TYPE_CHECKING:
    from stratumd.proof.why import Why

_QUOTES = {
    "book": "BOOK", "operator": "OPERATOR", "named": "IN IT", "line": "LINE", "price": "PRICE",
    "changed_seconds": "UNCHANGED, S", "confirmed_seconds": "SEEN, S AGO", "book_seconds": "BOOK'S UPDATE, S AGO",
}  # fmt: skip
_MOVED = {"book": "MOVED", "operator": "OPERATOR", "after": "AFTER", "before": "NOT AFTER"}
_FOLLOWED = {"book": "FOLLOWED", "operator": "OPERATOR", "seconds": "SECONDS AFTER", "move": "MOVE"}
_EVIDENCE = {"name": "EVIDENCE", "value": "AS THE DETECTOR GIVES IT"}
_LONGEST = 100
"""Characters of one piece of evidence that are shown; `--json` shows all."""
_TAKEN = {
    "book": "PRICE AT", "outcome": "OUTCOME", "line": "LINE", "price": "PRICE", "there": "STILL THERE",
    "seconds": "SECONDS THERE", "value": "VALUE NOW",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("why")(why)


def why(
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="The signal's id, or how it begins.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show what a signal rests on: what set it off, its evidence, every quote with its age, who moved first and who
    followed.

    Also its thresholds, whether its price is still there, and what that is worth by the newest consensus.
    """
    from stratumd.config import load_config
    from stratumd.proof import Past
    from stratumd.proof.why import why as explain
    from stratumd.store import open_reader

    loaded = load_config(config)
    reader = open_reader(database or loaded.database.connect_url())
    try:
        found = reader.signal(signal)
        (name,) = chosen(loaded, found.pipeline)
        explained = explain(Past(reader, loaded.pipelines[name], loaded.registry), found)
    finally:
        reader.close()
    if as_json:
        emit([explained.public()], {}, as_json=True)
        return
    for line in _sentences(explained):
        say(line)
    told = [*evidence(found.metadata)]
    if told:
        say("")
        emit(told, _EVIDENCE, as_json=False)
    public = explained.public()
    for key, columns in (
        ("checks", CHECKS),
        ("quotes", _QUOTES),
        ("moved", _MOVED),
        ("followed", _FOLLOWED),
        ("taken", _TAKEN),
    ):
        if public[key]:
            say("")
            emit(public[key], columns, as_json=False)


def _sentences(found: Why) -> Iterator[str]:
    signal = found.signal
    yield f"{signal.type} {signal.market} {signal.outcome} {signal.direction}: {signal.away} at {signal.home}"
    yield f"  id           {signal.id}, by {signal.detector} {signal.detector_version}, strength {signal.strength}"
    yield f"  set off by   the answer to {found.request} of {found.source}, received {iso(signal.observed_at)}"
    for change in found.changes:
        yield f"               {change.book} {change.outcome} " + (
            "gone" if change.price is None else f"{_points(signal, change.line)}at {change.price:.4g}"
        )
    if not found.changes:
        yield "               it changed nothing here: time alone did"
    yield (
        f"  magnitude    {signal.magnitude:g}, threshold {signal.threshold:g}, margin {found.margin:+g} "
        f"{signal.metadata.get('unit', '')}".rstrip()
    )
    yield f"  moved first  {_first(found)}"
    point = found.consensus
    if point is not None and point.reason is None:
        shares = ", ".join(f"{o} {p:.1%}" for o, p in zip(point.outcomes, point.probabilities, strict=True))
        yield f"  consensus    {_points(signal, point.line)}{shares} by {point.operators} operators"
    for name, words in _WORDS.items():
        yield from words(part(signal.metadata, name))
    if not found.build_noted:
        yield "  the options of then are not noted; all was stepped under those of now"


def evidence(metadata: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield what the metadata holds, but for what is said in words before: any detector's and any annotator's."""
    import msgspec

    told = {"unit"} | {name for name, words in _WORDS.items() if any(words(part(metadata, name)))}
    for name, value in metadata.items():
        if name not in told:
            yield {"name": name, "value": one_line(msgspec.json.encode(value).decode(), _LONGEST)}


def _first(found: Why) -> str:
    if found.first is not None:
        return found.first
    return "nobody that is known: the intervals between polls overlap" if found.moved else "nobody moved"


def _points(signal: Signal, line: float | None) -> str:
    if line is None:
        return ""
    return f"{points(signal.market, line)} "


def _regime(told: Mapping[str, Any]) -> Iterator[str]:
    if told:
        yield f"  regime       {', '.join(f'{name} {value}' for name, value in told.items())}"


def _context(told: Mapping[str, Any]) -> Iterator[str]:
    for name in told:
        note = part(told, name)
        age, score = number(note, "age_seconds"), number(note, "score")
        if age is not None and score is not None:
            about = f"{text(note, 'source')}, {age:g} s old, score {score:g}"
            yield f"  {name.replace('_', ' '):<12} {about}: {text(note, 'limits')}"


def _strength(components: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of the strength, of a detector that tells them."""
    parts = []
    for name in components:
        value, weight = number(part(components, name), "value"), number(part(components, name), "weight")
        if value is not None and weight is not None:
            parts.append(f"{name} {value:.2f} × {weight:g}")
    if parts:
        yield f"  strength     {', '.join(parts)}"


_WORDS = {"regime": _regime, "context": _context, "components": _strength}
"""What is said in words of the parts of the metadata that go by these names, where they are what they are expected to
be."""
