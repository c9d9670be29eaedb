"""How often somebody may ask: token buckets in memory, and the headers that tell of them.

Where several daemons serve one database, each admits its share: `per_minute` divided by the number of those that serve
at present. One that begins to serve is seen by the others within a beat or two: until then a bucket may be exceeded
by the newcomer's share of it, once. While their number stays, they admit no more than one would.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor

from stratumd.plugin import MINUTE, SECOND, Micros
from stratumd.plugin.routes import Header, Refused

BEAT: Micros = SECOND
"""How often a daemon that serves says so, with its usage."""
STALE: Micros = 5 * SECOND
"""A daemon that said nothing for so long does not count."""
RATES: Mapping[str, Header] = {
    "ratelimit-policy": Header(
        about="What limits you, your `key` or your `address`: `q` requests in `w` seconds (IETF HTTPAPI).",
        problems=True,
    ),
    "ratelimit": Header(
        about="What is left of it: `r` requests, all of them again in `t` seconds (IETF HTTPAPI).", problems=True
    ),
    "x-ratelimit-limit": Header(about="How many requests a minute are served to you.", kind=int, problems=True),
    "x-ratelimit-remaining": Header(about="How many are left at present.", kind=int, problems=True),
    "x-ratelimit-reset": Header(
        about="When all of them are there again, in seconds since 1970 UTC.", kind=int, problems=True
    ),
}
"""What `headers` makes."""
MOST = 200_000
"""Buckets that are remembered; full ones are forgotten first."""


class Bucket:
    """What is left for one key or address: up to a minute's worth, filled again evenly."""

    __slots__ = ("at", "left")

    def __init__(self, left: float, at: Micros) -> None:
        self.left = left
        self.at = at


class Buckets:
    """A bucket per name."""

    def __init__(self) -> None:
        self.daemons = 1
        """How many share the limits."""
        self._buckets: dict[str, Bucket] = {}

    def take(self, name: str, per_minute: int, now: Micros) -> float:
        """Take one request's worth and return what is left; negative where there was none to take."""
        share = per_minute / self.daemons
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(share, now)
        elif now > bucket.at:
            bucket.left = min(share, bucket.left + (now - bucket.at) * share / MINUTE)
            bucket.at = now
        elif bucket.left > share:
            bucket.left = share
        if bucket.left < 1.0:
            return bucket.left - 1.0
        bucket.left -= 1.0
        return bucket.left

    def wait(self, per_minute: int, left: float) -> int:
        """Return after how many seconds there is one again, where `take` returned a negative `left`."""
        return max(1, ceil(-left * 60.0 * self.daemons / per_minute))

    def tidy(self, now: Micros) -> None:
        """Forget the buckets that are full again after a minute, and the oldest where there are too many."""
        for name in [name for name, bucket in self._buckets.items() if now - bucket.at > MINUTE]:
            del self._buckets[name]
        for name in list(self._buckets)[: max(0, len(self._buckets) - MOST)]:
            del self._buckets[name]


class Limits:
    """What one key, and one address, may ask in a minute."""

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._addresses = Buckets()
        self._keys = Buckets()

    @property
    def daemons(self) -> int:
        """How many daemons share the limits."""
        return self._keys.daemons

    def share(self, daemons: int) -> None:
        """Take note of how many daemons live."""
        self._keys.daemons = self._addresses.daemons = max(1, daemons)

    def take(self, credential: str, per_minute: int, address: str, now: Micros) -> dict[str, str]:
        """Count a request, and return the headers that tell what is left. `Refused` (429) where nothing is."""
        left = self._addresses.take(address, self._per_address, now)
        if left < 0.0:
            wait = self._addresses.wait(self._per_address, left)
            raise _refused("address", self._per_address, wait, now)
        if not credential:
            return headers("address", self._per_address, left, now)
        left = self._keys.take(credential, per_minute, now)
        if left < 0.0:
            raise _refused("key", per_minute, self._keys.wait(per_minute, left), now)
        return headers("key", per_minute, left, now)

    def tidy(self, now: Micros) -> None:
        """Forget who has not asked for a minute."""
        self._addresses.tidy(now)
        self._keys.tidy(now)


def headers(policy: str, per_minute: int, left: float, now: Micros) -> dict[str, str]:
    """Return both families of headers: `RateLimit` with `RateLimit-Policy` (IETF HTTPAPI), and `X-RateLimit-*`.

    `t` and `reset`: when everything is there again; `reset` in seconds since 1970 UTC.
    """
    remaining = floor(left)
    seconds = ceil((per_minute - left) * 60.0 / per_minute)
    return {
        "ratelimit-policy": f'"{policy}";q={per_minute};w=60',
        "ratelimit": f'"{policy}";r={remaining};t={seconds}',
        "x-ratelimit-limit": str(per_minute),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(now // SECOND + seconds),
    }


def _refused(policy: str, per_minute: int, wait: int, now: Micros) -> Refused:
    told: Mapping[str, str] = headers(policy, per_minute, 0.0, now) | {"retry-after": str(wait)}
    whose = "this key" if policy == "key" else "this address"
    return Refused(429, f"{per_minute} requests a minute are served to {whose}: come back in {wait} s.", headers=told)
