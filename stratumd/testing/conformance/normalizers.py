"""What a normalizer must do with whatever it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stratumd.plugin import Normalizer, Observation, Request, Snapshot
from stratumd.testing import scenario
from stratumd.testing.conformance.musts import Must, must

NORMALIZER: list[Must[Callable[[], Normalizer]]] = []

GARBAGE = (
    b"", b"{}", b"[]", b"null", b"[{", b'"text"', b"[1e999]", b"[NaN]", b'[{"id": null}]', b"\xff\xfe\x00",
    b"<html>502 Bad Gateway</html>", b"[" * 500, b'{"message": "quota", "error_code": "OUT_OF_USAGE_CREDITS"}',
)  # fmt: skip
"""Bodies that a provider or something in between has been seen to send."""


@must(NORMALIZER, "N1", "`normalize` MUST NOT raise, whatever the body: a malformed part is an issue.")
def _total(build: Callable[[], Normalizer]) -> Iterator[str]:
    normalizer = build()
    for body in GARBAGE:
        if not isinstance(normalizer.normalize(_observation(normalizer.name, body)), Snapshot):
            yield f"{body[:20]!r} gave no Snapshot"


@must(NORMALIZER, "N2", "The same observation MUST give an equal snapshot, also from a fresh normalizer.")
def _repeatable(build: Callable[[], Normalizer]) -> Iterator[str]:
    normalizer = build()
    for body in GARBAGE:
        observation = _observation(normalizer.name, body)
        first = normalizer.normalize(observation)
        if first != normalizer.normalize(observation) or first != build().normalize(observation):
            yield f"{body[:20]!r} gave two different snapshots"


@must(NORMALIZER, "N3", "From an error page nothing MUST be concluded: no listings, no scope.")
def _error_pages(build: Callable[[], Normalizer]) -> Iterator[str]:
    normalizer = build()
    for status in (401, 404, 422, 429, 500, 502):
        snapshot = normalizer.normalize(_observation(normalizer.name, b'{"message": "no"}', status))
        if snapshot.listings or snapshot.scope is not None:
            yield f"status {status} was taken for an answer"


def _observation(format_: str, body: bytes, status: int = 200) -> Observation:
    return Observation("verify", format_, scenario.START, Request("/verify"), status, body)
