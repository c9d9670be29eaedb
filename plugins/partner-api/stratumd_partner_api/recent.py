"""The newest signals in memory, in the order of their rank: what the ranked feed is answered from."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stratumd.odds import Ranking, ranking
from stratumd.plugin import MINUTE, Micros, Signal
from stratumd_partner_api import shapes

Place = tuple[float, Micros, str]
"""Where a signal stands: its score and its time, both negative, and its id. The least comes first."""


class Ranked:
    """A signal with its rank, and the bytes that were made of it."""

    __slots__ = ("_bytes", "place", "ranking", "signal", "velocity")

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.ranking: Ranking = ranking(signal.strength, (signal.commence_at - signal.observed_at) / MINUTE)
        self.place: Place = (-self.ranking.score, -signal.observed_at, signal.id)
        self.velocity = shapes.velocity(signal)
        self._bytes: dict[frozenset[str], bytes] = {}

    def encoded(self, hidden: frozenset[str]) -> bytes:
        """Return it as JSON, without what is hidden."""
        found = self._bytes.get(hidden)
        if found is None:
            found = self._bytes[hidden] = shapes.encoded(self.signal, self.ranking, hidden)
        return found


class Wanted(NamedTuple):
    """Which signals somebody wants."""

    types: frozenset[str] = frozenset()
    buckets: frozenset[str] = frozenset()
    market: str | None = None
    sport: str | None = None
    event: str | None = None
    pipeline: str | None = None
    since: Micros | None = None
    until: Micros | None = None
    """Both are included."""
    min_score: float | None = None
    min_strength: int | None = None
    velocity_gt: float | None = None

    def takes(self, found: Ranked) -> bool:
        """Say whether it is one of them."""
        return self.takes_signal(found.signal) and self._ranks(found)

    def takes_signal(self, signal: Signal) -> bool:
        """Say whether it is one of them, whatever its rank."""
        return (
            (self.since is None or signal.observed_at >= self.since)
            and (self.until is None or signal.observed_at <= self.until)
            and (not self.types or signal.type in self.types)
            and (self.min_strength is None or signal.strength >= self.min_strength)
            and self._places(signal)
        )

    def _places(self, signal: Signal) -> bool:
        return (
            self.market in (None, signal.market)
            and self.sport in (None, signal.sport)
            and self.event in (None, signal.event)
            and self.pipeline in (None, signal.pipeline)
        )

    def _ranks(self, found: Ranked) -> bool:
        timing = found.ranking.timing
        return (
            (self.min_score is None or found.ranking.score >= self.min_score)
            and (self.velocity_gt is None or (found.velocity is not None and found.velocity > self.velocity_gt))
            and (not self.buckets or (timing is not None and timing.bucket in self.buckets))
        )


class Recent:
    """Signals by rank. `floor`: every signal that was observed from then on is here."""

    def __init__(self, most: int) -> None:
        self.floor: Micros = 0
        self.most = most
        self._places: list[Place] = []
        self._by_id: dict[str, Ranked] = {}
        self._times: list[tuple[Micros, str]] = []

    def __len__(self) -> int:
        return len(self._places)

    def fill(self, signals: Iterable[Signal]) -> None:
        """Begin anew with the newest signals: `most` of them, or all that there are."""
        found = {each.id: Ranked(each) for each in signals}
        self._by_id = found
        self._places = sorted([each.place for each in found.values()])
        self._times = sorted([(each.signal.observed_at, each.signal.id) for each in found.values()])
        self.floor = self._times[0][0] + 1 if len(found) >= self.most else 0

    def add(self, signal: Signal) -> Ranked:
        """Take a signal in, and let go of the oldest where there are too many."""
        known = self._by_id.get(signal.id)
        if known is not None:
            return known
        found = self._by_id[signal.id] = Ranked(signal)
        insort(self._places, found.place)
        insort(self._times, (signal.observed_at, signal.id))
        if len(self._times) > self.most:
            self._drop_oldest()
        return found

    def __iter__(self) -> Iterator[Ranked]:
        return map(self._by_id.__getitem__, [place[2] for place in self._places])

    def page(self, wanted: Wanted, after: Place | None, limit: int) -> list[Ranked]:
        """Return the first `limit` signals behind a place."""
        return page(self._ranked(after), wanted, limit)

    def _ranked(self, after: Place | None) -> Iterator[Ranked]:
        start = 0 if after is None else bisect_right(self._places, after)
        for number in range(start, len(self._places)):
            yield self._by_id[self._places[number][2]]

    def _drop_oldest(self) -> None:
        at, id = self._times.pop(0)
        place = self._by_id.pop(id).place
        del self._places[bisect_right(self._places, place) - 1]
        self.floor = max(self.floor, at + 1)


def page(found: Iterable[Ranked], wanted: Wanted, limit: int) -> list[Ranked]:
    """Return the first `limit` of those that are wanted."""
    taken: list[Ranked] = []
    for each in found:
        if wanted.takes(each):
            taken.append(each)
            if len(taken) == limit:
                break
    return taken
