"""Each type of signal shows the book against the market, from the bettor's side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import Signal
from stratumd.testing.discord_form import mistakes
from stratumd_discord.embeds import embed
from stratumd_discord.limits import fit

MakeSignal = Callable[..., Signal]


def terms(line: float | None, price: float) -> dict[str, Any]:
    return {"line": line, "price": price}


def mover(operator: str, before: dict[str, Any], after: dict[str, Any], move: float) -> dict[str, Any]:
    interval = ["2026-07-14T21:15:50Z", "2026-07-14T21:30:50Z"]
    found = {"operator": operator, "book": operator, "from": before, "to": after, "move": move}
    return found | {"interval": interval}


STEAM = {
    "window_seconds": 180.0,
    "unit": "points",
    "movers": [
        mover("fanduel", terms(-3.5, 1.91), terms(-2.5, 1.91), 1.0),
        mover("draftkings", terms(-3.5, 1.87), terms(-3.0, 1.95), 0.7),
    ],
    "originator": "fanduel",
    "stale": [
        {"operator": "betmgm", "book": "betmgm", "line": -3.5, "price": 1.95, "move": 0.0, "ev_percent": 3.214},
        {"operator": "betrivers", "book": "betrivers", "line": -3.0, "price": 1.8, "move": 0.1, "ev_percent": -1.5},
    ],
    "present": 9,
    "minutes": 2.0,
    "velocity": 0.425,
    "synchrony": None,
    "components": {"magnitude": {"weight": 0.5, "value": 0.75}},
}
SHOCK = {"severity": "major", "compared": 6}
DISLOCATION = {
    "unit": "points",
    "value": -4.62,
    "consensus": -3.5,
    "difference": -1.12,
    "line": -4.5,
    "consensus_line": -3.5,
    "others": 7,
    "best": {"book": "bovada", "line": -4.5, "price": 1.952},
    "ev_percent": {"multiplicative": 3.4, "additive": 3.1, "power": 3.2, "worst_case": 3.1},
    "components": {},
}


def shown(signal: Signal) -> dict[str, str]:
    return {field.name: field.value for field in embed(signal).fields}


def test_steam_shows_who_moved_who_was_first_and_where_the_value_is(make_signal: MakeSignal) -> None:
    made = embed(make_signal("STEAM", STEAM))
    assert made.title == "STEAM · spreads · Boston Celtics −3.5 → −2.5 · 2 operators · strength 82"
    assert {field.name: field.value for field in made.fields} == {
        "Size": "1 points (from 0.5 points on)",
        "Operators": "2 of 9",
        "Speed": "0.42 points a minute over 2 min",
        "First": "fanduel",
        "Left behind": "betmgm −3.5 at 1.95 · EV +3.2 %\nbetrivers −3 at 1.80 · EV −1.5 %",
        "Moved": "fanduel −3.5 at 1.91 → −2.5 at 1.91\ndraftkings −3.5 at 1.87 → −3 at 1.95",
    }


def test_a_shock_in_play_says_what_it_does_not_say(make_signal: MakeSignal) -> None:
    away = [{"operator": "bovada", "book": "bovada", "since": "2026-07-14T21:30:50Z"}]
    reading = "In play a price moves with the score."
    found = shown(make_signal("LIVE_SHOCK", STEAM | SHOCK | {"away": away, "reading": reading}))
    assert (found["Severity"], found["Operators"], found["Suspended"]) == ("major", "2 of 6", "bovada")
    assert list(found)[-1] == "Mind"
    assert found["Mind"] == reading


def test_steam_that_left_nobody_behind_says_so(make_signal: MakeSignal) -> None:
    assert shown(make_signal("STEAM", STEAM | {"stale": []}))["Left behind"] == "nobody"


def test_a_dislocation_shows_the_book_against_the_consensus_of_the_others(make_signal: MakeSignal) -> None:
    fields = shown(make_signal("DISLOCATION", DISLOCATION, operator="bovada", books=("bovada",)))
    assert fields["bovada"] == "−4.5 at 1.95\nfair −4.62"
    assert fields["Consensus of 7 others"] == "−3.5\nfair −3.5"
    assert fields["Apart"] == "1.12 points"
    assert fields["Expected value"] == "+3.1 % at worst, +3.4 % at best"


def test_the_away_sides_lines_are_its_own(make_signal: MakeSignal) -> None:
    """Evidence is of the home side; whoever backs Miami gets +4.5."""
    fields = shown(make_signal("DISLOCATION", DISLOCATION, outcome="away"))
    assert fields["bovada"] == "+4.5 at 1.95\nfair +4.62"


def test_a_moneyline_is_compared_in_percent(make_signal: MakeSignal) -> None:
    metadata = {"unit": "probability", "value": 0.551, "consensus": 0.5, "difference": 0.051, "others": 6}
    signal = make_signal("DISLOCATION", metadata, market="h2h", operator="bovada", magnitude=0.051, threshold=0.03)
    fields = shown(signal)
    assert fields["bovada"] == "fair 55.1 %"
    assert fields["Size"] == "5.1 % probability (from 3.0 % probability on)"


@pytest.mark.parametrize("type", ["MOVE", "MULTIBOOK_SYNC"])
def test_moves_are_listed_by_book(make_signal: MakeSignal, type: str) -> None:
    moves = [mover("fanduel", terms(221.5, 1.9), terms(223.0, 1.9), 1.5)]
    made = embed(make_signal(type, {"unit": "points", "moves": moves}, market="totals", outcome="over"))
    assert "· totals · Miami Heat at Boston Celtics over 221.5 → 223 ·" in made.title
    assert made.fields[-1].value == "fanduel 221.5 at 1.90 → 223 at 1.90"


def test_a_crossed_key_shows_the_consensus_line(make_signal: MakeSignal) -> None:
    fields = shown(make_signal("KEY_CROSS", {"keys": [-3.0], "before": -2.5, "after": -3.5}))
    assert (fields["Consensus line"], fields["Crossed"]) == ("−2.5 → −3.5", "−3")


def test_a_strangers_type_shows_its_own_numbers_and_texts(make_signal: MakeSignal) -> None:
    signal = make_signal("STALE_LINE", {"age_seconds": 240, "why": "quiet", "quotes": [1, 2]})
    fields = shown(signal)
    assert (fields["age\\_seconds"], fields["why"]) == ("240", "quiet")
    assert "quotes" not in fields


def test_long_lists_say_how_many_more_there_are(make_signal: MakeSignal) -> None:
    moves = [mover(f"book{n}", terms(-3.5, 1.9), terms(-2.5, 1.9), 1.0) for n in range(40)]
    value = shown(make_signal(metadata={"moves": moves}))["Books"]
    assert value.endswith("\nand 28 more")


def test_shows_the_start_and_the_end_of_its_worth_in_the_readers_zone(make_signal: MakeSignal) -> None:
    description = embed(make_signal()).description
    assert description == (
        "**Miami Heat at Boston Celtics** · <t:1784007200:f> (<t:1784007200:R>)\nWorth acting on until <t:1784000300:t>"
    )


def test_the_footer_leads_to_the_signal(make_signal: MakeSignal) -> None:
    assert embed(make_signal()).footer == "nba · 5f1c2d3e4f5061728394a5b6c7d8e9f0"


def test_foreign_names_are_shown_as_they_are(make_signal: MakeSignal) -> None:
    """A provider's text makes no link and no markup."""
    made = embed(make_signal(home="[click](http://evil) **now**\n> quote"))
    assert r"\[click\](http://evil) \*\*now\*\* \> quote" in made.description


SCALARS: list[Any] = [None, True, 0, -0.0, 3.5, 1e300, float("inf"), float("nan"), "", " ", "x" * 3_000, [], {}]
LEAVES = st.sampled_from(SCALARS)
TERMS = st.dictionaries(st.sampled_from(["line", "price", "book", "ev_percent", "move"]), LEAVES, max_size=4)
ROWS = st.lists(st.dictionaries(st.sampled_from(["book", "from", "to", "move", "line", "price"]), LEAVES | TERMS))
KEYS = st.sampled_from(
    [*STEAM, *DISLOCATION, *SHOCK, "away", "reading", "moves", "keys", "before", "after", "", " ", "k" * 300]
)
TYPES = st.sampled_from(
    ["MOVE", "KEY_CROSS", "MULTIBOOK_SYNC", "DISLOCATION", "STEAM", "LIVE_SHOCK", "STRANGE", "T" * 400]
)


@given(TYPES, st.dictionaries(KEYS, LEAVES | TERMS | ROWS, max_size=8), st.sampled_from(["", "😀" * 300]))
def test_whatever_the_metadata_is_discord_takes_the_message(type: str, metadata: Any, name: str) -> None:
    signal = Signal(
        id="s1",
        type=type,
        pipeline="nba",
        detector="move",
        detector_version="1",
        sport="basketball_nba",
        event="e1",
        home=name,
        away=name,
        commence_at=0,
        market="spreads",
        player=None,
        outcome="home",
        direction="up",
        operator=None,
        books=(name, name),
        magnitude=1.0,
        threshold=0.5,
        strength=82,
        observed_at=0,
        expires_at=None,
        observation="o1",
        metadata=metadata,
    )
    embeds = [each.payload() for each in fit([embed(signal)] * 10)]
    assert mistakes({"embeds": embeds, "allowed_mentions": {"parse": []}}) == {}
