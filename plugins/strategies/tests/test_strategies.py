"""What the strategies bet on, at which price, and how much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from stratumd.odds import kelly_stake
from stratumd.plugin import HOUR, MINUTE, Bet, Detector, Moment, Observation, PluginConfig, Signal, Strategy, Tick
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread
from stratumd_strategies import Arbitrage, Follow, PositiveEv
from stratumd_strategies.staking import Staking

NOON = 1_767_268_800_000_000
GAME = game(starts=NOON + 6 * HOUR)
BOOKS = ("betmgm", "betrivers", "bovada", "caesars", "draftkings", "espnbet", "fanduel")


class Look(Detector):
    """Shows the tick."""

    name = "look"

    def __init__(self) -> None:
        super().__init__(PluginConfig())
        self.tick: Tick | None = None

    def detect(self, tick: Tick) -> Iterable[Any]:
        self.tick = tick
        return ()


def moment(answers: list[Observation], *, placed: frozenset[tuple[str, str | None, str]] = frozenset()) -> Moment:
    """Return the moment right after the last of `answers`."""
    look = Look()
    detectors = [
        detector("consensus", min_books=3),
        detector("steam", min_age="0s"),
        detector("value", min_books=3),
        look,
    ]
    harness = Harness(detectors)
    signals: tuple[Signal, ...] = ()
    for answer in answers:
        signals = harness.feed(answer).signals
    assert look.tick is not None
    return Moment(look.tick, signals, placed)


def steam() -> list[Observation]:
    """All but one book move their home line from −3.5 to −5."""
    before = {book: [spread(-3.5, 1.91, 1.91)] for book in BOOKS}
    after = {book: [spread(-3.5 if book == "fanduel" else -5.0, 1.91, 1.91)] for book in BOOKS}
    return [observation(NOON, {GAME: before}), observation(NOON + MINUTE, {GAME: after})]


def generous(price: float) -> list[Observation]:
    """One book offers more on home than the others do."""
    books = {book: [moneyline(1.91, 1.91)] for book in BOOKS}
    return [observation(NOON, {GAME: books | {"fanduel": [moneyline(price, 1.7)]}})]


def bets(strategy: Strategy, at: Moment) -> list[Bet]:
    found = list(strategy.should_bet(at))
    assert all(at.offers(bet) for bet in found)
    return found


def test_follow_takes_the_quote_that_was_left_behind() -> None:
    (bet,) = bets(Follow(Follow.config()), moment(steam()))
    assert (bet.book, bet.market, bet.outcome, bet.line, bet.price) == ("fanduel", "spreads", "home", -3.5, 1.91)
    assert bet.win is not None
    assert bet.win * bet.price > 1.0


def test_follow_bets_once_on_a_side_and_only_on_its_types() -> None:
    assert bets(Follow(Follow.config()), moment(steam(), placed=frozenset({("spreads", None, "home")}))) == []
    assert bets(Follow(Follow.config(types=("MOVE",))), moment(steam())) == []
    assert bets(Follow(Follow.config(markets=("totals",))), moment(steam())) == []
    assert bets(Follow(Follow.config(min_strength=100)), moment(steam())) == []


def test_ev_takes_a_price_that_is_worth_more_than_it_costs() -> None:
    (bet,) = bets(PositiveEv(PositiveEv.config()), moment(generous(2.2)))
    assert (bet.book, bet.outcome, bet.price) == ("fanduel", "home", 2.2)
    assert bet.win == pytest.approx(0.5)
    assert bets(PositiveEv(PositiveEv.config(min_ev_percent=11)), moment(generous(2.2))) == []


def test_arbitrage_takes_all_legs_and_cannot_lose() -> None:
    strategy = Arbitrage(Arbitrage.config(staking=Staking(method="percent", percent=4)))
    legs = bets(strategy, moment(generous(2.3)))
    assert {leg.outcome for leg in legs} == {"home", "away"}
    assert len({leg.ticket for leg in legs}) == 1
    stakes = [strategy.stake(leg, 1000.0) for leg in legs]
    assert sum(stakes) == pytest.approx(40.0)
    assert all(stake * leg.price > 40.0 for stake, leg in zip(stakes, legs, strict=True))
    assert bets(Arbitrage(Arbitrage.config(min_margin_percent=9)), moment(generous(2.3))) == []


@pytest.mark.parametrize(
    ("staking", "bankroll", "expected"),
    [
        (Staking(amount=3), 100.0, 3.0),
        (Staking(amount=30), 100.0, 5.0),  # capped
        (Staking(method="percent", percent=2), 250.0, 5.0),
        (Staking(method="percent", percent=50, max_percent=10), 250.0, 25.0),
        (Staking(method="kelly"), 100.0, 100 * kelly_stake(2.1, 0.5, 0.02, fraction=0.25)),
        (Staking(method="kelly", fraction=1, max_percent=1), 100.0, 1.0),
        (Staking(), 0.0, 0.0),
    ],
)
def test_stakes(staking: Staking, bankroll: float, expected: float) -> None:
    bet = Bet("h2h", "home", "fanduel", None, 2.1, win=0.5, push=0.02)
    assert staking.stake(bet, bankroll) == pytest.approx(expected)


def test_kelly_stakes_nothing_on_what_it_knows_no_probability_of() -> None:
    assert Staking(method="kelly").stake(Bet("h2h", "home", "fanduel", None, 2.1), 100.0) == 0.0
    assert Staking(method="kelly").stake(Bet("h2h", "home", "fanduel", None, 2.1, win=0.4), 100.0) == 0.0
