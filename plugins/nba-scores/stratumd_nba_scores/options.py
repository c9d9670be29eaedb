"""The options of the nba-scores source."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from stratumd.plugin import PluginConfig


class NbaScoresOptions(PluginConfig):
    """Where to ask for scores, and how."""

    base_url: str = "https://cdn.nba.com"
    """Where the live scoreboard is."""
    stats_url: str = "https://stats.nba.com"
    """Where past days are. It does not answer every network; the live scoreboard does."""
    past_days: Annotated[int, Field(ge=0, le=30)] = 1
    """How many days before today are asked for too, each until all of its games have ended."""
    past_every: timedelta = timedelta(hours=1)
    """How often a past day is asked for again while a game of it has not ended."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers to send besides or instead of the usual ones. Without any it says honestly that it is stratumd."""
    timeout: timedelta = timedelta(seconds=15)
    """The longest one request may take, from connecting to the last byte."""

    @field_validator("base_url", "stats_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
            raise ValueError("expected an address such as https://cdn.nba.com")
        return value.rstrip("/")

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if (
                not name.isascii()
                or not name.replace("-", "").isalnum()
                or not text.isascii()
                or not text.isprintable()
            ):
                raise ValueError(f"{name!r} is no header that can be sent")
        return value

    @field_validator("timeout", "past_every")
    @classmethod
    def _check_length(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("expected a length of time above zero")
        return value
