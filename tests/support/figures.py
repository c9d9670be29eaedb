"""Measure a feed as the figures in `stratumd_demo.books` were: polls every 15 minutes, games before the start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import log
from statistics import median, pstdev
from typing import Any, NamedTuple

from stratumd.odds import NORMAL_CONSISTENCY, Fair, Pricing, american_to_decimal, compared_values, fair_quotes
from stratumd.plugin import DAY, HOUR, MINUTE, Micros, Quote, parse_iso

POLL = 15 * MINUTE

Row = dict[str, Any]
Place = tuple[str, str]
"""A book and a market."""


class Seen(NamedTuple):
    """One book's market in one poll of one game."""

    at: Micros
    event: str
    place: Place
    quotes: tuple[Quote, ...]
    fair: Fair
    age: float
    """Seconds since the last confirmation."""


class Figures(NamedTuple):
    """Medians; deviations are standard deviations from the median of the books."""

    hold: dict[Place, float]
    changes: dict[Place, float]
    """Per hour."""
    deviation: dict[Place, float]
    dispersion: dict[str, float]
    age: dict[str, float]


def figures(polls: Iterable[tuple[Micros, list[Row]]]) -> Figures:
    """Return the figures of a feed, given its bodies with the times at which they were received."""
    rows = [row for at, body in polls for row in _rows(at, body)]
    holds, ages = defaultdict(list), defaultdict(list)
    for row in rows:
        holds[row.place].append(row.fair.hold)
        ages[row.place[0]].append(row.age)
    distances, dispersion = _distances(rows)
    return Figures(
        hold={place: median(values) for place, values in holds.items()},
        changes=_changes(rows),
        deviation={place: pstdev(values) for place, values in distances.items()},
        dispersion=dispersion,
        age={book: median(values) for book, values in ages.items()},
    )


def quotes_of(event: Row, market: Row) -> tuple[Quote, ...]:
    """Return a market's quotes as the contract names them."""
    names = {event["home_team"]: "home", event["away_team"]: "away", "Over": "over", "Under": "under"}
    return tuple(
        Quote(names[side["name"]], american_to_decimal(side["price"]), side.get("point")) for side in market["outcomes"]
    )


def _rows(at: Micros, body: list[Row]) -> Iterator[Seen]:
    for event in body:
        if not 0 < parse_iso(event["commence_time"]) - at <= DAY:
            continue
        for book in event["bookmakers"]:
            for market in book["markets"]:
                quotes = quotes_of(event, market)
                fair = fair_quotes(market["key"], event["sport_key"], quotes, Pricing())
                assert isinstance(fair, Fair), fair
                age = (at - parse_iso(market["last_update"])) / 1e6
                yield Seen(at, event["id"], (book["key"], market["key"]), quotes, fair, age)


def _changes(rows: list[Seen]) -> dict[Place, float]:
    """Return changes per hour, as a process that shows at most one change a poll: −ln(1 − share) / poll."""
    last: dict[tuple[str, Place], Seen] = {}
    steps: dict[Place, list[bool]] = defaultdict(list)
    for row in rows:
        before = last.get((row.event, row.place))
        if before is not None and row.at - before.at == POLL:
            steps[row.place].append(before.quotes != row.quotes)
        last[row.event, row.place] = row
    return {place: -log(1 - sum(changed) / len(changed)) * HOUR / POLL for place, changed in steps.items()}


def _distances(rows: list[Seen]) -> tuple[dict[Place, list[float]], dict[str, float]]:
    together: dict[tuple[Micros, str, str], dict[str, float]] = defaultdict(dict)
    for row in rows:
        book, market = row.place
        together[row.at, row.event, market][book] = compared_values(row.fair)[0]
    distances: dict[Place, list[float]] = defaultdict(list)
    spreads: dict[str, list[float]] = defaultdict(list)
    for (_, _, market), values in together.items():
        if len(values) >= 5:
            middle = median(values.values())
            spreads[market].append(NORMAL_CONSISTENCY * median(abs(value - middle) for value in values.values()))
            for book, value in values.items():
                distances[book, market].append(value - middle)
    return distances, {market: median(values) for market, values in spreads.items()}
