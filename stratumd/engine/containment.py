"""What a plugin may do wrong inside a step, and what becomes of it: a named failure, and the rest goes on."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from operator import is_not
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from stratumd.engine.memory import Memory
from stratumd.engine.outcome import Elsewhere, Failure
from stratumd.errors import place
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
    News,
    Record,
    Result,
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

_HIGHEST_SCORE = 1_000_000

Describe = Callable[[BaseException], str]
"""Puts an error into words."""

_CORE = __file__.removesuffix("engine/containment.py")
_JSON = msgspec.json.Encoder().encode
# Packing refuses lone surrogates and what is no value; unpacking refuses wrong types. Both are faster than a look.
_PACK = msgspec.msgpack.Encoder().encode
_CHANGES = msgspec.msgpack.Decoder(list[Change]).decode
_EVENT = msgspec.msgpack.Decoder(Event).decode
_RESULT = msgspec.msgpack.Decoder(Result).decode
_NEWS = msgspec.msgpack.Decoder(News).decode
_MARKET = msgspec.msgpack.Decoder(MarketKey).decode
_NAMES = msgspec.msgpack.Decoder(tuple[str, str, str, str, str | None, str | None, tuple[str, ...]]).decode


class Output(NamedTuple):
    """What one detector said of one tick, checked."""

    findings: Sequence[tuple[Finding, Limits]] = ()
    records: Mapping[str, Mapping[MarketKey, Record]] = MappingProxyType({})
    """By kind and market."""
    changed: Sequence[Record] = ()
    """Those records that are not the very ones kept."""
    news: Sequence[Record] = ()
    """Those of these that the history needs."""
    state: State | None = None
    body: bytes = b""
    """The state as it is stored."""


_SILENCE = Output()


def detect(detector: Detector, tick: Tick, memory: Memory) -> Output:
    """Run `detector` and check everything it yields, before any of it counts. Raises whatever the plugin does wrong."""
    results = list(detector.detect(tick))
    if not results:
        return _SILENCE
    findings: list[tuple[Finding, Limits]] = []
    records: dict[str, dict[MarketKey, Record]] = {}
    state = None
    for result in results:
        if isinstance(result, Record):
            if type(result.key) is not MarketKey:
                raise TypeError(f"a record's key is a MarketKey, not {result.key!r}")
            of_kind = records.get(result.kind)
            if of_kind is None:
                of_kind = records[result.kind] = {}
            of_kind[result.key] = result
        elif isinstance(result, Finding):
            _check(result)
            findings.append((result, _checked(detector.limits(result.type), tick.at)))
        elif detector.state is not None and isinstance(result, detector.state):
            state = result
        else:
            raise TypeError(f"yielded a {type(result).__name__}; a detector yields findings, records and its state")
    changed, news = _compare(records, memory)
    body = b"" if state is None else _body(state, memory.bodies.get(detector.name))
    return Output(findings, records, changed, news, state, body)


def _compare(
    records: Mapping[str, Mapping[MarketKey, Record]], memory: Memory
) -> tuple[Sequence[Record], Sequence[Record]]:
    """Return the records that are not the very ones kept, checked, and those of them that the history needs."""
    changed: list[Record] = []
    news: list[Record] = []
    for kind, of_kind in records.items():
        kept = memory.records.get(kind, {})
        for key, record in of_kind.items():
            last = kept.get(key)
            if last is not record:
                _check_record(record, last)
                changed.append(record)
                if last is None or not record.same(last):
                    news.append(record)
    return changed, news


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
    for each in result.results:
        _check_result(each)
    for news in result.news:
        _NEWS(_PACK(news))
    return result


def check_changes(changes: list[Change]) -> None:
    """Refuse changes of quotes that cannot be stored: names that are no text, prices that are no number."""
    if not changes:
        return
    numbers = [number for change in changes for number in change[6:8] if number is not None]
    if not math.isfinite(sum(numbers)):  # one look at all of them; only a bad one is worth a look at each
        for change in changes:
            if not (_is_storable(change.price) and _is_storable(change.line)):
                raise ValueError(f"{change.book} offers {change.outcome} at {change.price!r}, line {change.line!r}")
    _CHANGES(_PACK(changes))


def _is_storable(value: float | None) -> bool:
    return value is None or math.isfinite(value)


def metadata(finding: Finding) -> dict[str, Any]:
    """Return the finding's evidence as plain JSON values, the same objects that a store gives back."""
    evidence = finding.evidence() if callable(finding.evidence) else finding.evidence
    plain: dict[str, Any] = msgspec.json.decode(_JSON(evidence), type=dict[str, Any])
    return plain


def annotation(annotator: Detector, tick: Tick, key: MarketKey) -> dict[str, Any] | None:
    """Return what `annotator` adds to a signal, as plain JSON values. Raises whatever the plugin does wrong."""
    note = annotator.annotate(tick, key)
    if note is None:
        return None
    if annotator.annotates is None or type(note) is not annotator.annotates:
        raise TypeError(f"annotated with a {type(note).__name__}, which is not what `annotates` declares")
    plain: dict[str, Any] = msgspec.json.decode(_JSON(note), type=dict[str, Any])
    return plain


def failure(
    component: str,
    event: str | None,
    error: BaseException,
    describe: Describe,
    called: Callable[..., object] | None = None,
) -> Failure:
    """Name the failed component and the innermost line of code outside of core.

    Where there is none, as what it returned was refused here: where `called`, the plugin's code, begins.
    """
    if isinstance(error, Elsewhere):
        return Failure(component, event, error.text, error.where)
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_CORE)]
    code = getattr(called, "__code__", None)
    if outside or code is None or code.co_filename.startswith(_CORE):
        frame = (outside or frames)[-1]
        return Failure(component, event, describe(error), place(frame.filename, frame.lineno or 0))
    return Failure(component, event, describe(error), place(code.co_filename, code.co_firstlineno))


def _check(finding: Finding) -> None:
    """Refuse what no signal can be made of."""
    if not (_is_number(finding.magnitude) and finding.magnitude >= 0):
        raise ValueError(f"a finding's magnitude is an int or float from 0 on, not {finding.magnitude!r}")
    if not (_is_number(finding.threshold) and finding.threshold > 0):
        raise ValueError(f"a finding's threshold is an int or float above 0, not {finding.threshold!r}")
    if not (type(finding.strength) is int and 1 <= finding.strength <= 100):
        raise ValueError(f"a finding's strength is a whole number from 1 to 100, not {finding.strength!r}")
    if not (type(finding.key) is MarketKey and isinstance(finding.books, tuple)):
        raise TypeError(f"a finding has a MarketKey and a tuple of books, not {finding.key!r} and {finding.books!r}")
    type_, direction, outcome = finding.type, finding.direction, finding.outcome
    # What comes from a provider may have a NUL, which the store cleans; the words of a plugin are not cleaned.
    if "\0" in type_ or "\0" in direction:
        raise ValueError(f"a finding's type and direction are words, not {type_!r} and {direction!r}")
    _NAMES(_PACK((type_, direction, outcome, *finding.key, finding.operator, finding.books)))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # it is one of the two


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


def _check_record(record: Record, last: Record | None) -> None:
    """Refuse a record that cannot be stored. Contributors that `last` has, too, were looked at before: most of them."""
    if isinstance(record, ConsensusPoint):
        known = last.contributors if isinstance(last, ConsensusPoint) else ()
        said = record.contributors
        new = [*compress(said, map(is_not, said, known)), *said[len(known) :]]
        _PACK((msgspec.structs.replace(record, contributors=()), new))
        return
    if "\0" in record.kind:
        raise ValueError(f"a record's kind is a word, not {record.kind!r}")
    _MARKET(_PACK(record.key))
    _JSON(record)


@lru_cache
def _reader(kind: type[State]) -> Callable[[bytes], State]:
    return msgspec.json.Decoder(kind).decode


def _body(state: State, known: bytes | None) -> bytes:
    """Return `state` as it is stored, if it can be read back from that."""
    body = _JSON(state)
    if body != known:
        _reader(type(state))(body)
    return body


def _check_event(event: object) -> None:
    if not isinstance(event, Event):
        raise TypeError(f"a listing's event is an Event, not a {type(event).__name__}")
    _EVENT(_PACK(event))
    if not FIRST <= event.commence_at <= LAST:
        raise ValueError(f"an event starts between the years 1 and 9999, in µs, not at {event.commence_at!r}")


def _check_result(result: object) -> None:
    if not isinstance(result, Result):
        raise TypeError(f"a result is a Result, not a {type(result).__name__}")
    _RESULT(_PACK(result))
    if not FIRST <= result.commence_at <= LAST:
        raise ValueError(f"a game starts between the years 1 and 9999, in µs, not at {result.commence_at!r}")
    if any(score is not None and not 0 <= score <= _HIGHEST_SCORE for score in (result.home_score, result.away_score)):
        raise ValueError(f"{result.home_score!r} to {result.away_score!r} is no score")


def _check_issue(issue: object) -> None:
    if not isinstance(issue, Issue):
        raise TypeError(f"an issue is an Issue, not a {type(issue).__name__}")
    rule, severity = issue.rule, issue.severity
    if "\0" in rule or not isinstance(severity, str):
        raise ValueError(f"an issue's rule and severity are words, not {rule!r} and {severity!r}")
    _PACK((rule, severity))
    for words in (issue.detail, issue.event or "", issue.book or "", issue.market or ""):
        if not isinstance(words, str):
            raise TypeError(f"an issue is told in texts, not in {words!r}")
