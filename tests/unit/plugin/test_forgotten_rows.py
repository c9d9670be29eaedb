"""What routes keep of what was done over HTTP goes when it is old, in order, and no sooner."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stratumd.plugin import DAY, HOUR, Micros, parse_iso
from stratumd.testing.clock import VirtualClock
from stratumd_admin import keeping
from stratumd_admin.options import Options
from stratumd_admin.rows import Claim, Receipt
from stratumd_partner_api.rows import AccountMonth, KeyHour, Warned
from stratumd_partner_api.usage import Meter, month_of
from tests.support.memory_desk import MemoryDesk

pytestmark = pytest.mark.anyio
NOW = parse_iso("2026-07-14T12:00:00Z")


def done(number: int, at: Micros) -> tuple[Claim, Receipt]:
    receipt = f"{number:016x}"
    return (
        Claim("account:a", f"key-{number}", "", "req", at, receipt),
        Receipt(receipt, "account:a", "keys.revoke", "k", "", "req", at + 5, "[]", ""),
    )


async def test_keys_go_before_their_receipts_and_neither_too_soon() -> None:
    desk = MemoryDesk(VirtualClock(NOW))
    for number in range(50):
        await desk.write(lambda writing, n=number: writing.put(*done(n, NOW - n * 10 * DAY)))
    await keeping.tidy(desk, Options(), NOW)
    assert min(row.at for row in desk.tables[Claim].values()) == NOW - 30 * DAY
    assert min(row.at for row in desk.tables[Receipt].values()) == NOW - 360 * DAY + 5
    receipts = {row.id for row in desk.tables[Receipt].values()}
    assert {row.receipt for row in desk.tables[Claim].values()} <= receipts


def test_a_receipt_is_kept_as_long_as_the_key_that_leads_to_it() -> None:
    with pytest.raises(ValidationError, match="must not be shorter than 'claims_kept'"):
        Options(claims_kept="30d", receipts_kept="29d")


async def test_usage_goes_by_the_hour_and_by_whole_months() -> None:
    desk = MemoryDesk(VirtualClock(NOW))
    hours = [NOW - n * HOUR for n in range(0, 24 * 90, 12)]
    months = {month_of(hour) for hour in hours}
    rows = [KeyHour(hour, "a", "k", 1) for hour in hours]
    sums = [row for month in months for row in (AccountMonth("a", month, 60), Warned("a", month, 80, NOW))]
    await desk.write(lambda writing: writing.put(*rows, *sums))
    await Meter(desk, None).tidy(NOW - 62 * DAY)
    assert min(row.hour for row in desk.tables[KeyHour].values()) == NOW - 62 * DAY
    assert {row.month for row in desk.tables[AccountMonth].values()} == {"2026-05", "2026-06", "2026-07"}
    assert {row.month for row in desk.tables[Warned].values()} == {"2026-05", "2026-06", "2026-07"}
