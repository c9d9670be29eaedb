"""Which events are over: known at once where it was heard, soon everywhere else."""

import pytest

from stratumd.plugin import MINUTE
from stratumd.runtime.ended import STALE, Ended


def test_it_knows_the_newest_word_only() -> None:
    ended = Ended()
    ended.replace(["a", "b"], 0)
    ended.replace(["b"], 1)
    assert ("a" in ended, "b" in ended) == (False, True)


@pytest.mark.parametrize(("later", "stale"), [(0, False), (STALE - 1, False), (STALE, True), (-MINUTE, True)])
def test_it_is_looked_at_again_in_a_minute_and_when_the_clock_was_set_back(later: int, stale: bool) -> None:
    ended = Ended()
    assert ended.is_stale(0)
    ended.replace([], 10 * MINUTE)
    assert ended.is_stale(10 * MINUTE + later) is stale
