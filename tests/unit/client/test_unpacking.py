"""Bodies are unpacked as far as they may be long, whatever they hold and however they are cut."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stratumd.client.unpacking import unpacking
from stratumd.errors import BadPayload, SourceError, TransientError

MOST = 2 << 20


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
}


def unpacked(encoding: str, packed: bytes, cut: int = 4096, most: int = MOST) -> bytes:
    body = unpacking(encoding, most)
    for start in range(0, len(packed), cut):
        body.add(packed[start : start + cut])
    return body.whole()


@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=2_000), st.integers(1, 700))
def test_a_body_comes_out_as_it_was_however_it_is_cut(name: str, body: bytes, cut: int) -> None:
    encoding, pack = PACKERS[name]
    assert unpacked(encoding, pack(body), cut) == body


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd", "raw deflate"])
def test_a_bomb_is_given_up_at_the_limit(name: str) -> None:
    encoding, pack = PACKERS[name]
    with pytest.raises(BadPayload) as found:
        unpacked(encoding, pack(bytes(64 << 20)), 65_536)
    assert found.value.code == "too_large"


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd", "raw deflate"])
def test_a_body_that_grows_a_hundredfold_is_given_up_before_the_limit(name: str) -> None:
    encoding, pack = PACKERS[name]
    with pytest.raises(BadPayload, match="100 times"):
        unpacked(encoding, pack(bytes(64 << 20)), 65_536, most=1 << 30)


def test_the_limit_itself_is_not_too_much() -> None:
    assert len(unpacked("", bytes(MOST))) == MOST
    with pytest.raises(BadPayload):
        unpacked("", bytes(MOST + 1))


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "compress", "x" * 300])
def test_what_was_not_asked_for_is_not_unpacked(encoding: str) -> None:
    with pytest.raises(BadPayload) as found:
        unpacking(encoding, MOST)
    assert found.value.code == "encoding"


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_an_end_that_is_missing_and_one_that_is_none(name: str) -> None:
    encoding, pack = PACKERS[name]
    packed = pack(b"odds" * 1_000)
    with pytest.raises(TransientError):
        unpacked(encoding, packed[:-3])
    with pytest.raises(BadPayload):
        unpacked(encoding, packed + b"more")
    with pytest.raises(BadPayload):
        unpacked(encoding, b"odds" * 1_000)


@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=200))
def test_nothing_but_a_refusal_is_raised(name: str, rubbish: bytes) -> None:
    with suppress(SourceError):
        unpacked(PACKERS[name][0], rubbish, 7)
