"""`stratumd test`: cases of a configuration, what they hold, and what is said where they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from stratumd import recording
from stratumd.config.cases import read_cases
from stratumd.plugin import MINUTE, Observation, Request, parse_iso
from tests.support.cli import stratumd

CONFIG = """
sources:
  nba: {use: odds-api, api_key: k, sports: [basketball_nba], regions: [us], schedule: {every: 60s}}
pipelines:
  nba:
    sources: [nba]
    detectors:
      - consensus: {min_books: 3}
      - move
      - steam: {operators: 3, present: 3, min_age: 0s}
"""
BOOKS = "fanduel", "draftkings", "betmgm"
STEAM = [
    {"at": "0s", "spreads": dict.fromkeys(BOOKS, -3.5)},
    {"at": "1m", "spreads": dict.fromkeys(BOOKS, -4.5)},
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("nba.yaml").write_text(CONFIG)
    return tmp_path


def write(*cases: dict[str, Any], **top: Any) -> None:
    with Path("nba.test.yaml").open("w") as file:
        YAML(typ="safe").dump({**top, "cases": [{"name": "a", **case} for case in cases]}, file)


def judged(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """Return the row of each case."""
    stratumd("test", "nba.test.yaml", "--json", *arguments)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


HELD = [
    (["STEAM"], [], True),
    (["steam"], ["multibook_sync"], False),
    ([{"type": "STEAM", "market": "spreads", "outcome": "home", "direction": "down", "at": "60s"}], [], True),
    ([{"type": "STEAM", "at": "0s"}], [], False),
    ([{"type": "STEAM", "book": "betmgm", "count": 1}], [], True),
    ([{"type": "STEAM", "count": 2}], [], False),
    ([{"type": "STEAM", "min_strength": 100}], [], False),
    ([{"type": "STEAM", "outcome": "away"}], [], False),
    ([], [{"outcome": "home"}], False),
    ([], [{"direction": "up"}], True),
]


def test_what_comes_is_held_against_what_must_and_must_not(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        *(
            {"name": f"{n}", "quotes": STEAM, "expect": wanted, "never": never}
            for n, (wanted, never, _) in enumerate(HELD)
        )
    )
    rows = judged(capsys)
    assert [row["passed"] for row in rows] == [passed for *_, passed in HELD]
    assert all(bool(row["failures"]) is not row["passed"] for row in rows)
    assert {row["signals"] for row in rows} == {3}  # a move of each kind and a steam


def test_a_missing_signal_names_the_condition_that_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    two = [STEAM[0], {"at": "1m", "spreads": dict.fromkeys(BOOKS[:2], -4.5)}]
    write({"quotes": two, "expect": ["STEAM"]})
    (row,) = judged(capsys)
    (failure,) = row["failures"]
    blocked = failure["nearest"]["blocked"]
    assert (blocked["option"], blocked["value"], blocked["threshold"]) == ("steam.operators", 2, 3)
    assert failure["nearest"]["flips"][0]["options"] == {"steam.operators": 2}
    assert stratumd("test", "nba.test.yaml") == 1
    assert "failed: in 'a' STEAM must come, and did not" in capsys.readouterr().out


def test_a_signal_that_must_not_come_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    write({"quotes": STEAM, "never": ["STEAM"]})
    (failure,) = judged(capsys)[0]["failures"]
    assert failure["message"] == "in 'a' STEAM must never come: STEAM spreads home down at 1m"
    assert [signal["type"] for signal in failure["came"]] == ["STEAM"]


def test_another_configuration_is_tried_with_the_same_cases(capsys: pytest.CaptureFixture[str]) -> None:
    write({"quotes": STEAM, "expect": ["STEAM"]})
    Path("other.yaml").write_text(CONFIG.replace("operators: 3", "operators: 4"))
    assert [judged(capsys, *more)[0]["passed"] for more in ([], ["-c", "other.yaml"])] == [True, False]


def test_a_game_has_its_sport_and_start(capsys: pytest.CaptureFixture[str]) -> None:
    """Steam is quiet before the start."""
    write({"quotes": STEAM, "game": {"sport": "americanfootball_nfl", "starts": "3m"}, "never": ["STEAM"]})
    assert judged(capsys)[0]["passed"]


def answer(at: int, line: float) -> Observation:
    sides = [{"name": "Utah Jazz", "price": 1.91, "point": line}, {"name": "Miami Heat", "price": 1.91, "point": -line}]
    stamp = "2026-01-10T12:00:00Z"
    books = [
        {"key": book, "title": book, "markets": [{"key": "spreads", "last_update": stamp, "outcomes": sides}]}
        for book in BOOKS
    ]
    game = {
        "id": "e1", "sport_key": "basketball_nba", "sport_title": "NBA", "commence_time": "2026-01-10T20:00:00Z",
        "home_team": "Utah Jazz", "away_team": "Miami Heat", "bookmakers": books,
    }  # fmt: skip
    request = Request("/v4/sports/basketball_nba/odds", {"regions": "us", "markets": "spreads"})
    return Observation("nba", "odds-api", parse_iso(stamp) + at, request, 200, json.dumps([game]).encode())


def test_a_recording_is_stepped_through_and_explained_for_the_event_that_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recording.write("day.jsonl", [answer(0, -3.5), answer(MINUTE, -4.5)])
    at = "2026-01-10T12:01:00Z"
    write(
        {"recording": "day.jsonl", "expect": [{"type": "STEAM", "event": "e1", "at": at}]},
        {"name": "b", "recording": "day.jsonl", "expect": [{"type": "STEAM", "direction": "up"}]},
        {"name": "c", "recording": "day.jsonl", "expect": [{"type": "STEAM", "at": "1h", "event": "e1"}]},
        {"name": "d", "recording": "day.jsonl", "expect": [{"type": "STEAM", "market": "totals"}]},
    )
    one, two, three, four = judged(capsys)
    assert one["passed"]
    assert two["failures"][0]["hint"] is None, "no condition was missed"
    assert f"there came STEAM spreads home down at {at}" in two["failures"][0]["message"]
    assert four["failures"][0]["hint"] == "name its 'event' to hear what was missing"
    assert three["failures"][0]["hint"] == "no poll then showed that market of that event"


def test_nothing_that_could_be_read_is_no_silence(capsys: pytest.CaptureFixture[str]) -> None:
    recording.write("other.jsonl", [msgspec.structs.replace(answer(0, -3.5), format="other", id="")])
    write({"recording": "other.jsonl", "never": ["STEAM"]})
    (failure,) = judged(capsys)[0]["failures"]
    assert failure["message"] == "'a' holds no quotes that can be read"


def test_a_plugin_that_fails_fails_the_case(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError("out of order")

    monkeypatch.setattr("stratumd_steam.detector.Steam.detect", fail)
    write({"quotes": STEAM, "never": [{"market": "spreads", "at": "0s"}]})
    (failure,) = judged(capsys)[0]["failures"]
    assert "steam: RuntimeError: out of order" in failure["message"]


MISTAKES = """\
config: nba.yaml
casez: []
cases:
  - name: a
    quotes:
      - at: 1m
        spreads: {fanduel: x, betmgm: [-3.5, -50, 2], caesars: gone, draftkings: -3.5}
        Totals: {}
      - at: 1m
        h2h: {fanduel: [1.9], betmgm: [0.5, 2]}
      - spreads: {fanduel: -3}
    expect: [STEEM, {type: MOVE, cuont: 1}, {market: spreads}, {type: MOVE, at: later}]
    never: [{}, {market: spreds}, {at: 3m}, {book: draftking}]
  - name: b
    pipeline: nab
    recording: nowhere.jsonl
"""
TOLD = """\
2:1: unknown key 'casez' in a file of cases
6:13: the first poll is the beginning
7:28: spreads of fanduel: expected a number
7:39: spreads of betmgm: American odds are at least 100 away from zero and finite, not -50.0
7:64: caesars did not show spreads before
8:9: 'Totals' cannot be the key of a market
9:13: a poll comes after the one above it
10:24: h2h of fanduel: expected a list of 2 or 3
10:39: h2h of betmgm: decimal odds are greater than 1, not 0.5
11:9: a poll says when it is
12:14: no detector of the pipeline gives signals of type 'STEEM'
12:34: unknown option 'cuont' in 'expect'
12:45: 'expect': it names no type of signal
12:81: option 'at' of 'expect': expected a time
13:13: 'never': it describes no signal
13:26: the quotes hold no market 'spreds'
13:40: the quotes hold no poll at '3m'
13:52: the quotes hold no book 'draftking'
14:11: case 'b' expects nothing
15:15: no pipeline 'nab' is configured
16:16: there is no recording nowhere.jsonl
"""


def test_every_mistake_is_told_at_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nba.test.yaml").write_text(MISTAKES)
    assert stratumd("test", "nba.test.yaml") == 78
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nba.test.yaml")]
    assert [line.removeprefix("nba.test.yaml:").replace(" error:", "", 1) for line in told] == TOLD.splitlines()


def test_mistakes_of_all_files_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one.test.yaml", "two.test.yaml"):
        Path(name).write_text("config: nba.yaml\n")
    Path("three.test.yaml").write_text("cases: []\n")
    assert stratumd("test", "one.test.yaml", "two.test.yaml", "three.test.yaml") == 78
    errors = [line.split(": error: ") for line in capsys.readouterr().err.splitlines() if ": error: " in line]
    assert errors == [
        ["one.test.yaml:1:1", "there are no cases"],
        ["two.test.yaml:1:1", "there are no cases"],
        ["three.test.yaml:1:1", "there is no configuration three.yaml"],
    ]


def test_what_a_poll_does_not_mention_stays_until_it_is_gone() -> None:
    polls = [
        {"at": "0s", "totals": {"fanduel": 221.5}, "h2h": {"fanduel": [2.0, 1.8, 3.5]}, "btts": {"betmgm": {"yes": 2}}},
        {"at": "1m", "totals": {"fanduel": [220, 1.9, 1.9]}},
        {"at": "2m", "totals": {"fanduel": "gone"}},
    ]
    write({"quotes": polls, "never": ["STEAM"]})
    (case,) = read_cases(Path("nba.test.yaml")).cases
    assert [{book: sorted(shown) for book, shown in poll.books.items()} for poll in case.polls] == [
        {"fanduel": ["h2h", "totals"], "betmgm": ["btts"]},
        {"fanduel": ["h2h", "totals"], "betmgm": ["btts"]},
        {"fanduel": ["h2h"], "betmgm": ["btts"]},
    ]
    over, under = case.polls[0].books["fanduel"]["totals"]
    assert (over.outcome, over.line, under.outcome, under.line) == ("over", 221.5, "under", 221.5)
    assert over.price == under.price == pytest.approx(1 + 100 / 110)
    assert [quote[:2] for quote in case.polls[2].books["fanduel"]["h2h"]] == [("home", 2), ("away", 1.8), ("draw", 3.5)]
