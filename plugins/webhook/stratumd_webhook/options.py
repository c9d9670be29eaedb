"""Options of `webhook`."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address

import httpx
from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from stratumd.plugin import PluginConfig, Secret
from stratumd_webhook.addresses import Network, refusal
from stratumd_webhook.signing import key

_HOST = re.compile(rb"[a-z0-9._:-]+")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


class Options(PluginConfig):
    """Options of `webhook`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of your own, such as `[10.0.0.0/8]`, that may be sent to as well: any port, also `http://`."""
    url: Secret
    """Where signals are posted to: `https://`, on port 443 or one from 1024 on. It may hold a token, so it is shown
    nowhere."""
    secret: Secret
    """What signs the requests: `whsec_` and the base64 of 24 to 64 random bytes."""
    previous_secrets: tuple[Secret, ...] = ()
    """Older secrets that sign too, until every receiver knows the new one."""
    concurrency: int = Field(default=1, ge=1, le=32)
    """The most requests under way at once. Signals of one event still come one after the other."""
    per_second: float | None = Field(default=None, gt=0, le=1_000)
    """The most requests that are begun in a second, also when a receiver is back after an outage."""
    skip_stale: bool = False
    """Leave out signals that are past their `expires_at`; they are counted as expired."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: Secret, info: ValidationInfo) -> Secret:
        """Refuse what can never be sent to. The message never holds the URL."""
        mistake = _mistake(url, info.data.get("allow", ()))
        if mistake:
            raise ValueError(mistake)
        return url

    @field_validator("secret", "previous_secrets")
    @classmethod
    def _check_secrets(cls, found: Secret | tuple[Secret, ...]) -> Secret | tuple[Secret, ...]:
        for secret in (found,) if isinstance(found, Secret) else found:
            key(secret)
        return found


def endpoint(url: Secret) -> httpx.URL:
    """Take the URL apart, once for checking and connecting alike. `httpx.InvalidURL` where it is none."""
    return httpx.URL(url.reveal().strip())


def port_of(url: httpx.URL) -> int:
    """Return the port, also where it goes without saying."""
    return url.port or (443 if url.scheme == "https" else 80)


def _mistake(secret: Secret, allow: tuple[Network, ...]) -> str | None:
    try:
        url = endpoint(secret)
    except (httpx.InvalidURL, ValueError):
        return "expected a URL such as https://example.com/hooks/stratumd"
    port = 443 if url.port is None else url.port
    if url.scheme not in ("https", "http") or not _HOST.fullmatch(url.raw_host) or not 0 < port < 65_536:
        return "expected a URL such as https://example.com/hooks/stratumd"
    if url.userinfo:
        return "the URL has no user or password: the signature says who sends"
    if url.fragment:
        return "the URL has no fragment: it would not be sent"
    if url.scheme == "http" and not allow:
        return "the URL must begin with https://; http:// is for networks in 'allow' only"
    return _wrong_address(url, allow)


def _wrong_address(url: httpx.URL, allow: tuple[Network, ...]) -> str | None:
    """Say at once what would fail at every delivery. Names are looked up when they are connected to."""
    try:
        address = ip_address(url.host)
    except ValueError:
        last = url.host.rstrip(".").rpartition(".")[2]
        return "write an IPv4 address as four decimal numbers" if _NUMBER.fullmatch(last) else None
    return refusal(address, port_of(url), tls=url.scheme == "https", allow=allow)
