"""Waits between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import MINUTE, SECOND
from stratumd.runtime.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(longest=10 * SECOND, chance=lambda: 1.0)
    assert [backoff.failed() // SECOND for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_success_begins_anew() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    backoff.failed()
    backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == SECOND


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_no_wait_is_longer_than_the_longest(failures: int, chance: float) -> None:
    assert 0 <= Backoff(chance=lambda: chance, failures=failures).failed() <= 5 * MINUTE
