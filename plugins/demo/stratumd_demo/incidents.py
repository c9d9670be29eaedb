"""What befalls a game: steam, mistakes, outages, moved starts, and decoys that only look like them.

Lengths of time are those of a market at pace 1. How often things happen and how fast operators follow is
assumed: real feeds polled every 5 to 15 minutes cannot show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Final

from stratumd.plugin import DAY, MINUTE, SECOND, Micros
from stratumd_demo.desks import FAMILY, Desk, Family, Game, markets_of
from stratumd_demo.jumps import Jump, way
from stratumd_demo.labels import Kind, Label
from stratumd_demo.quoting import MARKETS
from stratumd_demo.timeline import Tempo, Timeline

QUIET: Final = 25 * MINUTE
"""At least so long from one incident of a game to the next, so that each can be told from the others."""
MEAN_GAP: Final = 15 * MINUTE
"""What is added to it on average."""
RARELY: Final = 365_000 * DAY
"""The longest mean gap: however small the rate is, the next incident has a time."""
OPENING: Final = 6 * MINUTE
"""The first incident of the first game; each further game's comes `STAGGER` later."""
STAGGER: Final = 2 * MINUTE
CALM_BEFORE_START: Final = 35 * MINUTE
"""No incident but a late move happens in the last minutes before the start."""

FREQUENCY: Final = {
    Kind.STEAM: 35,
    Kind.DISLOCATION: 25,
    Kind.GRIND: 6,
    Kind.SINGLE_MOVE: 10,
    Kind.REHANG: 8,
    Kind.OUTAGE: 10,
    Kind.MOVED_START: 6,
}
OPENINGS: Final = (Kind.STEAM, Kind.DISLOCATION)
"""What the first games begin with, and those of a season are shown with, in turn: there is something to see soon."""

ATTENTION: Final = ((0.95, 40), (0.85, 30), (0.6, 20), (0.3, 10))
"""The share of operators that follow a jump after their usual delay, and how often it is that share."""
INATTENTIVE: Final = (4 * MINUTE, 20 * MINUTE)
"""When the others follow."""
JUMP: Final[dict[Family, tuple[float, float, float]]] = {"margin": (0.5, 0.9, 3.5), "total": (1.0, 1.6, 7.0)}
"""The smallest jump, what is added on average, and the largest, in points."""
MISTAKE: Final[dict[Family, tuple[float, float]]] = {"margin": (1.2, 2.6), "total": (2.4, 5.0)}
MISTAKE_LASTS: Final = (5 * MINUTE, 20 * MINUTE)
SINGLE_MOVE: Final[dict[Family, float]] = {"margin": 0.6, "total": 1.2}
GRIND_STEP: Final[dict[Family, float]] = {"margin": 0.25, "total": 0.5}
GRIND_STEPS: Final = 6
GRIND_PAUSE: Final = 5 * MINUTE
OUTAGE_LASTS: Final = (5 * MINUTE, 50 * MINUTE)
START_MOVES: Final = (-15, -10, -5, 5, 10, 15, 30)
"""Minutes."""
LATE_MOVE_SHARE: Final = 0.5
LATE_MOVE: Final = (6 * MINUTE, 30 * MINUTE)
"""How long before the start."""
CENTRE: Final[dict[Family, float]] = {"margin": 2.0, "total": 228.0}
REACH: Final[dict[Family, float]] = {"margin": 10.0, "total": 14.0}
"""A truth farther from the centre jumps back only."""


class Incidents:
    """Everything that befalls one game. A label is written when its incident is over."""

    def __init__(self, timeline: Timeline, game: Game, tempo: Tempo, rate: float, labels: list[Label]) -> None:
        self.timeline = timeline
        self.game = game
        self.random = game.random
        self.tempo = tempo
        self.rate = rate
        self.labels = labels
        self._numbers = count()
        self._happen: Mapping[Kind, Callable[[], None]] = {
            Kind.STEAM: self._steam,
            Kind.DISLOCATION: partial(self._mistake, Kind.DISLOCATION),
            Kind.GRIND: self._grind,
            Kind.SINGLE_MOVE: partial(self._mistake, Kind.SINGLE_MOVE),
            Kind.REHANG: self._rehang,
            Kind.OUTAGE: self._outage,
            Kind.MOVED_START: self._move_start,
        }

    def begin(self, opening: int | None) -> None:
        """Let things happen from now on.

        The games of the opening, numbered from 0, do not have to wait for theirs.
        """
        if opening is None:
            self.timeline.after(2 * self._gap(), self._any)
        else:
            first = self._happen[OPENINGS[opening % len(OPENINGS)]]
            self.timeline.after(self.tempo.span(OPENING + opening * STAGGER), partial(self._one, first))
        if self.random.random() < LATE_MOVE_SHARE:
            self._late_move(self.tempo.span(self.random.uniform(*LATE_MOVE)))

    def show(self, kind: Kind) -> bool:
        """Let an incident of this kind happen now; False where it is too near to the start."""
        if self._is_calm():
            return False
        self._happen[kind]()
        return True

    def _gap(self) -> Micros:
        return self.tempo.span(QUIET) + self.tempo.wait(self.random, min(MEAN_GAP / self.rate, RARELY))

    def _any(self) -> None:
        kinds, weights = tuple(FREQUENCY), tuple(FREQUENCY.values())
        self._one(self._happen[self.random.choices(kinds, weights)[0]])

    def _one(self, happen: Callable[[], None]) -> None:
        if self._is_calm():
            return
        happen()
        self.timeline.after(self._gap(), self._any)

    def _is_calm(self) -> bool:
        return self.timeline.now >= self.game.announced - self.tempo.span(CALM_BEFORE_START)

    def _label(self, kind: Kind, at: Micros, **fields: object) -> None:
        empty: dict[str, object] = {"market": None, "direction": None, "operators": ()}
        label = {**empty, **fields, "kind": kind, "event": self.game.fixture.id, "at": at}
        self.labels.append(Label(**label, until=self.timeline.now))  # type: ignore[arg-type]  # by name

    # Jumps of the truth

    def _steam(self) -> None:
        family = self._family()
        least, mean, most = JUMP[family]
        size = min(most, least + self.random.expovariate(1.0 / mean))
        self._jump(Kind.STEAM, family, size * self._sign(family), self._attention())

    def _late_move(self, lead: Micros) -> None:
        """Wait for the time before the start, wherever the start moves meanwhile."""
        due = self.game.announced - lead
        if self.timeline.now < due:
            self.timeline.at(due, partial(self._late_move, lead))
        elif not self.game.live:
            least, mean, _ = JUMP["margin"]
            self._jump(Kind.LATE_MOVE, "margin", (least + mean) * self._sign("margin"), self._attention())

    def _grind(self) -> None:
        family = self._family()
        step = GRIND_STEP[family] * self._sign(family)
        self._grind_on(family, step, GRIND_STEPS, self.timeline.now)

    def _grind_on(self, family: Family, step: float, left: int, began: Micros) -> None:
        if left == 0:
            for market in markets_of(family):
                size = self.game.truth.move(market, step * GRIND_STEPS)
                self._label(Kind.GRIND, began, market=market, direction=way(size), size=abs(size))
            return
        self._jump(Kind.GRIND, family, step, 1.0)
        pause = self.tempo.span(GRIND_PAUSE)
        self.timeline.after(pause, partial(self._grind_on, family, step, left - 1, began))

    def _jump(self, kind: Kind, family: Family, points: float, attention: float) -> None:
        truth, number = self.game.truth, next(self._numbers)
        sizes = {market: truth.move(market, points) for market in markets_of(family)}
        jump = Jump(kind, family, self.timeline.now, sizes)
        truth.jumped[family] += points
        for desk in self.game.desks:
            delay = self._delay(desk, attention)
            for market in sizes:
                desk.pending[market][number] = points
                jump.waiting += 1
                self.timeline.after(delay, partial(self._follow, desk, market, jump, number))

    def _delay(self, desk: Desk, attention: float) -> Micros:
        if self.random.random() < attention:
            return self.tempo.span(desk.operator.delay * SECOND * self.random.lognormvariate(0.0, 0.5))
        return self.tempo.span(self.random.uniform(*INATTENTIVE))

    def _follow(self, desk: Desk, market: str, jump: Jump, number: int) -> None:
        if market in desk.returns:  # nobody is there: it follows when somebody is back
            self.timeline.at(desk.returns[market], partial(self._follow, desk, market, jump, number))
            return
        del desk.pending[market][number]
        if not desk.out(market):
            jump.answer(desk, market, self.timeline.now)
        jump.waiting -= 1
        if jump.waiting == 0 and jump.kind is not Kind.GRIND:
            self.labels += jump.labels(self.game.fixture.id, self.timeline.now)

    # One operator's doing

    def _mistake(self, kind: Kind) -> None:
        """Put one operator off the market for a while:

        by a mistake, or by a move that is too small to be one.
        """
        family, desk = self._family(), self.random.choice(self.game.desks)
        if any(desk.out(market) for market in markets_of(family)):
            return
        size = SINGLE_MOVE[family] if kind is Kind.SINGLE_MOVE else self.random.uniform(*MISTAKE[family])
        points = size * self.random.choice((-1.0, 1.0))
        for market in markets_of(family):
            desk.mistake[market] = points - desk.opinion[market]
            desk.repost(market, self.timeline.now)
        lasts = self.tempo.span(self.random.uniform(*MISTAKE_LASTS))
        self.timeline.after(lasts, partial(self._corrected, kind, desk, family, points, self.timeline.now))

    def _corrected(self, kind: Kind, desk: Desk, family: Family, points: float, began: Micros) -> None:
        for market in markets_of(family):
            desk.mistake[market] = 0.0
            if not desk.out(market):
                desk.repost(market, self.timeline.now)
            size, operators = self.game.truth.move(market, points), (desk.operator.key,)
            self._label(kind, began, market=market, direction=way(size), operators=operators, size=abs(size))

    def _rehang(self) -> None:
        desks = [desk for desk in self.game.desks if not desk.operator.line_only]
        desk, market = self.random.choice(desks), self.random.choice(("spreads", "totals"))
        if not desk.out(market):
            desk.rehang(market, self.timeline.now)
            self._label(Kind.REHANG, self.timeline.now, market=market, operators=(desk.operator.key,))

    def _outage(self) -> None:
        """Let one operator fall silent, or withdraw, in one market or in all."""
        desk = self.random.choice(self.game.desks)
        market = self.random.choice((None, *MARKETS))
        silent = self.random.random() < 0.5
        lost = [one for one in MARKETS if market in (None, one) and not desk.out(one)]
        lasts = self.tempo.span(self.random.uniform(*OUTAGE_LASTS))
        for one in lost:
            desk.returns[one] = self.timeline.now + lasts
            if silent:
                desk.silent[one] = self.timeline.now
            else:
                desk.withdrawn.add(one)
        self.timeline.after(lasts, partial(self._returned, desk, market, lost, self.timeline.now))

    def _returned(self, desk: Desk, market: str | None, lost: list[str], began: Micros) -> None:
        for one in lost:
            desk.come_back(one, self.timeline.now)
        self._label(Kind.OUTAGE, began, market=market, operators=(desk.operator.key,))

    def _move_start(self) -> None:
        minutes = self.random.choice(START_MOVES)
        self.game.announced += minutes * MINUTE
        self._label(Kind.MOVED_START, self.timeline.now, size=float(abs(minutes)))

    # Chance

    def _family(self) -> Family:
        return FAMILY[self.random.choice(("spreads", "spreads", "totals"))]

    def _attention(self) -> float:
        shares, weights = zip(*ATTENTION, strict=True)
        return float(self.random.choices(shares, weights)[0])

    def _sign(self, family: Family) -> float:
        away = self.game.truth.points(family) - CENTRE[family]
        if abs(away) > REACH[family]:
            return -1.0 if away > 0 else 1.0
        return self.random.choice((-1.0, 1.0))
