"""What a key used, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterator

from stratumd.plugin import DAY, HOUR, Micros, iso, micros, to_datetime
from stratumd.plugin.desk import Desk, Reading
from stratumd.plugin.routes import Access, Endpoint
from stratumd_partner_api import answers, questions
from stratumd_partner_api.lens import Json
from stratumd_partner_api.market import moment
from stratumd_partner_api.options import Options
from stratumd_partner_api.rows import KeyHour
from stratumd_partner_api.serving import Asked, Counter, Page, endpoint, page
from stratumd_partner_api.usage import Meter, month_of

LONGEST: Micros = 35 * DAY


class Mine:
    """The endpoint that tells of usage and limits."""

    def __init__(self, options: Options, desk: Desk, meter: Meter, counter: Counter) -> None:
        self._options = options
        self._desk = desk
        self._meter = meter
        self._counter = counter

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield it."""
        yield endpoint(
            self._counter, self.usage, "intel/usage", "get_usage", "What was used this month, and what is left",
            query=questions.UsageQuery, gives=answers.UsageShown, access=Access(schemes=("key", "session")),
            tag="Usage", description="All keys of the account together. What was served in the last second may be "
            "missing of the hours and keys.",
        )  # fmt: skip

    async def usage(self, asked: Asked) -> Page:
        """What was used, and what is left."""
        now = asked.call.at
        since = moment(asked.call.query.since)
        begin = max(now - LONGEST, now - DAY if since is None else since)
        rows = await self._desk.read(lambda reading: _rows(reading, asked.account, begin - begin % HOUR, now))
        await self._meter.look_up(asked.account, now)
        return page(self._shown(asked, rows, begin - begin % HOUR, now))

    def _shown(self, asked: Asked, rows: list[KeyHour], begin: Micros, now: Micros) -> Json:
        plan = asked.caller.rights.api or asked.caller.plan
        month = month_of(now)
        keys: dict[str, int] = {}
        hours: dict[Micros, int] = {}
        for row in rows:
            if month_of(row.hour) == month:
                keys[row.credential] = keys.get(row.credential, 0) + row.requests
            if row.hour >= begin:
                hours[row.hour] = hours.get(row.hour, 0) + row.requests
        used = self._meter.used(asked.account, now) or 0
        included = plan.included
        return {
            "plan": plan.name,
            "month": month,
            "included": included,
            "used": used,
            "remaining": None if included is None else max(0, included - used),
            "overage": 0 if included is None else max(0, used - included),
            "overage_billed": plan.overage,
            "keys": [{"key": key, "requests": number} for key, number in sorted(keys.items())],
            "hours": [{"hour": iso(hour), "requests": number} for hour, number in sorted(hours.items())],
            "limits": {
                "per_minute": asked.caller.plan.per_minute,
                "per_address": self._options.per_address,
                "streams": self._options.streams_per_key,
            },
        }


def _rows(reading: Reading, account: str, begin: Micros, now: Micros) -> list[KeyHour]:
    """Return the rows of the time that is asked for, and of the month."""
    month = micros(to_datetime(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    first = min(begin, month)
    return reading.find(KeyHour, since=("hour", first), until=("hour", now + 1), account=account)
