"""What was served: counted in memory, and written once a second, each request once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from stratumd.errors import StratumError
from stratumd.plugin import DAY, HOUR, Log, Micros, Row, to_datetime
from stratumd.plugin.desk import Desk, Reading, Writing
from stratumd.plugin.partners import Plan, UsageHour
from stratumd_partner_api.limits import STALE
from stratumd_partner_api.rows import AccountMonth, Flush, KeyHour, Warned

_AT_ONCE = 500  # rows of one transaction

Counted = tuple[Micros, str, str]
"""An hour, an account, and one of its keys."""


class Flushed(NamedTuple):
    """What a flush found."""

    totals: Mapping[tuple[str, str], int]
    """Requests of an account in a month, of all daemons."""
    daemons: int
    """How many flushed lately, this one among them."""


def month_of(at: Micros) -> str:
    """Return the calendar month (UTC), such as `2026-07`."""
    return to_datetime(at).strftime("%Y-%m")


class Meter:
    """Counts requests per key and hour. Never in the way of one: it only adds to numbers in memory.

    A flush that failed is tried again with the same number, in whose transaction the number of the last one that was
    committed is looked at: so nothing is counted twice, also where it was not known whether it was.
    """

    def __init__(self, desk: Desk, log: Log) -> None:
        self.plans: dict[str, Plan] = {}
        """By account: the plan of its newest request by key."""
        self.warned: set[tuple[str, str, int]] = set()
        """Accounts, months and percents of which nobody need be told again."""
        self._desk = desk
        self._log = log
        self._process = secrets.token_hex(8)
        self._number = 0
        self._counts: dict[Counted, int] = {}
        self._sending: dict[Counted, int] = {}
        self._stored: dict[str, int] = {}
        self._unstored: dict[str, int] = {}
        self._month = ""
        self._hour: Micros = 0

    def count(self, account: str, credential: str, plan: Plan, at: Micros) -> None:
        """Count a request that was served."""
        hour = at - at % HOUR
        if hour != self._hour:
            self._turn(hour)
        key = (hour, account, credential)
        self._counts[key] = self._counts.get(key, 0) + 1
        self._unstored[account] = self._unstored.get(account, 0) + 1
        self.plans[account] = plan

    def used(self, account: str, at: Micros) -> int | None:
        """Return what an account used this month, as far as is known; None where it was never looked up."""
        hour = at - at % HOUR
        if hour != self._hour:
            self._turn(hour)
        stored = self._stored.get(account)
        return None if stored is None else stored + self._unstored.get(account, 0)

    async def look_up(self, account: str, at: Micros) -> None:
        """Find out what an account used this month before this process served it."""
        month = month_of(at)
        row = await self._desk.read(lambda reading: reading.get(AccountMonth, account=account, month=month))
        if account not in self._stored and self._month in ("", month):
            self._stored[account] = row.requests if row else 0

    async def flush(self) -> Flushed | None:
        """Write what was counted; None where there was nothing, or it could not be written and is kept."""
        if not self._sending:
            if not self._counts:
                return None
            self._sending, self._counts = self._counts, {}
            self._number += 1
        try:
            flushed = await self._desk.write(self._write)
        except StratumError as error:
            self._log.warning("usage could not be written; it is kept and tried again", error=str(error))
            return None
        self._settle(flushed)
        return flushed

    async def close(self) -> None:
        """Write what is left, and leave nothing behind. What fails here is lost, and said."""
        while self._sending or self._counts:
            if await self.flush() is None:
                kept = sum(self._sending.values()) + sum(self._counts.values())
                self._log.error("usage is lost: it could not be written before the end", requests=kept)
                return
        try:
            await self._desk.write(self._forget)
        except StratumError as error:
            self._log.warning("the mark of the last flush stays for a day", error=str(error))

    async def tidy(self, before: Micros) -> None:
        """Delete the usage of hours, and of whole months, that ended before."""
        while await self._desk.write(lambda writing: _drop(writing, KeyHour, "hour", before - HOUR)):
            pass
        kinds: tuple[type[Row], ...] = (AccountMonth, Warned)
        for kind in kinds:
            while await self._desk.write(lambda writing, kind=kind: _drop(writing, kind, "month", month_of(before))):  # type: ignore[misc]  # mypy knows no lambda with a default
                pass

    def _turn(self, hour: Micros) -> None:
        """Begin an hour, and with a new month all sums."""
        self._hour = hour
        month = month_of(hour)
        if month != self._month and self._month:
            self._stored.clear()
            self._unstored.clear()
        self._month = month

    def _write(self, writing: Writing) -> Flushed:
        known = writing.get(Flush, process=self._process)
        months: dict[tuple[str, str], int] = {}
        for (hour, account, _), requests in self._sending.items():
            month = (account, month_of(hour))
            months[month] = months.get(month, 0) + requests
        if known is None or known.number < self._number:
            for (hour, account, credential), requests in sorted(self._sending.items()):
                writing.add(KeyHour(hour, account, credential, requests), "requests")
            for (account, name), requests in sorted(months.items()):
                writing.add(AccountMonth(account, name, requests), "requests")
        writing.put(Flush(self._process, self._number, writing.at))
        rows = {month: writing.get(AccountMonth, account=month[0], month=month[1]) for month in months}
        alive = writing.find(Flush, since=("at", writing.at - STALE))
        return Flushed({month: row.requests for month, row in rows.items() if row}, len(alive))

    def _settle(self, flushed: Flushed) -> None:
        sent, self._sending = self._sending, {}
        for (hour, account, _), requests in sent.items():
            if month_of(hour) == self._month:
                self._unstored[account] = self._unstored.get(account, 0) - requests
        for (account, month), total in flushed.totals.items():
            if month == self._month:
                self._stored[account] = total

    def _forget(self, writing: Writing) -> None:
        writing.drop(Flush, process=self._process)
        for row in writing.find(Flush, until=("at", writing.at - DAY)):
            writing.drop(Flush, process=row.process)


def _drop(writing: Writing, kind: type[Row], field: str, before: Any) -> bool:
    """Delete some rows whose `field` is less. Returns whether there may be more."""
    old = writing.find(kind, until=(field, before), order=(field,), limit=_AT_ONCE)
    for row in old:
        writing.drop(kind, **{name: getattr(row, name) for name in row.key})
    return len(old) == _AT_ONCE


class StoredUsage:
    """The `Usage` of the contract."""

    def hours(self, reading: Reading, *, since: Micros, until: Micros, account: str | None = None) -> list[UsageHour]:
        """Return the hours that began in [since, until) and saw requests, by hour and account."""
        mine: dict[str, Any] = {} if account is None else {"account": account}
        sums: dict[tuple[Micros, str], int] = {}
        for row in reading.find(KeyHour, since=("hour", since), until=("hour", until), **mine):
            sums[row.hour, row.account] = sums.get((row.hour, row.account), 0) + row.requests
        return [UsageHour(account, hour, requests) for (hour, account), requests in sorted(sums.items())]
