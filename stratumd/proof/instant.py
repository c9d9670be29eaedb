"""One event at one instant of the past: stepped up to it by the very engine, and looked at from inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from stratumd.engine import Pipeline, Step, gate
from stratumd.odds import Fair
from stratumd.plugin import (
    Detector,
    Market,
    MarketKey,
    Micros,
    Normalizer,
    Observation,
    PluginConfig,
    Snapshot,
    State,
    Tick,
)
from stratumd.proof.past import Past
from stratumd.proof.rebuilt import as_noted


class Instant(NamedTuple):
    """An event right after one observation. Board and memory go on with the next one: look before that is asked for."""

    pipeline: Pipeline
    tick: Tick
    """What the detectors saw."""
    remembered: bytes | None
    """The gate's memory of the event right before the observation, as it is stored."""
    states: Mapping[str, State]
    """What the detectors remembered of the event right before it, by detector."""
    step: Step

    @property
    def gate(self) -> gate.Memory:
        """Return a copy of what the gate remembered right before the observation."""
        return gate.Memory() if self.remembered is None else gate.restore(self.remembered)

    def market(self, key: MarketKey) -> Market | None:
        """Return a market that the observation covered."""
        return next((market for market in self.tick.markets if market.key == key), None)


class Probe(Detector):
    """Stands behind the detectors of a pipeline, shows what they saw of an event or of all, and finds nothing."""

    name = "probe"

    def __init__(self, event: str | None, look: Callable[[Tick], None], lookback: Micros) -> None:
        super().__init__(PluginConfig())
        self._event = event
        self._look = look
        self._lookback = lookback

    @property
    def lookback(self) -> Micros:
        """How far back the board is to remember at least."""
        return self._lookback

    def detect(self, tick: Tick) -> Iterable[object]:  # type: ignore[override]  # it yields nothing
        """Look."""
        if self._event in (None, tick.event.id):
            self._look(tick)
        return ()


class Narrowed(Normalizer):
    """Another normalizer, of which only one event is heard: events do not depend on each other."""

    def __init__(self, inner: Normalizer, event: str) -> None:
        super().__init__(inner.options)
        self.name = inner.name  # type: ignore[misc]  # it stands in for the other
        self.version = inner.version  # type: ignore[misc]  # as above
        self._inner = inner
        self._event = event

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what `observation` says of the event."""
        found = self._inner.normalize(observation)
        scope = found.scope
        if scope is not None:
            asked = scope.events is None or self._event in scope.events
            scope = msgspec.structs.replace(scope, events=frozenset({self._event} if asked else ()))
        listings = [listing for listing in found.listings if listing.event.id == self._event]
        return msgspec.structs.replace(found, scope=scope, listings=listings)


def probed(pipeline: Pipeline, event: str | None, look: Callable[[Tick], None], lookback: Micros = 0) -> Pipeline:
    """Return a fresh pipeline like `pipeline` that shows each tick; where an event is given, it hears of no other."""
    return Pipeline(
        pipeline.name,
        [*pipeline.detectors, Probe(event, look, lookback)],
        {name: Narrowed(each, event) if event else each for name, each in pipeline.normalizers.items()},
        pricing=pipeline.pricing,
        operators=pipeline.operators,
        bounds=pipeline.bounds,
        describe=pipeline.describe,
    )


class _Looking:
    """Looks at one event from inside of pipelines that are stepped one after the other."""

    def __init__(self, event: str, lookback: Micros) -> None:
        self._event = event
        self._lookback = lookback
        self._seen: list[Tick] = []
        self._pipeline: Pipeline | None = None

    def into(self, pipeline: Pipeline) -> Pipeline:
        """Return a fresh pipeline like `pipeline`, to be stepped from now on."""
        self._pipeline = probed(pipeline, self._event, self._seen.append, self._lookback)
        return self._pipeline

    def through(self, steps: Iterable[Step]) -> Iterator[Instant]:
        """Yield every instant of the event."""
        event = self._event
        remembered: bytes | None = None
        states: Mapping[str, State] = {}
        for step in steps:
            pipeline = self._pipeline
            assert pipeline is not None, "something was stepped"
            for tick in self._seen:
                voided = any(each.event == event and each.body is None for each in step.states)
                yield Instant(pipeline, tick, None if voided else remembered, {} if voided else states, step)
            self._seen.clear()
            memory = pipeline.memory(event)
            remembered, states = memory.bodies.get("gate"), dict(memory.states)


def instants(past: Past, event: str, lookback: Micros = 0) -> Iterator[Instant]:
    """Yield every instant of `event`, in the order in which all was taken, under the options of then.

    The board remembers at least `lookback`, which no detector can tell.
    """
    looking = _Looking(event, lookback)

    def build(era: int) -> Pipeline:
        return looking.into(as_noted(past, era) if past.eras else past.configured())

    return looking.through(past.steps(past.as_taken(past.start(None, event)), build))


def instants_of(
    pipeline: Pipeline, observations: Iterable[Observation], event: str, lookback: Micros = 0
) -> Iterator[Instant]:
    """Yield every instant of `event` as a pipeline like `pipeline` takes `observations`."""
    looking = _Looking(event, lookback)
    looked_into = looking.into(pipeline)
    return looking.through(map(looked_into.step, observations))


def fairs(market: Market) -> dict[str, Fair]:
    """Return the fair prices of now by book."""
    return {line.book: fair for line in market.present() if isinstance(fair := line.fair, Fair)}
