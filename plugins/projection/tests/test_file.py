"""The file, understood: rows that count, rows that do not and where, whatever the bytes are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import MINUTE, Observation, PluginConfig, Request, Severity, Snapshot, parse_iso
from stratumd.testing.conformance import verify_normalizer
from stratumd_projection import Projections

AT = parse_iso("2026-01-10T18:00:00Z")
HEADER = "event,home,away,date,player,market,mean,sd"
CURRY = ",Warriors,BOS,2026-01-10,Stephen Curry,player_points,27.5,7.5"
TEAMS = {"home": "Warriors", "away": "BOS", "date": "2026-01-10"}


def read(body: str | bytes, sports: str = "basketball_nba", zone: str = "UTC", **headers: str) -> Snapshot:
    raw = body.encode() if isinstance(body, str) else body
    request = Request("projections.csv", {"sports": sports, "timezone": zone})
    return Projections(PluginConfig()).normalize(Observation("mine", "projection", AT, request, 200, raw, headers))


def table(*rows: str, header: str = HEADER, **more: str) -> Snapshot:
    return read("\n".join([header, *rows]) + "\n", **more)


def rows(found: Snapshot, sport: int = 0) -> list[dict[str, Any]]:
    return [row for team in found.news[sport].teams.values() for row in team]


def told(found: Snapshot) -> list[str]:
    return [issue.detail.removesuffix("; the row is left out") for issue in found.issues]


def test_a_row_is_told_under_its_home_team() -> None:
    found = table(CURRY, **{"last-modified": "2026-01-10T17:00:00Z"})
    assert [(each.sport, each.topic, each.source) for each in found.news] == [("basketball_nba", "projections", "mine")]
    (row,) = found.news[0].teams["Golden State Warriors"]
    assert (row["line"], row["player"], row["market"], row["mean"], row["sd"]) == (
        2, "Stephen Curry", "player_points", 27.5, 7.5,
    )  # fmt: skip
    assert (row["home"], row["away"], row["event"]) == ("Golden State Warriors", "Boston Celtics", None)
    assert row["written_at"] == AT - 60 * MINUTE
    assert (found.issues, found.scope, found.listings) == ([], None, [])


def test_a_row_may_name_its_event_instead() -> None:
    found = table("abc123,,,,Stephen Curry,player_threes,4.5,")
    assert [(row["event"], row["sd"]) for row in found.news[0].teams[""]] == [("abc123", None)]


def test_json_says_the_same() -> None:
    one = {**TEAMS, "player": "Stephen Curry", "market": "player_points", "mean": 27.5, "sd": 7.5}
    assert [*rows(read(json.dumps([one])))] == [{**rows(table(CURRY))[0], "line": 1}]


def test_a_date_is_a_day_of_the_zone() -> None:
    """Also the day on which the clocks go forward, which has 23 hours."""
    (row,) = rows(table(CURRY.replace("2026-01-10", "2026-03-08"), zone="America/New_York"))
    assert row["starts_from"] == parse_iso("2026-03-08T05:00:00Z")
    assert row["starts_before"] == parse_iso("2026-03-09T04:00:00Z")


def test_nothing_is_younger_than_its_reading() -> None:
    """A clock that runs ahead, a header that is torn, none at all."""
    for headers in ({"last-modified": "2027-01-01T00:00:00Z"}, {"last-modified": "soon"}, {}):
        assert rows(table(CURRY, **headers))[0]["written_at"] == AT


def test_every_sport_is_told_of_also_where_nothing_is_projected_any_more() -> None:
    found = table(
        f"basketball_nba{CURRY}", header=HEADER.replace("event", "sport", 1), sports="basketball_nba,baseball_mlb"
    )
    assert [(each.sport, len(each.teams)) for each in found.news] == [("basketball_nba", 1), ("baseball_mlb", 0)]
    assert [len(each.teams) for each in table().news] == [0]


BAD = [
    (",Warriors,BOS,2026-01-10,Curry,player_points,many,7", "column mean: 'many' is no number"),
    (",Warriors,BOS,2026-01-10,Curry,player_points,nan,7", "column mean: 'nan' is no number"),
    (",Warriors,BOS,2026-01-10,Curry,player_points,1e9,7", "column mean: '1e9' is no number"),
    (",Warriors,BOS,2026-01-10,Curry,player_points,,7", "column mean: it is empty"),
    (
        ",Warriors,BOS,2026-01-10,Curry,player_points,0,7",
        "column mean: what is counted has a mean of 0.001 or more, not 0",
    ),
    (
        ",Warriors,BOS,2026-01-10,Curry,player_points,1e-200,1",
        "column mean: what is counted has a mean of 0.001 or more, not 1e-200",
    ),
    (",Warriors,BOS,2026-01-10,Curry,player_points,20,0", "column sd: it is above 0, not 0"),
    (",Warriors,BOS,2026-01-10,,player_points,20,7", "column player: it is empty, and 'player_points' is a player's"),
    (
        ",Warriors,BOS,2026-01-10,Curry,player_points,20,",
        "column sd: it is empty, and nothing stands in for it in 'player_points'",
    ),
    (",Warriors,BOS,2026-01-10,Curry,,20,7", "column market: it is empty"),
    (",Warriors,BOS,2026-01-10,,h2h,0.6,", "column market: a mean says nothing about 'h2h' in basketball_nba"),
    (",Warriors,,2026-01-10,Curry,player_points,20,7", "column away: it is empty, and so is event"),
    (",Warriors,BOS,10/01/2026,Curry,player_points,20,7", "column date: '10/01/2026' is no date such as 2026-01-31"),
    (",Warriors,BOS,9999-12-31,Curry,player_points,20,7", "column date: '9999-12-31' is no date such as 2026-01-31"),
    (",Warriors,BOS,2026-01-10,Curry", "it has 5 fields where the header has 8"),
    (',Warriors,BOS,2026-01-10,"Cur"ry,player_points,20,7', "',' expected after '\"'"),
    (CURRY.replace("Stephen Curry", "stephen  CURRY"), "the same is projected on line 2 already"),
]


@pytest.mark.parametrize(("row", "said"), BAD)
def test_a_bad_row_is_named_by_line_and_column_and_the_others_count(row: str, said: str) -> None:
    found = table(CURRY, "", row, CURRY.replace("Curry", "Green"))
    assert told(found) == [f"line 4{', ' if said.startswith('column') else ': '}{said}"]
    assert [(issue.rule, issue.severity) for issue in found.issues] == [("malformed_projection", Severity.WARNING)]
    assert [each["player"] for each in rows(found)] == ["Stephen Curry", "Stephen Green"]


def test_a_bad_element_of_json_is_named_by_its_line() -> None:
    good = {**TEAMS, "player": "Curry", "market": "player_threes", "mean": 4}
    wrong = [{**good, "mean": True}, 7, {**good, "player": 30}, {**good, "home": "Kings\u0000"}]
    found = read("[\n" + ",\n".join(json.dumps(each) for each in [good, *wrong]) + "\n]")
    assert told(found) == [
        "line 3, column mean: 'True' is no number",
        "line 4: it is no object",
        "line 5, column player: 30 is no text",
        "line 6, column home: 'Kings' is no name",
    ]
    assert len(rows(found)) == 1


def test_a_torn_end_costs_no_more_than_what_is_torn() -> None:
    good = json.dumps({**TEAMS, "player": "Curry", "market": "player_threes", "mean": 4})
    found = read(f'[{good},\n{{"home": "War')
    assert (len(rows(found)), told(found)) == (
        1,
        ["line 2: no JSON from here on: Unterminated string starting at"],
    )


def test_sports_are_told_apart() -> None:
    header = f"sport,{HEADER}"
    found = table(f"baseball_mlb,{CURRY}", f",{CURRY}", header=header)
    assert told(found) == ["line 2, column sport: 'baseball_mlb' is none of the source's: basketball_nba"]
    assert len(rows(found)) == 1
    both = table(f",{CURRY}", header=header, sports="basketball_nba,baseball_mlb")
    assert told(both) == ["line 2, column sport: it is empty; the source is about basketball_nba, baseball_mlb"]


def test_of_many_bad_rows_the_first_are_named_and_the_rest_counted() -> None:
    found = table(*["x,,,,Al,player_points,?,1"] * 25)
    assert [issue.rule for issue in found.issues] == ["malformed_projection"] * 21
    assert found.issues[-1].detail == "5 further rows are left out"


def test_columns_that_mean_nothing_are_named() -> None:
    found = table(f"{CURRY},30", header=f"{HEADER},minutes")
    assert [(issue.rule, issue.severity) for issue in found.issues] == [("unread_column", Severity.INFO)]
    assert "minutes" in found.issues[0].detail


UNREADABLE = [
    ("", "the file is empty"),
    ("\n\n", "the file is empty"),
    ("event,market,sd\n", "line 1: the header has no column mean"),
    ("player,market,mean,home,away\n", "neither a column event nor the columns home, away and date"),
    ("event,market,mean,mean\n", "the column mean twice"),
    ('"event', "line 1: unexpected end of data"),
    (b"\xff\xfe", "no UTF-8 text"),
    ("{}", "the header has no column market"),
]


@pytest.mark.parametrize(("body", "said"), UNREADABLE)
def test_what_is_no_table_says_nothing_and_the_last_one_stands(body: str | bytes, said: str) -> None:
    found = read(body)
    assert found.news == []
    assert [(issue.rule, issue.severity) for issue in found.issues] == [("malformed_body", Severity.ERROR)]
    assert said in found.issues[0].detail


def test_an_observation_of_nobodys_asking_says_nothing() -> None:
    assert read("x", sports="") == read("x", zone="Mars/Olympus") == Snapshot(None, [], [])


def test_a_byte_order_mark_and_quotes_are_read() -> None:
    found = table(CURRY.replace("Stephen Curry", '"Curry, Stephen"'), header=f"\ufeff{HEADER.upper()}")
    assert [row["player"] for row in rows(found)] == ["Curry, Stephen"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (HEADER + "\n" + text).encode()))
def test_whatever_the_bytes_are_it_does_not_raise(body: bytes) -> None:
    read(body)


@pytest.mark.parametrize("body", ["[" * 5000, "[" + "9" * 6000 + "]", '[{"mean": 1e999}]', "[NaN, {}]", "[]", "[,]"])
def test_hostile_json_does_not_raise(body: str) -> None:
    assert rows(read(body)) == []


def test_it_conforms() -> None:
    assert [each for each in verify_normalizer(Projections, {}) if each.problem] == []
