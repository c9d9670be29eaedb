"""One line tells a reader what happened, on which side, how far and how strongly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import Signal, one_line
from stratumd.testing.samples import signal


def make_signal(type: str = "MOVE", metadata: dict[str, Any] | None = None, **changes: Any) -> Signal:
    own: dict[str, Any] = {"detector": type.lower(), "outcome": "away", "books": ("betmgm", "fanduel"), "strength": 82}
    return signal(**own | {"type": type, "metadata": metadata or {}} | changes)


def moved(
    before: float | None, after: float | None, prices: tuple[float, float] = (1.9, 1.9), **more: Any
) -> dict[str, Any]:
    return {
        "from": {"line": before, "price": prices[0]},
        "to": {"line": after, "price": prices[1]},
        "move": 1.0,
    } | more


def test_steam_names_the_side_its_line_and_how_many_operators_moved() -> None:
    """Evidence holds the home side's lines; the away side's are their negatives."""
    movers = [moved(3.5, 2.5, operator=f"op{n}", book=f"b{n}") for n in range(6)]
    made = make_signal("STEAM", {"movers": movers}, books=tuple("abcdefgh"))
    assert one_line(made) == "STEAM  spreads  Boston Celtics −3.5 → −2.5  6 operators  strength 82"


def test_the_widest_move_is_shown() -> None:
    moves = [moved(3.5, 3.0), moved(3.5, 1.5) | {"move": -2.0}]
    assert "Boston Celtics −3.5 → −1.5  2 books" in one_line(make_signal(metadata={"moves": moves}))


@pytest.mark.parametrize(
    ("market", "outcome", "move", "shown"),
    [
        ("spreads", "home", moved(0.5, 0.0), "Miami Heat +0.5 → 0"),
        ("spreads", "home", moved(0.5, -0.004), "Miami Heat +0.5 → 0  "),
        ("spreads", "away", moved(-2.5, -2.5, (1.91, 1.83)), "Boston Celtics +2.5 1.91 → 1.83"),
        ("h2h", "home", moved(None, None, (2.4, 2.1)), "Miami Heat 2.40 → 2.10"),
        ("h2h", "draw", moved(None, None, (3.4, 3.1)), "Boston Celtics at Miami Heat draw 3.40 → 3.10"),
        ("totals", "over", moved(221.5, 223.0), "Boston Celtics at Miami Heat over 221.5 → 223"),
    ],
)
def test_lines_are_the_bettors_and_prices_stand_where_lines_do_not_move(
    market: str, outcome: str, move: dict[str, Any], shown: str
) -> None:
    assert shown in one_line(make_signal(metadata={"moves": [move]}, market=market, outcome=outcome))


def test_a_dislocation_shows_the_book_against_the_consensus() -> None:
    metadata = {"unit": "points", "value": 4.62, "consensus": 3.5}
    made = make_signal("DISLOCATION", metadata, books=("bovada",), operator="bovada")
    expected = "DISLOCATION  spreads  Boston Celtics −4.62 against −3.5  bovada  strength 82"
    assert one_line(made) == expected


def test_a_dislocation_in_probability_is_shown_in_percent() -> None:
    metadata = {"unit": "probability", "value": 0.5512, "consensus": 0.5}
    assert "55.1% against 50.0%" in one_line(make_signal("DISLOCATION", metadata, market="h2h"))


def test_a_crossed_key_shows_the_consensus_line_on_both_sides() -> None:
    made = make_signal("KEY_CROSS", {"keys": [3.0], "before": 2.5, "after": 3.5}, outcome="home")
    assert "Miami Heat +2.5 → +3.5" in one_line(made)


def test_a_players_market_names_the_player() -> None:
    made = make_signal(market="player_points", player="Jayson Tatum", outcome="over")
    assert one_line(made) == "MOVE  player_points  Jayson Tatum over ▲ 1  2 books  strength 82"


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, "▲ 1"),
        ({"direction": "down", "magnitude": 0.25}, "▼ 0.25"),
        ({"market": "h2h", "magnitude": 0.042}, "▲ 4.2%"),
        ({"metadata": {"unit": "probability"}, "magnitude": 0.042}, "▲ 4.2%"),
        ({"market": "winning_margin", "metadata": {"unit": "points"}}, "▲ 1"),
        ({"direction": "sideways"}, "sideways 1"),
    ],
)
def test_a_strangers_type_shows_its_size(changes: dict[str, Any], size: str) -> None:
    market = changes.get("market", "spreads")
    expected = f"STALE_LINE  {market}  Boston Celtics {size}  2 books  strength 82"
    assert one_line(make_signal("STALE_LINE", **changes)) == expected


def test_a_terminal_does_not_obey_a_providers_text() -> None:
    written = one_line(make_signal(away="Evil\x1b[2J\nTeam"))
    assert "\x1b" not in written
    assert "\n" not in written


def test_a_name_is_never_two_parts() -> None:
    assert one_line(make_signal(away="Boston   Celtics")).split("  ")[2] == "Boston Celtics ▲ 1"


SCALARS = st.sampled_from([None, True, -0.0, 3, 1e300, -2.5, "", "x", [], [1], {}, {"line": "x", "price": None}])
MOVES = st.lists(st.dictionaries(st.sampled_from(["from", "to", "move", "operator"]), SCALARS), max_size=3)
KEYS = st.sampled_from(["movers", "moves", "before", "after", "value", "consensus", "unit", "books"])


@given(st.dictionaries(KEYS, SCALARS | MOVES))
def test_metadata_of_any_shape_gives_one_line(metadata: dict[str, Any]) -> None:
    written = one_line(make_signal(metadata=metadata))
    assert "\n" not in written
    assert written.startswith("MOVE  spreads  Boston Celtics")
    assert written.endswith("strength 82")
