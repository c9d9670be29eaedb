"""What parent and child say to each other: frames of msgpack, each with its length in front.

The parent decodes what a child says by type, and no more of it than `MOST`: it unpickles and evaluates nothing.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from stratumd.plugin import Delivery, Event, MarketKey, Micros, Notice, Observation, Offer, Signal

MOST = 64 << 20
"""Bytes of a frame."""
_LENGTH = struct.Struct("<I")
_PIECE = 1 << 20


class Start(msgspec.Struct, tag=True):
    """Build a component. Options hold secrets in the open: this goes from process to process, and nowhere else."""

    kind: str
    module: str
    qualname: str
    options: dict[str, Any]
    name: str
    """In the configuration."""
    two_way: str
    three_way: str
    memory: int
    """Bytes of address space that the child may take."""


class WireSpan(msgspec.Struct, array_like=True, gc=False):
    """A span of a book's line."""

    offer: Offer | None
    since: Micros
    confirmed: Micros
    last_update: Micros | None


class WireLine(msgspec.Struct, array_like=True, gc=False):
    """A book in a market."""

    book: str
    operator: str
    lane: str
    spans: list[WireSpan]


class WireMarket(msgspec.Struct, array_like=True, gc=False):
    """A market of a tick."""

    key: MarketKey
    lane: str
    observed: dict[str, list[Micros]]
    observed_at: Micros
    offering: int
    first_seen: Micros
    changed_at: Micros
    version: int
    lines: list[WireLine]


class WireRecord(msgspec.Struct, array_like=True):
    """A record: its kind, and itself as msgpack."""

    kind: str
    module: str
    qualname: str
    body: bytes


class Detect(msgspec.Struct, tag=True):
    """Detect at a tick."""

    observation: str
    at: Micros
    event: Event
    markets: list[WireMarket]
    records: list[WireRecord]
    state: bytes | None


class Normalize(msgspec.Struct, tag=True):
    """Read an observation."""

    observation: Observation


class Do(msgspec.Struct, tag=True):
    """Call a sink's `open`, `close` or `probe`."""

    what: str


class Deliver(msgspec.Struct, tag=True):
    """Deliver."""

    deliveries: list[Delivery]


class Tell(msgspec.Struct, tag=True):
    """Send a notice."""

    notice: Notice


class Wants(msgspec.Struct, tag=True):
    """Say whether a signal is wanted."""

    signal: Signal


class Beat(msgspec.Struct, tag=True):
    """Hear that quotes were processed."""

    at: Micros


class Started(msgspec.Struct, tag=True):
    """The component is built."""

    lookback: Micros = 0
    batch: int = 1
    expires: bool = False
    retries: list[timedelta] | None = None
    shadow: list[str] = []
    per_second: float | None = None


class WireFinding(msgspec.Struct, array_like=True):
    """A finding with its evidence and its limits."""

    type: str
    key: MarketKey
    outcome: str
    direction: str
    magnitude: float
    threshold: float
    books: tuple[str, ...]
    strength: int
    evidence: dict[str, Any]
    operator: str | None
    limits: tuple[int, int | None, int | None]


class Yielded(msgspec.Struct, tag=True):
    """What a detector yielded."""

    findings: list[WireFinding]
    records: list[WireRecord]
    state: bytes | None
    resident: int = 0
    """Bytes of memory that the child holds."""


class Understood(msgspec.Struct, tag=True):
    """A snapshot, as msgpack."""

    snapshot: bytes
    resident: int = 0


class Done(msgspec.Struct, tag=True):
    """It is done; a receipt or an answer in words comes with it."""

    said: str | None = None
    verdict: bool = True
    resident: int = 0


class Failed(msgspec.Struct, tag=True):
    """It raised. `kind` is `plugin`, or one of the contract's own errors: `delivery`, `startup`, `config`."""

    kind: str
    text: str
    where: str = ""
    permanent: bool = False
    disable: bool = False
    retry_after: float | None = None
    resident: int = 0


Request = Start | Detect | Normalize | Do | Deliver | Tell | Wants | Beat
Answer = Started | Yielded | Understood | Done | Failed

encode = msgspec.msgpack.Encoder().encode
read_request = msgspec.msgpack.Decoder(Request).decode
read_answer = msgspec.msgpack.Decoder(Answer).decode


def send(channel: socket.socket, body: bytes) -> None:
    """Send a frame."""
    channel.sendall(_LENGTH.pack(len(body)) + body)


def receive(channel: socket.socket, deadline: float | None = None) -> bytes:
    """Return the next frame. `EOFError` at the end, `TimeoutError` after `deadline`, by the monotonic clock."""
    (length,) = _LENGTH.unpack(b"".join(_parts(channel, _LENGTH.size, deadline)))
    if length > MOST:
        raise EOFError(f"a frame of {length} bytes")
    return b"".join(_parts(channel, length, deadline))


def _parts(channel: socket.socket, length: int, deadline: float | None) -> Iterator[bytes]:
    while length:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
        part = channel.recv(min(length, _PIECE))
        if not part:
            raise EOFError("the other side is gone")
        length -= len(part)
        yield part
