"""The head of a day: the few lines that are signed and published."""

from __future__ import annotations

import re
from hashlib import sha256

import msgspec

from stratumd.errors import StratumError

BEFORE_ALL = "0" * 64
"""What stands for the day before in the head of the first."""

_TEXT = re.compile(
    r"stratumd record 1\n"
    r"day (\d{4}-\d\d-\d\d)\n"
    r"first ([1-9]\d{0,18})\n"
    r"size (0|[1-9]\d{0,18})\n"
    r"root ([0-9a-f]{64})\n"
    r"previous ([0-9a-f]{64})\n"
)


class RecordError(StratumError):
    """It proves nothing."""


class Head(msgspec.Struct, frozen=True):
    """What binds a day."""

    day: str
    """In UTC, such as 2026-07-14."""
    first: int
    """The number in the feed of its first leaf: the one after the last of the day before."""
    size: int
    """How many leaves it has; zero where nothing was emitted."""
    root: str
    """The Merkle tree's root, in hexadecimal, as `previous` is."""
    previous: str
    """`hash` of the head of the day before."""

    @property
    def end(self) -> int:
        """The number after that of its last leaf: the next day's first."""
        return self.first + self.size

    @property
    def text(self) -> str:
        """The very text that is signed, the same for the same head."""
        values = f"day {self.day}\nfirst {self.first}\nsize {self.size}\nroot {self.root}\nprevious {self.previous}\n"
        return f"stratumd record 1\n{values}"

    @property
    def hash(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read `text` back. `RecordError` where it is no head to the byte."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise RecordError("the head is not one that stratumd writes")
        day, first, size, root, previous = found.groups()
        return cls(day, int(first), int(size), root, previous)


def leaf(sequence: int, signal: bytes | None) -> bytes:
    """Return the leaf of a signal's JSON under its number in the feed.

    None: when the day was closed, nothing stood under the number any more.
    """
    return b'{"sequence":%d,"signal":%s}' % (sequence, b"null" if signal is None else signal)
