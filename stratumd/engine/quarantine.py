"""Components that failed too often are left out for a while, then tried for one observation.

Everything here is counted in observed time and remembered with the gate's state, so a restart and a replay leave out
the same. What only a clock can see, a call that takes too long, is put here from outside; the rows of what was left
out tell a replay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from stratumd.engine.outcome import Failure, StateChange
from stratumd.plugin import HOUR, MINUTE, Micros

COMPONENT = "quarantine"
"""The name under which its memory is stored, for no event."""
MOST = 20
WINDOW = MINUTE
"""So many failures within this, in observed time, and a component is left out."""
FIRST = MINUTE
LONGEST = HOUR
"""How long it is left out at first; twice as long each time that the trial fails, and at most this long."""
LEFT_OUT = "left out: "
"""Begins the text of a row that says that a component was not asked at all."""

UNANSWERED = "no answer: "
"""Begins the text of a row that says that a component did not answer: the same might do so another time."""


class Sentence(msgspec.Struct):
    """Why a component is left out, and for how long."""

    since: Micros
    until: Micros
    length: Micros
    error: str
    where: str


class _Body(msgspec.Struct):
    out: dict[str, Sentence]
    recent: dict[str, list[Micros]]


class Quarantine:
    """What one pipeline leaves out. Components go by name: detectors by theirs, a normalizer by its format."""

    def __init__(self) -> None:
        self.out: dict[str, Sentence] = {}
        self._recent: dict[str, list[Micros]] = {}
        self._changed = False

    def __bool__(self) -> bool:
        """Whether there is anything to look at: nearly always there is not."""
        return bool(self.out)

    def left_out(self, at: Micros) -> list[str]:
        """Return what is not to be asked at `at`. What has served its time is on trial: it is asked."""
        return [name for name, sentence in self.out.items() if at < sentence.until]

    def put(self, component: str, at: Micros, error: str, where: str) -> None:
        """Leave `component` out from the next observation on; longer than before where it was on trial."""
        before = self.out.get(component)
        length = FIRST if before is None else min(LONGEST, 2 * before.length)
        since = at if before is None else before.since
        self.out[component] = Sentence(since, at + length, length, error, where)
        self._recent.pop(component, None)
        self._changed = True

    def settle(self, at: Micros, failures: Iterable[Failure], asked: Collection[str]) -> list[StateChange]:
        """Judge the observation at `at`: who failed, and of those who were `asked`, who did not.

        Returns what is to be stored.
        """
        failed: dict[str, list[Failure]] = {}
        for each in failures:
            if not each.error.startswith(LEFT_OUT):
                failed.setdefault(each.component, []).append(each)
        for component, some in failed.items():
            self._count(component, at, some)
        for component in [name for name, each in self.out.items() if name in asked and at >= each.until]:
            if component not in failed:
                del self.out[component]
                self._changed = True
        return self._news()

    def load(self, body: bytes) -> None:
        """Go on with what was stored."""
        known = msgspec.json.decode(body, type=_Body)
        self.out, self._recent = known.out, known.recent

    def _count(self, component: str, at: Micros, some: list[Failure]) -> None:
        sentence = self.out.get(component)
        times = [*self._recent.get(component, ()), *[at] * len(some)]
        times = [each for each in times if each > at - WINDOW][-MOST:]
        if (sentence is not None and at >= sentence.until) or len(times) >= MOST:
            self.put(component, at, some[-1].error, some[-1].where)
        elif sentence is None:
            self._recent[component] = times
            self._changed = True

    def _news(self) -> list[StateChange]:
        if not self._changed:
            return []
        self._changed = False
        return [StateChange(COMPONENT, "", msgspec.json.encode(_Body(self.out, self._recent)))]


def is_unrepeatable(error: str) -> bool:
    """Say whether a row tells of what a replay cannot find out by itself, and therefore obeys."""
    return error.startswith((LEFT_OUT, UNANSWERED))


def sentences(body: bytes) -> dict[str, Sentence]:
    """Return what is left out, by what is stored."""
    return msgspec.json.decode(body, type=_Body).out


def skipped(component: str, sentence: Sentence) -> Failure:
    """Return what says that a component was not asked."""
    return Failure(component, None, f"{LEFT_OUT}{sentence.error}", sentence.where)
