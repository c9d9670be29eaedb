"""The test of times finds a small difference, and none where there is none."""

from __future__ import annotations

import random

from tests.hostile.login import CUTS, LIMIT, compared


def test_a_difference_is_found_and_none_is_not() -> None:
    draw = random.Random(1)
    one, other = ([draw.lognormvariate(-6, 0.3) for _ in range(20_000)] for _ in range(2))
    assert [each.cut for each in compared(one, other)] == [*CUTS]
    assert max(abs(each.t) for each in compared(one, other)) < LIMIT
    assert max(abs(each.t) for each in compared([each + 5e-5 for each in one], other)) > LIMIT
