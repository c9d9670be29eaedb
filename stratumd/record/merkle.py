"""Merkle trees: RFC 6962, section 2.1, with SHA-256, which RFC 9162 kept.

A leaf is hashed after a byte of 0, a node after a byte of 1, so neither can pass for the other. A tree of n > 1 leaves
is split at the largest power of two below n: the same as pairing each level from the left, where the last one that has
no neighbour moves up as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

LENGTH = 32
"""Bytes of a hash."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a tree from the hashes of its leaves; of none, the hash of nothing."""
    level = hashes
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else sha256().digest()


def inclusion_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the neighbours on the way from the leaf at `index` (from 0) up to the root."""
    level, path = hashes, []
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level, index = _above(level), index >> 1
    return path


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a leaf's hash has by its path: RFC 9162, section 2.1.3.2.

    None where a tree of `size` leaves has no leaf at `index`, or that leaf no path of this length.
    """
    if not 0 <= index < size:
        return None
    found, last = leaf, size - 1
    for beside in path:
        if last == 0:
            return None
        while index == last and not index & 1:  # it has no neighbour, and moves up as it is
            index, last = index >> 1, last >> 1
        found = node_hash(beside, found) if index & 1 else node_hash(found, beside)
        index, last = index >> 1, last >> 1
    return found if last == 0 else None


def _above(level: Sequence[bytes]) -> list[bytes]:
    paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return [*paired, level[-1]] if len(level) & 1 else paired
