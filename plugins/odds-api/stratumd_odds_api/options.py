"""The options of the odds-api source."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from stratumd.plugin import PluginConfig, Secret
from stratumd_odds_api.watching import Key, Live, Props, Watch, check_featured

Feed = Literal["odds", "events", "scores", "sports"]


class OddsApiOptions(PluginConfig):
    """What to ask The Odds API for, and how patiently."""

    api_key: Secret
    """The provider's key, best as a reference: `${env:ODDS_API_KEY}`."""
    base_url: str = "https://api.the-odds-api.com"
    """Where the provider is. The key is sent there."""
    sports: Annotated[tuple[Key, ...], Field(min_length=1)]
    """Sport keys such as `basketball_nba`; `upcoming` asks for the next events of all sports."""
    regions: tuple[Key, ...] = ()
    """Regions whose bookmakers are asked for, such as `us` or `eu`; each costs credits. Give these or `bookmakers`."""
    bookmakers: tuple[Key, ...] = ()
    """Bookmaker keys to ask for instead of regions; every started group of ten costs as much as one region."""
    markets: Annotated[tuple[Key, ...], Field(min_length=1)] = ("h2h", "spreads", "totals")
    """Featured markets, asked for in one request a sport: `h2h`, `spreads`, `totals`, `outrights`."""
    event_markets: tuple[Key, ...] = ()
    """Further markets, such as `player_points`, asked for event by event: credits for each event, market and region."""
    max_events: Annotated[int, Field(ge=1)] = 40
    """The most events of a sport that one poll asks `event_markets` for, those nearest their start first."""
    feeds: tuple[Feed, ...] = ("odds",)
    """What to ask for at each poll: `odds`, `scores`, and, free of credits, `events` and `sports`."""
    watch: Watch | None = None
    """The events that `live` and `props` are about."""
    live: Live | None = None
    """Poll the watched events in play, in a rhythm of its own, from the budget `live`. Off without it."""
    props: Props | None = None
    """Poll player markets of the watched events near their start, from the budget `props`. Off without it."""
    scores_days: Annotated[int, Field(ge=1, le=3)] | None = None
    """Also ask for scores of games completed in so many days; that costs 2 credits instead of 1."""
    timeout: timedelta = timedelta(seconds=25)
    """The longest one attempt may take, from connecting to the last byte."""
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    """How often a request that failed in passing is tried again before the poll counts as failed."""
    backoff: timedelta = timedelta(seconds=1)
    """The first pause before a retry is at most this; each further one at most twice as long."""
    max_backoff: timedelta = timedelta(seconds=8)
    """The longest pause between two attempts. The pauses are random, so that many clients do not return together."""
    concurrency: Annotated[int, Field(ge=1, le=16)] = 4
    """Requests at a time. The provider refuses more than 30 a second, and some users at 8 in parallel."""

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
            raise ValueError("expected an address such as https://api.the-odds-api.com")
        return value.rstrip("/")

    @field_validator("markets")
    @classmethod
    def _check_markets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_featured(value, "event_markets")

    @field_validator("timeout", "backoff", "max_backoff")
    @classmethod
    def _check_length(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("must be longer than nothing")
        return value

    @model_validator(mode="after")
    def _check_books(self) -> OddsApiOptions:
        if not self.feeds and not self.event_markets:
            raise ValueError("asks for nothing: name feeds or event_markets")
        asks = "odds" in self.feeds or self.event_markets or self.live or self.props
        if bool(self.regions) == bool(self.bookmakers) and asks:
            raise ValueError("give either regions, such as [us], or bookmakers")
        if "upcoming" in self.sports and (self.event_markets or set(self.feeds) - {"odds", "sports"}):
            raise ValueError("upcoming is no sport of its own: it can only be asked for the odds feed")
        return self

    @model_validator(mode="after")
    def _check_watch(self) -> OddsApiOptions:
        if (self.live or self.props) and self.watch is None:
            raise ValueError("live and props ask about watched events only: add 'watch: {teams: [Boston Celtics]}'")
        if self.watch and not (self.live or self.props):
            raise ValueError("'watch' belongs to 'live' and 'props': add one of them")
        return self
