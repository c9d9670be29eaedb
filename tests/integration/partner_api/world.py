"""A market and its partners: the routes behind real HTTP, over a store that the test commits to as a pipeline does."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from anyio import to_thread

from stratumd.engine.outcome import Coverage, Step
from stratumd.plugin import (
    HOUR,
    MINUTE,
    SECOND,
    Change,
    ConsensusPoint,
    Contributor,
    Event,
    MarketKey,
    Micros,
    Observation,
    Request,
    Signal,
)
from stratumd.testing.house import START, Serving, serving
from stratumd_partner_api.routes import PartnerApi
from tests.support import steps
from tests.support import stratumd_doorman as doorman

BOOKS = ("zz-alpha-book", "zz-beta-book", "zz-gamma-book")
OPERATORS = ("zz-alpha-house", "zz-beta-house", "zz-gamma-house")
TYPES = ("STEAM", "MOVE", "DISLOCATION")


def make_signal(id: str, at: Micros = START, **more: Any) -> Signal:
    """Return a signal with evidence in every corner."""
    fields: dict[str, Any] = {
        "type": "STEAM",
        "pipeline": "nba",
        "detector": "steam",
        "detector_version": "1",
        "sport": "basketball_nba",
        "event": "e1",
        "home": "Boston Celtics",
        "away": "Miami Heat",
        "commence_at": at + 2 * HOUR,
        "market": "spreads",
        "player": None,
        "outcome": "home",
        "direction": "up",
        "operator": OPERATORS[0],
        "books": BOOKS[:2],
        "magnitude": 1.0,
        "threshold": 0.5,
        "strength": 61,
        "observed_at": at,
        "expires_at": at + 10 * MINUTE,
        "observation": "o1",
        "metadata": {
            "unit": "points",
            "movers": [
                {
                    "operator": OPERATORS[0],
                    "book": BOOKS[0],
                    "move": 1.0,
                    "interval": ["a", "b"],
                    "from": {"line": -2.5},
                }
            ],
            "originator": OPERATORS[0],
            "stale": [{"operator": OPERATORS[2], "book": BOOKS[2], "price": 1.95}],
            "minutes": 2.5,
            "velocity": 0.4321987,
            "present": 7,
            "note": f"seen at {BOOKS[1]}",
            "components": {"speed": {"weight": 0.3, "value": 0.777123}, "magnitude": {"weight": 0.5, "value": 0.5}},
        },
    } | more
    return Signal(id=id, **fields)


def make_step(at: Micros, signals: Sequence[Signal] = (), *, event: str = "e1", price: float = 1.91) -> Step:
    """Return a step of one event: three books on its spread, a consensus, and these signals."""
    body = f"{at} {event} {price}".encode()
    seen = Observation("nba", "odds-api", at, Request("/odds"), 200, body)
    known = Event(event, "basketball_nba", "Boston Celtics", "Miami Heat", START + 3 * HOUR)
    contributors = tuple(
        Contributor(OPERATORS[n], BOOKS[n], 1.0, (-2.5,), -2.5, (BOOKS[n],)) for n in range(len(BOOKS))
    )
    point = ConsensusPoint(
        MarketKey("spreads"), ("home", "away"), -2.5, -2.4, (0.52, 0.48), (1.9, 1.92), 0.2 + price, 3, 3, contributors
    )
    changes = [
        Change(event, book, "spreads", None, side, None, line, price + 0.2 * n, at)
        for n, book in enumerate(BOOKS)
        for side, line in (("home", -2.5), ("away", 2.5))
    ]
    return Step(
        pipeline="nba",
        observation=seen,
        at=at,
        events=(known,),
        coverage=(Coverage(event, (MarketKey("spreads"),)),),
        changes=tuple(changes),
        records=((event, point),),
        signals=tuple(signals),
        states=(),
        quotes=6,
    )


class World:
    """What a test holds."""

    def __init__(self, held: Serving) -> None:
        self.held = held
        self.clock = held.clock
        self.api: PartnerApi = held.routes("partner-api")
        self.doorman: doorman.Doorman = held.routes("doorman")

    async def commit(self, *many: Step) -> None:
        """Commit steps, as a pipeline does."""
        await to_thread.run_sync(lambda: steps.keep(self.held.store, *many, sinks=()))
        self.held.told()

    async def signals(self, *found: Signal, price: float | None = None) -> None:
        """Commit signals, each in a step of its own time."""
        for each in found:
            paid = random.uniform(1.5, 2.5) if price is None else price
            await self.commit(make_step(each.observed_at, [each], event=each.event, price=paid))
        await self.heard()

    async def heard(self) -> None:
        """Wait until the routes have read all of the feed."""
        await self.api.signals.catch_up()

    async def get(self, path: str, key: str = "key_ann", **more: Any) -> httpx.Response:
        """Ask as a partner."""
        headers = {"authorization": f"Bearer {key}"} | dict(more.pop("headers", {}))
        return await self.held.client.get(f"/api/v1/{path}", headers=headers, **more)

    async def ask(self, method: str, path: str, key: str = "key_ann", **more: Any) -> httpx.Response:
        """Ask as a partner, by any method."""
        headers = {"authorization": f"Bearer {key}"} | dict(more.pop("headers", {}))
        return await self.held.client.request(method, f"/api/v1/{path}", headers=headers, **more)

    async def items(self, path: str, key: str = "key_ann", **more: Any) -> list[dict[str, Any]]:
        """Return the items of a list."""
        answer = await self.get(path, key, **more)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


@asynccontextmanager
async def world(
    database_url: str, options: Mapping[str, Any] | None = None, *, background: bool = False, **more: Any
) -> AsyncIterator[World]:
    """Open it."""
    chosen = {"per_address": 10_000_000} | dict(options or {})
    routes = {"doorman": {}, "partner-api": chosen}
    async with serving(database_url, routes, extra=[doorman], background=background, **more) as held:
        yield World(held)


__all__ = ["HOUR", "MINUTE", "SECOND", "START", "World", "make_signal", "make_step", "world"]
