"""What bets return, and what a bankroll makes of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.errors import ConfigError
from stratumd.odds import max_drawdown
from stratumd.plugin import HOUR, Bet
from stratumd.proof.bankroll import Bankroll, Due, Placed, Point
from stratumd.proof.plot import svg
from stratumd.proof.settling import Score, profit, read_scores

NBA, SOCCER = "basketball_nba", "soccer_epl"


def bet(market: str, outcome: str, line: float | None = None, price: float = 1.9, player: str | None = None) -> Bet:
    return Bet(market, outcome, "book", line, price, player)


@pytest.mark.parametrize(
    ("made", "sport", "score", "expected"),
    [
        (bet("h2h", "home"), NBA, (101, 99), 0.9),
        (bet("h2h", "away"), NBA, (101, 99), -1.0),
        (bet("h2h", "home"), NBA, (99, 99), 0.0),  # a tie where none is offered
        (bet("h2h", "home"), SOCCER, (1, 1), -1.0),
        (bet("h2h", "draw"), SOCCER, (1, 1), 0.9),
        (bet("h2h", "draw"), SOCCER, (2, 1), -1.0),
        (bet("h2h_3_way", "home"), NBA, (99, 99), -1.0),
        (bet("spreads", "home", -2.0), NBA, (101, 99), 0.0),
        (bet("spreads", "home", -1.5), NBA, (101, 99), 0.9),
        (bet("spreads", "away", 1.5), NBA, (101, 99), -1.0),
        (bet("spreads", "away", 2.5), NBA, (101, 99), 0.9),
        (bet("spreads", "home", 0.0), NBA, (99, 99), 0.0),  # a pick'em is a line
        (bet("totals", "over", 200.0), NBA, (101, 99), 0.0),
        (bet("totals", "over", 199.5), NBA, (101, 99), 0.9),
        (bet("totals", "under", 199.5), NBA, (101, 99), -1.0),
        (bet("spreads", "home", -0.25), SOCCER, (1, 1), -0.5),  # half refunded, half lost
        (bet("spreads", "away", 0.25), SOCCER, (1, 1), 0.45),
        (bet("player_points", "over", 20.5, player="Kai Ito"), NBA, (101, 99), None),
        (bet("spreads", "home"), NBA, (101, 99), None),
        (bet("outrights", "Boston"), NBA, (101, 99), None),
    ],
)
def test_a_bet_returns_what_the_bookmaker_pays(
    made: Bet, sport: str, score: tuple[int, int], expected: float | None
) -> None:
    found = profit(made, sport, Score(*score, 0))
    assert found == (expected if expected is None else pytest.approx(expected))


@given(line=st.integers(-40, 40).map(lambda n: n / 4), home=st.integers(0, 150), away=st.integers(0, 150))
def test_two_sides_of_one_line_never_both_win(line: float, home: int, away: int) -> None:
    score = Score(home, away, 0)
    one, other = (profit(bet("spreads", side, at, 2.0), NBA, score) for side, at in (("home", line), ("away", -line)))
    assert one is not None
    assert other is not None
    assert one + other == pytest.approx(0.0)


def due(at: int, stake: float, unit: float, event: str = "a") -> Due:
    return Due(at, Placed(0, event, bet("h2h", "home"), stake), unit)


def test_open_stakes_are_out_of_reach_until_they_are_settled() -> None:
    bank = Bankroll(100.0, 0.0)
    assert bank.place([due(HOUR, 80.0, 0.9)])
    assert (bank.free, bank.money) == (20.0, 100.0)
    assert not bank.place([due(HOUR, 15.0, 0.9), due(HOUR, 15.0, -1.0)])  # both or none
    bank.settle(HOUR - 1)
    assert bank.money == 100.0
    bank.settle(HOUR)
    assert bank.money == bank.free == pytest.approx(172.0)


def test_commission_is_taken_of_profits_alone() -> None:
    bank = Bankroll(100.0, 0.05)
    bank.place([due(1, 10.0, 1.0, "a"), due(2, 10.0, -1.0, "b"), due(3, 10.0, 0.0, "c")])
    bank.settle()
    assert [each.profit for each in bank.settled] == pytest.approx([9.5, -10.0, 0.0])
    assert [point.bankroll for point in bank.curve] == pytest.approx([109.5, 99.5, 99.5])
    assert max_drawdown([100.0, *[point.bankroll for point in bank.curve]]).share == pytest.approx(10 / 109.5)


def test_the_picture_is_a_picture() -> None:
    found = ET.fromstring(svg("a < b", 100.0, [Point(0, "a", 120.0), Point(HOUR, "b", 90.0)]))
    line = found.find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    start, top, bottom = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert (bottom - start) / (start - top) == pytest.approx(10 / 20, abs=0.01)  # y counts downwards
    assert ET.fromstring(svg("nothing", 100.0, [])) is not None


def test_scores_are_read_and_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text('{"event":"a","home_score":1,"away_score":2,"final_at":"2026-01-01T00:00:00Z"}\n')
    assert read_scores(path)["a"][:2] == (1, 2)
    path.write_text(path.read_text() + '{"event":"b"}\n')
    with pytest.raises(ConfigError, match=r"scores.jsonl:2"):
        read_scores(path)


def test_a_file_of_scores_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: cannot read the scores"):
        read_scores(tmp_path / "nowhere")
