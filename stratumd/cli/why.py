"""`stratumd why`: what a signal rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say
from stratumd.cli.past import chosen
from stratumd.cli.why_not import CHECKS
from stratumd.odds import Kind, kind
from stratumd.plugin import Signal, iso

if TYPE_CHECKING:
    from stratumd.proof.why import Why

_QUOTES = {
    "book": "BOOK", "operator": "OPERATOR", "named": "IN IT", "line": "LINE", "price": "PRICE",
    "changed_seconds": "SECONDS SO", "confirmed_seconds": "SEEN", "book_seconds": "BOOK'S OWN",
}  # fmt: skip
_MOVED = {"book": "MOVED", "operator": "OPERATOR", "after": "AFTER", "before": "NOT AFTER"}
_FOLLOWED = {"book": "FOLLOWED", "operator": "OPERATOR", "seconds": "SECONDS AFTER", "move": "MOVE"}
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
    """Show what a signal rests on: what set it off, every quote with its age, who moved first and who followed.

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
    regime = signal.metadata.get("regime")
    if regime is not None:
        yield f"  regime       {_pairs(regime)}"
    for name, part in (signal.metadata.get("context") or {}).items():
        if part is not None:
            told = f"{part['source']}, {part['age_seconds']:g} s old, score {part['score']:g}"
            yield f"  {name.replace('_', ' '):<12} {told}: {part['limits']}"
    components = signal.metadata.get("components")
    if components:
        parts = [f"{name} {part['value']:.2f} × {part['weight']:g}" for name, part in components.items()]
        yield f"  strength     {', '.join(parts)}"
    if not found.build_noted:
        yield "  the options of then are not noted; all was stepped under those of now"


def _first(found: Why) -> str:
    if found.first is not None:
        return found.first
    return "nobody that is known: the intervals between polls overlap" if found.moved else "nobody moved"


def _points(signal: Signal, line: float | None) -> str:
    if line is None:
        return ""
    return f"{line:+g} " if kind(signal.market) is Kind.SPREAD else f"{line:g} "


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
