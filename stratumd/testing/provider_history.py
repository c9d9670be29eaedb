"""Serve recorded answers as the historical endpoints do: the snapshot at a time, or the last one before it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from stratumd.plugin import Micros, Observation, iso

Row = dict[str, Any]


class Stamps(NamedTuple):
    """When a snapshot was taken, and those before and after it."""

    at: Micros
    before: Micros | None
    after: Micros | None

    def fields(self) -> Row:
        """Return them as the provider writes them."""
        names = ("timestamp", "previous_timestamp", "next_timestamp")
        return {name: None if at is None else iso(at) for name, at in zip(names, self, strict=True)}


class History:
    """The snapshots of recorded answers to `/historical/sports/{sport}/odds`, as content of the fake provider.

    A time before the first snapshot has no events.
    """

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._times: dict[str, list[Micros]] = {}
        self._bodies: dict[str, list[bytes]] = {}
        for each in sorted(observations, key=lambda each: each.received_at):
            sport = each.request.path.split("/sports/")[1].split("/")[0]
            self._times.setdefault(sport, []).append(each.received_at)
            self._bodies.setdefault(sport, []).append(each.body)
        self._now: list[Row] = []

    def travel(self, sport: str, at: Micros) -> Stamps:
        """Let the snapshot of `sport` at `at` be what is served next."""
        times = self._times.get(sport, [])
        position = bisect_right(times, at) - 1
        after = times[position + 1] if position + 1 < len(times) else None
        if position < 0:
            self._now = []
            return Stamps(at, None, after)
        self._now = msgspec.json.decode(self._bodies[sport][position])["data"]
        return Stamps(times[position], times[position - 1] if position else None, after)

    def sports(self) -> list[Row]:
        """Return the recorded sports."""
        return [
            {"key": key, "group": "", "title": key, "description": "", "active": True, "has_outrights": False}
            for key in sorted(self._times)
        ]

    def events(self, sport: str) -> list[Row]:
        """Return the events of the snapshot, without bookmakers."""
        return [{key: value for key, value in event.items() if key != "bookmakers"} for event in self._now]

    def odds(self, sport: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]) -> list[Row]:
        """Return the events of the snapshot."""
        return self._now

    def event_odds(
        self, sport: str, event_id: str, markets: Sequence[str], regions: Sequence[str], bookmakers: Sequence[str]
    ) -> Row | None:
        """Return one event of the snapshot."""
        return next((event for event in self._now if event["id"] == event_id), None)

    def scores(self, sport: str, days_from: int | None) -> list[Row]:
        """Return none: there are no scores of the past."""
        return []
