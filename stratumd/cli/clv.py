"""`stratumd clv`: closing lines, closing-line value, scorecards, and what was learned of books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say
from stratumd.cli.desk import At, now, opened, shown


class View(StrEnum):
    """What is shown."""

    SUMMARY = "summary"
    SCORECARDS = "scorecards"
    CLOSES = "closes"
    BOOKS = "books"
    SHARPNESS = "sharpness"
    FIRSTS = "firsts"
    WEIGHTS = "weights"
    OVERVIEW = "overview"
    EXCLUDED = "excluded"


_CARD = {
    "signals": "SIGNALS", "events": "EVENTS", "valued": "VALUED", "valued_events": "OF EVENTS",
    "mean_percent": "CLV %", "interval_percent": "95 %", "median_percent": "MEDIAN %", "beat_close_percent": "BEAT %",
    "beat_close_interval_percent": "95 % OF BEAT", "baseline_percent": "COIN %", "mean_points": "POINTS",
    "without_close_percent": "NO CLOSE %", "still_there_percent": "STILL THERE %", "adjusted_p": "ADJUSTED P",
    "discovery": "DISCOVERY", "maturity": "MATURITY", "score_source": "SCORE BY",
}  # fmt: skip
_RANK = {
    "market": "MARKET", "book": "BOOK", "operator": "OPERATOR", "rank": "RANK", "rank_interval": "95 % OF RANK",
    "records": "RECORDS", "events": "EVENTS", "maturity": "MATURITY",
}  # fmt: skip
_COLUMNS: Mapping[View, Mapping[str, str]] = {
    View.SUMMARY: {"type": "TYPE", "reference": "PRICE", "after_seconds": "AFTER S", **_CARD},
    View.CLOSES: {
        "event": "EVENT", "convention": "CONVENTION", "market": "MARKET", "quality": "QUALITY",
        "operators": "OPERATORS", "line": "LINE", "fair_line": "FAIR LINE", "probabilities": "PROBABILITIES",
        "oldest_seconds": "OLDEST S", "closed_at": "CLOSED AT",
    },
    View.BOOKS: {
        "event": "EVENT", "convention": "CONVENTION", "market": "MARKET", "book": "BOOK", "line": "LINE",
        "fair_line": "FAIR LINE", "prices": "PRICES", "hold_percent": "HOLD %", "age_seconds": "AGE S",
    },
    View.SHARPNESS: _RANK,
    View.FIRSTS: _RANK,
    View.WEIGHTS: {"market": "MARKET", "version": "VERSION", "books": "BOOKS", "weights": "WEIGHTS"},
    View.OVERVIEW: {"reference": "PRICE", "after_seconds": "AFTER S", "status": "STATUS", "records": "RECORDS"},
    View.EXCLUDED: {"event": "EVENT", "commence_at": "START", "reason": "REASON", "signals": "SIGNALS"},
}  # fmt: skip

_NOTHING = "nothing yet: the job `clv` closes events some minutes after their start, or --run does"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("clv")(clv)


def clv(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="Of this pipeline.")] = None,
    run: Annotated[bool, typer.Option("--run", help="First close what is due, as the job does.")] = False,
    at: At = None,
    summary: Annotated[bool, typer.Option("--summary", help="By type, price and time after the signal.")] = False,
    cards: Annotated[bool, typer.Option("--scorecards", help="By type, market, time bucket and price.")] = False,
    by: Annotated[
        list[str] | None, typer.Option("--by", help="Scorecards by this field instead; may be repeated.")
    ] = None,
    show: Annotated[View | None, typer.Option("--show", help="Another view.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="Closes: only this event, by its whole id.")] = None,
    convention: Annotated[str | None, typer.Option("--convention", help="Closes: only this convention.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the prices of signals were worth at the close, with intervals clustered by event."""
    view = show or (View.SCORECARDS if cards or by else View.SUMMARY)
    if summary and view is not View.SUMMARY:
        raise typer.BadParameter("--summary is a view of its own: leave out the others")
    with opened(config, database, "clv", pipeline) as desk:
        if run:
            done = desk.run("clv", at or now())
            if not as_json:
                say(done)
        rows = desk.answer(*_question(view, by, event, convention))
        off = [] if as_json or view is View.EXCLUDED else desk.answer("clv.excluded", {})
    emit([*rows] if as_json else [shown(row) for row in rows], _columns(view, by), as_json=as_json, none=_NOTHING)
    if off:
        say(_left_out(off))


def _question(
    view: View, by: list[str] | None, event: str | None, convention: str | None
) -> tuple[str, dict[str, Any]]:
    if view is View.SCORECARDS:
        return "clv.scorecards", {"by": by} if by else {}
    if view in (View.CLOSES, View.BOOKS):
        asked = {"event": event, "convention": convention, "books": view is View.BOOKS}
        return "clv.closes", {name: value for name, value in asked.items() if value is not None}
    return f"clv.{view}", {}


def _left_out(off: list[dict[str, Any]]) -> str:
    reasons = Counter(row["reason"] for row in off)
    events = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
    return f"left out: events called off ({events}) with {sum(row['signals'] for row in off)} signals; --show excluded"


def _columns(view: View, by: list[str] | None) -> dict[str, str]:
    if view is View.SCORECARDS:
        names = by or ["type", "market", "bucket", "reference"]
        return {**{name: name.replace("_", " ").upper() for name in names}, **_CARD}
    return dict(_COLUMNS[view])
