"""The quality of real quotes: what is flagged in the recordings, and where each oddity of the provider is met."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stratumd import recording
from stratumd.config import load_config
from stratumd.engine.quality import RULES
from stratumd.odds import BOOKS
from stratumd.proof import Validation, judged
from stratumd.runtime.build import build_judge, build_pipeline
from stratumd.runtime.replaying import replay
from stratumd.store import open_reader, open_store
from tests.support import ROOT, shared
from tests.support.cli import stratumd

CONFIG = ROOT / "config" / "examples" / "replay.yaml"
MLB = "recordings/mlb-2026-08-04--08-06.jsonl.xz"
ALL = "recordings/nba-2022-11-23-in-play-and-lay.jsonl"

BOARD = "tests/unit/engine/test_board.py"
READING = "plugins/odds-api/tests/test_reading.py"
MALFORMED = "plugins/odds-api/tests/test_malformed.py"
RECORDED = "plugins/odds-api/tests/test_recordings.py"
REPLAYED = "tests/acceptance/test_recordings.py"
CLOSING = "plugins/clv/tests/test_clv.py"
LIVES = "tests/integration/store/test_lives.py"
JUDGED = "tests/unit/engine/test_quality.py"

ODDITIES: list[tuple[str, list[str]]] = [
    ("a start moves, at tip too", [f"{BOARD}::test_a_start_that_moves_is_announced",
                                   f"{CLOSING}::test_a_start_that_moves_on_opens_the_close_again"]),
    ("a book that stops updating disappears after 15 minutes: absence, no flag",
     ["rule:stale_book", f"{BOARD}::test_a_missing_offer_is_gone"]),
    ("last_update is when a quote was confirmed, not when it changed",
     [f"{READING}::test_last_update_does_not_make_a_change", "rule:sequence"]),
    ("a market's last_update differs from its book's, and may be missing",
     [f"{READING}::test_the_markets_last_update_comes_before_the_books"]),
    ("books flicker, and show some markets only", ["rule:missing_market",
                                                    f"{BOARD}::test_a_move_needs_presence_without_a_gap"]),
    ("in play some books stop, and events leave", [f"{BOARD}::test_an_event_ticks_once_when_it_vanishes"]),
    ("an event without books, and an empty answer", [f"{READING}::test_an_empty_list_is_an_answer",
                                                      f"{REPLAYED}::test_an_empty_answer_withdraws_everything"]),
    ("events vanish for hours and return", [f"{LIVES}::test_hours_of_absence_are_no_cancellation"]),
    ("ids repeat in an answer, or a game gets a new one", [f"{MALFORMED}::test_an_event_that_comes_twice_counts_once",
      f"{LIVES}::test_a_postponed_game_comes_back_on_another_day_as_another_event"]),
    ("prices: even money, caps, lines of zero", ["rule:price_range", f"{READING}::test_a_line_of_zero_is_a_line",
                                                  f"{RECORDED}::test_the_spread_of_one_side_mirrors_the_others"]),
    ("outcomes come in the order of the alphabet",
     [f"{READING}::test_outcomes_are_matched_by_name_never_by_position"]),
    ("three ways, a draw that is taken off, lay prices unasked",
     [f"{RECORDED}::test_three_ways_and_an_empty_answer", f"{REPLAYED}::test_no_signal_comes_from_a_lay_market"]),
    ("hold", ["rule:hold_range"]),
    ("two books of one desk", ["plugins/steam/tests/test_steam.py::test_books_of_one_operator_count_once"]),
    ("book keys live and die, titles change", ["rule:unknown_book",
                                                "tests/acceptance/test_quality.py::test_the_table_of_books_is_written_once"]),
    ("props: ladders, one side only, names that fit no side", ["rule:one_sided", "rule:unknown_outcome",
      f"{READING}::test_an_unknown_outcome_is_noted_and_kept", f"{RECORDED}::test_players_and_their_ladders"]),
    ("an unknown book among those asked for is ignored", ["rule:missing_book"]),
    ("paid books are missing for free keys, without notice", ["rule:missing_book"]),
    ("history: a last_update in the future, ages up to 941 s",
     ["rule:future_timestamp", f"{READING}::test_a_last_update_far_ahead_is_noted"]),
    ("keys leak: none is stored or shown", ["plugins/odds-api/tests/test_options.py::test_the_key_is_hidden"]),
]  # fmt: skip
"""What was measured on two million recorded markets, in that order, and the rule or test that meets it."""


@cache
def named_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("oddity", "met"), ODDITIES, ids=[oddity for oddity, _ in ODDITIES])
def test_each_oddity_of_the_provider_is_met_by_a_rule_or_a_test(oddity: str, met: list[str]) -> None:
    assert met, oddity
    page = (ROOT / "docs" / "how-to" / "quality.md").read_text()
    for each in met:
        kind, _, rule = each.partition("rule:")
        path, _, name = kind.partition("::")
        assert f"`{rule}`" in page if rule else name in named_in(path), each


def test_every_rule_is_on_the_page_with_its_severity() -> None:
    page = (ROOT / "docs" / "how-to" / "quality.md").read_text()
    rows = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in page.splitlines() if line[:3] == "| `"}
    assert {f"`{rule}`": str(severity) for rule, severity in RULES.items()}.items() <= rows.items()


def test_the_table_of_books_is_written_once() -> None:
    """The file in `config` is made of the table in the code."""
    stored = json.loads((ROOT / "config" / "books.json").read_text())
    assert stored == {key: {k: v for k, v in book._asdict().items() if k != "key"} for key, book in BOOKS.items()}
    assert all(book.operator in BOOKS for book in BOOKS.values() if book.operator)


def of_recording(name: str) -> Validation:
    loaded = load_config(CONFIG)
    (spec,) = loaded.pipelines.values()
    validation = Validation(spec.name, spec.operators)
    judged(build_judge(spec, loaded.registry), recording.read(shared(name)), validation)
    return validation


def test_what_is_wrong_in_a_recording() -> None:
    """Two days of baseball: thin holds in play and books that fall behind, and nothing malformed."""
    found = of_recording(MLB)
    rules = {row["rule"]: row["issues"] for row in found.by_rule()}
    assert rules.keys() == {"hold_range", "stale_book", "missing_market"}
    assert 0 < sum(rules.values()) < 0.03 * sum(row["changes"] for row in found.by_market())
    assert found.unknown_books() == []
    assert sum(row["issues"] for row in found.by_day()) == sum(rules.values())
    assert all(0 < row["coverage"] <= 1 for row in found.coverage())


def test_the_store_and_the_recording_say_the_same(database_url: str, tmp_path: Path) -> None:
    loaded = load_config(CONFIG)
    (spec,) = loaded.pipelines.values()
    store = open_store(database_url)
    try:
        list(replay(recording.read(shared(ALL)), [build_pipeline(spec, loaded.registry)], store))
    finally:
        store.close()
    stored = Validation(spec.name, spec.operators)
    reader = open_reader(database_url)
    try:
        stored.read(reader, None, None)
    finally:
        reader.close()
    fresh = of_recording(ALL)
    assert fresh.by_rule()
    for section in ("by_book", "by_market", "by_day", "unknown_books", "coverage"):
        assert getattr(stored, section)() == getattr(fresh, section)()
    assert [_plain(row) for row in stored.by_rule()] == [_plain(row) for row in fresh.by_rule()]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "example"}


def test_the_command_shows_tables_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("validate", str(shared(ALL)), "--config", str(CONFIG))
    assert stratumd(*words) == 0
    assert capsys.readouterr().out.startswith("RULE ")
    assert stratumd(*words, "--json", "--coverage") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"rule", "book", "market", "day", "event"} <= {row["by"] for row in rows}
