"""Packed texts come back, and what is not what was written is not given out."""

from __future__ import annotations

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stratumd.store.packed import packed, packer, unpacked

TEXT = "[" + ",".join(['["op","Jokić",0.1]'] * 40) + "]"
PACKED = packed(TEXT)
VALUES = st.recursive(
    st.none() | st.integers(-(1 << 62), 1 << 62) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner),
)


@given(VALUES)
def test_a_value_comes_back_packed_or_as_its_text(value):
    text = msgspec.json.encode(value).decode()
    assert unpacked(packer()(value)) == unpacked(packed(text)) == unpacked(text.encode()) == text


def test_contributors_take_much_less_room():
    assert len(PACKED) < len(TEXT) / 3


@pytest.mark.parametrize("byte", range(len(PACKED)))
def test_no_bit_that_turns_over_makes_another_text(byte):
    """Of the bits of a frame's head one says whether there is a checksum and one nothing."""
    for bit in range(8):
        spoilt = bytearray(PACKED)
        spoilt[byte] ^= 1 << bit
        try:
            assert unpacked(bytes(spoilt)) == TEXT
        except (zstandard.ZstdError, UnicodeDecodeError):
            continue


def test_a_frame_that_claims_to_be_huge_gets_no_memory():
    head = b"\x28\xb5\x2f\xfd" + bytes([0b1110_0000]) + (1 << 62).to_bytes(8, "little")
    with pytest.raises(zstandard.ZstdError, match="more than a text can be"):
        unpacked(head + PACKED)
