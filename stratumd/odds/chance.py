"""Chance: how likely that many movers are without any common cause."""

from collections.abc import Sequence


def chance_of_at_least(k: int, shares: Sequence[float]) -> float:
    """Return the probability that at least `k` of independent operators move, each with its own probability.

    The upper tail of the Poisson-binomial distribution, summed directly, so that small tails keep their
    precision. Raises ValueError for a share outside 0..1.
    """
    if not all(0.0 <= share <= 1.0 for share in shares):
        raise ValueError("a share is a probability, from 0 to 1")
    if k <= 0:
        return 1.0
    exactly, reached = [1.0] + [0.0] * (k - 1), 0.0  # by number of movers so far, up to k − 1; and k or more
    for share in shares:
        reached += exactly[-1] * share
        for movers in range(k - 1, 0, -1):
            exactly[movers] += share * (exactly[movers - 1] - exactly[movers])
        exactly[0] -= share * exactly[0]
    return reached
