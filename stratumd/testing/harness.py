"""Run detectors over observations in memory, as the daemon would: no store, no network, no clock.

```python
from stratumd.testing.harness import Harness, game, observation, spread

harness = Harness([MyDetector(Config())])
books = {"fanduel": [spread(-3.5, 1.91, 1.91)], "betmgm": [spread(-4.5, 1.87, 1.95)]}
step = harness.feed(observation(at, {game(starts=at + 6 * HOUR): books}))
assert [signal.type for signal in step.signals] == ["MY_SIGNAL"]
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stratumd.engine import Pipeline, Step
from stratumd.errors import PluginError
from stratumd.odds import Pricing
from stratumd.plugin import (
    Component,
    Detector,
    Event,
    Listing,
    Micros,
    Normalizer,
    Observation,
    Offer,
    PluginConfig,
    Quote,
    Request,
    Scope,
    Signal,
    Snapshot,
)
from stratumd.registry import load, plugin_of

FORMAT: Final = "plain"
"""The format of observations made by `observation`."""

Books = Mapping[str, Sequence[tuple[str, Sequence[Quote]]]]
"""By book key, what it offers: pairs of a market key and its quotes, as `spread` and its like return them."""


class Harness:
    """One pipeline of `detectors`, in that order. What a plugin raises is raised again as `PluginError`.

    Observations made by `observation` need no normalizer; those of a provider need that provider's.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        normalizers: Iterable[Normalizer] = (),
        *,
        pricing: Pricing | None = None,
        operators: Mapping[str, str] | None = None,
        name: str = "test",
    ) -> None:
        by_format = {one.name: one for one in (PlainNormalizer(PluginConfig()), *normalizers)}
        self.pipeline = Pipeline(name, detectors, by_format, pricing=pricing, operators=operators)

    def feed(self, observation: Observation) -> Step:
        """Take one observation and return everything that follows from it."""
        step = self.pipeline.step(observation)
        for failure in step.failures:
            raise PluginError(failure.error, plugin=plugin_of(failure.component), where=failure.where)
        return step

    def run(self, observations: Iterable[Observation]) -> list[Signal]:
        """Take all observations, oldest first, and return the signals in the order in which they fired."""
        return [signal for observation in observations for signal in self.feed(observation).signals]


class PlainNormalizer(Normalizer):
    """Reads the observations that `observation` makes: their body is the snapshot itself, as JSON."""

    name = FORMAT

    def normalize(self, observation: Observation) -> Snapshot:
        """Return the snapshot that was put in."""
        return msgspec.json.decode(observation.body, type=Snapshot)


def detector(name: str, **options: Any) -> Detector:
    """Build an installed detector as the configuration would: `detector("steam", window="3m")`."""
    built = _build("detector", name, options)
    assert isinstance(built, Detector)
    return built


def normalizer(name: str) -> Normalizer:
    """Build an installed normalizer: `normalizer("odds-api")`."""
    built = _build("normalizer", name, {})
    assert isinstance(built, Normalizer)
    return built


def _build(kind: str, name: str, options: Mapping[str, Any]) -> Component:
    """Load the plugin and build its component.

    `PluginError` where it fails to load, `LookupError` where it is not there.
    """
    registry = load([plugin_of(name)])
    for failure in registry.failures:
        raise failure
    registered = registry.of(kind).get(name)
    if registered is None:
        raise LookupError(f"no {kind} {name!r} is installed; plugins: {', '.join(registry.available)}")
    component: type[Component] = registered.component
    return component(component.config.model_validate(options))


def game(
    starts: Micros,
    *,
    id: str = "game",
    sport: str = "basketball_nba",
    home: str = "Home",
    away: str = "Away",
) -> Event:
    """Return a fixture that starts at `starts` (microseconds UTC)."""
    return Event(id, sport, home, away, starts)


def moneyline(home: float, away: float, draw: float | None = None) -> tuple[str, tuple[Quote, ...]]:
    """Return an offer of `h2h` at decimal odds."""
    sides = (Quote("home", home), Quote("away", away))
    return "h2h", sides if draw is None else (*sides, Quote("draw", draw))


def spread(line: float, home: float, away: float) -> tuple[str, tuple[Quote, ...]]:
    """Return an offer of `spreads` at decimal odds; `line` is the home side's, in points."""
    return "spreads", (Quote("home", home, line), Quote("away", away, 0.0 - line))


def total(line: float, over: float, under: float) -> tuple[str, tuple[Quote, ...]]:
    """Return an offer of `totals` at decimal odds; `line` in points."""
    return "totals", (Quote("over", over, line), Quote("under", under, line))


def observation(
    at: Micros,
    games: Mapping[Event, Books],
    *,
    source: str = "test",
    lane: str = "test",
    confirmed: Mapping[str, Micros] | None = None,
) -> Observation:
    """Return an observation, received at `at`, of everything that the books offer: what is missing is gone.

    `confirmed` gives a book's own `last_update` where it is not `at`. All games are of one sport.
    """
    confirmed = confirmed or {}
    listings = [
        Listing(
            event,
            [
                (Offer(book, market, tuple(quotes)), confirmed.get(book, at))
                for book, offers in books.items()
                for market, quotes in offers
            ],
        )
        for event, books in games.items()
    ]
    sports = {event.sport for event in games}
    if len(sports) != 1:
        raise ValueError(f"an observation covers one sport, not {sorted(sports)}")
    snapshot = Snapshot(Scope(sports.pop(), lane), listings, [])
    return Observation(source, FORMAT, at, Request("/plain"), 200, msgspec.json.encode(snapshot))
