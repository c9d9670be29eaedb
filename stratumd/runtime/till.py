"""The purse of a source that runs: its account, on the daemon's clock."""

from __future__ import annotations

from stratumd.config.schedules import Budget
from stratumd.observe.logs import logger
from stratumd.plugin import Clock
from stratumd.runtime.account import Account


class Till:
    """Pays for a source's requests, and counts those that no budget allows."""

    def __init__(self, source: str, budget: Budget, clock: Clock) -> None:
        self.account = Account(budget, clock.now())
        self.refused = 0
        """Requests that were not made."""
        self._clock = clock
        self._log = logger("stratumd.credits", source=source)

    def take(self, feature: str, credits: int) -> bool:
        """Put `credits` aside for a request; False where a budget does not allow it."""
        if self.account.take(feature, credits, self._clock.now()):
            return True
        self.refused += 1
        self._log.debug("not asked: the budget does not allow it", feature=feature, credits=credits)
        return False

    def settle(self, feature: str, taken: int, spent: int) -> None:
        """Count what a request cost for which `taken` was put aside."""
        self.account.settle(feature, taken, spent, self._clock.now())
