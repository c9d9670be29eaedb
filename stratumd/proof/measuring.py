"""Measuring one option: the last value at which a condition still holds, or the first at which it would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import ceil, floor
from typing import Any

Passes = Callable[[Any], bool]
"""Says whether a condition holds with an option at a value; False for a value that the option cannot have."""
_DOUBLINGS = 24
_HALVINGS = 48
_DIGITS = (2, 4, 6)
"""To how many decimals a number is rounded, so long as it still does what it should."""
_NOISE, _NEAR = 1e-5, 0.01
"""How far from it a rounded number may be, as a share: what bisecting leaves open, and what is near enough."""


def measured(value: Any, loosest: Any, passes: Passes) -> Any:
    """Return the value of the option at which the condition turns; None where it never does.

    Where it holds at `value`, that is the strictest value at which it holds; else the one nearest `value` at which it
    would, on the way to `loosest`.
    """
    if isinstance(value, bool) or isinstance(loosest, bool):
        return value if passes(value) else loosest if passes(loosest) else None
    if isinstance(value, (tuple, list)):
        return value if passes(value) else tuple(loosest) if passes(tuple(loosest)) else None
    scale = Scale(value, loosest)
    good, bad = scale.start, scale.loosest
    if passes(value):
        bad_found = _stricter(scale, passes)
        return None if bad_found is None else scale.rounded(_bisected(scale, good, bad_found, passes), passes)
    if not passes(loosest):
        return None
    good, bad = bad, good
    return scale.rounded(_bisected(scale, good, bad, passes), passes)


class Scale:
    """A number behind an option: whole, broken, or a length of time in seconds."""

    def __init__(self, value: Any, loosest: Any) -> None:
        self._is_time = isinstance(value, timedelta)
        self.is_whole = isinstance(value, int)
        self.start, self.loosest = self._number(value), self._number(loosest)
        self.looser_is_less = self.loosest <= self.start

    def value(self, number: float) -> Any:
        """Return the value of the option that a number stands for."""
        if self._is_time:
            return timedelta(seconds=number)
        return int(number) if self.is_whole else number

    def rounded(self, number: float, passes: Passes) -> Any:
        """Return the value in as few digits as may be: the number meant, else one near it that is looser."""
        for digits in () if self.is_whole else (0, *_DIGITS) if self._is_time else _DIGITS:
            for short, near in ((round(number, digits), _NOISE), (self._looser(number, digits), _NEAR)):
                if abs(short - number) <= near * max(abs(self.start), abs(number)) and passes(self.value(short)):
                    return self.value(short)
        return self.value(number)

    def _looser(self, number: float, digits: int) -> float:
        shift = 10.0**digits
        return (floor(number * shift) if self.looser_is_less else ceil(number * shift)) / shift

    def _number(self, value: Any) -> float:
        return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _stricter(scale: Scale, passes: Passes) -> float | None:
    """Return a stricter number at which the condition does not hold; None where none is found."""
    if not scale.looser_is_less:
        return 0.0 if scale.start > 0.0 and not passes(scale.value(0.0)) else None
    step = max(abs(scale.start), 1.0 if scale.is_whole else _NOISE)
    for doubling in range(_DOUBLINGS):
        number = scale.start + step * 2.0**doubling
        if not passes(scale.value(number)):
            return number
    return None


def _bisected(scale: Scale, good: float, bad: float, passes: Passes) -> float:
    """Return the number nearest `bad` at which the condition still holds, as it does at `good`."""
    for _ in range(_HALVINGS):
        middle = (good + bad) / 2.0
        if scale.is_whole:
            middle = float(floor(middle)) if floor(middle) not in (good, bad) else float(ceil(middle))
            if middle in (good, bad):
                break
        if passes(scale.value(middle)):
            good = middle
        else:
            bad = middle
        if not scale.is_whole and abs(good - bad) < 1e-7 * max(1.0, abs(good)):
            break
    return good
