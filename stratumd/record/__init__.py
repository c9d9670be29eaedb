"""The verifiable record: what was emitted on a day is bound by one hash, and each signal's place in it can be proved.

The leaves of a day are its signals by the numbers of the feed, which have no gaps: what is left out has a leaf that
says so. Each day's head holds the hash of the day's before. All of this is pure: it needs no database, no
configuration and no clock, so whoever gets a proof can check it with this room alone, or with a few lines of their own.
"""

from stratumd.record.heads import BEFORE_ALL, Head, RecordError, leaf
from stratumd.record.merkle import LENGTH, inclusion_path, leaf_hash, root_of_path, tree_hash
from stratumd.record.proofs import Entry, Proof, Verified, verify

__all__ = [
    "BEFORE_ALL",
    "LENGTH",
    "Entry",
    "Head",
    "Proof",
    "RecordError",
    "Verified",
    "inclusion_path",
    "leaf",
    "leaf_hash",
    "root_of_path",
    "tree_hash",
    "verify",
]
