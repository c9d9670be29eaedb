"""A short season of the fake provider's: each pairing of six teams, a snapshot every six hours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stratumd.odds import NBA_TEAMS
from stratumd.plugin import DAY, HOUR, Micros, Observation, Request, iso, parse_iso

START: Micros = parse_iso("2026-01-01T00:00:00Z")
DAYS = 12
STEP = 6 * HOUR
PATH = "/v4/historical/sports/basketball_nba/odds"
TEAMS = [team.name for team in NBA_TEAMS[:12]]


def games() -> list[dict[str, Any]]:
    """Return three games a day, each with its teams turned about once the season is half over."""
    found = []
    for day in range(DAYS):
        for slot in range(3):
            number = day * 3 + slot
            home, away = TEAMS[number * 2 % 12], TEAMS[(number * 2 + 1 + day // 2 * 2) % 12]
            if home == away:
                away = TEAMS[(number * 2 + 5) % 12]
            tip = START + day * DAY + 19 * HOUR + slot * HOUR
            found.append({"id": f"{number:032x}", "home_team": home, "away_team": away, "commence_time": iso(tip)})
    return found


def snapshots(*, markets: tuple[str, ...] = ("h2h",)) -> Iterator[Observation]:
    """Yield a snapshot every six hours: the games of the next two days, at two books."""
    for at in range(START, START + DAYS * DAY, STEP):
        rows = [_event(game, at, markets) for game in games() if 0 < parse_iso(game["commence_time"]) - at < 2 * DAY]
        body = {"timestamp": iso(at), "previous_timestamp": None, "next_timestamp": None, "data": rows}
        params = {"regions": "us", "markets": ",".join(markets), "oddsFormat": "american"}
        yield Observation(
            "odds-api", "odds-api", at, Request(PATH, params), 200, json.dumps(body).encode(), origin="historical"
        )


def _event(game: dict[str, Any], at: Micros, markets: tuple[str, ...]) -> dict[str, Any]:
    price = -110 - (at // STEP) % 9
    outcomes = [{"name": game["home_team"], "price": price}, {"name": game["away_team"], "price": 100}]
    offers = [{"key": key, "last_update": iso(at), "outcomes": outcomes} for key in markets]
    books = [{"key": key, "title": key, "last_update": iso(at), "markets": offers} for key in ("betmgm", "fanduel")]
    return {**game, "sport_key": "basketball_nba", "sport_title": "NBA", "bookmakers": books}
