"""Options of the source and of the annotator."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from stratumd.plugin import PluginConfig, Secret


class SourceOptions(PluginConfig):
    """Where injuries are asked for, and with which key."""

    key: Secret
    """The key of SportsDataIO, best as a reference: `${env:SPORTSDATAIO_KEY}`. It is sent in a header."""
    base_url: str = "https://api.sportsdata.io"
    """Where the provider is. The key is sent there."""
    sports: Annotated[tuple[Literal["basketball_nba"], ...], Field(min_length=1)] = ("basketball_nba",)
    """Sports whose injured players are asked for: those whose teams are known by every spelling."""
    timeout: timedelta = timedelta(seconds=15)
    """The longest one request may take, from connecting to the last byte."""

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
            raise ValueError("expected an address such as https://api.sportsdata.io")
        return value.rstrip("/")

    @field_validator("timeout")
    @classmethod
    def _check_length(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("expected a length of time above zero")
        return value


class Options(PluginConfig):
    """What the annotator looks at."""

    max_age: timedelta = Field(default=timedelta(hours=2), gt=timedelta())
    """An injury report that was received longer ago does not count; then the velocity of the spread speaks."""
    window: timedelta = Field(default=timedelta(minutes=30), gt=timedelta())
    """The time over which the spread and player props are looked at."""
    spread_half: float = Field(default=1.0, gt=0)
    """Points by which the consensus spread moves within `window` for a score of a half."""
    total_half: float = Field(default=2.0, gt=0)
    """Points by which the consensus total has moved since it was first seen for a score of a half."""
    players_half: float = Field(default=1.0, gt=0)
    """Players whose props were withdrawn within `window` for a score of a half."""
    injured_half: float = Field(default=3.0, gt=0)
    """Players that are out, of both teams together, for a score of a half; others count for a part."""
