"""Proofs: a file that shows what was recorded of a day, a signal or all of them, and the check of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from stratumd.record.heads import Head, RecordError
from stratumd.record.merkle import LENGTH, leaf_hash, root_of_path, tree_hash


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a proof's file holds, as JSON."""

    head: str
    """The text of the day's head."""
    leaves: list[str]
    """The one leaf that is proved, or all of the day in order."""
    path: list[str] | None = None
    """The inclusion path of the one leaf, in hexadecimal; None where the leaves are all of the day."""
    signature: str | None = None
    """Of the head's text, as `ssh-keygen -Y sign` writes it; None where it was not signed."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a leaf says."""

    sequence: int
    signal: dict[str, Any] | None
    """None where nothing stood under the number any more when the day was closed."""


class Verified(NamedTuple):
    """What a proof shows, as far as its head is the one that was signed or published."""

    head: Head
    entries: Sequence[Entry]
    whole: bool
    """Whether these are all of the day."""
    signature: str | None
    """What the proof has for one. Nobody has looked at it yet."""


def verify(file: bytes) -> Verified:
    """Check a proof's file against the head in it. `RecordError` says what does not hold."""
    try:
        proof = msgspec.json.decode(file, type=Proof)
        leaves = [each.encode() for each in proof.leaves]
        entries = [msgspec.json.decode(each, type=Entry) for each in leaves]
        path = None if proof.path is None else [_hash(each) for each in proof.path]
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise RecordError(f"it is no proof: {error}") from error
    head = Head.parse(proof.head)
    hashes = [leaf_hash(each) for each in leaves]
    if path is None:
        _check_all(head, hashes, entries)
    else:
        _check_one(head, hashes, entries, path)
    return Verified(head, entries, path is None, proof.signature)


def _check_all(head: Head, hashes: list[bytes], entries: list[Entry]) -> None:
    if tree_hash(hashes).hex() != head.root:
        raise RecordError(f"its signals are not those of {head.day}: their root is another")
    if [each.sequence for each in entries] != [*range(head.first, head.first + len(entries))] or len(
        entries
    ) != head.size:
        raise RecordError(f"its signals do not have the numbers that the head of {head.day} names")


def _check_one(head: Head, hashes: list[bytes], entries: list[Entry], path: list[bytes]) -> None:
    if len(entries) != 1:
        raise RecordError("a path is of one leaf, and it has another number of them")
    if root_of_path(hashes[0], entries[0].sequence - head.first, head.size, path) != bytes.fromhex(head.root):
        raise RecordError(f"this signal, under this number, is none of {head.day}: its path leads to another root")


def _hash(text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != LENGTH:
        raise ValueError(f"{text!r} is not the length of a hash")
    return found
