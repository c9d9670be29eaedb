"""What the reading commands' tables show of each row, for eyes; `--json` shows everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratumd.cli.console import plain_columns
from stratumd.odds import Kind, kind
from stratumd.plugin import Micros, Ranked, Signal, format_duration, iso

if TYPE_CHECKING:
    from stratumd.plugin.views import BoardRow, ConsensusRow, Status
    from stratumd.runtime.presence import About

SOURCES = {
    "source": "SOURCE", "last": "LAST POLL", "result": "RESULT", "polls": "POLLS 24H", "success": "SUCCESS 24H",
    "credits": "CREDITS LEFT",
}  # fmt: skip
DELIVERIES = {"sink": "SINK", "state": "DELIVERIES", "number": "NUMBER", "oldest": "OLDEST"}
PAUSED = {"source": "PAUSED", "since": "SINCE", "until": "UNTIL", "reason": "REASON"}
DISABLED = {"sink": "SINK THAT IS OFF", "since": "SINCE", "reason": "REASON"}
BREAKERS = {
    "what": "LEFT ALONE",
    "retry": "NEXT ATTEMPT",
    "failures": "FAILURES",
    "since": "SINCE",
    "reason": "REASON",
}
ALERTS = {"title": "WRONG NOW", "severity": "SEVERITY", "since": "SINCE", "told": "TOLD", "state": "STATE"}
NOTICES = {
    "title": "NOTICE", "sink": "SINK", "state": "STATE", "since": "SINCE", "attempts": "ATTEMPTS", "error": "ERROR",
}  # fmt: skip
LEFT_OUT = {"component": "LEFT OUT", "pipeline": "PIPELINE", "until": "UNTIL", "where": "WHERE", "error": "ERROR"}
SIGNALS = {
    "observed_at": "OBSERVED", "type": "TYPE", "strength": "STRENGTH", "game": "EVENT", "market": "MARKET",
    "side": "SIDE", "direction": "MOVE", "magnitude": "SIZE", "books": "BOOKS", "id": "ID",
}  # fmt: skip
RANKED = {
    "score": "SCORE", "tier": "TIER", "why": "MADE OF", "score_source": "SCORE BY", "bucket": "BEFORE START",
    **{name: heading for name, heading in SIGNALS.items() if name not in ("strength", "direction", "magnitude")},
}  # fmt: skip
EVENTS = {
    "commence_at": "START", "sport": "SPORT", "away": "AWAY", "home": "HOME", "phase": "PHASE", "score": "SCORE",
    "id": "ID",
}  # fmt: skip
QUOTES = {
    "market": "MARKET", "player": "PLAYER", "outcome": "OUTCOME", "line": "LINE", "book": "BOOK", "price": "PRICE",
    "changed_at": "SINCE", "confirmed_at": "CONFIRMED",
}  # fmt: skip
MOVEMENT = {
    "observed_at": "OBSERVED", "book": "BOOK", "market": "MARKET", "player": "PLAYER", "outcome": "OUTCOME",
    "line": "LINE", "price": "PRICE",
}  # fmt: skip
COMPARISON = {
    "market": "MARKET", "player": "PLAYER", "outcome": "OUTCOME", "line": "LINE", "book": "BOOK", "price": "PRICE",
    "implied": "IMPLIED", "best": "BEST", "changed_at": "SINCE",
}  # fmt: skip
BOARD = {
    "start": "START", "game": "EVENT", "market": "MARKET", "line": "LINE", "fair": "FAIR", "operators": "OPERATORS",
    "last": "LAST SIGNAL", "id": "ID",
}  # fmt: skip
"""One line per market, each with its game: for pipes. `board_lines` is for eyes."""

SHORT_ID = 12
"""Characters of an id that tables show; every command takes the beginning of an event's id."""


def moment(at: Micros | None) -> str | None:
    """Return `2026-07-14 21:30:50`, UTC."""
    return None if at is None else iso(at)[:19].replace("T", " ")


def shortened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a public row with its times to the second, its id cut, the sign of a handicap, and the away team's score
    before the home team's.
    """
    short = {name: _shortened(name, value) for name, value in row.items()}
    if short.get("home_score") is not None and short.get("away_score") is not None:
        short["score"] = f"{short['away_score']}-{short['home_score']}"
    if short.get("line") is not None:
        short["line"] = _line(short["market"], short["line"])
    return short


def _shortened(name: str, value: Any) -> Any:
    if name.endswith("_at") and isinstance(value, str):
        return value[:19].replace("T", " ")
    return value[:SHORT_ID] if name == "id" else value


def signal(each: Signal) -> dict[str, Any]:
    """Return a signal's line."""
    return {
        "observed_at": moment(each.observed_at),
        "type": each.type,
        "strength": each.strength,
        "game": f"{each.away} at {each.home}",
        "market": each.market if each.player is None else f"{each.market}/{each.player}",
        "side": {"home": each.home, "away": each.away}.get(each.outcome, each.outcome),
        "direction": each.direction,
        "magnitude": each.magnitude,
        "books": len(each.books) if len(each.books) > 2 else each.books,
        "id": each.id[:SHORT_ID],
    }


def ranked(each: Ranked) -> dict[str, Any]:
    """Return a signal's line with its score and the parts that it is the sum of."""
    score = each.ranking
    timing = "" if score.from_timing is None else f" + timing {score.from_timing:g}"
    return signal(each.signal) | {
        "score": score.score,
        "tier": score.tier,
        "why": f"strength {score.from_strength:g}{timing}",
        "score_source": score.score_source,
        "bucket": score.timing.bucket if score.timing else None,
    }


def signal_lines(signals: Sequence[Signal]) -> Iterator[tuple[str, bool]]:
    """Yield two lines for each signal, for a terminal that is too narrow for their table; True marks a heading."""
    for each in signals:
        cells = signal(each)
        said = ("observed_at", "type", "market", "side", "direction", "magnitude")
        yield "  ".join(f"{cells[name]:.4g}" if name == "magnitude" else str(cells[name]) for name in said), True
        books = f"{len(each.books)} books" if len(each.books) > 2 else ", ".join(each.books)
        yield f"  {cells['game']}  strength {cells['strength']}  {books}  {cells['id']}", False


def ranked_lines(feed: Sequence[Ranked]) -> Iterator[tuple[str, bool]]:
    """Yield three lines for each signal with its score, for a terminal that is too narrow for their table."""
    for each in feed:
        cells = ranked(each)
        (heading, _), below = signal_lines([each.signal])
        yield f"{cells['score']:g} {cells['tier']}  {heading}", True
        yield below
        before = "" if cells["bucket"] is None else f", {cells['bucket']} before the start"
        yield f"  {cells['why']}{before}, scored by {cells['score_source']}", False


def sources(found: Status) -> list[dict[str, Any]]:
    """Return a line per source."""
    return [
        {
            "source": each.source,
            "last": _ago(found.at - each.last_poll.started_at),
            "result": each.last_poll.error or each.last_poll.status,
            "polls": each.polls_24h,
            "success": None if each.success_rate_24h is None else f"{each.success_rate_24h:.1%}",
            "credits": each.credits_remaining,
        }
        for each in found.sources
    ]


def deliveries(found: Status) -> list[dict[str, Any]]:
    """Return a line per sink and state."""
    return [
        {"sink": each.sink, "state": each.state, "number": each.number, "oldest": _ago(found.at - each.oldest_at)}
        for each in found.deliveries
    ]


def paused(found: Status) -> list[dict[str, Any]]:
    """Return a line per source or job that a person paused."""
    return [
        {
            "source": each.source,
            "since": moment(each.since_at),
            "until": None if each.until_at is None else moment(each.until_at),
            "reason": each.reason,
        }
        for each in found.paused
    ]


def disabled(found: Status) -> list[dict[str, Any]]:
    """Return a line per sink that stays off."""
    return [{"sink": each.sink, "since": moment(each.since_at), "reason": each.reason} for each in found.disabled_sinks]


def breakers(found: Status) -> list[dict[str, Any]]:
    """Return a line per provider or receiver that is left alone after failures."""
    return [
        {
            "what": f"{each.kind} {each.name}",
            "retry": moment(each.retry_at),
            "failures": each.failures,
            "since": moment(each.since_at),
            "reason": each.reason,
        }
        for each in found.breakers
    ]


def left_out(found: Status) -> list[dict[str, Any]]:
    """Return a line per component in quarantine."""
    return [
        {
            "component": each.component,
            "pipeline": each.pipeline,
            "until": moment(each.until_at),
            "where": each.where,
            "error": each.error,
        }
        for each in found.left_out
    ]


def alerts(found: Status) -> list[dict[str, Any]]:
    """Return a line per thing that is wrong now."""
    return [
        {
            "title": each.title,
            "severity": each.severity,
            "since": moment(each.since_at),
            "told": moment(each.said_at) or "no sink takes it",
            "state": "wrong" if each.clear_at is None else f"well since {moment(each.clear_at)}",
        }
        for each in found.alerts
    ]


def notices(found: Status) -> list[dict[str, Any]]:
    """Return a line per notice that waits at a sink, or that no sink takes."""
    return [
        {
            "title": each.title,
            "sink": each.sink,
            "state": "no sink takes it" if each.sink is None else each.state,
            "since": moment(each.at),
            "attempts": each.attempts,
            "error": each.error,
        }
        for each in found.notices
    ]


def daemons(present: Sequence[tuple[Path, About | str]]) -> Iterator[str]:
    """Yield a line for each daemon that runs or that does not answer, or one that says that none does."""
    running = [each for _, each in present if not isinstance(each, str)]
    silent = [f"{path} ({each})" if each else str(path) for path, each in present if isinstance(each, str)]
    for about in running:
        states = ", ".join(f"{number} {state}" for state, number in about.components.items())
        role = "" if about.role == "all" else f", role {about.role}"
        yield (
            f"running: process {about.pid} since {about.started[:19].replace('T', ' ')}, stratumd {about.version}{role}"
            f", on {about.database}; components: {states}"
        )
        yield from (f"  {each}" for each in about.degraded)
    if silent:
        follows = "" if running else ": what follows is what the store says"
        yield f"no daemon answers on {' or '.join(silent)}{follows}"


def daemons_row(present: Sequence[tuple[Path, About | str]]) -> dict[str, Any]:
    """Return the daemons that run, and where nobody answers with the reason if a socket is there, for --json."""
    import msgspec

    return {
        "daemons": [
            {"socket": str(path)} | msgspec.to_builtins(each) for path, each in present if not isinstance(each, str)
        ],
        "no_answer": {str(path): each for path, each in present if isinstance(each, str)},
    }


def figures(found: Status) -> str:
    """Return what is stored, in one line."""
    last = "none yet" if found.last_signal_at is None else f"the last {_ago(found.at - found.last_signal_at)}"
    return (
        f"{found.events_upcoming:,} events to come of {found.events:,}, {found.quotes:,} quotes now, "
        f"{found.observations:,} observations; {found.signals_24h:,} signals in 24 h, {last}; "
        f"{found.database_bytes / 1e6:,.1f} MB"
    )


def board(row: BoardRow) -> Iterator[dict[str, Any]]:
    """Yield a line per market with a consensus; an event without any has one line, too."""
    for consensus in row.consensus or (None,):
        event, last = row.event, row.last_signal
        yield {
            "start": moment(event.commence_at),
            "game": f"{event.away} at {event.home}",
            "last": last and f"{last.type} {last.market} {moment(last.observed_at)}",
            "id": event.id[:SHORT_ID],
        } | (_consensus(consensus) if consensus else {})


def board_lines(rows: Sequence[BoardRow]) -> Iterator[tuple[str, bool]]:
    """Yield the board for a terminal of 80 columns: a heading per game, below it its markets; True marks a heading."""
    listed = [[_market_cells(each) for each in row.consensus] for row in rows]
    flat = iter(plain_columns([cells for some in listed for cells in some]))
    for row, cells in zip(rows, listed, strict=True):
        event, last = row.event, row.last_signal
        start = moment(event.commence_at) or ""
        yield f"{start[:16]}  {event.away} at {event.home}  {event.id[:SHORT_ID]}", True
        yield from ((f"  {next(flat)}", False) for _ in cells)
        if last is not None:
            yield f"  last signal: {last.type} {last.market} {moment(last.observed_at)}", False


def _market_cells(row: ConsensusRow) -> list[str]:
    found = _consensus(row)
    return [found["market"], found["line"] or "", found["fair"], f"{found['operators']} operators"]


def _consensus(row: ConsensusRow) -> dict[str, Any]:
    point = row.point
    shares = " ".join(
        f"{outcome} {share:.1%}" for outcome, share in zip(point.outcomes, point.probabilities, strict=False)
    )
    fair = shares if point.fair_line is None else _line(point.key.market, point.fair_line)
    return {
        "market": str(point.key),
        "line": _line(point.key.market, point.line),
        "fair": fair if point.reason is None else point.reason.replace("_", " "),
        "operators": point.operators,
    }


def _line(market: str, line: float | None) -> str | None:
    """Return a handicap with its sign, a total without."""
    if line is None:
        return None
    return f"{round(line, 2):+g}" if kind(market) is Kind.SPREAD else f"{round(line, 2):g}"


def _ago(length: Micros) -> str:
    seconds = max(0, length // 1_000_000)
    for unit in (86_400, 3_600, 60):
        if seconds >= 2 * unit:
            seconds -= seconds % unit
            break
    return f"{format_duration(timedelta(seconds=seconds))} ago"
