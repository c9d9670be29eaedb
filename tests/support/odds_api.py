"""The Odds API's answers for tests: bodies as the provider writes them, and observations of them."""

import json
from typing import Any

from stratumd.plugin import Observation, PluginConfig, Request, Snapshot, parse_iso
from stratumd_odds_api import OddsApiNormalizer

NOON = parse_iso("2026-01-10T12:00:00Z")
EVENT = "d78a7f53cae6e1e90ac824798a731dc0"
PATH = "/v4/sports/basketball_nba/odds"
PARAMS = {"regions": "us", "markets": "h2h,spreads,totals", "oddsFormat": "american"}

Row = dict[str, Any]


def outcome(name: object, price: object, point: object = None, **more: object) -> Row:
    return {"name": name, "price": price, **({} if point is None else {"point": point}), **more}


def market(key: str, *outcomes: Row, **more: object) -> Row:
    return {"key": key, "last_update": "2026-01-10T11:59:30Z", "outcomes": list(outcomes), **more}


def book(key: str, *markets: Row, **more: object) -> Row:
    return {"key": key, "title": key, "last_update": "2026-01-10T11:59:40Z", "markets": list(markets), **more}


def event(*books: Row, **more: object) -> Row:
    """Return Boston at Utah: the away team comes first in the alphabet, and so in every market."""
    return {
        "id": EVENT,
        "sport_key": "basketball_nba",
        "sport_title": "NBA",
        "commence_time": "2026-01-10T20:00:00Z",
        "home_team": "Utah Jazz",
        "away_team": "Boston Celtics",
        "bookmakers": list(books),
        **more,
    }


MONEYLINE = market("h2h", outcome("Boston Celtics", -150), outcome("Utah Jazz", 130))
SPREAD = market("spreads", outcome("Boston Celtics", -110, -3.5), outcome("Utah Jazz", -110, 3.5))
TOTAL = market("totals", outcome("Over", -105, 236.5), outcome("Under", -115, 236.5))
EVENTS = [event(book("fanduel", MONEYLINE, SPREAD, TOTAL), book("betmgm", MONEYLINE, SPREAD))]


def answer(body: object, *, path: str = PATH, status: int = 200, at: int = NOON, **params: str) -> Observation:
    """Return an observation of `body`, which is bytes or becomes JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Observation("nba", "odds-api", at, Request(path, {**PARAMS, **params}), status, raw)


def fresh() -> OddsApiNormalizer:
    """Return a normalizer that remembers nothing."""
    return OddsApiNormalizer(PluginConfig())


def read(body: object, **options: Any) -> Snapshot:
    """Return what a fresh normalizer reads."""
    return fresh().normalize(answer(body, **options))
