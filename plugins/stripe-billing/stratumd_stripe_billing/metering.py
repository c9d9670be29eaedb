"""What is told to Stripe about usage, worked out from the hours that were counted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros
from stratumd.plugin.partners import UsageHour
from stratumd_stripe_billing.rows import Metered, Subscription

OLDEST: Micros = 35 * DAY - HOUR
"""How far back Stripe takes usage, less an hour for the way (API reference, billing/meter-event/create)."""
FORGOTTEN: Micros = 23 * HOUR
"""How long the same identifier is surely refused: Stripe says 24 hours at least (the same)."""
SETTLED: Micros = 2 * MINUTE
"""How long after its end an hour is told of: what was counted in it is flushed by then. What comes later is told of
as a further revision."""
WAITING, SENT, EXPIRED, UNCLEAR = "waiting", "sent", "expired", "unclear"


def stamp(hour: Micros) -> int:
    """Return the second under which an hour counts: its last one, so that it is of one period alone."""
    return (hour + HOUR) // SECOND - 1


def identifier(row: Metered, meter: str) -> str:
    """Return what a revision is known by: always the same, so that it is taken once."""
    return f"{meter}:{row.account}:{row.hour // HOUR}:{row.revision}"[:100]


def is_metered(subscriptions: Iterable[Subscription], hour: Micros) -> bool:
    """Say whether one of an account's subscriptions is billed for the hour."""
    at = stamp(hour) * SECOND
    return any(
        each.metered_from is not None and each.metered_from <= at and (each.ended_at is None or at < each.ended_at)
        for each in subscriptions
    )


def revisions(
    hours: Iterable[UsageHour],
    known: Mapping[tuple[str, Micros], Metered],
    customers: Mapping[str, str],
    subscriptions: Mapping[str, Sequence[Subscription]],
    now: Micros,
) -> Iterator[Metered]:
    """Yield what is to be told of hours that have more requests than Stripe was told of.

    `known`: the newest revision of each account and hour; `customers`: who is one, by account.
    """
    for account, hour, requests in hours:
        before = known.get((account, hour))
        told = before.total if before is not None else 0
        if requests <= told or account not in customers or not is_metered(subscriptions.get(account, ()), hour):
            continue
        yield Metered(
            account=account,
            hour=hour,
            revision=before.revision + 1 if before is not None else 1,
            customer=customers[account],
            value=requests - told,
            total=requests,
            state=WAITING,
            attempts=0,
            tried_at=None,
            retry_at=now,
            problem="",
        )


def arrived(row: Metered, sum: int) -> bool | None:
    """Say whether a revision is part of the sum that Stripe has of its hour; None where the sum fits neither way.

    Revisions of an hour are sent one after the other, so that the sum is that of the ones before, or of this one too.
    """
    if sum >= row.total:
        return True
    return False if sum == row.total - row.value else None
