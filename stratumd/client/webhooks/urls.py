"""Which URLs a webhook may have, as far as the URL itself tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

import httpx

from stratumd.client.webhooks.addresses import Network, refusal
from stratumd.plugin import Secret

_HOST = re.compile(rb"[a-z0-9._:-]+")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


def endpoint(url: Secret) -> httpx.URL:
    """Take the URL apart, once for checking and connecting alike. `httpx.InvalidURL` where it is none."""
    return httpx.URL(url.reveal().strip())


def port_of(url: httpx.URL) -> int:
    """Return the port, also where it goes without saying."""
    return url.port or (443 if url.scheme == "https" else 80)


def mistake(secret: Secret, allow: Sequence[Network] = ()) -> str | None:
    """Return why nothing can ever be sent to a URL, without a word of it; None where something may."""
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


def _wrong_address(url: httpx.URL, allow: Sequence[Network]) -> str | None:
    """Say at once what would fail at every delivery. Names are looked up when they are connected to."""
    try:
        address = ip_address(url.host)
    except ValueError:
        last = url.host.rstrip(".").rpartition(".")[2]
        return "write an IPv4 address as four decimal numbers" if _NUMBER.fullmatch(last) else None
    return refusal(address, port_of(url), tls=url.scheme == "https", allow=allow)
