"""Revisions: whatever is counted in whatever steps, their sum is what was counted, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stratumd.plugin import DAY, HOUR, SECOND, Micros
from stratumd.plugin.partners import UsageHour
from stratumd_stripe_billing.metering import arrived, identifier, is_metered, revisions, stamp
from stratumd_stripe_billing.rows import Metered, Subscription

H0: Micros = 1_000 * DAY
SUBSCRIPTION = Subscription(
    **{"id": "sub", "account": "a", "kind": "api", "plan": "api_monthly", "status": "active", "created_at": 0},
    **{"period_end": 0, "cancel_at": None, "overdue_since": None, "metered_from": 0, "ended_at": None},
)


def made(hours: list[UsageHour], known: dict[tuple[str, Micros], Metered]) -> list[Metered]:
    return list(revisions(hours, known, {"a": "cus_a"}, {"a": [SUBSCRIPTION]}, 0))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 100)), max_size=30))
def test_the_sum_of_revisions_is_what_was_counted(steps: list[tuple[int, int]]) -> None:
    counted: dict[Micros, int] = {}
    known: dict[tuple[str, Micros], Metered] = {}
    told: list[Metered] = []
    for hour, more in steps:
        at = H0 + hour * HOUR
        counted[at] = counted.get(at, 0) + more
        new = made([UsageHour("a", each, requests) for each, requests in counted.items()], known)
        assert made([UsageHour("a", each, requests) for each, requests in counted.items()], known) == new
        told += new
        known |= {(row.account, row.hour): row for row in new}
    for at, requests in counted.items():
        mine = [row for row in told if row.hour == at]
        assert sum(row.value for row in mine) == requests
        assert [row.revision for row in mine] == list(range(1, len(mine) + 1))
        assert all(row.value > 0 for row in mine)
    assert len({identifier(row, "meter") for row in told}) == len(told)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.data())
def test_stripes_sum_of_an_hour_tells_whether_a_revision_arrived(values: list[int], data: st.DataObject) -> None:
    """They are sent one after the other: the sum holds all before it, and perhaps it."""
    at = data.draw(st.integers(0, len(values) - 1))
    before = sum(values[:at])
    row = Metered("a", H0, at + 1, "cus_a", values[at], before + values[at], "waiting", 1, 0, 0, "")
    assert arrived(row, before) is False
    assert arrived(row, before + values[at]) is True
    if values[at] > 1:
        assert arrived(row, before + 1) is None


def test_an_hour_is_of_one_period() -> None:
    """Its last second decides, on both sides of a period's end."""
    assert stamp(H0) * SECOND == H0 + HOUR - SECOND
    ends = replace(SUBSCRIPTION, ended_at=H0 + 30 * 60 * SECOND)
    begins = replace(SUBSCRIPTION, metered_from=H0 + 30 * 60 * SECOND)
    assert [is_metered([each], H0) for each in (ends, begins)] == [False, True]
    assert [is_metered([each], H0 - HOUR) for each in (ends, begins)] == [True, False]
    assert not is_metered([replace(SUBSCRIPTION, metered_from=None)], H0)
    assert not is_metered([], H0)
