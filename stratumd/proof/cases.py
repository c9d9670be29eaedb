"""Whether a pipeline gives the signals that a case of its owner expects, and what was missing where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from stratumd.config.cases import Case, Expected, Placed, Wanted
from stratumd.config.report import Span
from stratumd.engine import Pipeline
from stratumd.plugin import Micros, Observation, Signal, format_duration, iso
from stratumd.proof.instant import Instant, instants_of
from stratumd.proof.past import ProofError
from stratumd.proof.why_not import REMEMBERED, Asking, Explained, Which, distance, giving

LOOKED_AT = 60
"""Instants at which a missing signal is explained; each costs as much as some hundreds of polls."""

Taken = Callable[[], Iterable[Observation]]
"""Gives what goes in, from the beginning, as often as it is asked."""


class Shortcoming(NamedTuple):
    """One thing of a case that is not as it must be."""

    at: Span
    message: str
    hint: str | None
    came: Sequence[Signal]
    """Signals that came: those that must not, or others of the type that did not."""
    nearest: Explained | None = None
    """Where a signal is missing, what was nearest to it."""


class Outcome(NamedTuple):
    """What became of a case."""

    case: Case
    signals: list[Signal]
    shortcomings: list[Shortcoming]


def judge(case: Case, build: Callable[[], Pipeline], taken: Taken, event: str | None) -> Outcome:
    """Step what a case takes through its pipeline and hold what comes out against it.

    `event` is the only one that there is, where that is known.
    """
    pipeline = build()
    signals: list[Signal] = []
    failed: dict[str, None] = {}
    first: Micros | None = None
    quotes = 0
    for observation in taken():
        step = pipeline.step(observation)
        first = step.at if first is None else first
        signals += step.signals
        quotes += step.quotes
        failed |= {f"{each.component}: {each.error} ({each.where})": None for each in step.failures}
    shortcomings = [Shortcoming(case.at, f"in {case.name!r} a plugin failed: {each}", None, ()) for each in failed]
    if not quotes:  # or everything that must never come would be right
        hint = "see that the recording is of a source that the configuration uses"
        shortcomings.append(Shortcoming(case.at, f"{case.name!r} holds no quotes that can be read", hint, ()))
    judging = _Judging(case, build, taken, event, signals, first or 0, explains=not failed)
    return Outcome(case, signals, [*shortcomings, *judging.missing(), *judging.unwanted()])


class _Judging(NamedTuple):
    case: Case
    build: Callable[[], Pipeline]
    taken: Taken
    event: str | None
    signals: Sequence[Signal]
    first: Micros
    explains: bool
    """False where a plugin failed: then there is nobody to ask."""

    def unwanted(self) -> Iterator[Shortcoming]:
        for placed in self.case.never:
            came = self._admitted(placed.wanted)
            if came:
                message = f"in {self.case.name!r} {placed.wanted.told()} must never come: {self._told(came)}"
                yield Shortcoming(placed.at, message, None, came)

    def missing(self) -> Iterator[Shortcoming]:
        for placed in self.case.expect:
            came = self._admitted(placed.wanted)
            count = placed.wanted.count
            if not came or (count is not None and len(came) < count):
                yield self._missed(placed, came)
            elif count is not None and len(came) > count:
                message = f"in {self.case.name!r} {placed.wanted.told()} must come {_times(count)}: {self._told(came)}"
                yield Shortcoming(placed.at, message, None, came)

    def _missed(self, placed: Placed[Expected], came: Sequence[Signal]) -> Shortcoming:
        wanted = placed.wanted
        message = f"in {self.case.name!r} {wanted.told()} must come"
        if came:
            message += f" {_times(wanted.count or 1)}, and came {_times(len(came))}: {self._told(came)}"
            nearest, hint = self._nearest(wanted)
            return Shortcoming(placed.at, message, hint, came, nearest)
        same = self._admitted(_loosely(wanted))
        came = same or self._admitted(Wanted(type=wanted.type, event=wanted.event))
        message += f", and did not; there came {self._told(came)}" if came else ", and did not"
        # Where one came that only looks otherwise, no condition was missed.
        nearest, hint = (None, None) if same else self._nearest(wanted)
        return Shortcoming(placed.at, message, hint, came, nearest)

    def _nearest(self, wanted: Expected) -> tuple[Explained | None, str | None]:
        """Return the instant and market that came nearest to a signal, and in a few words what was missing there."""
        event = wanted.event or self.event
        if not self.explains:
            return None, None
        if event is None:
            return None, "name its 'event' to hear what was missing"
        every = instants_of(self.build(), self.taken(), event, REMEMBERED)
        asked = (instant for instant in every if wanted.is_at(instant.tick.at, self.first))
        looked: list[Explained] = []
        more = False
        for number, instant in enumerate(islice(asked, LOOKED_AT + 1)):
            if number == LOOKED_AT:
                more = True
                break
            looked += _explained(instant, wanted)
        missed = [each for each in looked if not each.fired]
        if not missed:
            return None, None if looked else "no poll then showed that market of that event"
        nearest = min(missed, key=distance)
        note = f" (of the first {LOOKED_AT} polls: add 'at' to hear of another)" if more else ""
        return nearest, f"nearest {self._when(nearest.at)} in {nearest.market}: {_lacked(nearest)}{note}"

    def _admitted(self, wanted: Wanted) -> list[Signal]:
        return [signal for signal in self.signals if wanted.admits(signal, self.first)]

    def _told(self, signals: Sequence[Signal]) -> str:
        shown = [
            f"{each.type} {each.market} {each.outcome} {each.direction} {self._when(each.observed_at)}"
            for each in signals[:3]
        ]
        more = [f"{len(signals) - 3} more"] if len(signals) > 3 else []
        return ", ".join([*shown, *more])

    def _when(self, at: Micros) -> str:
        """Return a time as it can be written in the file."""
        if self.case.recording is not None:
            return f"at {iso(at)}"
        return f"at {format_duration(timedelta(microseconds=at - self.first))}"


def _explained(instant: Instant, wanted: Expected) -> list[Explained]:
    assert wanted.type is not None, "an expected signal has a type"
    try:
        detector = giving(instant, wanted.type)
    except ProofError:  # a detector that declares no types
        return []
    markets = [market for market in instant.tick.markets if wanted.market in (None, market.key.market)]
    return [Asking(instant, detector, wanted.type, market, Which(wanted.outcome)).explained() for market in markets]


def _loosely(wanted: Expected) -> Wanted:
    """Describe the same signals whatever they look like: what the conditions of a type are asked about."""
    asked = ("type", "market", "outcome", "event", "at")
    return Wanted(**{name: getattr(wanted, name) for name in asked if getattr(wanted, name) is not None})


def _lacked(found: Explained) -> str:
    parts = []
    if found.blocked is not None:
        there_was = "none would do" if found.blocked.value is None else f"there was {_plain(found.blocked.value)}"
        asked = _plain(found.blocked.threshold)
        parts.append(f"{found.blocked.asks} ({found.blocked.option}: {there_was}, asked for {asked})")
    if found.reason is not None:
        parts.append(found.reason)
    if found.flips:
        changes = " ".join(f"{option}={_plain(value)}" for option, value in found.flips[0].options.items())
        parts.append(f"smallest change: {changes}")
    return "; ".join(parts)


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
