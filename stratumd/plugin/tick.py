"""What a detector sees: the markets of one event at one observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratumd.plugin.market import Market
from stratumd.plugin.times import MINUTE, Micros
from stratumd.plugin.values import Event, MarketKey, Record, Told

_NO_NEWS: Mapping[str, Told] = {}


class Tick:
    """What one observation did to one event, and the event as it stands: all that a detector may know."""

    __slots__ = ("at", "event", "in_play", "markets", "news", "observation", "records", "state")

    def __init__(self, observation: str, at: Micros, event: Event, markets: list[Market]) -> None:
        self.observation = observation
        """The observation's id."""
        self.at = at
        """When the observation was received. It is the only clock a detector has."""
        self.event = event
        self.in_play = event.commence_at <= at
        self.markets = markets
        """The markets that the observation covers; a market outside its scope is not judged."""
        self.records: dict[str, dict[MarketKey, Record]] = {}
        """What earlier detectors of the pipeline recorded at this observation, by kind and market."""
        self.state: Any = None
        """What this detector remembered about this event (its `State`), or None at first."""
        self.news: Mapping[str, Told] = _NO_NEWS
        """The newest news of the event's sport by topic, of those that the detector `hears`."""

    @property
    def minutes_to_start(self) -> float:
        """Minutes from the observation to the announced start; negative in play."""
        return (self.event.commence_at - self.at) / MINUTE

    def record(self, kind: str, key: MarketKey) -> Any:
        """Return the record of that kind and market, or None."""
        return self.records.get(kind, {}).get(key)

    def of_kind(self, kind: str) -> Mapping[MarketKey, Record]:
        """Return all records of a kind, by market."""
        return self.records.get(kind, {})
