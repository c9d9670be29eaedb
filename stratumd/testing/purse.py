"""A purse without a bottom, that keeps the account."""

from __future__ import annotations

from collections import Counter


class OpenPurse:
    """A `Purse` for tests of sources: every request is allowed, and `spent` says what they came to, by feature."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def take(self, feature: str, credits: int) -> bool:
        """Allow it."""
        return True

    def settle(self, feature: str, taken: int, spent: int) -> None:
        """Count what a request cost."""
        self.spent[feature] += spent
