"""Options of the source and of the detector."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from stratumd.plugin import PluginConfig


class SourceOptions(PluginConfig):
    """Which file is read, and what is the same in all of it."""

    path: Path
    """The file: CSV with a header, or a JSON list of objects."""
    sports: Annotated[tuple[str, ...], Field(min_length=1)]
    """Keys of the sports that it is about. Where it is one, the column `sport` may be missing."""
    timezone: str = "UTC"
    """Where the dates in the file are dates, such as `America/New_York`."""
    again: timedelta = Field(default=timedelta(minutes=15), gt=timedelta())
    """The file is stored again after this time although it did not change; keep it well below `heard_within`."""

    @field_validator("timezone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("expected a time zone such as America/New_York")
        return value


class Options(PluginConfig):
    """When a price is worth a signal by a projection. Nothing is said of a market that `consensus` finds none for."""

    min_ev_percent: float = Field(default=5.0, gt=0)
    """The least expected value of a stake by the projection, percent of the stake."""
    max_age: timedelta = Field(default=timedelta(hours=24), gt=timedelta())
    """A projection does not count any more this long after its file was last written."""
    heard_within: timedelta = Field(default=timedelta(hours=1), gt=timedelta())
    """Projections count while their file was read within this time; after a restart the board reaches back so far."""
    quote_age: timedelta = Field(default=timedelta(minutes=10), gt=timedelta())
    """How old a book's own last update of a price may be."""
    cooldown: timedelta = timedelta(minutes=30)
    """Between two signals of one market and outcome."""
    per_hour: int = Field(default=20, ge=1)
    """The most signals of one event in a rolling hour."""
    lifetime: timedelta = timedelta(minutes=5)
    """How long a signal is worth acting on."""
    in_play: bool = False
    """Go on after the start; `consensus` has to, too. A projection of a whole game knows nothing of the score."""
