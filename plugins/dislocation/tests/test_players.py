"""Player markets: a consensus for each player, and who stands apart from it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stratumd import recording
from stratumd.engine import Step
from stratumd.plugin import HOUR, ConsensusPoint, MarketKey, Micros, Offer, Quote, Signal, Snapshot, parse_iso
from stratumd.testing.harness import Harness, detector, game, normalizer, observation
from tests.support import shared

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
POINTS = "player_points"


def over_under(line: float, over: float, under: float) -> tuple[Quote, ...]:
    return (Quote("over", over, line), Quote("under", under, line))


def step(player: str, offers: dict[str, tuple[Quote, ...]]) -> Step:
    """Return what follows from one observation of one player's points."""
    harness = Harness([detector("consensus", markets=[POINTS]), detector("dislocation")])
    made = observation(NOON, {game(NOON + HOUR): {book: [(POINTS, quotes)] for book, quotes in offers.items()}})
    return harness.feed(_of(made, player))


def _of(made: Any, player: str) -> Any:
    """Say that all quotes of an observation are about a player."""
    snapshot = msgspec.json.decode(made.body, type=Snapshot)
    listings = [
        msgspec.structs.replace(
            listing,
            offers=[(Offer(each.book, each.market, each.quotes, player), at) for each, at in listing.offers],
        )
        for listing in snapshot.listings
    ]
    body = msgspec.json.encode(msgspec.structs.replace(snapshot, listings=listings))
    return msgspec.structs.replace(made, body=body, id="")


def test_a_book_that_stands_apart_on_a_player() -> None:
    offers = dict.fromkeys(BOOKS, over_under(24.5, 1.91, 1.91)) | {"betmgm": over_under(24.5, 2.15, 1.71)}
    found = step("Nikola Jokic", offers)
    ((_, point),) = found.records
    assert isinstance(point, ConsensusPoint)
    assert (point.key, point.line, point.operators) == (MarketKey(POINTS, "Nikola Jokic"), 24.5, 7)
    (signal,) = found.signals
    assert (signal.player, signal.outcome, signal.books) == ("Nikola Jokic", "over", ("betmgm",))
    assert signal.metadata["others"] == 6


def test_a_ladder_speaks_for_nobody() -> None:
    """Several points under one key, as some books have them: which of them is the line nobody says."""
    ladder = (*over_under(22.5, 1.5, 2.6), *over_under(26.5, 2.6, 1.5))
    found = step("Nikola Jokic", dict.fromkeys(BOOKS, over_under(24.5, 1.91, 1.91)) | {"bovada": ladder})
    ((_, point),) = found.records
    assert isinstance(point, ConsensusPoint)
    assert "bovada" not in {each.book for each in point.contributors}
    assert point.operators == 6


def test_books_at_another_line_are_not_compared() -> None:
    others = dict.fromkeys(BOOKS[:1], over_under(27.5, 1.91, 1.91))
    found = step("Nikola Jokic", dict.fromkeys(BOOKS, over_under(24.5, 1.91, 1.91)) | others)
    assert found.signals == ()


@pytest.fixture(scope="module")
def recorded() -> list[Step]:
    """Return what follows from three polls of five games' player markets."""
    observations = list(recording.read(shared("recordings/nba-props-2025-10-25.jsonl.xz")))
    markets = observations[0].request.params["markets"].split(",")
    harness = Harness(
        [detector("consensus", markets=markets), detector("dislocation", per_hour=60)], [normalizer("odds-api")]
    )
    return [harness.feed(each) for each in observations]


def test_recorded_players_have_a_consensus_each(recorded: list[Step]) -> None:
    points = [point for each in recorded for _, point in each.records if isinstance(point, ConsensusPoint)]
    agreed = [point for point in points if point.reason is None]
    assert all(point.key.player for point in points)
    assert len(agreed) == 368
    assert len({point.key for point in agreed}) > 100


def test_recorded_books_stand_apart_on_players(recorded: list[Step]) -> None:
    found: list[Signal] = [signal for each in recorded for signal in each.signals]
    assert len(found) == 27
    first = next(signal for signal in found if signal.player == "Zaccharie Risacher")
    assert (first.market, first.outcome, first.operator) == ("player_threes", "under", "betmgm")
    assert first.metadata["consensus"] - first.metadata["value"] == pytest.approx(0.0398, abs=1e-4)
