"""The story that every fault run tells: a scripted market, four detectors, and receivers of several tempers.

What is acknowledged and what is received is written to plain files, one line per write, by whichever process is alive:
the kernel keeps these lines when the process is killed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from stratumd.config import DetectorSpec, PipelineSpec, When
from stratumd.config.schedules import Budget
from stratumd.errors import DeliveryError
from stratumd.plugin import HOUR, MINUTE, Clock, Delivery, Observation, PluginConfig, Poll, Signal, Sink, Source
from stratumd.registry import Registry, load
from stratumd.runtime.attempts import Target
from stratumd.runtime.build import Feed, Outlet
from stratumd.runtime.calls import Owner
from stratumd.runtime.till import Till
from stratumd.testing.harness import FORMAT, Books, PlainNormalizer, game, moneyline, observation, spread
from stratumd.testing.scenario import BOOKS, START
from tests.support.plugins import plugin

SOURCE, PIPELINE = "scripted", "main"
DETECTORS: dict[str, dict[str, str]] = {
    "consensus": {},
    "move": {"cooldown": "1m"},
    "dislocation": {"cooldown": "1m"},
    "steam": {"cooldown": "1m"},
}
GAMES = [game(START + (6 + number) * HOUR, id=f"game{number}", home=f"Bears {number}") for number in range(4)]
MINUTES = 60


def _books(number: int, minute: int) -> Books:
    """A game whose line goes to and fro every few minutes; one book after the other follows, one stays behind."""
    books = {}
    for place, book in enumerate(BOOKS):
        later = 2 if book == "pinnacle" else place % 2
        line = -2.5 - 1.5 * ((minute - later + number) // 4 % 2)
        price = 1.6 + 0.2 * ((minute - later) // 6 % 2)
        books[book] = [spread(line, 1.91 - 0.01 * (place % 3), 1.89), moneyline(price, 2.35)]
    return books


STORY = tuple(
    observation(START + minute * MINUTE, {each: _books(number, minute) for number, each in enumerate(GAMES)},
        source=SOURCE, lane="all")
    for minute in range(MINUTES)
)  # fmt: skip


def registry() -> Registry:
    """Load the detectors, and the normalizer that reads the script."""
    return load([*DETECTORS], extra=[plugin(FORMAT, PlainNormalizer)])


def spec(known: Registry) -> PipelineSpec:
    """Return the one pipeline."""
    found = [(known.detectors[name].component, options) for name, options in DETECTORS.items()]
    detectors = [DetectorSpec(each.name, each, each.config.model_validate(options)) for each, options in found]
    return PipelineSpec(PIPELINE, (SOURCE,), tuple(detectors))


class Ledger:
    """A file to which lines are appended; a line is there whole or not at all, also after a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def write(self, *lines: str) -> None:
        """Append lines in one write."""
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, "".join(f"{line}\n" for line in lines).encode())
        finally:
            os.close(file)

    def lines(self) -> list[str]:
        """Return what was written."""
        return self.path.read_text().splitlines()


class Script(Source):
    """Answers with the observations `first` up to `last`; each is acknowledged when core asks for the next one."""

    name, format = SOURCE, FORMAT

    def __init__(self, first: int, last: int, acknowledged: Ledger) -> None:
        context: Any = None
        super().__init__(PluginConfig(), context)
        self._answers = STORY[first:last]
        self._acknowledged = acknowledged

    async def poll(self) -> AsyncIterator[Poll]:
        for each in self._answers:
            yield exchange(each)
            self._acknowledged.write(each.id)

    def feed(self, clock: Clock) -> Feed:
        """Return it as core knows it."""
        return Feed(self, Owner(self, SOURCE, SOURCE, "1"), Till(SOURCE, Budget(), clock))


def exchange(answer: Observation) -> Poll:
    """Return the exchange that brought `answer`."""
    return Poll(answer.request, answer.received_at - 5, 5, answer)


class Receiver(Sink):
    """Writes down everything that arrives."""

    name = "receiver"

    def __init__(self, arrived: Ledger) -> None:
        context: Any = None
        super().__init__(PluginConfig(), context)
        self._arrived = arrived

    async def deliver(self, deliveries: Sequence[Delivery]) -> str | None:
        self._arrived.write(*(f"{each.id} {each.signal.event} {each.signal.observed_at}" for each in deliveries))
        return deliveries[0].id

    def takes(self, delivery: str) -> bool:
        """Say whether that delivery arrives in the end."""
        return True


class Batching(Receiver):
    """Takes several at once."""

    name, batch = "batching", 5


class Fragile(Receiver):
    """Fails now and then, before or after it took a delivery, and refuses one in twenty for good; has two lanes."""

    name, concurrency = "fragile", 2

    async def deliver(self, deliveries: Sequence[Delivery]) -> str | None:
        (delivery,) = deliveries
        if not self.takes(delivery.id):
            raise DeliveryError("refused", permanent=True)
        luck = (int(delivery.id[:6], 16) + delivery.attempt) % 8
        if luck == 0:
            raise DeliveryError("down")
        receipt = await super().deliver(deliveries)
        if luck == 1:
            raise DeliveryError("no answer: it may have arrived")
        return receipt

    def takes(self, delivery: str) -> bool:
        return int(delivery[:6], 16) % 20 != 0


class Stale(Receiver):
    """Wants nothing that is past its time: the script's signals all are."""

    name, expires = "stale", True

    def takes(self, delivery: str) -> bool:
        return False


RECEIVERS: tuple[type[Receiver], ...] = (Batching, Fragile, Stale)
ENDS = {"batching": {"delivered"}, "fragile": {"delivered", "dead"}, "stale": {"expired"}}
"""The states in which the deliveries to each may end."""


def sink_name(receiver: type[Receiver]) -> str:
    """Return the name that the delivery rows carry."""
    return f"{PIPELINE}.{receiver.name}"


def outlets(folder: Path) -> dict[str, Outlet]:
    """Return all receivers as core knows them; what arrives is written into `folder`."""
    made = [kind(Ledger(folder / f"{kind.name}.arrived")) for kind in RECEIVERS]
    return {f"{PIPELINE}.{sink.name}": _outlet(sink) for sink in made}


def _outlet(sink: Receiver) -> Outlet:
    name = f"{PIPELINE}.{sink.name}"
    return Outlet(Target(name, sink, sink.name, "1"), Owner(sink, name, sink.name, "1"), When())


def by_event(arrived: Sequence[str]) -> dict[str, list[str]]:
    """Return the ids that arrived by event, each at its first coming."""
    found: dict[str, dict[str, None]] = {}
    for line in arrived:
        id, event, _ = line.split(" ")
        found.setdefault(event, {})[id] = None
    return {event: list(ids) for event, ids in found.items()}


def in_order(signals: Sequence[Signal]) -> list[Signal]:
    """Return signals as the queue orders them."""
    return sorted(signals, key=lambda each: (each.observed_at, each.id))
