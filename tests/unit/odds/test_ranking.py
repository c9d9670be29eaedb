"""The composite score: strength and timing, in known parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.odds import ranking, timing


@pytest.mark.parametrize(
    ("minutes", "bucket", "value"),
    [
        (-5.0, "in play", 0.2),
        (0.0, "in play", 0.2),
        (14.99, "<15m", 0.6),
        (15.0, "15-60m", 1.0),
        (60.0, "1-3h", 0.9),
        (180.0, "3-12h", 0.6),
        (720.0, ">12h", 0.3),
        (1e6, ">12h", 0.3),
    ],
)
def test_a_bound_belongs_to_the_later_bucket(minutes: float, bucket: str, value: float) -> None:
    assert timing(minutes)[1:] == (bucket, value)


def test_a_score_is_the_sum_of_its_parts() -> None:
    found = ranking(60, 30.0)
    assert (found.score, found.from_strength, found.from_timing) == (76.0, 36.0, 40.0)
    assert (found.tier, found.score_source) == ("High", "composite")


@pytest.mark.parametrize(("strength", "tier"), [(25, "Medium"), (24, "Low"), (58, "Medium"), (59, "High")])
def test_tiers_begin_at_55_and_75(strength: int, tier: str) -> None:
    assert ranking(strength, 30.0).tier == tier


def test_without_a_start_the_strength_is_the_score_and_says_so() -> None:
    found = ranking(80, None)
    assert (found.score, found.score_source, found.timing) == (80.0, "strength_fallback", None)


@given(st.integers(1, 100), st.floats(-1e4, 1e6))
def test_a_score_is_from_0_to_100_and_grows_with_the_strength(strength: int, minutes: float) -> None:
    score = ranking(strength, minutes).score
    assert 0.0 <= score <= 100.0
    assert strength == 100 or ranking(strength + 1, minutes).score > score
