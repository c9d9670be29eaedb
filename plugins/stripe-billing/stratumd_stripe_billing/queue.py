"""The queue of meter events: made from the hours that were counted, and kept until Stripe has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from stratumd.plugin import DAY, HOUR, MINUTE, Clock, Micros
from stratumd.plugin.desk import Desk, Reading, Writing
from stratumd.plugin.partners import Usage, UsageHour
from stratumd_stripe_billing.metering import EXPIRED, OLDEST, SETTLED, WAITING, revisions
from stratumd_stripe_billing.rows import Customer, Metered, Subscription

CLAIM: Micros = 1 * MINUTE
"""How long a claimed event is left to its daemon. After a crash another one takes it then."""
TOGETHER = 20
"""Events that are claimed at once."""
PART: Micros = 7 * DAY
"""How much is looked at in one transaction."""
NEAR: Micros = 6 * HOUR
"""How far back hours are looked at each time; all that Stripe takes, now and then."""


class Queue:
    """What waits to be told to Stripe."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self.usage: Usage
        """Set when everything is opened."""

    async def collect(self, *, back: Micros = NEAR) -> int:
        """Queue what was counted in closed hours and is not told of yet. Returns how many events were made.

        A week at a time is one transaction. Whoever collects at the same time makes the same rows, and they are there
        once.
        """
        now = self._clock.now()
        end = (now - SETTLED) // HOUR * HOUR
        start, made = (end - min(back, OLDEST)) // HOUR * HOUR, 0
        while start < end:
            until = min(start + PART, end)
            made += await self._part(start, until, now)
            start = until
        return made

    async def _part(self, since: Micros, until: Micros, now: Micros) -> int:
        hours = await self._desk.read(lambda reading: self.usage.hours(reading, since=since, until=until))
        if not hours:
            return 0
        due = await self._desk.read(lambda reading: self._due(reading, hours, since, until, now))
        # Nothing is written where nothing is new: this is asked every minute.
        return await self._desk.write(lambda writing: self._write(writing, hours, since, until, now)) if due else 0

    def _due(
        self, reading: Reading, hours: Sequence[UsageHour], since: Micros, until: Micros, now: Micros
    ) -> list[Metered]:
        known: dict[tuple[str, Micros], Metered] = {}
        for row in reading.find(Metered, since=("hour", since), until=("hour", until), order=("hour", "revision")):
            known[row.account, row.hour] = row
        customers = {row.account: row.customer for row in reading.find(Customer)}
        subscriptions: dict[str, list[Subscription]] = defaultdict(list)
        for account in {each.account for each in hours} & customers.keys():
            subscriptions[account] = reading.find(Subscription, account=account)
        return list(revisions(hours, known, customers, subscriptions, now))

    def _write(self, writing: Writing, hours: Sequence[UsageHour], since: Micros, until: Micros, now: Micros) -> int:
        return sum(writing.insert(row) for row in self._due(writing, hours, since, until, now))

    async def claim(self) -> list[Metered]:
        """Take some events that may be sent now: nobody else gets them for a minute."""
        return await self._desk.write(_claim)

    async def settle(self, rows: Sequence[Metered]) -> None:
        """Write down what became of claimed events."""

        def work(writing: Writing) -> None:
            for row in rows:
                known = writing.get(Metered, account=row.account, hour=row.hour, revision=row.revision)
                # Whoever took over after this daemon was thought dead may have finished it.
                if known is not None and known.state == WAITING:
                    writing.put(row)

        await self._desk.write(work)

    async def expired(self) -> list[Metered]:
        """Take out what Stripe does not take any more, and return it."""
        oldest = self._clock.now() - OLDEST

        def work(writing: Writing) -> list[Metered]:
            late = writing.find(Metered, until=("hour", oldest), order=("hour", "account"), state=WAITING)
            gone = [replace(row, state=EXPIRED, problem="older than Stripe takes usage") for row in late]
            writing.put(*gone)
            return gone

        if not await self._desk.read(lambda r: r.find(Metered, until=("hour", oldest), state=WAITING, limit=1)):
            return []
        return await self._desk.write(work)


def _claim(writing: Writing) -> list[Metered]:
    due = writing.find(
        Metered,
        until=("retry_at", writing.at + 1),
        order=("retry_at", "hour", "revision"),
        limit=4 * TOGETHER,
        state=WAITING,
    )
    claimed: list[Metered] = []
    for row in due:
        if len(claimed) < TOGETHER and not _has_earlier(writing, row):
            taken = replace(row, attempts=row.attempts + 1, tried_at=row.tried_at or writing.at)
            writing.put(replace(taken, retry_at=writing.at + CLAIM))
            claimed.append(row)
    return claimed


def _has_earlier(writing: Writing, row: Metered) -> bool:
    """Say whether a revision before this one still waits: they are sent one after the other."""
    if row.revision == 1:
        return False
    before = writing.get(Metered, account=row.account, hour=row.hour, revision=row.revision - 1)
    return before is not None and before.state == WAITING
