"""MISPRICED: which prices a projection calls too high, and when it says nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from stratumd.plugin import (
    HOUR,
    MINUTE,
    Event,
    Finding,
    Micros,
    News,
    Observation,
    Offer,
    Quote,
    Signal,
    Snapshot,
    Tick,
    Told,
    parse_iso,
)
from stratumd.testing.conformance import verify_detector
from stratumd.testing.conformance.detectors import Detecting
from stratumd.testing.harness import Harness, detector, game, observation, spread, total
from stratumd_projection import Mispricing
from stratumd_projection.distribution import settle
from stratumd_projection.evidence import READING
from stratumd_projection.options import Options

AT: Micros = parse_iso("2026-01-10T18:00:00Z")
START = AT + 6 * HOUR
GAME = game(START, sport="basketball_nba", home="Golden State Warriors", away="Boston Celtics")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
CURRY = "Stephen Curry"


def row(**own: Any) -> dict[str, Any]:
    plain = {
        "line": 2, "market": "player_points", "mean": 27.5, "sd": 7.5, "player": CURRY, "event": "game",
        "home": None, "away": None, "starts_from": 0, "starts_before": 0, "written_at": AT,
    }  # fmt: skip
    return plain | own


def news(*rows: dict[str, Any]) -> News:
    return News("basketball_nba", "projections", "mine", {"": list(rows)})


class Hearing(Mispricing):
    """The detector, which hears the same at every tick."""

    said: News | None = None

    def detect(self, tick: Tick) -> Iterator[Finding]:
        tick.news = {} if self.said is None else {"projections": Told(AT, self.said)}
        yield from super().detect(tick)


def hearing(said: News | None, markets: Sequence[str] = ("player_points",), **options: Any) -> Harness:
    subject = Hearing(Options.model_validate(options))
    subject.said = said
    return Harness([detector("consensus", markets=list(markets), in_play=True), subject])


Points = Mapping[str, tuple[float, float, float]]
"""By book: line, over, under."""


def points(
    minute: float = 0, player: str = CURRY, event: Event = GAME, line: float = 25.5, **own: tuple[float, float, float]
) -> Observation:
    books: Points = dict.fromkeys(BOOKS, (line, 1.91, 1.91)) | own
    plain = observation(AT + round(minute * MINUTE), {event: {book: [] for book in books}})
    said = msgspec.json.decode(plain.body, type=Snapshot)
    for book, (at, over, under) in books.items():
        quotes = (Quote("over", over, at), Quote("under", under, at))
        said.listings[0].offers.append((Offer(book, "player_points", quotes, player), plain.received_at))
    return msgspec.structs.replace(plain, body=msgspec.json.encode(said), id="")


def signals(said: News | None, *observations: Observation, **options: Any) -> list[Signal]:
    return hearing(said, **options).run(observations)


def test_a_price_that_is_worth_much_more_by_the_projection_is_a_signal() -> None:
    """By the projection the over of 25.5 comes in 58.0 % of all games; by the market in half of them."""
    (signal,) = signals(news(row()), points(fanduel=(25.5, 2.0, 1.83)))
    over = settle("counts", "over", 25.5, 27.5, 7.5)
    assert over is not None
    assert over.win == pytest.approx(0.5802, abs=1e-4)
    assert (signal.type, signal.market, signal.player, signal.outcome) == ("MISPRICED", "player_points", CURRY, "over")
    assert (signal.direction, signal.operator) == ("down", None)
    assert signal.books == tuple(sorted(BOOKS))
    assert signal.magnitude == pytest.approx(over.win - 0.5, abs=1e-6)
    assert signal.threshold == pytest.approx(0.05 / 2.0)
    found = signal.metadata
    assert found["value"] == pytest.approx(over.win, abs=1e-6)
    assert found["consensus"] == 0.5
    assert found["fair_price"] == pytest.approx(1 / over.win, abs=1e-6)
    assert (found["implied"], found["push_probability"], found["reading"]) == (0.5, 0.0, READING)
    assert found["ev_percent"] == pytest.approx(100 * (2.0 * over.win - 1), abs=1e-3)
    assert (found["best"]["book"], found["best"]["line"], found["best"]["price"]) == ("fanduel", 25.5, 2.0)
    assert [each["ev_percent"] for each in found["worthwhile"]] == sorted(
        [each["ev_percent"] for each in found["worthwhile"]], reverse=True
    )
    assert found["projection"] == {
        "source": "mine", "line": 2, "mean": 27.5, "sd": 7.5, "distribution": "negative_binomial", "age_seconds": 0.0,
    }  # fmt: skip


def test_a_projection_that_agrees_with_the_market_says_nothing() -> None:
    assert signals(news(row(mean=25.8)), points()) == []


def test_a_low_projection_points_to_the_under() -> None:
    assert [each.outcome for each in signals(news(row(mean=21.0)), points())] == ["under"]


def test_the_threshold_is_met_exactly() -> None:
    """At 2.00 the expected value is 2p − 1: the threshold is put right there, and a hair above it."""
    over = settle("counts", "over", 25.5, 27.5, 7.5)
    assert over is not None
    percent = 100 * (2.0 * over.win - 1)
    prices = dict.fromkeys(BOOKS, (25.5, 2.0, 1.83))
    assert len(signals(news(row()), points(**prices), min_ev_percent=percent)) == 1
    assert signals(news(row()), points(**prices), min_ev_percent=percent + 1e-4) == []


def test_each_book_is_held_against_the_projection_at_its_own_line() -> None:
    """Who is two points lower is worth the most, though the consensus says nothing of that line."""
    (signal,) = signals(news(row()), points(betus=(23.5, 1.91, 1.91)))
    assert (signal.metadata["best"]["book"], signal.metadata["best"]["line"]) == ("betus", 23.5)
    assert (signal.metadata["consensus"], signal.metadata["operators"]) == (None, 6)
    assert signal.books == tuple(sorted(BOOKS))


def test_an_old_price_is_left_out() -> None:
    late = points(minute=12, betus=(23.5, 1.91, 1.91))
    body = msgspec.json.decode(late.body, type=Snapshot)
    offers = body.listings[0].offers
    offers[:] = [(offer, AT if offer.book == "betus" else at) for offer, at in offers]
    late = msgspec.structs.replace(late, body=msgspec.json.encode(body), id="")
    (signal,) = signals(news(row()), late)
    assert "betus" not in signal.books
    (signal,) = signals(news(row()), late, quote_age="12m")
    assert signal.metadata["best"]["age_seconds"] == 720.0


def test_a_refund_is_counted() -> None:
    (signal,) = signals(news(row()), points(line=25.0))
    over = settle("counts", "over", 25.0, 27.5, 7.5)
    assert over is not None
    assert signal.metadata["push_probability"] == pytest.approx(over.push, abs=1e-6)
    assert signal.metadata["push_probability"] > 0.04
    assert signal.metadata["ev_percent"] == pytest.approx(100 * (1.91 * over.win + over.push - 1), abs=1e-3)
    assert signal.magnitude / signal.threshold == pytest.approx(signal.metadata["ev_percent"] / 5.0, rel=1e-4)


def test_without_a_consensus_nothing_is_said() -> None:
    assert signals(news(row()), points(), markets=["h2h"]) == []
    few = points()
    body = msgspec.json.decode(few.body, type=Snapshot)
    del body.listings[0].offers[4:]
    assert signals(news(row()), msgspec.structs.replace(few, body=msgspec.json.encode(body), id="")) == []


def test_without_news_nothing_is_said() -> None:
    assert signals(None, points()) == []
    assert signals(news(), points()) == []


@pytest.mark.parametrize("player", ["stephen curry", "Stephen  CURRY", "Stephén Curry", "Stephen-Curry"])
def test_a_player_is_the_same_however_spelt(player: str) -> None:
    assert len(signals(news(row(player=player)), points())) == 1


@pytest.mark.parametrize("player", ["Stephen Curry Jr.", "Seth Curry", None])
def test_another_player_is_another(player: str | None) -> None:
    assert signals(news(row(player=player)), points()) == []


def by_teams(**own: Any) -> dict[str, Any]:
    teams = {"event": None, "home": "Golden State Warriors", "away": "Boston Celtics"}
    return row(**teams, starts_from=START, starts_before=START + 24 * HOUR, **own)


def test_an_event_is_found_by_its_teams_and_date() -> None:
    assert len(signals(news(by_teams()), points())) == 1
    assert signals(news(by_teams() | {"home": "Boston Celtics", "away": "Golden State Warriors"}), points()) == []
    for start in (START - 1, START + 24 * HOUR):
        assert signals(news(by_teams()), points(event=msgspec.structs.replace(GAME, commence_at=start))) == []


def test_an_event_that_is_named_comes_before_one_of_the_same_teams() -> None:
    (signal,) = signals(news(row(line=9), by_teams(mean=20.0)), points())
    assert signal.metadata["projection"]["line"] == 9
    assert signals(news(row(event="other")), points()) == []


def test_a_projection_grows_too_old() -> None:
    said = news(row(written_at=AT - 24 * HOUR))
    assert len(signals(said, points())) == 1
    assert signals(said, points(minute=1e-6)) == []
    assert signals(said, points(), max_age="1h") == []


def test_in_play_nothing_is_said_unless_asked_for() -> None:
    running = msgspec.structs.replace(GAME, commence_at=AT - HOUR)
    assert signals(news(row()), points(event=running)) == []
    assert len(signals(news(row()), points(event=running), in_play=True)) == 1


def test_spreads_and_totals_take_the_margin_model_where_no_sd_is_given() -> None:
    """Home by 7 where the market says 3; 226 points where it says 226: worth nothing."""
    said = news(row(market="spreads", player=None, mean=7.0, sd=None), row(market="totals", player=None, mean=226.0))
    books = {book: [spread(-3.5, 1.91, 1.91), total(226.5, 1.91, 1.91)] for book in BOOKS}
    found = hearing(said, ["spreads", "totals"]).feed(observation(AT, {GAME: books})).signals
    assert [(each.market, each.outcome) for each in found] == [("spreads", "home")]
    source = found[0].metadata["projection"]
    assert (source["distribution"], source["sd"]) == ("normal", 11.2)
    assert found[0].metadata["consensus"] == pytest.approx(0.5)


def test_a_spread_at_another_line_is_compared_by_the_margin_model() -> None:
    said = news(row(market="spreads", player=None, mean=9.0, sd=12.0))
    books = {book: [spread(-3.5, 1.91, 1.91)] for book in BOOKS} | {"betus": [spread(-2.5, 1.91, 1.91)]}
    (signal,) = hearing(said, ["spreads"]).feed(observation(AT, {GAME: books})).signals
    assert signal.metadata["best"]["book"] == "betus"
    assert signal.metadata["consensus"] == pytest.approx(0.5356, abs=1e-3)


def test_a_signal_comes_once_and_again_only_when_it_grew() -> None:
    running = hearing(news(row()), cooldown="0s")
    fired = [
        len(running.feed(points(minute, fanduel=(25.5, price, 1.83))).signals)
        for minute, price in enumerate((2.0, 2.0, 2.02, 2.2))
    ]
    assert fired == [1, 0, 0, 1]


def test_what_did_not_change_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import stratumd_projection.detector as module

    looked: list[int] = []
    real = module.worths

    def counting(*arguments: Any) -> Any:
        looked.append(1)
        return real(*arguments)

    monkeypatch.setattr(module, "worths", counting)
    running = hearing(news(row()))
    counts = []
    for minute, price in enumerate((1.91, 1.91, 1.95, 1.95)):
        running.feed(points(minute, fanduel=(25.5, price, 1.87)))
        counts.append(len(looked))
    assert counts == [1, 1, 2, 2]


class Scripted(Mispricing):
    """The detector over the script of the contract, with a projection of its events' spreads and totals."""

    def detect(self, tick: Tick) -> Iterator[Finding]:
        rows = [
            row(event=tick.event.id, market=market, player=None, mean=mean, sd=12.0, written_at=tick.at)
            for market, mean in (("spreads", 12.0), ("totals", 235.0))
        ]
        said = msgspec.structs.replace(news(*rows), sport=tick.event.sport)
        tick.news = {"projections": Told(tick.at, said)}
        yield from super().detect(tick)


def test_it_keeps_the_contract() -> None:
    before = (detector("consensus"),)
    assert {finding.type for _, finding in Detecting(Scripted, {}, before).findings()} == {"MISPRICED"}
    assert [verdict for verdict in verify_detector(Scripted, {}, before=before) if verdict.problem] == []
