"""What the normalizer makes of sound answers."""

import pytest

from stratumd.plugin import Offer, Quote, Snapshot, parse_iso
from tests.support.odds_api import (
    EVENT,
    MONEYLINE,
    NOON,
    SPREAD,
    TOTAL,
    answer,
    book,
    event,
    fresh,
    market,
    outcome,
    read,
)

EVENT_PATH = f"/v4/sports/basketball_nba/events/{EVENT}/odds"


def offers(snapshot: Snapshot) -> list[Offer]:
    return [offer for listing in snapshot.listings for offer, _ in listing.offers]


def quotes(snapshot: Snapshot) -> list[Quote]:
    return [quote for offer in offers(snapshot) for quote in offer.quotes]


def rules(snapshot: Snapshot) -> list[str]:
    return [issue.rule for issue in snapshot.issues]


def test_an_event_its_book_and_its_markets() -> None:
    found = read([event(book("fanduel", MONEYLINE, SPREAD, TOTAL))])
    (listing,) = found.listings
    assert (listing.event.home, listing.event.away) == ("Utah Jazz", "Boston Celtics")
    assert listing.event.commence_at == parse_iso("2026-01-10T20:00:00Z")
    assert [(offer.book, offer.market) for offer in offers(found)] == [
        ("fanduel", "h2h"),
        ("fanduel", "spreads"),
        ("fanduel", "totals"),
    ]
    assert found.issues == []
    assert found.complete


def test_outcomes_are_matched_by_name_never_by_position() -> None:
    """Mistake 10: outcomes come alphabetically, here the away team first."""
    found = quotes(read([event(book("fanduel", SPREAD))]))
    assert {quote.outcome: quote.line for quote in found} == {"home": 3.5, "away": -3.5}


def test_the_order_of_outcomes_means_nothing() -> None:
    turned = market("spreads", *reversed(SPREAD["outcomes"]))
    assert offers(read([event(book("fanduel", turned))])) == offers(read([event(book("fanduel", SPREAD))]))


def test_a_line_of_zero_is_a_line() -> None:
    """Mistake 10, second half: a pick'em has the line 0, a moneyline has none."""
    pick = market("spreads", outcome("Boston Celtics", -110, 0), outcome("Utah Jazz", -110, -0.0))
    assert [repr(quote.line) for quote in quotes(read([event(book("fanduel", pick))]))] == ["0.0", "0.0"]
    assert [quote.line for quote in quotes(read([event(book("fanduel", MONEYLINE))]))] == [None, None]


def test_american_prices_become_decimal() -> None:
    found = quotes(read([event(book("fanduel", MONEYLINE))]))
    assert {quote.outcome: quote.price for quote in found} == {"home": 2.3, "away": pytest.approx(1 + 100 / 150)}


def test_prices_are_decimal_where_nothing_else_was_asked_for() -> None:
    decimal = market("h2h", outcome("Boston Celtics", 1.5), outcome("Utah Jazz", 2.7))
    observation = answer([event(book("fanduel", decimal))])
    del observation.request.params["oddsFormat"]
    found = fresh().normalize(observation)
    assert [quote.price for quote in quotes(found)] == [2.7, 1.5]


def test_three_ways() -> None:
    three = market("h2h", outcome("Boston Celtics", 150), outcome("Draw", 220), outcome("Utah Jazz", 180))
    assert [quote.outcome for quote in quotes(read([event(book("fanduel", three))]))] == ["home", "away", "draw"]


def test_a_market_may_name_its_outcomes_as_it_likes() -> None:
    winner = market("outrights", outcome("Boston Celtics", 400), outcome("Oslo Otters", 900))
    found = read([event(book("fanduel", winner), home_team=None, away_team=None)])
    assert {quote.outcome for quote in quotes(found)} == {"Boston Celtics", "Oslo Otters"}
    assert (found.listings[0].event.home, found.listings[0].event.away) == ("", "")
    assert found.issues == []


def test_an_unknown_outcome_is_noted_and_kept() -> None:
    """One book once gave the No side of a double-double the name of a team."""
    odd = market(
        "player_double_double",
        outcome("Yes", 150, description="Kai Ito"),
        outcome("New Orleans Pelicans", -200, description="Kai Ito"),
    )
    found = read(event(book("betmgm", odd)), path=EVENT_PATH, markets="player_double_double")
    assert rules(found) == ["unknown_outcome"]
    assert [quote.outcome for quote in quotes(found)] == ["yes", "New Orleans Pelicans"]


def test_each_player_has_an_offer_of_his_own_with_all_rungs() -> None:
    points = market(
        "player_points",
        outcome("Over", -110, 20.5, description="Kai Ito"),
        outcome("Over", 120, 22.5, description="Kai Ito"),
        outcome("Under", -110, 20.5, description="Kai Ito"),
        outcome("Over", -105, 8.5, description="Jo Oduya"),
    )
    found = offers(read(event(book("bovada", points)), path=EVENT_PATH, markets="player_points"))
    assert [(offer.player, len(offer.quotes)) for offer in found] == [("Kai Ito", 3), ("Jo Oduya", 1)]
    assert [(quote.outcome, quote.line) for quote in found[0].quotes] == [
        ("over", 20.5),
        ("over", 22.5),
        ("under", 20.5),
    ]


def test_the_markets_last_update_comes_before_the_books() -> None:
    own = market("h2h", *MONEYLINE["outcomes"], last_update="2026-01-10T11:58:00Z")
    none = {"key": "spreads", "outcomes": SPREAD["outcomes"]}
    found = read([event(book("fanduel", own, none), {"key": "lowvig", "markets": [none]})])
    assert [at for _, at in found.listings[0].offers] == [
        parse_iso("2026-01-10T11:58:00Z"),
        parse_iso("2026-01-10T11:59:40Z"),
        None,
    ]


def test_times_may_come_in_seconds() -> None:
    unix = event(book("fanduel", {**MONEYLINE, "last_update": 1_768_046_370}), commence_time=1_768_075_200)
    (listing,) = read([unix], dateFormat="unix").listings
    assert listing.event.commence_at == parse_iso("2026-01-10T20:00:00Z")
    assert listing.offers[0][1] == parse_iso("2026-01-10T11:59:30Z")


def test_the_historical_envelope_is_opened() -> None:
    body = {"timestamp": "2026-01-10T11:55:00Z", "data": [event(book("fanduel", MONEYLINE))]}
    found = read(body, path="/v4/historical/sports/basketball_nba/odds", date="2026-01-10T12:00:00Z")
    assert len(offers(found)) == 1
    single = {"timestamp": "2026-01-10T11:55:00Z", "data": event(book("fanduel", MONEYLINE))}
    assert offers(read(single, path=EVENT_PATH.replace("/v4/", "/v4/historical/"))) == offers(found)


def test_an_empty_list_is_an_answer() -> None:
    """Everything in scope is gone: that is a scope and no listing."""
    found = read([])
    assert found.scope is not None
    assert (found.listings, found.issues, found.complete) == ([], [], True)


@pytest.mark.parametrize("status", [401, 404, 422, 429, 500])
def test_an_error_page_says_nothing(status: int) -> None:
    assert read({"message": "no", "error_code": "INVALID_KEY"}, status=status) == Snapshot(None, [], [])


@pytest.mark.parametrize("path", ["/v4/sports", "/elsewhere"])
def test_other_answers_hold_no_odds(path: str) -> None:
    assert read([{"id": EVENT}], path=path) == Snapshot(None, [], [])


def test_the_list_of_events_tells_their_starts_and_nothing_is_concluded() -> None:
    row = {key: value for key, value in event().items() if key != "bookmakers"}
    found = read([row], path="/v4/sports/basketball_nba/events")
    assert found.scope is None
    assert [(listing.event.id, listing.offers, listing.unreadable) for listing in found.listings] == [(EVENT, [], ())]


def test_a_last_update_far_ahead_is_noted() -> None:
    ahead = market("h2h", *MONEYLINE["outcomes"], last_update="2026-01-10T12:05:01Z")
    near = market("h2h", *MONEYLINE["outcomes"], last_update="2026-01-10T12:00:05Z")
    assert rules(read([event(book("fanduel", ahead))])) == ["future_timestamp"]
    assert rules(read([event(book("fanduel", near))])) == []


def test_last_update_does_not_make_a_change() -> None:
    """Mistake 9: it says when a book confirmed its offer, so the offer stays the very same object."""
    normalizer = fresh()
    first = normalizer.normalize(answer([event(book("fanduel", MONEYLINE))]))
    later = market("h2h", *MONEYLINE["outcomes"], last_update="2026-01-10T12:00:30Z")
    second = normalizer.normalize(answer([event(book("fanduel", later))], at=NOON + 60_000_000))
    assert second.listings[0].offers[0][0] is first.listings[0].offers[0][0]
    assert second.listings[0].offers[0][1] == parse_iso("2026-01-10T12:00:30Z")


def test_other_bytes_that_say_the_same_are_the_same_offer() -> None:
    normalizer = fresh()
    first = normalizer.normalize(answer([event(book("fanduel", SPREAD))]))
    turned = market("spreads", *({**row, "link": "https://x"} for row in reversed(SPREAD["outcomes"])))
    second = normalizer.normalize(answer([event(book("fanduel", turned))]))
    assert second.listings[0].offers[0][0] is first.listings[0].offers[0][0]


def test_a_change_is_a_new_offer() -> None:
    normalizer = fresh()
    normalizer.normalize(answer([event(book("fanduel", SPREAD))]))
    moved = market("spreads", outcome("Boston Celtics", -110, -4.5), outcome("Utah Jazz", -110, 4.5))
    found = normalizer.normalize(answer([event(book("fanduel", moved))]))
    assert [quote.line for quote in quotes(found)] == [4.5, -4.5]
