"""Backtests on the simulated market, whose truth is known: what must win wins, what must lose loses, by as much.

`STRATUMD_MARKETS=60` simulates as many markets of fifteen games; then both are told from nothing with certainty.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import floor
from random import Random
from statistics import NormalDist, fmean
from typing import NamedTuple

import pytest

from stratumd.plugin import DAY, HOUR, MINUTE, Bet, Micros, Moment, Observation, PluginConfig, Strategy
from stratumd.proof.backtest import Backtest
from stratumd.proof.bankroll import Bankroll
from stratumd.proof.settling import Score
from stratumd.testing.harness import Harness, normalizer
from stratumd_demo.labels import Kind, Label
from stratumd_demo.market import Market
from stratumd_demo.quoting import MODEL
from stratumd_demo.score import observe
from tests.support.past import OPENED

MARKETS = int(os.environ.get("STRATUMD_MARKETS", "3"))
GAMES = 15
LENGTH = 170 * MINUTE  # the first game begins after three hours
EVERY = 3 * MINUTE
CHEAP = {("spreads", "down"): "away", ("spreads", "up"): "home", ("totals", "down"): "over", ("totals", "up"): "under"}
"""What a book sells too cheaply that stands so far below, or above, the truth."""


class Truth(NamedTuple):
    """What a game's score is drawn from."""

    margin: float
    total: float

    def score(self, draw: Random, at: Micros) -> Score:
        margin, total = draw.gauss(self.margin, MODEL.spread_sigma), draw.gauss(self.total, MODEL.total_sigma)
        return Score(round((total + margin) / 2), round((total - margin) / 2), at)

    def edge(self, bet: Bet) -> float:
        """The expected profit per unit."""
        assert bet.line is not None
        margin = bet.market == "spreads"
        mean, sigma = (self.margin, MODEL.spread_sigma) if margin else (self.total, MODEL.total_sigma)
        # A bet on the other side of a figure is one on this side of its negative.
        sign = 1.0 if bet.outcome in ("home", "over") else -1.0
        bound = -bet.line if margin else sign * bet.line
        figure = NormalDist(sign * mean, sigma)
        win, lose = 1.0 - figure.cdf(floor(bound) + 0.5), figure.cdf(-floor(-bound) - 0.5)
        return win * (bet.price - 1.0) - lose


class Simulated(NamedTuple):
    """Some markets, polled until the first game of each begins."""

    answers: list[Observation]
    stale: list[Label]
    """Operators that had not followed a jump when half of them had."""
    now: dict[tuple[str, Micros], Truth]
    """By event and poll."""
    last: dict[str, Truth]


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    found = Simulated([], [], {}, {})
    for seed in range(MARKETS):
        market = Market(seed, OPENED + seed * DAY, games=GAMES)
        for after in range(0, LENGTH, EVERY):
            market.advance(market.opened + after)
            found.answers.append(observe(market))
            for game in market.games.values():
                truth = Truth(game.truth.points("margin"), game.truth.points("total"))
                found.now[game.fixture.id, market.now] = found.last[game.fixture.id] = truth
        market.advance(market.now + HOUR)
        found.stale.extend(label for label in market.labels if label.kind is Kind.STALE)
    return found


class Knowing(Strategy):
    """Knows which quotes are stale, and takes each once."""

    name = "knowing"

    def __init__(self, stale: list[Label]) -> None:
        super().__init__(PluginConfig())
        self.stale: dict[str, list[Label]] = {}
        for label in stale:
            self.stale.setdefault(label.event, []).append(label)

    def should_bet(self, moment: Moment) -> Iterator[Bet]:
        for label in self.stale.get(moment.event.id, ()):
            outcome = CHEAP.get((label.market or "", label.direction or ""))
            if label.at < moment.at < label.until and (label.market, None, outcome) not in moment.placed:
                for side in moment.offered.values():
                    if (side.operator, side.market, side.outcome) == (label.operators[0], label.market, outcome):
                        yield Bet(side.market, side.outcome, side.book, side.line, side.price)
                        break

    def stake(self, bet: Bet, bankroll: float) -> float:
        return 1.0


class Blind(Strategy):
    """Bets by chance."""

    name = "blind"

    def __init__(self) -> None:
        super().__init__(PluginConfig())

    def should_bet(self, moment: Moment) -> Iterator[Bet]:
        draw = Random(f"{moment.observation}/{moment.event.id}")
        sides = [side for side in moment.offered.values() if side.market in ("spreads", "totals")]
        for side in draw.sample(sides, min(len(sides), 1)) if draw.random() < 0.5 else ():
            yield Bet(side.market, side.outcome, side.book, side.line, side.price)

    def stake(self, bet: Bet, bankroll: float) -> float:
        return 1.0


class Ran(NamedTuple):
    value: float
    low: float
    high: float
    truth: float
    """The mean edge of the bets by what their games' scores were drawn from."""
    known: float
    """The same by the truth when they were placed."""
    bets: int


def run(simulated: Simulated, strategy: Strategy) -> Ran:
    draw = Random(3)
    scores = {event: truth.score(draw, 2**60) for event, truth in simulated.last.items()}
    backtest = Backtest(strategy, scores, Bankroll(1e6, 0.0))
    backtest.run(simulated.answers, Harness([], [normalizer("odds-api")]).pipeline)
    settled, roi = [each.placed for each in backtest.bankroll.settled], backtest.roi()
    assert roi is not None
    assert roi.interval is not None
    assert not backtest.refused
    truth = fmean(simulated.last[each.event].edge(each.bet) for each in settled)
    known = fmean(simulated.now[each.event, each.at].edge(each.bet) for each in settled)
    ran = Ran(roi.value, *roi.interval, truth, known, len(settled))
    print(  # noqa: T201  # the figures, for `pytest -s`
        f"{strategy.name}: {ran.bets:,} bets on {roi.events} games, {ran.value:+.2%} "
        f"({ran.low:+.2%} to {ran.high:+.2%}); edge by the truth {ran.truth:+.2%}, when placed {ran.known:+.2%}"
    )
    return ran


def test_who_knows_the_stale_quotes_wins_by_their_edge(simulated: Simulated) -> None:
    ran = run(simulated, Knowing(simulated.stale))
    assert ran.known > 0.02, "the injected edge is no edge"
    assert ran.low < ran.truth < ran.high
    if MARKETS >= 60:
        assert ran.low > 0.0


def test_who_bets_by_chance_loses_the_hold(simulated: Simulated) -> None:
    """At two sides of −110 that is 4.5 %."""
    ran = run(simulated, Blind())
    assert -0.06 < ran.known < -0.03
    assert ran.low < ran.truth < ran.high
    if MARKETS >= 60:
        assert ran.high < 0.0
