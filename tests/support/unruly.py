"""Components that do wrong on demand, in a module that a child process can import."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import anyio
import msgspec

from stratumd.errors import DeliveryError
from stratumd.plugin import (
    Delivery,
    Detector,
    Finding,
    Limits,
    MarketKey,
    Normalizer,
    Notice,
    Observation,
    PluginConfig,
    Record,
    Secret,
    Sink,
    Snapshot,
    State,
    Tick,
)


class Options(PluginConfig):
    act: str = "signal"
    key: Secret = Secret("")


class Noted(Record, frozen=True):
    kind = "noted"
    price: float = 0.0


class Seen(State, frozen=True):
    times: int = 0


class Final(BaseException):
    """What `except Exception` does not catch."""


class Mute(Exception):
    """Its text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


HOARD: list[Any] = []
NAP = float(os.environ.get("UNRULY_NAP", "2.0"))
"""Seconds that those take that take long."""


def work_until(end: float) -> None:
    """Compute without a pause."""
    while time.monotonic() < end:
        sum(range(1_000))


def act(what: str) -> None:
    """Do wrong."""
    if what == "raise":
        raise ValueError("no")
    if what == "base":
        raise Final("for good")
    if what == "exit":
        raise SystemExit(3)
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "group":
        raise BaseExceptionGroup("two", [Final("one"), ValueError("other")])
    if what == "recursion":
        act(what)
    if what == "memory":
        raise MemoryError
    if what == "mute":
        raise Mute
    if what == "nap":
        time.sleep(NAP)
    if what == "hold":
        re.match(r"(a+)+$", "a" * 22 + "b")
    if what == "work":
        work_until(time.monotonic() + NAP)
    if what == "leave":
        os._exit(7)
    if what == "sleep":
        time.sleep(3600)
    if what == "spin":
        while True:
            pass
    if what == "fork" and os.fork() == 0:
        time.sleep(3600)
    if what == "leak":
        HOARD.append(bytearray(64 << 20))
    if what == "seep":
        HOARD.append(bytearray(16 << 10))
    if what == "hoard":
        HOARD.append(bytearray(4 << 30))
    if what == "print":
        sys.stdout.write("hello from a plugin\n" * 100)
        sys.stdout.flush()
    if what == "close":
        os.closerange(3, 64)
    if what == "threads":
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


class Unruly(Detector):
    """Finds something in every market, remembers how often, and does wrong on the way."""

    name, config, state = "unruly", Options, Seen
    provides = ("noted",)

    def detect(self, tick: Tick) -> Iterator[Any]:
        act(self.options.act)
        times = 1 if tick.state is None else tick.state.times + 1
        for market in tick.markets:
            prices = [quote.price for line in market.present() for quote in line.now.offer.quotes]
            yield Noted(market.key, max(prices))
            yield Finding("UNRULY", market.key, "home", "up", 1.0, 1.0, ("fanduel",), 50, {"times": times, "pid": 0})
        yield Seen(times)

    def limits(self, type: str) -> Limits:
        return Limits(cooldown=60_000_000)


class UnrulyReader(Normalizer):
    name = "unruly"

    def normalize(self, observation: Observation) -> Snapshot:
        act(observation.request.params.get("act", ""))
        return msgspec.json.decode(observation.body, type=Snapshot)


class UnrulySink(Sink):
    """Delivers nowhere."""

    name, config, batch = "unruly", Options, 3
    notices = True

    async def notify(self, notice: Notice) -> None:
        raise DeliveryError(f"{os.getpid()} {notice.title} {notice.to}", disable=True)

    def wants(self, signal: Any) -> bool:
        return bool(signal.strength >= 50)

    async def deliver(self, deliveries: Sequence[Delivery]) -> str:
        if self.options.act == "wait":
            await anyio.sleep_forever()
        if self.options.act == "refuse":
            raise DeliveryError("closed", retry_after=7.0, permanent=True)
        act(self.options.act)
        return f"{os.getpid()}:{len(deliveries)}:{self.options.key.reveal()}"


KEY = MarketKey("spreads")
