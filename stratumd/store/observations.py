"""Observations and polls as rows, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from stratumd.plugin import Observation, Poll, Request
from stratumd.redaction import described, told
from stratumd.store import writes
from stratumd.store.errors import DAMAGED, StoreBroken
from stratumd.store.frames import compressor, decompressed
from stratumd.store.keys import poll_key, request_key
from stratumd.store.tables import observations
from stratumd.store.text import clean

_LARGE = 1 << 20
"""Bytes from which a second thread is worth its start; neither of the two holds the interpreter."""
_TOGETHER = 200
"""Observations that are read at once."""

_JSON = msgspec.json.Encoder(order="deterministic")
_MAP = msgspec.json.Decoder(dict[str, str])

STORED = (
    observations.c.id,
    observations.c.source,
    observations.c.format,
    observations.c.received_at,
    observations.c.path,
    observations.c.params,
    observations.c.status,
    observations.c.headers,
    observations.c.origin,
    observations.c.body,
)
"""The columns that `restored` reads."""


def json_text(value: Any) -> str:
    """Return `value` as JSON text, the same for the same value."""
    return _JSON.encode(value).decode()


class Recorder:
    """Compresses observations. Not for several threads at once."""

    def __init__(self) -> None:
        self._compress = compressor()

    def row(self, position: int, observation: Observation) -> writes.Row:
        """Return the row of `observation`."""
        request, body = observation.request, observation.body
        packed, digest = self._pack(body)
        return (
            position,
            observation.id,
            clean(observation.source),
            clean(observation.format),
            observation.received_at,
            observation.status,
            clean(request.path),
            json_text(request.params),
            request_key(observation.source, request),
            json_text(observation.headers),
            observation.origin,
            digest,
            len(body),
            packed,
        )

    def _pack(self, body: bytes) -> tuple[bytes, str]:
        """Return the compressed body and the digest of the original; of a large one both are made at once."""
        if len(body) < _LARGE:
            return self._compress(body), hashlib.sha256(body).hexdigest()
        with ThreadPoolExecutor(1, "pack") as beside:
            packed = beside.submit(self._compress, body)
            digest = hashlib.sha256(body).hexdigest()
            return packed.result(), digest


def poll_row(source: str, poll: Poll) -> writes.Row:
    """Return the row of the poll log. The error is described by its class, the provider's code and its message."""
    answer, error, credits = poll.observation, poll.error, poll.credits
    status = answer.status if answer is not None else getattr(error, "status", None)
    words = None if error is None else described(error)
    outcome = answer.id if answer is not None else words or ""
    return (
        poll_key(source, poll.request, poll.started_at, poll.elapsed, outcome),
        clean(source),
        poll.started_at,
        poll.elapsed,
        clean(poll.request.path),
        json_text(poll.request.params),
        status,
        None if error is None else type(error).__name__,
        clean(getattr(error, "code", "")) or None,
        None if error is None else told(error),
        credits.remaining,
        credits.used,
        credits.last,
        None if answer is None else len(answer.body),
        None if answer is None else answer.id,
    )


def restored(row: Row[*tuple[Any, ...]]) -> Observation:
    """Return the observation of a row of `STORED`, equal to the one that was received.

    `ZstdError` where the body is not what was written: it carries a checksum.
    """
    return Observation(
        id=row.id,
        source=row.source,
        format=row.format,
        received_at=row.received_at,
        request=Request(row.path, _MAP.decode(row.params)),
        status=row.status,
        headers=_MAP.decode(row.headers),
        origin=row.origin,
        body=decompressed(row.body),
    )


def fetch(connection: Connection, ids: Sequence[str]) -> Iterator[Observation]:
    """Yield the stored observations `ids`, in this order; not all of their bodies are held at once.

    `StoreBroken` where one that the database names is not there.
    """
    for first in range(0, len(ids), _TOGETHER):
        some = ids[first : first + _TOGETHER]
        rows = connection.execute(select(*STORED).where(observations.c.id.in_(some))).all()
        found = {row.id: restored(row) for row in rows}
        lost = [id for id in some if id not in found]
        if lost:
            raise StoreBroken(f"the answer {lost[0]} is not there any more: {DAMAGED}")
        yield from (found[id] for id in some)
