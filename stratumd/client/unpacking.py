"""Bodies of HTTP answers, unpacked as they arrive and never further than allowed: a megabyte can hold a gigabyte."""

from __future__ import annotations

import io
import zlib
from typing import Protocol

import zstandard

from stratumd.errors import BadPayload, TransientError

ENCODINGS = ("gzip", "zstd", "deflate")
"""What can be unpacked, in the order in which it is asked for."""
MOST_TIMES = 100
"""How many times longer than its packed form a body may be, once it is longer than `UNSUSPICIOUS`."""
UNSUSPICIOUS = 1 << 20
_WINDOW = 8 << 20
_PIECE = 64 << 10
_HEADER = 2
"""Bytes of zlib's header: the method in its first four bits, and as a whole a multiple of 31 (RFC 1950)."""


class Unpacking(Protocol):
    """A body on its way in."""

    def add(self, chunk: bytes) -> None:
        """Take the next bytes as they were sent. `BadPayload` where they are too many, or no such packing."""

    def whole(self) -> bytes:
        """Return the whole body. `TransientError` where its end is missing."""


def unpacking(encoding: str, most: int) -> Unpacking:
    """Return what takes a body that is sent as `encoding` and up to `most` bytes long, unpacked.

    What was not asked for, such as `br` or two packings one inside the other, is a `BadPayload`: not a byte of it is
    unpacked.
    """
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return _Plain(most)
    if named in ("gzip", "x-gzip"):
        return _Deflated(most, zlib.decompressobj(16 + zlib.MAX_WBITS))
    if named == "deflate":
        return _Deflate(most)
    if named == "zstd":
        return _Zstd(most)
    raise BadPayload(f"an answer packed as {encoding[:20]}, which was not asked for", code="encoding")


class _Plain:
    """A body as it is sent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._body = bytearray()
        self._sent = 0

    def add(self, chunk: bytes) -> None:
        self._sent += len(chunk)
        self._keep(chunk)

    def whole(self) -> bytes:
        return bytes(self._body)

    @property
    def _left(self) -> int:
        """How many bytes may be asked for: one more than may come, which tells that there are too many."""
        return self._most + 1 - len(self._body)

    def _keep(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > self._most:
            raise BadPayload(f"an answer of more than {self._most >> 20} MB", code="too_large")

    def _check_ratio(self) -> None:
        if len(self._body) > max(UNSUSPICIOUS, MOST_TIMES * self._sent):
            raise BadPayload(f"an answer that unpacks to more than {MOST_TIMES} times its length", code="too_large")


class _Deflated(_Plain):
    """A body that zlib unpacks."""

    def __init__(self, most: int, packed: zlib._Decompress) -> None:
        super().__init__(most)
        self._packed = packed

    def add(self, chunk: bytes) -> None:
        self._sent += len(chunk)
        while chunk and not self._packed.eof:
            self._keep(self._unpacked(chunk))
            self._check_ratio()
            chunk = self._packed.unconsumed_tail
        if self._packed.unused_data or chunk:
            raise BadPayload("an answer that goes on behind its packed end", code="encoding")

    def whole(self) -> bytes:
        if not self._packed.eof:
            raise TransientError("the answer ended in the middle", code="truncated")
        return super().whole()

    def _unpacked(self, chunk: bytes) -> bytes:
        try:
            return self._packed.decompress(chunk, min(_PIECE, self._left))
        except zlib.error:
            raise BadPayload("an answer that is not packed as it says", code="encoding") from None


class _Deflate(_Deflated):
    """A body in the format of zlib, or, as some servers send it, the same without its header of two bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(most, zlib.decompressobj())
        self._head = b""

    def add(self, chunk: bytes) -> None:
        if len(self._head) >= _HEADER:
            super().add(chunk)
            return
        self._head += chunk
        if len(self._head) >= _HEADER:
            if self._head[0] & 15 != zlib.DEFLATED or int.from_bytes(self._head[:_HEADER]) % 31:
                self._packed = zlib.decompressobj(-zlib.MAX_WBITS)
            super().add(self._head)


class _Zstd(_Plain):
    """A body in the format of zstd, which unpacks only what lies before it whole: so it is unpacked at its end."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._packed = bytearray()

    def add(self, chunk: bytes) -> None:
        self._sent += len(chunk)
        self._packed += chunk
        if len(self._packed) > self._most:
            raise BadPayload(f"an answer of more than {self._most >> 20} MB", code="too_large")

    def whole(self) -> bytes:
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        packed = io.BytesIO(self._packed)
        # A block of 128 kB is four bytes at least: so little at a time that no step is more than some megabytes.
        while piece := packed.read(64):
            try:
                self._keep(unpacker.decompress(piece))
            except zstandard.ZstdError:
                raise BadPayload("an answer that is not packed as it says", code="encoding") from None
            self._check_ratio()
            if unpacker.eof:
                break
        if not unpacker.eof:
            raise TransientError("the answer ended in the middle", code="truncated")
        if unpacker.unused_data or packed.read(1):
            raise BadPayload("an answer that goes on behind its packed end", code="encoding")
        return super().whole()
