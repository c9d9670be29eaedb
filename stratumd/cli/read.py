"""The reading commands: status, signals, events, odds, movement, best, compare, board. They need no running daemon."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli import tables
from stratumd.cli.console import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    DatabaseUrl,
    emit,
    emit_headed,
    emit_lines,
    fits,
    say,
)
from stratumd.plugin import Micros, Ranked, micros, parse_duration, parse_iso, ranked, to_datetime

if TYPE_CHECKING:
    from stratumd.runtime.presence import About
    from stratumd.store import Reader


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from stratumd.cli.matching import match

    app.command()(status)
    app.command()(signals)
    group = typer.Typer(invoke_without_command=True, help="Show events; match the games of score providers with them.")
    group.callback()(events)
    group.command("match")(match)
    app.add_typer(group, name="events")
    for command in (odds, movement, best, compare, board):
        app.command()(command)


def moment(text: str) -> Micros:
    """Read a length before now, such as 2h, a day, which is its beginning in UTC, or an ISO 8601 time with its zone."""
    for form in (_before_now, _midnight, parse_iso):
        try:
            return form(text)
        except (ValueError, OverflowError):
            continue
    raise typer.BadParameter(
        f"{text!r} is neither a length before now, such as 2h, nor a day, such as 2026-07-14, nor a time,"
        " such as 2026-07-14T21:30:00Z"
    )


def _before_now(text: str) -> Micros:
    at = now() - micros(parse_duration(text))
    to_datetime(at)  # or the length goes back beyond all calendars
    return at


def _midnight(text: str) -> Micros:
    return parse_iso(f"{date.fromisoformat(text)}T00:00:00Z")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write 2026-07-14") from None


def _length(text: str) -> Micros:
    try:
        return micros(parse_duration(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


NO_SIGNALS = "no signals yet, or none that these options admit: `stratumd status` shows whether quotes come in"
EventId = Annotated[str, typer.Argument(metavar="EVENT", help="The event's id, or how it begins.")]
Market = Annotated[str | None, typer.Option("--market", help="Only this market, such as spreads.")]
Pipeline = Annotated[str | None, typer.Option("--pipeline", help="As this pipeline saw it.")]
Sport = Annotated[str | None, typer.Option("--sport", help="Only this sport, such as basketball_nba.")]
Since = Annotated[
    Micros | None, typer.Option("--since", parser=moment, metavar="TIME", help="From then on: 2h, or an ISO time.")
]
Socket = Annotated[
    Path | None, typer.Option("--socket", help="A daemon's control socket, as its /status shows it.", readable=False)
]
Until = Annotated[Micros | None, typer.Option("--until", parser=moment, metavar="TIME", help="Up to then.")]


def status(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    socket: Socket = None,
    as_json: AsJson = False,
) -> None:
    """Show how everything is: whether a daemon runs, sources, credits, quotes, signals, deliveries that wait.

    The daemons of the configuration file are asked on their control sockets; everything else is what the store says,
    which needs no daemon.
    """
    url = database_url(config, database)
    present = who_runs(config, socket)
    if not as_json:
        for line in tables.daemons(present):
            say(line)
        say("")
    with reading(config, url) as reader:
        found = reader.status(now())
    if as_json:
        emit([found.public() | tables.daemons_row(present)], {}, as_json=True)
        return
    emit(tables.sources(found), tables.SOURCES, as_json=False, none="nothing was polled yet: `stratumd run` does so")
    if found.paused:
        say("")
        emit(tables.paused(found), tables.PAUSED, as_json=False)
        say("What is paused goes on with: stratumd resume NAME")
    if found.deliveries:
        say("")
        emit(tables.deliveries(found), tables.DELIVERIES, as_json=False)
    if found.disabled_sinks:
        say("")
        emit(tables.disabled(found), tables.DISABLED, as_json=False)
        say("Give such a sink other options, or call: stratumd sinks enable NAME")
    wrong = (tables.alerts(found), tables.ALERTS), (tables.breakers(found), tables.BREAKERS)
    listed = *wrong, (tables.left_out(found), tables.LEFT_OUT)
    for rows, columns in (*listed, (tables.notices(found), tables.NOTICES)):
        if rows:
            say("")
            emit(rows, columns, as_json=False)
    say("")
    say(tables.figures(found))


def signals(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this type; may be repeated.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="Only this event: its id, or how it begins.")] = None,
    market: Market = None,
    sport: Sport = None,
    pipeline: Pipeline = None,
    since: Since = None,
    until: Until = None,
    min_strength: Annotated[int | None, typer.Option("--min-strength", min=1, max=100, help="1 to 100.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the newest so many.")] = None,
    by_score: Annotated[
        bool, typer.Option("--ranked", help="The highest composite score first, with what it is made of.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show signals, oldest first. With --json these are the very bytes that `stratumd replay --out` writes.

    --ranked puts them in the order of a score from 0 to 100 of strength and timing, and adds it: a ranking, no
    probability.
    """
    wanted = [each.upper() for each in types or ()]
    with reading(config, database) as reader:
        found = reader.signals(
            types=wanted,
            pipeline=pipeline,
            event=event,
            market=market,
            sport=sport,
            since=since,
            until=until,
            min_strength=min_strength,
            limit=limit,
        )
        seen = {each.type for each in found}
        unheard_of = [each for each in wanted if each not in seen and not reader.signals(types=[each], limit=1)]
    _refuse_unknown(unheard_of)
    if by_score:
        _show_ranked(ranked(found), as_json)
        return
    rows = [] if as_json else [tables.signal(each) for each in found]
    if as_json:
        emit_lines(signal.to_json() for signal in found)
    elif sys.stdout.isatty() and rows and not fits(rows, tables.SIGNALS):
        emit_headed(tables.signal_lines(found))
    else:
        emit(rows, tables.SIGNALS, as_json=False, none=NO_SIGNALS)


def _show_ranked(feed: Sequence[Ranked], as_json: bool) -> None:
    rows = [each.public() if as_json else tables.ranked(each) for each in feed]
    if not as_json and sys.stdout.isatty() and rows and not fits(rows, tables.RANKED):
        emit_headed(tables.ranked_lines(feed))
    else:
        emit(rows, tables.RANKED, as_json=as_json, none=NO_SIGNALS)


def _refuse_unknown(types: Sequence[str]) -> None:
    """Refuse types that no signal has and no detector gives, unless a detector does not tell its own."""
    if not types:
        return
    from stratumd.config.spec import signal_types
    from stratumd.plugin.known import suggest
    from stratumd.registry import discover, load

    known = signal_types([each.component for each in load(discover()).detectors.values()])
    unknown = None if known is None else next((each for each in types if each not in known), None)
    if unknown is None or known is None:
        return
    hint = suggest(unknown, sorted(known), listed="there are")
    raise typer.BadParameter(
        f"no signal has the type {unknown!r}, and no detector gives any" + (f"; {hint}" if hint else "")
    )


def events(
    context: typer.Context,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    day: Annotated[
        date | None, typer.Option("--date", parser=_day, metavar="DAY", help="Only those that start on this day, UTC.")
    ] = None,
    team: Annotated[str | None, typer.Option("--team", help="A part of a team's name.")] = None,
    sport: Sport = None,
    upcoming: Annotated[bool, typer.Option("--upcoming", help="Only those that have not started.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show events in the order of their start, with their phase and score; `match` is a command."""
    if context.invoked_subcommand is not None:
        return
    with reading(config, database) as reader:
        found = reader.events(day=day, team=team, sport=sport, upcoming_at=now() if upcoming else None)
    _show(found, tables.EVENTS, as_json, "no events, or none that these options admit")


def odds(
    event: EventId,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    market: Market = None,
    pipeline: Pipeline = None,
    at: Annotated[
        Micros | None, typer.Option("--at", parser=moment, metavar="TIME", help="As known then; nothing later counts.")
    ] = None,
    tolerance: Annotated[
        Micros | None,
        typer.Option("--tolerance", parser=_length, metavar="LENGTH", help="With --at: leave out what is older."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what every book offers on an event, now or at a time."""
    with reading(config, database) as reader:
        found = reader.odds(event, at=at, tolerance=tolerance, market=market, pipeline=pipeline)
        misspelt = None if found else _unseen(reader, event, pipeline, market=market)
    _show(found, tables.QUOTES, as_json, misspelt or _no_quotes(event, at))


def movement(
    event: EventId,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    market: Market = None,
    book: Annotated[str | None, typer.Option("--book", help="Only this book.")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="Only this outcome, such as home.")] = None,
    player: Annotated[str | None, typer.Option("--player", help="Only this player.")] = None,
    pipeline: Pipeline = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Show every change of an event's quotes, oldest first; a price of `-` is a quote that disappeared."""
    with reading(config, database) as reader:
        found = reader.movement(
            event,
            market=market,
            book=book,
            outcome=outcome,
            player=player,
            since=since,
            until=until,
            pipeline=pipeline,
        )
        wanted = {"market": market, "book": book, "outcome": outcome, "player": player}
        misspelt = None if found else _unseen(reader, event, pipeline, **wanted)
    _show(found, tables.MOVEMENT, as_json, misspelt or "no quotes were seen, or none that these options admit")


def best(
    event: EventId,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    market: Market = None,
    pipeline: Pipeline = None,
    as_json: AsJson = False,
) -> None:
    """Show the best price of each outcome at each line."""
    with reading(config, database) as reader:
        found = reader.best(event, market=market, pipeline=pipeline)
        misspelt = None if found else _unseen(reader, event, pipeline, market=market)
    _show(found, tables.QUOTES, as_json, misspelt or _no_quotes(event))


def compare(
    event: EventId,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    market: Market = None,
    pipeline: Pipeline = None,
    as_json: AsJson = False,
) -> None:
    """Show the books side by side, with the implied probabilities."""
    with reading(config, database) as reader:
        found = reader.compare(event, market=market, pipeline=pipeline)
        misspelt = None if found else _unseen(reader, event, pipeline, market=market)
    _show(found, tables.COMPARISON, as_json, misspelt or _no_quotes(event))


def board(
    config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, sport: Sport = None, as_json: AsJson = False
) -> None:
    """Show the events that have not started and have quotes: the consensus in each market, and the last signal."""
    with reading(config, database) as reader:
        found = reader.board(now(), sport=sport)
    if as_json:
        emit([row.public() for row in found], {}, as_json=True)
    elif found and sys.stdout.isatty():
        emit_headed(tables.board_lines(found))
    else:
        lines = [line for row in found for line in tables.board(row)]
        emit(lines, tables.BOARD, as_json=False, none="no quotes now on anything that is to come")


def _unseen(reader: Reader, event: str, pipeline: str | None, **wanted: str | None) -> str | None:
    """Say which of the names that were asked for no quote of the event ever had, and which is near."""
    from stratumd.plugin.known import suggest

    seen = reader.movement(event, pipeline=pipeline)
    for name, value in wanted.items():
        known = sorted({str(getattr(each, name)) for each in seen if getattr(each, name) is not None})
        if value is not None and known and value not in known:
            hint = suggest(value, known, listed="there are")
            return f"no {name} {value!r} was seen of this event" + (f"; {hint}" if hint else "")
    return None


def _no_quotes(event: str, at: Micros | None = None) -> str:
    return f"no quotes {'now' if at is None else 'then'}: `stratumd movement {event}` shows what there was, and when"


def _show(rows: Sequence[Any], columns: dict[str, str], as_json: bool, none: str) -> None:
    """Print rows of the store: whole with --json, else with times as short as a table can bear."""
    public = [row.public() for row in rows]
    emit(public if as_json else [tables.shortened(row) for row in public], columns, as_json=as_json, none=none)


def who_runs(config: Path, socket: Path | None) -> list[tuple[Path, About | str]]:
    """Return what the daemons by this file, or behind this socket, say of themselves, or why they do not answer.

    Where none answers, a place that may not be looked into stands there, too, with the reason; where there is no socket
    at all, every place.
    """
    from stratumd.runtime.presence import look, places, sockets, why_unseen

    if socket:
        return list(look([socket]))
    found: list[tuple[Path, About | str]] = [*look(sockets(config))]
    if not all(isinstance(each, str) for _, each in found):
        return found
    known = [(place, why_unseen(place)) for place in places(config)]
    return found + [(place, why) for place, why in known if why or not found]


def database_url(config: Path, database: str | None) -> str:
    """Return the address of the database that `database` or else the configuration names."""
    if database is not None:
        return database
    from stratumd.config import load_config

    return load_config(config).database.connect_url()


@contextmanager
def reading(config: Path, database: str | None) -> Iterator[Reader]:
    """Open the database that `database` or else the configuration names, for reading."""
    from stratumd.store import open_reader

    reader = open_reader(database_url(config, database))
    try:
        yield reader
    finally:
        reader.close()


def now() -> Micros:
    """Return the present time."""
    return micros(datetime.fromtimestamp(time.time(), UTC))
