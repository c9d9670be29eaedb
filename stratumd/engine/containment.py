"""What a plugin may do wrong inside a step, and what becomes of it: a named failure, and the rest goes on."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from stratumd.engine.memory import Memory
from stratumd.engine.outcome import Failure
from stratumd.plugin import (
    Change,
    ConsensusPoint,
    Detector,
    Event,
    Finding,
    Issue,
    Limits,
    MarketKey,
    Micros,
    Record,
    Scope,
    Snapshot,
    State,
    Tick,
)

CONTAINED = (BaseException,)
"""What a plugin's code may raise without ending anything but itself: whatever there is. Nothing here awaits, so none of
it is a cancellation."""

NOTHING = Snapshot(scope=None, listings=[], issues=[])
"""What an observation says that nobody understands."""

FIRST: Micros = -62_135_596_800_000_000
LAST: Micros = 253_402_300_799_999_999
"""The times that can be written: the years 1 to 9999."""

Describe = Callable[[BaseException], str]
"""Puts an error into words."""

_CORE = __file__.removesuffix("engine/containment.py")
_JSON = msgspec.json.Encoder().encode
# Packing and unpacking checks every field against its type, at a microsecond for some quotes.
_PACK = msgspec.msgpack.Encoder().encode
_POINT = msgspec.msgpack.Decoder(ConsensusPoint).decode
_CHANGES = msgspec.msgpack.Decoder(list[Change]).decode


class Output(NamedTuple):
    """What one detector said of one tick, checked."""

    findings: list[tuple[Finding, Limits]]
    records: Collection[Record]
    news: list[Record]
    """Those records that the history needs."""
    state: State | None
    body: bytes
    """The state as it is stored."""


def detect(detector: Detector, tick: Tick, memory: Memory) -> Output:
    """Run `detector` and check everything it yields, before any of it counts. Raises whatever the plugin does wrong."""
    findings: list[tuple[Finding, Limits]] = []
    records: dict[tuple[str, MarketKey], Record] = {}
    state = None
    for result in detector.detect(tick):
        if isinstance(result, Record):
            _check_key(result.key)
            records[result.kind, result.key] = result
        elif isinstance(result, Finding):
            _check(result)
            findings.append((result, _checked(detector.limits(result.type), tick.at)))
        elif detector.state is not None and isinstance(result, detector.state):
            state = result
        else:
            raise TypeError(f"yielded a {type(result).__name__}; a detector yields findings, records and its state")
    news = [record for record in records.values() if memory.is_news(record)]
    for record in news:
        _check_record(record)
    body = b"" if state is None else _body(state, memory.bodies.get(detector.name))
    return Output(findings, records.values(), news, state, body)


def snapshot(result: Any) -> Snapshot:
    """Return what a normalizer returned, if it is a snapshot. The offers are not looked at: there are too many."""
    if not isinstance(result, Snapshot):
        raise TypeError(f"returned a {type(result).__name__}; a normalizer returns a Snapshot")
    if not isinstance(result.scope, Scope | None):
        raise TypeError(f"a snapshot's scope is a Scope or None, not a {type(result.scope).__name__}")
    for listing in result.listings:
        _check_event(listing.event)
    for issue in result.issues:
        _check_issue(issue)
    return result


def check_changes(changes: list[Change]) -> None:
    """Refuse changes of quotes that cannot be stored: names that are no text, prices that are no number."""
    if changes:
        _CHANGES(_PACK(changes))


def metadata(finding: Finding) -> dict[str, Any]:
    """Return the finding's evidence as plain JSON values, the same objects that a store gives back."""
    evidence = finding.evidence() if callable(finding.evidence) else finding.evidence
    plain: dict[str, Any] = msgspec.json.decode(_JSON(evidence), type=dict[str, Any])
    return plain


def failure(component: str, event: str | None, error: BaseException, describe: Describe) -> Failure:
    """Name the failed component and the innermost line of code outside of core, where there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_CORE)]
    frame = (outside or frames)[-1]
    return Failure(component, event, describe(error), f"{frame.filename.rpartition('/')[2]}:{frame.lineno}")


def _check(finding: Finding) -> None:
    """Refuse what no signal can be made of."""
    if not (_is_number(finding.magnitude) and finding.magnitude >= 0):
        raise ValueError(f"a finding's magnitude is an int or float from 0 on, not {finding.magnitude!r}")
    if not (_is_number(finding.threshold) and finding.threshold > 0):
        raise ValueError(f"a finding's threshold is an int or float above 0, not {finding.threshold!r}")
    if not (type(finding.strength) is int and 1 <= finding.strength <= 100):
        raise ValueError(f"a finding's strength is a whole number from 1 to 100, not {finding.strength!r}")
    if not isinstance(finding.books, tuple):
        raise TypeError(f"a finding's books are a tuple of texts, not {finding.books!r}")
    _check_key(finding.key)
    _check_words("a finding", (finding.type, finding.direction))
    _check_texts("a finding", (finding.outcome, finding.key.market, *finding.books))
    _check_texts("a finding", [name for name in (finding.key.player, finding.operator) if name is not None])


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # it is one of the two


def _check_key(key: object) -> None:
    if not isinstance(key, MarketKey):
        raise TypeError(f"a market is named by a MarketKey, not by {key!r}")


def _check_texts(owner: str, names: Iterable[object]) -> None:
    """Refuse what is no text that has an encoding. These may come from a provider: NUL is the store's business."""
    for name in names:
        if type(name) is not str and not isinstance(name, StrEnum):
            raise TypeError(f"{owner} is named by texts, not by {name!r}")
        if not name.isascii():
            name.encode()  # raises where a surrogate has lost its other half


def _check_words(owner: str, words: Iterable[object]) -> None:
    """Refuse words of a plugin's own making that are not plain text."""
    for word in words:
        _check_texts(owner, (word,))
        if "\0" in str(word):
            raise ValueError(f"{owner} is named by texts without NUL, not by {word!r}")


def _checked(limits: object, at: Micros) -> Limits:
    """Return what a detector said of a finding's limits, if these are limits."""
    if not isinstance(limits, Limits):
        raise TypeError(f"limits() returned a {type(limits).__name__}; it returns Limits")
    for name, value in zip(limits._fields, limits, strict=True):
        if not (type(value) is int and value >= 0) and not (value is None and name != "cooldown"):
            raise TypeError(f"limits: {name} is a whole number from 0 on, not {value!r}")
    if limits.lifetime is not None and at + limits.lifetime > LAST:
        raise ValueError(f"limits: a lifetime of {limits.lifetime} µs ends after the year 9999")
    return limits


def _check_record(record: Record) -> None:
    """Refuse a record that cannot be stored."""
    market, player = record.key
    _check_words("a record", (record.kind,))
    _check_texts("a record", (market,) if player is None else (market, player))
    if isinstance(record, ConsensusPoint):
        _POINT(_PACK(record))
    else:
        _JSON(record)


def _body(state: State, known: bytes | None) -> bytes:
    """Return `state` as it is stored, if it can be read back from that."""
    body = _JSON(state)
    if body != known:
        msgspec.json.decode(body, type=type(state))
    return body


def _check_event(event: object) -> None:
    if not isinstance(event, Event):
        raise TypeError(f"a listing's event is an Event, not a {type(event).__name__}")
    _check_texts("an event", (event.id, event.sport, event.home, event.away))
    if not (type(event.commence_at) is int and FIRST <= event.commence_at <= LAST):
        raise ValueError(f"an event starts between the years 1 and 9999, in µs, not at {event.commence_at!r}")


def _check_issue(issue: object) -> None:
    if not isinstance(issue, Issue):
        raise TypeError(f"an issue is an Issue, not a {type(issue).__name__}")
    _check_words("an issue", (issue.rule, issue.severity))
    for words in (issue.detail, issue.event or "", issue.book or "", issue.market or ""):
        if not isinstance(words, str):
            raise TypeError(f"an issue is told in texts, not in {words!r}")
