"""Strength: how large, fast and broad a signal is, as one number from 1 to 100 made of named components."""

from collections.abc import Iterable
from typing import NamedTuple


class Component(NamedTuple):
    """One part of a signal's strength: its value from 0 to 1 and the weight it counts with."""

    name: str
    weight: float
    value: float


def magnitude(magnitude: float, threshold: float) -> Component:
    """Return the magnitude component, `1 − 2^(−magnitude/threshold)`: ½ at the threshold, ¾ at twice it.
    Weight 0.5.
    """
    return Component("magnitude", 0.5, 1.0 - 2.0 ** (-magnitude / threshold))


def speed(velocity: float, threshold: float) -> Component:
    """Return the speed component: `velocity` per minute over one `threshold` per minute, at most 1. Weight
    0.3.
    """
    return Component("speed", 0.3, min(1.0, velocity / threshold))


def breadth(operators: int, minimum: int) -> Component:
    """Return the books component: full at twice the least number of operators the signal asks for. Weight
    0.2.
    """
    return Component("books", 0.2, min(1.0, operators / (2.0 * minimum)))


def strength(components: Iterable[Component]) -> int:
    """Return the weighted mean of the components as a whole number from 1 to 100. Raises ValueError for
    none.
    """
    total = reached = 0.0
    for _, weight, value in components:
        total += weight
        reached += weight * value
    if total <= 0.0:
        raise ValueError("a strength needs at least one component with a weight")
    return max(1, min(100, round(100.0 * (reached / total))))
