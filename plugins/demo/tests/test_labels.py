"""Labels say what was really done to the market: the posted quotes and the truth bear them out."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import HOUR, MINUTE, SECOND, Micros, parse_iso
from stratumd_demo.desks import Desk, Game
from stratumd_demo.labels import Follow, Kind, Label, most_within
from stratumd_demo.market import Market

OPENED = parse_iso("2026-01-10T12:00:00Z")
ROUNDING = {"h2h": 0.02, "spreads": 0.5, "totals": 0.75}
"""Half points, price steps and, for a book that moves its line only, both."""


class Watched:
    """A market with what every operator posted, second by second, around the labels of some kinds."""

    def __init__(self, seed: int, hours: int, *kinds: Kind) -> None:
        ahead = Market(seed, OPENED, games=3)
        ahead.advance(OPENED + (hours + 2) * HOUR)
        self.labels = [
            label for label in ahead.labels if label.kind in kinds and label.at < OPENED + hours * HOUR and label.market
        ]
        moments = sorted({moment for label in self.labels for moment in moments_of(label)})
        market = Market(seed, OPENED, games=3)
        self.values: dict[tuple[Micros, str, str, str], float | None] = {}
        self.jumped: dict[tuple[Micros, str], float] = {}
        for moment in moments:
            market.advance(moment)
            for game in market.games.values():
                self._note(moment, game)

    def _note(self, moment: Micros, game: Game) -> None:
        self.jumped[moment, game.fixture.id] = game.truth.jumped["margin"]
        for desk in game.desks:
            for market in ("h2h", "spreads", "totals"):
                self.values[moment, game.fixture.id, market, desk.operator.key] = _value(desk, market)

    def value(self, moment: Micros, label: Label, operator: str) -> float | None:
        assert label.market is not None
        return self.values.get((moment, label.event, label.market, operator))


def _value(desk: Desk, market: str) -> float | None:
    return None if desk.out(market) else desk.value(market)


def moments_of(label: Label) -> Iterator[Micros]:
    yield from (label.at - 1, label.at, label.until - 1, label.until)
    for follow in label.follows:
        yield from (follow.at - 1, follow.at)


def sign(label: Label) -> float:
    return 1.0 if label.direction == "up" else -1.0


@pytest.fixture(scope="module")
def steams() -> Watched:
    return Watched(21, 20, Kind.STEAM)


@pytest.fixture(scope="module")
def mistakes() -> Watched:
    return Watched(22, 20, Kind.DISLOCATION, Kind.SINGLE_MOVE)


def test_every_follower_posted_the_move_its_label_says(steams: Watched) -> None:
    checked = 0
    for label in steams.labels:
        for follow in label.follows:
            before = steams.value(follow.at - 1, label, follow.operator)
            after = steams.value(follow.at, label, follow.operator)
            if before is not None and after is not None:
                assert after - before == pytest.approx(follow.move)
                checked += 1
    assert checked > 200


def test_followers_move_as_far_as_the_truth_did_but_for_rounding(steams: Watched) -> None:
    for label in steams.labels:
        for follow in label.follows:
            assert label.market is not None
            assert follow.move == pytest.approx(sign(label) * label.size, abs=2 * ROUNDING[label.market])


def test_the_truth_moved_at_the_instant_of_the_label(steams: Watched) -> None:
    for label in steams.labels:
        if label.market == "spreads":
            before, after = (steams.jumped[at, label.event] for at in (label.at - 1, label.at))
            assert before - after == pytest.approx(sign(label) * label.size)


def test_a_jump_of_the_margin_moves_spread_and_moneyline_against_each_other(steams: Watched) -> None:
    """A better home side has a lower line and a higher probability to win."""
    directions = {(label.event, label.at, label.market): label.direction for label in steams.labels}
    pairs = [
        (way, directions[event, at, "h2h"])
        for (event, at, market), way in directions.items()
        if market == "spreads" and (event, at, "h2h") in directions
    ]
    assert pairs
    assert all(spread != moneyline for spread, moneyline in pairs)


def test_the_operator_at_fault_is_off_by_the_labelled_size(mistakes: Watched) -> None:
    """Its posted value changes at the beginning and again at the end, by the mistake less its former opinion."""
    assert len(mistakes.labels) > 20
    for label in mistakes.labels:
        [operator] = label.operators
        before, after = (mistakes.value(at, label, operator) for at in (label.at - 1, label.at))
        if before is not None and after is not None:
            assert label.market is not None
            slack = {"h2h": 0.05, "spreads": 1.3, "totals": 1.9}[label.market]  # opinion, late review, rounding
            assert (after - before) * sign(label) == pytest.approx(label.size, abs=slack)


def test_stale_and_early_operators_stand_apart_from_the_middle_of_the_others() -> None:
    """An operator is stale from the moment half of the others had moved, early until then."""
    market = Market(23, OPENED, games=3)
    market.advance(OPENED + 12 * HOUR)
    steams = {(one.event, one.market, one.operators): one for one in market.labels if one.kind is Kind.STEAM}
    apart = [one for one in market.labels if one.kind in (Kind.STALE, Kind.EARLY)]
    assert {one.kind for one in apart} == {Kind.STALE, Kind.EARLY}
    for steam in steams.values():
        for follow in steam.follows:
            moved = sum(other.at < follow.at for other in steam.follows if other is not follow)
            kinds = {
                one.kind
                for one in apart
                if (one.event, one.market, one.operators) == (steam.event, steam.market, (follow.operator,))
                if steam.at <= one.at <= one.until <= steam.until
            }
            behind = moved > (len(steam.follows) - 1) / 2
            assert (Kind.STALE if behind else Kind.EARLY) in kinds or moved * 2 == len(steam.follows) - 1


def test_incidents_of_one_game_keep_apart() -> None:
    """Whatever is labelled of one game at once has one beginning: no two price incidents overlap."""
    market = Market(24, OPENED, games=4)
    market.advance(OPENED + 24 * HOUR)
    kinds = (Kind.STEAM, Kind.DISLOCATION, Kind.SINGLE_MOVE)
    for event in {label.event for label in market.labels}:
        begun = sorted({label.at for label in market.labels if label.event == event and label.kind in kinds})
        assert all(later - earlier >= 25 * MINUTE for earlier, later in pairwise(begun))


def test_a_re_hung_line_says_the_same_at_another_price() -> None:
    market = Market(25, OPENED, games=8)
    market.advance(OPENED + 24 * HOUR)
    rehangs = [label for label in market.labels if label.kind is Kind.REHANG]
    again = Market(25, OPENED, games=8)
    for label in rehangs:
        assert label.market is not None
        again.advance(label.at - 1)
        desk = next(
            desk
            for game in again.games.values()
            if game.fixture.id == label.event
            for desk in game.desks
            if desk.operator.key in label.operators
        )
        line, value = desk.lines[label.market], desk.value(label.market)
        again.advance(label.at)
        assert abs((desk.lines[label.market] or 0.0) - (line or 0.0)) == 0.5
        assert desk.value(label.market) == pytest.approx(value, abs=0.35)
    assert rehangs


@given(st.lists(st.integers(0, 1_000)), st.integers(0, 300))
def test_most_within_a_window_is_the_largest_count_of_any(times: list[int], window: int) -> None:
    times.sort()
    counts = [sum(start <= at <= start + window for at in times) for start in times]
    assert most_within(times, window) == max(counts, default=0)


def test_breadth_counts_only_moves_that_are_large_enough_and_go_the_labelled_way() -> None:
    moves = (("a", 1.0), ("b", 0.4), ("c", -1.0), ("d", 0.5))
    follows = tuple(Follow(operator, index * SECOND, move) for index, (operator, move) in enumerate(moves))
    label = Label(Kind.STEAM, "game", "totals", "up", ("a", "b", "c", "d"), 0, MINUTE, 1.0, follows)
    assert [label.breadth(MINUTE, least) for least in (0.1, 0.5, 1.0, 2.0)] == [3, 2, 1, 0]
