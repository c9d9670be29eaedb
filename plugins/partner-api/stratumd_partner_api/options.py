"""Options of `partner-api`."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from pydantic import Field, field_validator

from stratumd.plugin import PluginConfig, Secret

SHORTEST = 32
"""Characters of a secret that is given."""


class Options(PluginConfig):
    """Options of `partner-api`."""

    secret: Secret | None = None
    """What cursors and the partners' webhooks are signed with: 32 random characters or more. Without it one is made
    once and kept in the database, where whoever reads the database reads it."""
    per_address: int = Field(default=1_200, ge=1)
    """The most requests that one address makes in a minute, on average; the plan says how many one key makes."""
    recent: int = Field(default=10_000, ge=100, le=200_000)
    """How many of the newest signals are kept in memory, about 4 kB each: what the ranked feed is answered from."""
    cursor_lifetime: timedelta = timedelta(hours=24)
    """How long a walk through pages may take."""
    streams_per_key: int = Field(default=10, ge=1)
    """The most streams that one key or session reads at once."""
    streams_per_address: int = Field(default=50, ge=1)
    """The most streams that one address reads at once."""
    stream_buffer: int = Field(default=256, ge=8, le=10_000)
    """How many messages may wait for one client; one that falls further behind is told so and dropped."""
    stream_lifetime: timedelta = timedelta(hours=6)
    """How long a stream lasts; a client goes on from where it was with `Last-Event-ID`."""
    exports_per_key: int = Field(default=2, ge=1)
    """The most exports that one key reads at once."""
    webhooks_per_account: int = Field(default=10, ge=0)
    """The most webhooks that a partner may have."""
    webhook_deliveries_kept: timedelta = timedelta(days=7)
    """How long the record of a webhook's delivery is kept once it has ended."""
    usage_kept: timedelta = Field(default=timedelta(days=400), ge=timedelta(days=62))
    """How long usage by hour and month is kept. Bills are made of it for 35 days."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of your own, such as `[10.0.0.0/8]`, that partners' webhooks may lead to as well: any port, also
    `http://`."""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: Secret | None) -> Secret | None:
        if secret is not None and len(secret.reveal()) < SHORTEST:
            raise ValueError(f"expected {SHORTEST} random characters or more, such as `openssl rand -base64 32` prints")
        return secret
