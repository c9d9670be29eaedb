"""What a subscription allows: every status, every time, every order."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import DAY, HOUR, Micros
from stratumd_stripe_billing.entitlement import SERVED, STATUSES, Entitlement, Held, best, entitlement

NOW: Micros = 100 * DAY
GRACE: Micros = 7 * DAY
TIMES = (None, NOW - 30 * DAY, NOW - GRACE, NOW - HOUR, NOW, NOW + HOUR, NOW + 30 * DAY)


def held(status: str = "active", period_end: Micros = NOW + 10 * DAY, **more: object) -> Held:
    usual = Held("sub", "api", "api_monthly", status, NOW - 60 * DAY, period_end, None, None, False, None, None)
    return usual._replace(**more)


EVERY = [
    held(status, end, cancel_at=cancel, overdue_since=overdue, withheld=withheld)
    for status, end, cancel, overdue, withheld in product(
        [*STATUSES, "new_in_2031"], TIMES[1:], TIMES, TIMES, (False, True)
    )
    if end is not None
]


def test_every_state_at_every_time() -> None:
    """The table of the rules, on all combinations that there are."""
    for each in EVERY:
        found = entitlement(each, GRACE)
        if each.status not in ("trialing", "active", "past_due") or each.withheld:
            assert found is None
            continue
        ends = [each.period_end + GRACE]
        if each.status == "past_due":
            ends.append((each.created_at if each.overdue_since is None else each.overdue_since) + GRACE)
        if each.cancel_at is not None:
            ends.append(each.cancel_at)
        assert found == Entitlement("api_monthly", min(ends))


def test_what_is_over_is_nothing() -> None:
    for each in EVERY:
        found = best([each], GRACE, NOW)
        assert found is None or found.until > NOW


def test_more_grace_never_takes_anything_away() -> None:
    for each in EVERY:
        short, long = entitlement(each, GRACE), entitlement(each, 2 * GRACE)
        assert (short is None) == (long is None)
        assert short is None or long is None or short.until <= long.until


def test_time_never_gives() -> None:
    """Without a word of Stripe's, what is allowed only ever ends."""
    for each in EVERY:
        allowed = [best([each], GRACE, at) is not None for at in range(NOW - 60 * DAY, NOW + 60 * DAY, 3 * DAY)]
        assert allowed == sorted(allowed, reverse=True)


def test_a_later_failure_never_lengthens_the_grace() -> None:
    first = entitlement(held("past_due", NOW + 300 * DAY, overdue_since=NOW - 5 * DAY), GRACE)
    assert first == Entitlement("api_monthly", NOW + 2 * DAY)


@pytest.mark.parametrize("status", STATUSES)
def test_only_what_is_served_allows_anything(status: str) -> None:
    assert (entitlement(held(status, overdue_since=NOW), GRACE) is not None) == (status in SERVED)


HELDS = st.builds(
    held,
    st.sampled_from(STATUSES),
    st.sampled_from([each for each in TIMES if each is not None]),
    cancel_at=st.sampled_from(TIMES),
    overdue_since=st.sampled_from(TIMES),
    plan=st.sampled_from(["api_monthly", "api_annual"]),
    id=st.text("ab", min_size=1, max_size=3),
    created_at=st.integers(1, 5),
)


@given(st.lists(HELDS, max_size=4, unique_by=lambda each: each.id))
def test_of_several_the_one_that_lasts_longest_counts_in_any_order(helds: list[Held]) -> None:
    found = {best(order, GRACE, NOW) for order in permutations(helds)}
    assert len(found) == 1
    ends = [each.until for one in helds if (each := entitlement(one, GRACE)) is not None and each.until > NOW]
    [allowed] = found
    assert (allowed.until if allowed else None) == max(ends, default=None)
