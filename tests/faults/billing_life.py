"""One life of a daemon that serves keyed requests, counts them, and tells Stripe: it ends by SIGKILL."""

from __future__ import annotations

import logging
import time
from multiprocessing.connection import Connection
from typing import Any

import anyio
import structlog

from stratumd.plugin import SECOND, Micros, parse_iso
from stratumd.testing.house import Serving, serving

START: Micros = parse_iso("2026-03-10T10:30:00Z")
SPEED = 1_800
"""How much faster than the wall time goes by: an hour in two seconds, so that many hours close."""


class FastClock:
    """A clock that parent and children agree on: they were told when it began."""

    def __init__(self, begun: float, speed: int = SPEED) -> None:
        self._begun = begun
        self._speed = speed

    def now(self) -> Micros:
        """Return the time, which goes by fast."""
        return START + round((time.time() - self._begun) * self._speed * SECOND)


def live(database: str, routes: dict[str, Any], begun: float, pipe: Connection) -> None:
    """Serve until killed. Sends where, then runs operations that it is asked for and sends their rows."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    anyio.run(_serve, database, routes, begun, pipe)


async def _serve(database: str, routes: dict[str, Any], begun: float, pipe: Connection) -> None:
    clock: Any = FastClock(begun)
    async with serving(database, routes, clock=clock) as held:
        pipe.send(held.url)
        while True:
            if pipe.poll():
                name, arguments = pipe.recv()
                pipe.send(await _done(held, name, arguments))
            await anyio.sleep(0.02)


async def _done(held: Serving, name: str, arguments: dict[str, Any]) -> Any:
    if name == "checkout":
        billing = held.routes("stripe-billing").billing
        return (await billing.sales.checkout(arguments["account"], arguments["plan"])).session
    if name == "tick":
        billing = held.routes("stripe-billing").billing
        billing._due.clear()
        billing.sender.breaker.succeeded()
        return await billing.tick()
    return await held.operate(name, arguments)
