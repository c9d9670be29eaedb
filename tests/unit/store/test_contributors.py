"""The text of contributors is what the encoder writes, whatever is remembered of them."""

from __future__ import annotations

import random

import msgspec
import pytest

from stratumd.plugin import Contributor
from stratumd.store import contributors
from stratumd.store.contributors import Texts

NAMES = ("a", "b", "c", 'qu"ote', "]],[", "ä", "\\")


def encoded(some) -> str:
    return msgspec.json.encode(some).decode()


def one(name: str, value: float = 0.5) -> Contributor:
    return Contributor(name, f"{name}1", 1.0, (value, 1 - value), None, (f"{name}1", f"{name}2"))


def walk(draw: random.Random, steps: int):
    """Yield contributors as points bring them: most stay the same objects, a few are new, come or go."""
    now = [one(name) for name in NAMES]
    for _ in range(steps):
        match draw.randrange(5):
            case 0 if now:
                now[draw.randrange(len(now))] = one(draw.choice(NAMES), draw.random())
            case 1 if now:
                del now[draw.randrange(len(now))]
            case 2:
                now.insert(draw.randrange(len(now) + 1), one(draw.choice(NAMES), draw.random()))
            case 3 if now:
                now = [each._replace(weight=draw.random()) if draw.random() < 0.3 else each for each in now]
        yield tuple(now)


@pytest.mark.parametrize("most", [0, 10, 120_000])
def test_it_is_what_the_encoder_writes(monkeypatch, most):
    monkeypatch.setattr(contributors, "_MOST", most)
    texts, draw = Texts(), random.Random(1)
    for first, second in zip(walk(draw, 500), walk(draw, 500), strict=True):
        assert texts.text("first", first) == encoded(first)
        assert texts.text("second", second) == encoded(second)


def test_what_is_equal_but_written_otherwise_is_no_part_of_it():
    """1 and 1.0 are equal, and their texts are not."""
    texts, seen = Texts(), one("a")
    texts.text("market", (seen,))
    other = seen._replace(weight=1)
    assert seen == other
    assert texts.text("market", (other,)) == encoded((other,)) != encoded((seen,))


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(contributors, "_MOST", 100)
    texts = Texts()
    for market in range(1_000):
        texts.text(market, tuple(one(name) for name in NAMES))
    assert sum(len(kept) for _, kept in texts._newest.values()) <= 100
