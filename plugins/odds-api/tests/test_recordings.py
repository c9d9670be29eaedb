"""Real answers: read without an error, and what must be found in them is found."""

from functools import cache

import pytest

from stratumd.plugin import Offer, Phase, Snapshot
from stratumd.recording import read as recorded
from tests.support import shared
from tests.support.odds_api import fresh

FILES = [
    "wnba-2026-07-14--07-31.jsonl.xz",
    "mlb-2026-08-04--08-06.jsonl.xz",
    "nba-historical-2023-24.jsonl.xz",
    "nba-2026-01-10.jsonl",
    "nba-2022-11-23-in-play-and-lay.jsonl",
    "nba-props-2025-10-25.jsonl.xz",
    "worldcup-three-way.jsonl",
]


@cache
def snapshots(name: str) -> list[Snapshot]:
    normalizer = fresh()
    return [normalizer.normalize(observation) for observation in recorded(shared(f"recordings/{name}"))]


def offers(found: list[Snapshot]) -> list[Offer]:
    return [offer for snapshot in found for listing in snapshot.listings for offer, _ in listing.offers]


@pytest.mark.parametrize("name", FILES)
def test_every_part_of_a_real_answer_is_read(name: str) -> None:
    found = snapshots(name)
    assert all(snapshot.complete and snapshot.scope is not None for snapshot in found)
    assert not any(listing.unreadable for snapshot in found for listing in snapshot.listings)
    assert offers(found)


def test_every_side_of_a_featured_two_way_market_is_known() -> None:
    for offer in offers(snapshots("mlb-2026-08-04--08-06.jsonl.xz")):
        sides = {quote.outcome for quote in offer.quotes}
        assert sides == ({"over", "under"} if offer.market == "totals" else {"home", "away"})


def test_the_spread_of_one_side_mirrors_the_others() -> None:
    for offer in offers(snapshots("wnba-2026-07-14--07-31.jsonl.xz")):
        if offer.market == "spreads":
            home, away = offer.quotes
            assert home.line is not None
            assert home.line == -(away.line if away.line is not None else 1e9)


def test_the_quotes_of_the_recordings_are_counted() -> None:
    """The figure of the recording itself: a dropped quote would go unseen otherwise."""
    found = offers(snapshots("mlb-2026-08-04--08-06.jsonl.xz"))
    assert sum(len(offer.quotes) for offer in found) == 599_518


def test_lay_prices_are_kept_apart() -> None:
    found = offers(snapshots("nba-2022-11-23-in-play-and-lay.jsonl"))
    assert {offer.market for offer in found} == {"h2h", "spreads", "totals", "h2h_lay"}


def test_players_and_their_ladders() -> None:
    found = offers(snapshots("nba-props-2025-10-25.jsonl.xz"))
    assert all(offer.player for offer in found)
    ladders = {offer.book for offer in found if len({quote.line for quote in offer.quotes}) > 1}
    assert "bovada" in ladders


def test_three_ways_and_an_empty_answer() -> None:
    first, second = sorted(snapshots("worldcup-three-way.jsonl"), key=lambda snapshot: len(snapshot.listings))
    assert (first.listings, first.complete) == ([], True)
    assert {"home", "away", "draw"} in [{quote.outcome for quote in offer.quotes} for offer in offers([second])]


def test_error_pages_say_nothing() -> None:
    assert all(snapshot == Snapshot(None, [], []) for snapshot in snapshots("errors.jsonl"))


def test_scores() -> None:
    (snapshot,) = snapshots("nba-scores-2026-04-16.jsonl")
    assert (snapshot.scope, snapshot.listings, snapshot.issues) == (None, [], [])
    phases = [result.phase for result in snapshot.results]
    assert (phases.count(Phase.FINAL), phases.count(Phase.SCHEDULED)) == (4, 8)
    assert (snapshot.results[0].home_score, snapshot.results[0].away_score) == (127, 126)


def test_an_unchanged_offer_is_the_very_same_object_most_of_the_time() -> None:
    """Confirmed is not changed: of 247,944 offers of the recording, 25,401 came with other bytes."""
    found = offers(snapshots("wnba-2026-07-14--07-31.jsonl.xz"))
    assert len(found) / len({id(offer) for offer in found}) > 9
