"""Packed texts come back, and what is not what was written is not given out."""

from __future__ import annotations

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stratumd.store.frames import compressor, decompressed
from stratumd.store.packed import unpacked

TEXT = '[["op","Jokić",0.1]]' * 40
PACKED = compressor()(TEXT.encode())


@given(st.text())
def test_a_text_comes_back_packed_or_as_it_is(text):
    assert unpacked(compressor()(text.encode())) == unpacked(text.encode()) == text


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
    with pytest.raises(zstandard.ZstdError, match="more than is ever kept"):
        decompressed(head + PACKED)
