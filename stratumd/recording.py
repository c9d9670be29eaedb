"""PUBLIC: recordings, the file format in which observations are exported, replayed and shared.

One JSON object a line, `.jsonl` or compressed `.jsonl.xz`:
`{"received_at", "source", "request": {"path", "params"}, "status", "headers"?, "origin", "body" | "text" | "base64"}`.
`body` is the answer itself, byte for byte, where that is JSON on one line; `text` is any other text; `base64` the rest.
"""

from __future__ import annotations

import lzma
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

import msgspec

from stratumd.errors import ConfigError
from stratumd.plugin import Observation, Request, iso, parse_iso


class _Line(msgspec.Struct, omit_defaults=True):
    received_at: str
    source: str
    request: Request
    status: int = 200
    origin: str = "live"
    headers: dict[str, str] = {}
    format: str | None = None
    body: msgspec.Raw = msgspec.Raw()
    text: str | None = None
    base64: str | None = None


_AT_ONCE = 1 << 20
"""Bytes that are read of a file at once: a line is an answer, and has many thousands."""

_DECODER = msgspec.json.Decoder(_Line)
_ENCODER = msgspec.json.Encoder()


def read(path: Path | str) -> Iterator[Observation]:
    """Yield the observations of a recording in the order of the file. `ConfigError` names a line that is broken."""
    with _open(Path(path)) as lines:
        for number, line in enumerate(_unpacked(lines, path), start=1):
            if line.strip():
                yield _observation(line, f"{path}:{number}")


def write(path: Path | str, observations: Iterable[Observation]) -> int:
    """Write a recording that `read` gives back, and return the number of observations."""
    target = Path(path)
    count = 0
    opener = lzma.open if target.suffix == ".xz" else open
    with opener(target, "wb") as file:
        for observation in observations:
            cast(IO[bytes], file).write(_ENCODER.encode(_line(observation)) + b"\n")
            count += 1
    return count


def _open(path: Path) -> IO[bytes]:
    try:
        if path.suffix == ".xz":
            return cast(IO[bytes], lzma.open(path, "rb"))
        return path.open("rb", buffering=_AT_ONCE)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the recording: {error.strerror}") from error


def _unpacked(lines: IO[bytes], path: Path | str) -> Iterator[bytes]:
    try:
        yield from lines
    except (lzma.LZMAError, EOFError) as error:
        raise ConfigError(f"{path}: it is not compressed by xz, damaged, or cut off: {error}") from error


def _observation(line: bytes, place: str) -> Observation:
    try:
        entry = _DECODER.decode(line)
        return Observation(
            source=entry.source,
            format=entry.format or entry.source,
            received_at=parse_iso(entry.received_at),
            request=entry.request,
            status=entry.status,
            body=_body(entry),
            headers=entry.headers,
            origin=entry.origin,
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{place}: not a line of a recording: {error}") from error


def _line(observation: Observation) -> _Line:
    line = _Line(
        received_at=iso(observation.received_at),
        source=observation.source,
        request=observation.request,
        status=observation.status,
        origin=observation.origin,
        headers=observation.headers,
        format=observation.format if observation.format != observation.source else None,
    )
    body = observation.body
    if _is_one_line_of_json(body):
        line.body = msgspec.Raw(body)
        return line
    try:
        line.text = body.decode()
    except UnicodeDecodeError:
        line.base64 = b64encode(body).decode()
    return line


def _body(entry: _Line) -> bytes:
    if entry.text is not None:
        return entry.text.encode()
    return bytes(entry.body) if entry.base64 is None else b64decode(entry.base64, validate=True)


def _is_one_line_of_json(body: bytes) -> bool:
    if b"\n" in body or b"\r" in body:
        return False
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return msgspec.json.decode(body, type=msgspec.Raw) == msgspec.Raw(body)  # no space around it that would be lost
