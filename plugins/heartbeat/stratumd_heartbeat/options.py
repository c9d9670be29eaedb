"""Options of `heartbeat`."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
from pydantic import ConfigDict, Field, field_validator

from stratumd.plugin import PluginConfig, Secret

_HOST = re.compile(rb"[a-z0-9._:-]+")


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
        port = 443 if parts.port is None else parts.port
        named = _HOST.fullmatch(parts.raw_host) and 0 < port < 65_536
        if parts.scheme not in ("https", "http") or parts.userinfo or not named:
            raise ValueError("expected a URL such as https://hc-ping.com/…, without user and password")
        return url


def address(url: Secret) -> httpx.URL:
    """Take the URL apart. `httpx.InvalidURL` where it is none."""
    return httpx.URL(url.reveal().strip())
