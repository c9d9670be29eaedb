"""What a proof's file shows, and that whoever changes anything in it is found out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.record import BEFORE_ALL, Head, Proof, RecordError, inclusion_path, leaf, leaf_hash, tree_hash, verify

FIRST = 41


def day(signals: list[bytes | None]) -> tuple[Head, list[bytes]]:
    leaves = [leaf(FIRST + number, each) for number, each in enumerate(signals)]
    root = tree_hash([leaf_hash(each) for each in leaves]).hex()
    return Head("2026-07-14", FIRST, len(leaves), root, BEFORE_ALL), leaves


def one(signals: list[bytes | None], index: int) -> Proof:
    head, leaves = day(signals)
    path = inclusion_path([leaf_hash(each) for each in leaves], index)
    return Proof(head.text, [leaves[index].decode()], [each.hex() for each in path], "signed")


def whole(signals: list[bytes | None]) -> Proof:
    head, leaves = day(signals)
    return Proof(head.text, [each.decode() for each in leaves])


def changed(proof: Proof, **fields: Any) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(proof, **fields))


SIGNALS = [b'{"id":"a"}', b'{"id":"b"}', None, '{"id":"é"}'.encode(), b'{"id":"e"}']
DEEP = msgspec.json.encode({"head": "", "leaves": ['{"sequence":1,"signal":{"a":' + "[" * 100_000]})
LONE = b'{"head":"","leaves":["\\ud800"]}'
days = st.lists(st.none() | st.integers().map(lambda n: b'{"id":%d}' % n), min_size=1, max_size=20)


@given(days, st.data())
def test_a_signal_is_shown_without_the_others(signals: list[bytes | None], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(signals) - 1))
    found = verify(changed(one(signals, index)))
    signal = signals[index]
    assert [(each.sequence, each.signal) for each in found.entries] == [
        (FIRST + index, None if signal is None else msgspec.json.decode(signal))
    ]
    assert (found.whole, found.signature, found.head) == (False, "signed", day(signals)[0])


@given(days)
def test_a_day_is_shown_whole(signals: list[bytes | None]) -> None:
    found = verify(changed(whole(signals)))
    assert found.whole
    assert [each.sequence for each in found.entries] == [*range(FIRST, FIRST + len(signals))]


def test_a_day_without_signals_says_so() -> None:
    assert verify(changed(whole([]))).entries == []


@given(days, st.data())
def test_no_byte_of_a_day_can_be_changed(signals: list[bytes | None], data: st.DataObject) -> None:
    """Another digit or letter, anywhere in what is bound, is found."""
    proof = whole(signals)
    at = data.draw(st.integers(0, len(signals) - 1))
    text = proof.leaves[at]
    place = data.draw(st.integers(0, len(text) - 1))
    other = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
    with pytest.raises(RecordError):
        verify(changed(proof, leaves=[*proof.leaves[:at], other, *proof.leaves[at + 1 :]]))


@given(st.data())
def test_no_line_of_the_head_can_be_changed_where_a_leaf_depends_on_it(data: st.DataObject) -> None:
    head, _ = day(SIGNALS)
    field = data.draw(st.sampled_from(["first", "size", "root"]))
    value = "0" * 64 if field == "root" else getattr(head, field) + data.draw(st.integers(1, 3))
    wrong = msgspec.structs.replace(head, **{field: value}).text
    with pytest.raises(RecordError):
        verify(changed(whole(SIGNALS), head=wrong))
    if field != "size":  # the last leaves of larger trees may have the same path
        with pytest.raises(RecordError):
            verify(changed(one(SIGNALS, 1), head=wrong))


@pytest.mark.parametrize(
    "fields",
    [
        {"leaves": []},
        {"leaves": ['{"sequence":41,"signal":{"id":"a"}}'] * 2},
        {"leaves": ['{"sequence":42,"signal":{"id":"a"}}']},
        {"leaves": ["no JSON"]},
        {"path": ["00"]},
        {"path": ["not hexadecimal"]},
        {"path": None},
        {"head": "stratumd record 2\n"},
        {"head": day(SIGNALS)[0].text + "\n"},
        {"head": day(SIGNALS)[0].text.replace("first 41", "first 041")},
    ],
    ids=str,
)
def test_a_proof_that_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        verify(changed(one(SIGNALS, 0), **fields))


@pytest.mark.parametrize("file", [b"", b"{}", b"\xff", b'{"head":1}', DEEP, LONE], ids=lambda file: file[:30])
def test_a_file_that_is_no_proof(file: bytes) -> None:
    with pytest.raises(RecordError, match="no proof"):
        verify(file)


def test_a_head_is_the_same_text_again() -> None:
    head, _ = day(SIGNALS)
    assert Head.parse(head.text) == head
    assert head.text.splitlines()[:4] == ["stratumd record 1", "day 2026-07-14", "first 41", "size 5"]
    assert head.end == 46
