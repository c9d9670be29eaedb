"""Why a signal is there: told from the stored past, and true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stratumd.cli.why import evidence as evidence_rows
from stratumd.config import load_config
from stratumd.plugin import MINUTE, SECOND, Signal, iso
from stratumd.proof import Past
from stratumd.proof.why import Moved, Why, _first, why
from stratumd.store import Reader, open_reader
from tests.support.cli import stratumd
from tests.support.past import OPENED


def explained(config: Path, wanted: dict[str, int]) -> tuple[Reader, list[Why]]:
    """Explain so many signals of each type."""
    loaded = load_config(config)
    reader = open_reader(loaded.database.connect_url())
    past = Past(reader, loaded.pipelines["main"], loaded.registry)
    signals = [signal for type_, count in wanted.items() for signal in reader.signals(types=[type_])[:count]]
    assert len(signals) == sum(wanted.values()), "the market was too quiet"
    return reader, [why(past, signal) for signal in signals]


def test_the_quotes_are_those_that_were_offered_then(config: Path) -> None:
    reader, found = explained(config, {"STEAM": 2, "DISLOCATION": 2, "MOVE": 2, "POSITIVE_EV": 2, "MULTIBOOK_SYNC": 2})
    for each in found:
        signal = each.signal
        rows = reader.odds(signal.event, at=signal.observed_at, market=signal.market)
        offered = {(row.book, row.line, row.price): row for row in rows if row.outcome == signal.outcome}
        assert {(q.book, q.line, q.price) for q in each.quotes} == offered.keys()
        for quote in each.quotes:  # either side of it may have changed since
            row = offered[quote.book, quote.line, quote.price]
            assert quote.changed_seconds <= (signal.observed_at - row.changed_at) / SECOND
            assert quote.confirmed_seconds == (signal.observed_at - row.confirmed_at) / SECOND
        assert {q.book for q in each.quotes if q.named} == set(signal.books)
        assert each.margin >= -1e-9
        assert all(change.event == signal.event and change.market == signal.market for change in each.changes)
    reader.close()


def test_who_was_first_is_what_the_steam_detector_says(config: Path) -> None:
    reader, found = explained(config, {"STEAM": 3})
    assert [each.first for each in found] == [each.signal.metadata["originator"] for each in found]
    assert all(each.moved for each in found)
    reader.close()


@pytest.mark.parametrize(
    ("intervals", "first"),
    [
        ({"a": (0, 1), "b": (1, 2), "c": (2, 3)}, "a"),
        ({"a": (0, 2), "b": (1, 2), "c": (2, 3)}, None),  # two polls apart they may have moved in either order
        ({"b": (0, 5), "a": (5, 9)}, "b"),
        ({"a": (0, 1)}, None),  # there is nobody to be before
    ],
)
def test_nobody_was_first_where_intervals_overlap(intervals: dict[str, tuple[int, int]], first: str | None) -> None:
    moved = [
        Moved(name, name, iso(OPENED + after * MINUTE), iso(OPENED + before * MINUTE))
        for name, (after, before) in intervals.items()
    ]
    assert _first(moved) == first


def test_followers_moved_the_same_way_after_the_signal(config: Path) -> None:
    reader, found = explained(config, {"STEAM": 3})
    followed = [(each.signal, one) for each in found for one in each.followed]
    assert followed, "nobody followed any of them"
    for signal, one in followed:
        assert one.book not in signal.books
        assert one.move >= signal.threshold / 2
        later = signal.observed_at + round(one.seconds * SECOND)
        path = reader.movement(
            signal.event, market=signal.market, book=one.book, since=signal.observed_at + 1, until=later
        )
        assert path, "it did not change at all"
    reader.close()


def test_a_price_is_there_until_it_changes(config: Path) -> None:
    reader, found = explained(config, {"POSITIVE_EV": 4, "STEAM": 2})
    taken = [(each.signal, one) for each in found for one in each.taken]
    assert taken
    assert any(not one.there for _, one in taken)
    for signal, one in taken:
        path = reader.movement(signal.event, market=signal.market, book=one.book, outcome=one.outcome)
        later = [point for point in path if point.observed_at > signal.observed_at]
        assert one.there is (not later)
        if one.seconds is not None:
            assert later[0].observed_at == signal.observed_at + round(one.seconds * SECOND)
    reader.close()


def test_the_evidence_of_any_detector_and_annotator_is_shown() -> None:
    """A stranger's may go by the names of parts that are said in words, and be something else."""
    metadata = {"unit": "points", "steps": 3, "path": [-3.5, -4.0], "regime": "none", "drift": {"longest": "\x1b[2J"}}
    assert {row["name"]: row["value"] for row in evidence_rows(metadata)} == {
        "steps": "3", "path": "[-3.5,-4.0]", "regime": '"none"', "drift": '{"longest":"\\u001b[2J"}',
    }  # fmt: skip
    (row,) = evidence_rows({"books": ["fanduel"] * 50, "components": {"books": {"value": 1.0, "weight": 0.2}}})
    assert (row["name"], len(row["value"])) == ("books", 100)


def test_the_command_is_readable_and_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load_config(config)
    reader = open_reader(loaded.database.connect_url())
    signal: Signal = reader.signals(types=["STEAM"])[0]
    reader.close()
    assert stratumd("why", signal.id[:12], "-c", str(config)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"STEAM {signal.market}")
    assert f"threshold {signal.threshold:g}" in said
    assert re.search(rf"^window_seconds +{signal.metadata['window_seconds']:g}", said, re.MULTILINE)
    assert stratumd("why", signal.id, "-c", str(config), "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["signal"] == json.loads(signal.to_json())
    assert {"quotes", "moved", "first", "followed", "thresholds", "taken", "regime", "changes"} <= shown.keys()
    assert stratumd("why", "no-such-signal", "-c", str(config)) == 1
    assert "no signal's id begins with" in capsys.readouterr().err
