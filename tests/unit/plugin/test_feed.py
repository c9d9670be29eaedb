"""The ranked feed: one order, whoever asks, and its reasons."""

import random

import msgspec

from stratumd.plugin import HOUR, MINUTE, Signal, ranked
from tests.support.steps import START, observation, signal


def made(id: str, strength: int, *, to_start: int, at: int = START) -> Signal:
    base = signal(observation())
    return msgspec.structs.replace(base, id=id, strength=strength, observed_at=at, commence_at=at + to_start)


def test_the_highest_score_is_first_then_the_newest_then_the_id() -> None:
    signals = [
        made("far", 90, to_start=20 * HOUR),
        made("near", 60, to_start=30 * MINUTE),
        made("b", 50, to_start=30 * MINUTE),
        made("a", 50, to_start=30 * MINUTE),
        made("newer", 50, to_start=30 * MINUTE, at=START + MINUTE),
    ]
    expected = ["near", "newer", "a", "b", "far"]
    for seed in range(5):
        random.Random(seed).shuffle(signals)
        assert [each.signal.id for each in ranked(signals)] == expected


def test_a_row_says_what_its_score_is_made_of() -> None:
    (row,) = ranked([made("x", 50, to_start=30 * MINUTE)])
    shown = row.public()
    assert shown["id"] == "x"
    assert shown["ranking"] == {
        "score": 70.0,
        "tier": "Medium",
        "score_source": "composite",
        "from_strength": 30.0,
        "from_timing": 40.0,
        "timing": {"minutes_to_start": 30.0, "bucket": "15-60m", "value": 1.0},
    }
