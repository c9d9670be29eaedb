"""The reading commands, over a store that a replay of the scripted market filled."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stratumd.engine import Pipeline
from stratumd.plugin import PluginConfig, Signal, iso
from stratumd.registry import load
from stratumd.runtime.replaying import replay
from stratumd.store import open_store
from stratumd.testing import scenario
from stratumd.testing.harness import PlainNormalizer
from tests.support.cli import stratumd

MINIMAL = """
sources:
  demo: {use: demo, schedule: {every: 2s}}
pipelines:
  demo: {sources: [demo], detectors: [consensus], sinks: [log]}
"""

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Signal]]:
    """A SQLite database with the script in it, and the signals that the replay gave."""
    url = f"sqlite:///{tmp_path_factory.mktemp('read') / 'filled.db'}"
    registry = load(["consensus", "move", "dislocation", "steam"])
    detectors = [
        registry.detectors[name].component(registry.detectors[name].component.config())
        for name in ("consensus", "move", "dislocation", "steam")
    ]
    plain = PlainNormalizer(PluginConfig())
    store = open_store(url)
    try:
        steps = list(replay(scenario.observations(), [Pipeline("main", detectors, {plain.name: plain})], store))
    finally:
        store.close()
    signals = sorted((s for step in steps for s in step.signals), key=lambda s: (s.observed_at, s.id))
    assert signals
    return url, signals


@pytest.fixture
def read(filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]) -> Read:
    """Run a reading command with --json and return its rows."""

    def run(*words: str) -> list[dict[str, Any]]:
        assert stratumd(*words, "--database", filled[0], "--json") == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_signals_are_the_bytes_of_the_replay(
    filled: tuple[str, list[Signal]], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    url, signals = filled
    assert stratumd("signals", "--database", url, "--json") == 0
    assert capsysbinary.readouterr().out == b"".join(signal.to_json() + b"\n" for signal in signals)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--type", "steam"], lambda s: s.type == "STEAM"),
        (["--type", "STEAM", "--type", "move"], lambda s: s.type in ("STEAM", "MOVE")),
        (["--market", "totals"], lambda s: s.market == "totals"),
        (["--sport", "soccer_epl"], lambda s: s.sport == "soccer_epl"),
        (["--event", "gam"], lambda s: s.event == "game"),
        (["--min-strength", "80"], lambda s: s.strength >= 80),
        (["--since", "2026-01-01T13:00:00Z"], lambda s: iso(s.observed_at) >= "2026-01-01T13:00:00Z"),
        (["--until", "2026-01-01T13:00:00+00:00"], lambda s: iso(s.observed_at) <= "2026-01-01T13:00:00Z"),
        (["--since", "1h"], lambda s: False),
        (["--since", "2026-01-01"], lambda s: True),
        (["--until", "2026-01-01"], lambda s: False),
        (["--pipeline", "other"], lambda s: False),
    ],
)
def test_signals_are_filtered(
    words: Sequence[str], kept: Callable[[Signal], bool], read: Read, filled: tuple[str, list[Signal]]
) -> None:
    expected = [signal.id for signal in filled[1] if kept(signal)]
    assert [row["id"] for row in read("signals", *words)] == expected


def test_a_limit_keeps_the_newest(read: Read, filled: tuple[str, list[Signal]]) -> None:
    assert [row["id"] for row in read("signals", "--limit", "2")] == [signal.id for signal in filled[1][-2:]]


def test_events_are_found_by_day_and_team(read: Read) -> None:
    assert [row["id"] for row in read("events")] == ["soon", "game", "match"]
    assert [row["id"] for row in read("events", "--team", "ow", "--date", "2026-01-01")] == ["soon", "match"]
    assert read("events", "--upcoming") == []
    (game,) = read("events", "--team", "bears")
    assert [start["commence_at"] for start in game["starts"]] == ["2026-01-01T18:00:00Z", "2026-01-01T18:15:00Z"]


def test_odds_are_those_of_now_or_of_then(read: Read) -> None:
    def line(*words: str) -> Any:
        rows = read("odds", "game", "--market", "spreads", *words)
        return {row["book"]: row["line"] for row in rows if row["outcome"] == "home"}

    assert line()["betmgm"] == 0.0
    assert "caesars" not in line()
    then = line("--at", "2026-01-01T12:30:00Z")
    assert then["caesars"] == -2.5
    assert "fliff" not in then, "it was absent then"


def test_movement_shows_disappearance(read: Read) -> None:
    path = read("movement", "game", "--book", "caesars", "--market", "spreads", "--outcome", "home")
    assert [(row["line"], row["price"] is None) for row in path][-1][1]
    assert [row["observed_at"] for row in path] == sorted(row["observed_at"] for row in path)


def test_best_and_compare_agree(read: Read) -> None:
    best = {(row["outcome"], row["line"]): row["price"] for row in read("best", "game", "--market", "h2h")}
    compared = read("compare", "game", "--market", "h2h")
    assert best == {(row["outcome"], row["line"]): row["price"] for row in compared if row["best"]}
    assert all(row["implied"] == pytest.approx(1 / row["price"]) for row in compared)


def test_status_and_board_answer(read: Read) -> None:
    (status,) = read("status")
    assert status["observations"] == 2 * scenario.MINUTES
    assert read("board") == []


@pytest.mark.parametrize("command", ["signals", "events", "board"])
def test_every_table_has_its_headings(
    command: str, filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd(command, "--database", filled[0]) == 0
    assert capsys.readouterr().out.split()[0].isupper()


@pytest.mark.parametrize("command", ["odds", "movement", "best", "compare"])
def test_an_events_tables_are_printed(
    command: str, filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd(command, "game", "--database", filled[0]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


def test_an_unknown_event_is_named(filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("odds", "nowhere", "--database", filled[0]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_missing_database_is_a_dependency_that_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("status", "--database", f"sqlite:///{tmp_path}/no.db") == 75
    assert not (tmp_path / "no.db").exists()


def test_the_configuration_names_the_database(
    filled: tuple[str, list[Signal]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stratumd.yaml"
    path.write_text(f"database: {filled[0]}\n" + MINIMAL)
    code = stratumd("events", "--config", str(path), "--json")
    assert (code, capsys.readouterr().out.count("\n")) == (0, 3)


def test_the_board_shows_each_market(tmp_path: Path) -> None:
    """What the table makes of a row: one line per market, lines with their sign where they are handicaps."""
    from stratumd.cli import tables
    from stratumd.plugin import ConsensusPoint, MarketKey
    from stratumd.plugin.views import BoardRow, ConsensusRow, EventRow

    event = EventRow("e" * 32, "basketball_nba", "Bears", "Foxes", scenario.START, 0, 0)
    points = [
        ConsensusPoint(MarketKey("spreads"), line=3.5, fair_line=3.25, operators=7),
        ConsensusPoint(MarketKey("totals"), line=221.5, fair_line=221.25, operators=7),
        ConsensusPoint(MarketKey("h2h"), outcomes=("home", "away"), probabilities=(0.4, 0.6), operators=7),
        ConsensusPoint(MarketKey("btts"), operators=2, reason="too_few_operators"),
    ]
    row = BoardRow(event, tuple(ConsensusRow("main", event.id, 0, point) for point in points), None)
    shown = [(line["market"], line["line"], line["fair"]) for line in tables.board(row)]
    assert shown == [
        ("spreads", "+3.5", "+3.25"),
        ("totals", "221.5", "221.25"),
        ("h2h", None, "home 40.0% away 60.0%"),
        ("btts", None, "too few operators"),
    ]
    assert len(list(tables.board(BoardRow(event, (), None)))) == 1
    lines = list(tables.board_lines([row]))
    assert lines[0] == (f"{iso(scenario.START)[:16].replace('T', ' ')}  Foxes at Bears  eeeeeeeeeeee", True)
    assert lines[3] == ("  h2h             home 40.0% away 60.0%  7 operators", False)
    assert max(len(text) for text, _ in lines) <= 80


def test_a_narrow_terminal_gets_two_lines_for_a_signal(filled: tuple[str, list[Signal]]) -> None:
    from stratumd.cli import tables

    lines = [text for text, _ in tables.signal_lines(filled[1])]
    assert len(lines) == 2 * len(filled[1])
    assert max(map(len, lines)) <= 100
    assert all(signal.id[:12] in line for signal, line in zip(filled[1], lines[1::2], strict=True))


def test_a_narrow_terminal_gets_three_lines_for_a_ranked_signal(filled: tuple[str, list[Signal]]) -> None:
    from stratumd.cli import tables
    from stratumd.plugin import ranked

    feed = ranked(filled[1])
    lines = [text for text, _ in tables.ranked_lines(feed)]
    assert len(lines) == 3 * len(feed)
    assert max(map(len, lines)) <= 100
    assert all(each.signal.id[:12] in line for each, line in zip(feed, lines[1::3], strict=True))
    assert all(line.startswith(f"{each.ranking.score:g} ") for each, line in zip(feed, lines[::3], strict=True))


def test_a_board_without_quotes_says_so(filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("board", "--database", filled[0]) == 0
    assert capsys.readouterr().err == "no quotes now on anything that is to come\n"


@pytest.mark.parametrize("command", ["odds", "best", "compare"])
def test_a_game_without_quotes_says_where_they_went(
    command: str, filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd(command, "game", "--pipeline", "other", "--database", filled[0]) == 0
    assert capsys.readouterr().err == "no quotes now: `stratumd movement game` shows what there was, and when\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["odds", "--market", "spread"], "no market 'spread' was seen of this event; did you mean 'spreads'?"),
        (["best", "--market", "totls"], "no market 'totls' was seen of this event; did you mean 'totals'?"),
        (
            ["compare", "--market", "btts"],
            "no market 'btts' was seen of this event; there are: alternate_spreads, h2h, h2h_lay, spreads, totals",
        ),
        (["movement", "--market", "spread"], "no market 'spread' was seen of this event; did you mean 'spreads'?"),
        (["movement", "--book", "ceasars"], "no book 'ceasars' was seen of this event; did you mean 'caesars'?"),
        (["movement", "--outcome", "hom"], "no outcome 'hom' was seen of this event; did you mean 'home'?"),
    ],
)
def test_a_misspelt_name_is_told_beside_what_there_is(
    words: Sequence[str], said: str, filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no wrong usage: tomorrow there may be one."""
    command, *options = words
    assert stratumd(command, "game", *options, "--database", filled[0]) == 0
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize("words", [["--json"], [], ["--type", "STEAM"], ["--type", "move"]])
def test_a_misspelt_type_is_wrong_usage(
    words: list[str], filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd("signals", "--type", "staem", "--database", filled[0], *words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no signal has the type 'STAEM', and no detector gives any; did you mean 'STEAM'?" in shown.err


def test_a_type_that_only_is_not_there_yet_is_none(
    filled: tuple[str, list[Signal]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd("signals", "--type", "POSITIVE_EV", "--database", filled[0]) == 0
    assert "no signals yet, or none that these options admit" in capsys.readouterr().err


def test_a_type_of_a_detector_that_does_not_tell_its_own_may_come(
    filled: tuple[str, list[Signal]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load(["steam"]).detectors["steam"].component, "signals", {})
    assert stratumd("signals", "--type", "STALE_LINE", "--database", filled[0]) == 0
