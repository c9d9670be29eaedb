"""`stratumd why-not`: what kept a signal from being given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say
from stratumd.cli.past import one_past
from stratumd.cli.read import EventId, Market, moment, now
from stratumd.plugin import Micros, iso

if TYPE_CHECKING:
    from stratumd.proof.why_not import Explained

CHECKS = {"asks": "ASKED FOR", "option": "OPTION", "value": "THERE WAS", "threshold": "THRESHOLD", "passed": "MET"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("why-not")(why_not)


def why_not(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="A type of signal, such as STEAM.")],
    event: EventId,
    at: Annotated[
        Micros | None, typer.Option("--at", parser=moment, metavar="TIME", help="When: 2h, or an ISO time. Else now.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    market: Market = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="Only this outcome, such as home.")] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="The pipeline, where there are several.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each condition of a signal with what there was, the first not met, and the smallest change that meets it.

    It is about the last observation of the event up to that time, in the market that was nearest to a signal; with
    --json in all markets. Each change is tried out at that very instant.
    """
    from stratumd.proof.why_not import why_not as explain

    with one_past(config, database, pipeline) as past:
        whole = past.reader.event(event)
        found = explain(past, type.upper(), whole.id, now() if at is None else at, market, outcome)
    if as_json:
        emit([each.public() for each in found], {}, as_json=True)
        return
    nearest = found[0]
    say(f"{nearest.type} {nearest.market}: {whole.away} at {whole.home}, observed {iso(nearest.at)}")
    _show(nearest)
    rest = [f"{each.market} ({_short(each)})" for each in found[1:]]
    if rest:
        say(f"other markets: {', '.join(rest)}")


def _show(found: Explained) -> None:
    emit([_row(check) for check in found.public()["checks"]], CHECKS, as_json=False)
    if found.fired:
        say("every condition is met: the signal was given")
        return
    if found.blocked is not None:
        say(f"blocked first by: {found.blocked.asks} ({found.blocked.option})")
    if found.reason is not None:
        say(f"no option helps: {found.reason}")
    for number, flip in enumerate(found.flips):
        changes = " ".join(f"{option}={value}" for option, value in flip.options.items())
        say(f"{'smallest change' if number == 0 else 'or'}: {changes}")


def _row(check: dict[str, Any]) -> dict[str, Any]:
    return {**check, "value": "none" if check["value"] is None else check["value"]}


def _short(found: Explained) -> str:
    if found.fired:
        return "given"
    return found.blocked.option if found.blocked is not None else "not given"
