"""What a plugin may do wrong inside a step, and what becomes of it: a named failure, and the rest goes on."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from stratumd.engine.outcome import Failure
from stratumd.plugin import Detector, Finding, Limits, Record, Snapshot, State, Tick

CONTAINED = (Exception, SystemExit)
"""What a plugin's code may raise without ending anything but itself."""

NOTHING = Snapshot(scope=None, listings=[], issues=[])
"""What an observation says that nobody understands."""

_CORE = __file__.removesuffix("engine/containment.py")


class Output(NamedTuple):
    """What one detector said of one tick, checked."""

    findings: Sequence[tuple[Finding, Limits]] = ()
    records: Sequence[Record] = ()
    state: State | None = None


_SILENCE = Output()


def detect(detector: Detector, tick: Tick) -> Output:
    """Run `detector` and check everything it yields, before any of it counts. Raises whatever the plugin does wrong."""
    results = list(detector.detect(tick))
    if not results:
        return _SILENCE
    findings: list[tuple[Finding, Limits]] = []
    records: list[Record] = []
    state = None
    for result in results:
        if isinstance(result, Record):
            records.append(result)
        elif isinstance(result, Finding):
            _check(result)
            findings.append((result, detector.limits(result.type)))
        elif detector.state is not None and isinstance(result, detector.state):
            state = result
        else:
            raise TypeError(f"yielded a {type(result).__name__}; a detector yields findings, records and its state")
    return Output(findings, records, state)


def snapshot(result: Any) -> Snapshot:
    """Return what a normalizer returned, if it is a snapshot."""
    if not isinstance(result, Snapshot):
        raise TypeError(f"returned a {type(result).__name__}; a normalizer returns a Snapshot")
    return result


def metadata(finding: Finding) -> dict[str, Any]:
    """Return the finding's evidence as plain JSON values, the same objects that a store gives back."""
    evidence = finding.evidence() if callable(finding.evidence) else finding.evidence
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(evidence), type=dict[str, Any])
    return plain


def failure(component: str, event: str | None, error: BaseException) -> Failure:
    """Name the failed component and the innermost line of code outside of core, where there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_CORE)]
    frame = (outside or frames)[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(component, event, text, f"{frame.filename.rpartition('/')[2]}:{frame.lineno}")


def _check(finding: Finding) -> None:
    """Refuse what no signal can be made of."""
    if not (math.isfinite(finding.magnitude) and finding.magnitude >= 0):
        raise ValueError(f"a finding's magnitude is a number from 0 on, not {finding.magnitude!r}")
    if not (math.isfinite(finding.threshold) and finding.threshold > 0):
        raise ValueError(f"a finding's threshold is a number above 0, not {finding.threshold!r}")
    if not (isinstance(finding.strength, int) and 1 <= finding.strength <= 100):
        raise ValueError(f"a finding's strength is a whole number from 1 to 100, not {finding.strength!r}")
    _check_names((finding.type, finding.outcome, finding.direction, *finding.key, finding.operator, *finding.books))


def _check_names(names: Iterable[object]) -> None:
    for name in names:
        if not (name is None or isinstance(name, str)):
            raise TypeError(f"a finding is named by texts, not by {name!r}")
