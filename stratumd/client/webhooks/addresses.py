"""Which addresses a webhook may be sent to. Pure: it looks at an address and at nothing else.

The ranges are those of the IANA registries of special-purpose addresses (RFC 6890 and its updates), with every range
that carries another address inside: whoever wraps 127.0.0.1 gets no further than whoever writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HTTPS = 443
UNPRIVILEGED = 1_024
"""Below it only `HTTPS` is for webhooks: a mail or database server is no receiver, however public its address."""

_RANGES = {
    "unspecified": ["0.0.0.0/8", "::/128"],
    "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"],
    "shared by a carrier's customers (CGNAT)": ["100.64.0.0/10"],
    "loopback": ["127.0.0.0/8", "::1/128"],
    "link-local": ["169.254.0.0/16", "fe80::/10"],
    "multicast": ["224.0.0.0/4", "ff00::/8"],
    "an IPv4 address inside an IPv6 one": ["::/96", "::ffff:0:0/96", "::ffff:0:0:0/96"],
    "an IPv4 address behind a translator (NAT64)": ["64:ff9b::/96", "64:ff9b:1::/48"],
    "an IPv4 address in a tunnel (6to4, Teredo, relays)": ["2002::/16", "2001::/32", "192.88.99.0/24"],
    "for documentation": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"],
    "for benchmarks": ["198.18.0.0/15", "2001:2::/48"],
    "reserved": [
        "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24", "240.0.0.0/4",
        "100::/64", "2001::/23", "2620:4f:8000::/48", "5f00::/16",
    ],
}  # fmt: skip
BLOCKED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(each), name) for name, ranges in _RANGES.items() for each in ranges
)
"""Ranges that no webhook is sent to, and what they are."""
_GLOBAL = IPv6Network("2000::/3")
"""The only IPv6 addresses that are given out for use across the internet."""


def refusal(address: Address, port: int, *, tls: bool, allow: Iterable[Network] = ()) -> str | None:
    """Return why nothing may be sent to `address` and `port`; None where it may.

    `allow` are the networks that the operator vouches for: there any port may be used, and HTTP without TLS. It is
    compared with the address as it is; an IPv4 network lets no IPv6 spelling of its addresses pass.
    """
    if any(address in network for network in allow):
        return None
    for network, name in BLOCKED:
        if address in network:
            return f"{address} is {name}"
    if not address.is_global or address.is_multicast or (address.version == 6 and address not in _GLOBAL):
        return f"{address} is no public address"
    if not tls:
        return f"{address} is outside of 'allow', where only https is spoken"
    if port != HTTPS and port < UNPRIVILEGED:
        return f"port {port} is none for webhooks: use {HTTPS}, or {UNPRIVILEGED} and above"
    return None
