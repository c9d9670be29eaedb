"""The events that the provider's answers named: what a schedule needs to know of them."""

from __future__ import annotations

import re

import msgspec

from stratumd.plugin import Fixture, Micros, Observation, parse_iso
from stratumd_odds_api.wire import UNREADABLE

_WHOLE = re.compile(r"/v4/sports/(?P<sport>[^/]+)/(?:odds|events)")
_ONE = re.compile(r"/v4/sports/(?P<sport>[^/]+)/events/(?P<event>[^/]+)/odds")
_NARROWED = ("eventIds", "commenceTimeFrom", "commenceTimeTo")


class _Event(msgspec.Struct):
    id: str
    commence_time: str
    sport_key: str = ""
    home_team: str | None = None
    away_team: str | None = None

    def fixture(self) -> Fixture:
        """Return what a schedule needs to know. `ValueError` where its start is no time."""
        start = parse_iso(self.commence_time)
        return Fixture(self.id, self.sport_key, start, self.home_team or "", self.away_team or "")


class Known:
    """All events that are known, by sport and id."""

    def __init__(self) -> None:
        self._told = False
        self._fixtures: dict[str, Fixture] = {}

    def all(self) -> list[Fixture] | None:
        """Return them by their start; None where no answer named any yet."""
        return sorted(self._fixtures.values(), key=_by_start) if self._told else None

    def of(self, sport: str) -> list[Fixture]:
        """Return those of a sport by their start."""
        return [fixture for fixture in self.all() or () if fixture.sport == sport]

    def learn(self, observation: Observation) -> None:
        """Take over what an answer says of events. What it cannot be read for is its normalizer's matter."""
        path, params = observation.request.path, observation.request.params
        whole, one = _WHOLE.fullmatch(path), _ONE.fullmatch(path)
        if whole is None and one is None:
            return
        try:
            if one is not None:
                found = [msgspec.json.decode(observation.body, type=_Event)]
            else:
                found = msgspec.json.decode(observation.body, type=list[_Event])
            fixtures = [event.fixture() for event in found if event.id.isalnum()]
        except (*UNREADABLE, ValueError):
            return
        self._told = True
        if whole is not None and not any(name in params for name in _NARROWED):
            self._forget_played(whole["sport"], {fixture.id for fixture in fixtures}, observation.received_at)
        self._fixtures |= {fixture.id: fixture for fixture in fixtures}

    def forget(self, event: str) -> None:
        """Forget an event that the provider does not know any more."""
        self._fixtures.pop(event, None)

    def _forget_played(self, sport: str, listed: set[str], at: Micros) -> None:
        """Forget what has started and is not listed any more. What is still to come may vanish for hours and return."""
        self._fixtures = {
            id: fixture
            for id, fixture in self._fixtures.items()
            if fixture.sport != sport or id in listed or fixture.commence_at > at
        }


def _by_start(fixture: Fixture) -> tuple[Micros, str]:
    return fixture.commence_at, fixture.id
