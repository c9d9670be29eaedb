"""`stratumd deliveries`: which signals went where, what became of one, and sending some again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, OK, AsJson, ConfigPath, DatabaseUrl, emit, say, warn
from stratumd.cli.read import Since, database_url, now, reading
from stratumd.cli.tables import SHORT_ID, moment

if TYPE_CHECKING:
    from stratumd.plugin.views import DeliveryRow
    from stratumd.store import Wanted

COLUMNS = {
    "observed": "OBSERVED", "sink": "SINK", "state": "STATE", "attempts": "ATTEMPTS", "next": "NEXT", "ended": "ENDED",
    "error": "ERROR", "id": "ID",
}  # fmt: skip
NONE = "no delivery is like that; `stratumd deliveries list` without options shows all"
NEWEST = 100

Sink = Annotated[str | None, typer.Option("--sink", help="Only to this sink, as `nba.discord` or `discord`.")]
Event = Annotated[str | None, typer.Option("--event", help="Only of this event: its id, or how it begins.")]
States = Annotated[
    list[str] | None,
    typer.Option("--state", help="Only in this state: pending, in_flight, delivered, expired, dead. May be repeated."),
]


def register(app: typer.Typer) -> None:
    """Add the command group `deliveries`."""
    group = typer.Typer(help="Look at deliveries, and send some again.", no_args_is_help=True)
    group.command("list")(list_deliveries)
    group.command()(show)
    group.command()(replay)
    app.add_typer(group, name="deliveries")


def list_deliveries(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    sink: Sink = None,
    state: States = None,
    since: Since = None,
    event: Event = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Only the newest so many.")] = NEWEST,
    as_json: AsJson = False,
) -> None:
    """Show deliveries, the oldest signal first."""
    wanted = _wanted(sink, state, since, event)
    with reading(config, database) as reader:
        found = reader.deliveries(wanted, limit)
    rows = [each.public() for each in found] if as_json else [_line(each) for each in found]
    emit(rows, COLUMNS, as_json=as_json, none=NONE)


def show(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="The delivery's id, or how it begins.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show one delivery with its signal."""
    with reading(config, database) as reader:
        row, signal = reader.delivery(delivery)
    if as_json:
        emit([row.public() | {"signal": signal.public()}], {}, as_json=True)
        return
    shown = row.public() | {"signal": _told(signal.public())}
    width = max(map(len, shown))
    for name, value in shown.items():
        say(f"{name.ljust(width)}  {'-' if value is None else value}")


def replay(
    deliveries: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids, or how they begin.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    sink: Sink = None,
    state: States = None,
    since: Since = None,
    event: Event = None,
    every: Annotated[bool, typer.Option("--all", help="All dead letters, where nothing else is said.")] = False,
    as_json: AsJson = False,
) -> int:
    """Send deliveries again that have ended: dead letters, unless --state says otherwise. Their ids stay the same.

    They begin anew with the first attempt and do not expire; a running daemon goes on with them in a second.
    """
    from stratumd.store import replay_deliveries

    wanted = _wanted(sink, state, since, event, deliveries or ())
    if wanted == _wanted() and not every:
        raise typer.BadParameter("say which: ids, --sink, --state, --since, --event, or --all for all dead letters")
    found = replay_deliveries(database_url(config, database), wanted, now())
    if as_json:
        emit([each.public() for each in found], {}, as_json=True)
    elif found:
        say(f"{len(found)} deliveries wait again")
    else:
        warn("no delivery that has ended is like that: nothing is sent again")
    return OK if found else FAILED


def _wanted(
    sink: str | None = None,
    states: Sequence[str] | None = None,
    since: int | None = None,
    event: str | None = None,
    ids: Sequence[str] = (),
) -> Wanted:
    from stratumd.store import Wanted
    from stratumd.store.letters import STATES

    for state in states or ():
        if state not in STATES:
            raise typer.BadParameter(f"there is no state {state!r}; there are {', '.join(STATES)}")
    return Wanted(sink, tuple(states or ()), since, event, tuple(ids))


def _line(row: DeliveryRow) -> dict[str, Any]:
    return {
        "observed": moment(row.observed_at),
        "sink": row.sink,
        "state": row.state,
        "attempts": row.attempts,
        "next": moment(row.due_at) if row.state == "pending" else None,
        "ended": moment(row.ended_at),
        "error": row.error,
        "id": row.id[:SHORT_ID],
    }


def _told(signal: dict[str, Any]) -> str:
    return f"{signal['type']} {signal['market']} {signal['away']} at {signal['home']} ({signal['id']})"
