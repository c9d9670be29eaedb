"""What may be spent: no budget is ever exceeded, a bucket saves, and a restart forgets nothing."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stratumd.config import Budget
from stratumd.plugin import DAY, HOUR, MINUTE, SECOND, Micros, parse_iso
from stratumd.runtime.account import Account, Spending, month_of, next_month

NOON = parse_iso("2026-01-10T12:00:00Z")


def account(**budget: object) -> Account:
    return Account(Budget.model_validate(budget), NOON)


def spend(found: Account, at: Micros, credits: int, feature: str = "base") -> bool:
    if not found.take(feature, credits, at):
        return False
    found.settle(feature, credits, credits, at)
    return True


def test_without_a_budget_everything_is_allowed() -> None:
    assert spend(account(), NOON, 10**9)


def test_the_bucket_is_full_at_first_and_gains_steadily() -> None:
    found = account(daily_credits=2_400)
    assert spend(found, NOON, 2_400)
    assert [found.level(NOON + after) for after in (0, HOUR, HOUR + 36 * SECOND)] == [0, 100, 101]
    assert found.level(NOON + 3 * DAY) == 2_400


def test_a_days_credits_are_a_days_also_where_the_bucket_holds_more() -> None:
    """At 23:00 a full bucket is spent; it has gained some by midnight, and only then may more be spent."""
    found = account(daily_credits=240)
    night = NOON + 11 * HOUR
    assert spend(found, night, 240)
    assert not spend(found, night + 30 * MINUTE, 1)
    assert found.left("base", NOON + 12 * HOUR) == 10


def test_the_even_pace() -> None:
    assert account(daily_credits=1_200).day_pace(9) == 648 * SECOND
    assert account(daily_credits=1_000).day_pace(9) == 778 * SECOND, "rounded up"
    assert account().day_pace(9) == 0


def test_most_of_a_month_spent_slows_down_and_all_of_it_stops() -> None:
    found = account(monthly_credits=1_000)
    assert spend(found, NOON, 799)
    assert found.month_pace(3, NOON) == 0
    assert spend(found, NOON, 1)
    left = next_month(NOON) - NOON
    assert found.month_pace(3, NOON) == -(-3 * left // 200)
    assert spend(found, NOON, 200)
    assert not spend(found, next_month(NOON) - 1, 1)
    assert spend(found, next_month(NOON), 1)


def test_a_feature_has_its_own_day() -> None:
    found = account(daily_credits=100, features={"props": 10})
    assert spend(found, NOON, 10, "props")
    assert not spend(found, NOON, 1, "props")
    assert spend(found, NOON, 60)
    assert spend(found, NOON + DAY, 10, "props")


def test_what_is_put_aside_cannot_be_spent_twice() -> None:
    found = account(daily_credits=10)
    assert found.take("base", 6, NOON)
    assert not found.take("base", 6, NOON)
    found.settle("base", 6, 0, NOON)
    assert found.take("base", 10, NOON)


def test_warnings_begin_at_the_percentage() -> None:
    found = account(daily_credits=100, warn_percent=80)
    spend(found, NOON, 79)
    assert found.warnings(NOON) == []
    spend(found, NOON, 1)
    assert found.warnings(NOON) == ["daily_credits: 80 of 100 credits spent"]


REQUESTS = st.lists(
    st.tuples(st.integers(0, 6 * HOUR), st.integers(0, 40), st.sampled_from(["base", "props", "live"])), max_size=60
)
BUDGETS = st.builds(
    Budget,
    daily_credits=st.none() | st.integers(1, 200),
    monthly_credits=st.none() | st.integers(1, 900),
    features=st.dictionaries(st.sampled_from(["base", "props"]), st.integers(0, 50)),
)


@given(BUDGETS, REQUESTS)
def test_no_budget_is_ever_exceeded(budget: Budget, requests: list[tuple[int, int, str]]) -> None:
    found, at = Account(budget, NOON), NOON
    days: Counter[int] = Counter()
    months: Counter[int] = Counter()
    features: Counter[tuple[int, str]] = Counter()
    for pause, credits, feature in requests:
        at += pause
        if spend(found, at, credits, feature):
            days[at // DAY] += credits
            months[month_of(at)] += credits
            features[at // DAY, feature] += credits
    assert all(budget.daily_credits is None or spent <= budget.daily_credits for spent in days.values())
    assert all(budget.monthly_credits is None or spent <= budget.monthly_credits for spent in months.values())
    caps = budget.features
    assert all(name not in caps or spent <= caps[name] for (_, name), spent in features.items())


@given(BUDGETS, REQUESTS)
def test_a_restart_forgets_nothing(budget: Budget, requests: list[tuple[int, int, str]]) -> None:
    """An account made again from the month's exchanges is the one there was."""
    found, at = Account(budget, NOON), NOON
    log: list[Spending] = []
    for pause, credits, feature in requests:
        at += pause
        if spend(found, at, credits, feature):
            log.append(Spending(at, credits, feature))
    again = Account(budget, at)
    for each in log:
        if each.at >= month_of(at):
            again.spend(each)
    assert again.left("base", at) == found.left("base", at)
    assert again.level(at) == found.level(at)
    assert again.parts(at) == found.parts(at)
