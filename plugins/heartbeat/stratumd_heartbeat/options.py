"""Options of `heartbeat`."""

from __future__ import annotations

from datetime import timedelta

import httpx
from pydantic import ConfigDict, Field, field_validator

from stratumd.plugin import PluginConfig, Secret


class Options(PluginConfig):
    """Options of `heartbeat`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Secret
    """What is asked for (GET) as a sign of life. Whoever knows it can feign one, so it is shown nowhere."""
    every: timedelta = Field(default=timedelta(seconds=30), ge=timedelta(seconds=1))
    """The shortest time between two pings. Let the monitor wait for some polls of your slowest source."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: Secret) -> Secret:
        """Refuse what cannot be asked. The message never holds the URL."""
        try:
            parts = address(url)
        except (httpx.InvalidURL, ValueError):
            raise ValueError("expected a URL such as https://hc-ping.com/…") from None
        if parts.scheme not in ("https", "http") or not parts.host or parts.userinfo:
            raise ValueError("expected a URL such as https://hc-ping.com/…, without user and password")
        return url


def address(url: Secret) -> httpx.URL:
    """Take the URL apart. `httpx.InvalidURL` where it is none."""
    return httpx.URL(url.reveal().strip())
