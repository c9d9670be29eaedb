"""What a backfill would take, without writing anything."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from stratumd.plugin import Micros, Normalizer, Past
from stratumd.runtime.backfill.plan import Limits, Wanted
from stratumd.runtime.build import Feed
from stratumd.runtime.calls import call

DEADLINE = 300.0
"""Seconds that one question may take, its retries included."""


class Outlook(NamedTuple):
    """What a backfill would take at most."""

    said: str
    """What the provider says of the key."""
    remaining: int | None
    """Credits left."""
    listed: int
    """Events that were listed at the first time: that the past can be asked for at all."""
    told_at: Micros | None
    """Of which time the answer tells: the last snapshot before the one asked for."""
    requests: int
    credits: int
    enough: bool | None
    """Whether the credits are there and what is to be left stays; None where the provider does not say."""


async def credits_left(feed: Feed) -> tuple[str, int | None]:
    """Ask for nothing that costs, and return the provider's words and the credits left."""
    try:
        said = await call(feed.owner, feed.source.probe, DEADLINE)
        credits = feed.source.credits()
        return said, None if credits is None else credits.remaining
    finally:
        await call(feed.owner, feed.source.close, DEADLINE)


async def outlook(feed: Feed, normalizer: Normalizer, wanted: Wanted, limits: Limits) -> Outlook:
    """Ask for the credits and for one list of events of the past, which costs next to nothing."""
    said, remaining = await credits_left(feed)
    await call(feed.owner, feed.source.open, DEADLINE)
    try:
        poll = await call(feed.owner, partial(feed.source.recall, Past(wanted.sport, wanted.start)), DEADLINE)
        if poll.observation is None or poll.error is not None:
            assert poll.error is not None, "an exchange has an answer or an error"
            raise poll.error
        listed = len(normalizer.normalize(poll.observation).listings)
        remaining = poll.credits.remaining if poll.credits.remaining is not None else remaining
        requests, credits = _most(feed, wanted, limits)
        enough = None if remaining is None else remaining - credits >= (limits.remaining or 0)
        return Outlook(said, remaining, listed, poll.observation.received_at, requests, credits, enough)
    finally:
        await call(feed.owner, feed.source.close, DEADLINE)


def _most(feed: Feed, wanted: Wanted, limits: Limits) -> tuple[int, int]:
    """Return the most requests and credits: with no answer stored, and none that is empty."""
    instants = sum(1 for _ in wanted.instants())
    costs = [feed.source.price(Past(wanted.sport, wanted.start, wanted.markets))] * instants
    if wanted.sample is not None or limits.events is not None:
        costs = [feed.source.price(Past(wanted.sport, wanted.start))] * sum(1 for _ in wanted.days()) + costs
    costs = costs[: limits.requests]
    return len(costs), sum(costs)
