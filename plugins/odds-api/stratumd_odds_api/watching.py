"""The watched events, and what is asked about them in rhythms of their own: live odds and player props."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from stratumd.odds import canonical_team
from stratumd.plugin import Cycle, Fixture, PluginConfig, micros

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]

FEATURED = frozenset({"h2h", "spreads", "totals", "outrights"})
LIVE, PROPS = "live", "props"


def check_featured(markets: tuple[str, ...], instead: str) -> tuple[str, ...]:
    """Refuse markets that cannot be asked for together with others' events."""
    other = [market for market in markets if market not in FEATURED]
    if other:
        raise ValueError(f"{', '.join(other)} can only be asked for event by event: move to {instead}")
    return markets


class Watch(PluginConfig):
    """Which events `live` and `props` are about."""

    events: tuple[str, ...] = ()
    """Ids of events, as `stratumd events` shows them."""
    teams: tuple[str, ...] = ()
    """Teams as the provider writes them, such as `Boston Celtics`; every event of theirs is watched. Of the NBA's also
    tricodes and usual other names."""

    @model_validator(mode="after")
    def _check_any(self) -> Watch:
        if not self.events and not self.teams:
            raise ValueError("watches nothing: name teams or events")
        return self

    def has(self, event: Fixture) -> bool:
        """Say whether an event is watched."""
        if event.id in self.events:
            return True
        wanted = {canonical_team(event.sport, team) for team in self.teams}
        return any(canonical_team(event.sport, name) in wanted for name in (event.home, event.away) if name)


class Live(PluginConfig):
    """Odds in play of the watched events."""

    markets: Annotated[tuple[Key, ...], Field(min_length=1)] = ("h2h",)
    """Featured markets to ask for, together for all watched events of a sport that are in play."""
    every: Annotated[timedelta, Field(ge=timedelta(seconds=5))] = timedelta(seconds=60)
    """From one poll to the next. The provider updates featured markets about every 40 seconds in play."""
    longest: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(hours=4)
    """Polls end this long after the announced start at the latest; sooner where the event is over, or not listed."""

    @field_validator("markets")
    @classmethod
    def _check_markets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_featured(value, "props")


class Props(PluginConfig):
    """Player markets of the watched events before they start."""

    markets: Annotated[tuple[Key, ...], Field(min_length=1)]
    """Such as `player_points`: each that comes back is paid for, for each event and region."""
    within: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(hours=2)
    """Polls begin this long before the start, and end with it."""
    every: Annotated[timedelta, Field(ge=timedelta(seconds=5))] = timedelta(minutes=10)
    """From one poll of an event to the next."""


def cycles(watch: Watch | None, live: Live | None, props: Props | None) -> Sequence[Cycle]:
    """Return the rhythms that are on."""
    found: list[Cycle] = []
    number = 0 if watch is None else len(watch.events) + len(watch.teams)
    if live is not None:
        found.append(Cycle(LIVE, micros(live.every), 0, -micros(live.longest), number))
    if props is not None:
        found.append(Cycle(PROPS, micros(props.every), micros(props.within), 0, number))
    return found
