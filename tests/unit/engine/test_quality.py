"""Quality: each rule fires where it should, flags and drops nothing, and goes on after a restart as if none was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from stratumd.engine import Pipeline, Step
from stratumd.engine.quality import REJECTING, RULES, Bounds
from stratumd.plugin import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Event,
    Issue,
    Listing,
    Micros,
    Normalizer,
    Observation,
    Offer,
    Place,
    PluginConfig,
    Quote,
    Request,
    Scope,
    Severity,
    Snapshot,
)

NBA = "basketball_nba"
GAME = Event("game", NBA, "Boston Celtics", "Miami Heat", 100 * DAY)
LENIENT = Bounds(min_hold=0.02, max_hold=0.15, most_movement=10.0, reject_invalid=False)
STRICT = msgspec.structs.replace(LENIENT, reject_invalid=True)


class Told(Normalizer):
    """Understands an observation as the snapshot that stands under its path."""

    name = "told"
    snapshots: dict[str, Snapshot]

    def normalize(self, observation: Observation) -> Snapshot:
        return self.snapshots[observation.request.path]


class Market:
    """A pipeline without detectors, and what it is told."""

    def __init__(self, bounds: Bounds = LENIENT, **more: Any) -> None:
        self.told = Told(PluginConfig())
        self.told.snapshots = {}
        self.bounds, self.more = bounds, more
        self.pipeline = self.fresh()
        self.steps: list[Step] = []

    def fresh(self) -> Pipeline:
        return Pipeline("test", [], {"told": self.told}, bounds=self.bounds, **self.more)

    def see(
        self,
        at: Micros,
        *offers: Offer,
        age: Micros | dict[str, Micros] | None = None,
        event: Event = GAME,
        unreadable: Iterable[Place] = (),
        books: Sequence[str] | None = None,
        markets: Sequence[str] | None = None,
    ) -> list[Issue]:
        """Let the pipeline take these offers, confirmed `age` ago by the books' own word; return what is flagged."""
        ages = age if isinstance(age, dict) else {}
        offered = [
            (o, None if age is None else at - (ages.get(o.book, SECOND) if isinstance(age, dict) else age))
            for o in offers
        ]
        scope = Scope(
            NBA,
            "regions=us",
            markets=None if markets is None else frozenset(markets),
            books=None if books is None else frozenset(books),
        )
        return self.take(at, Snapshot(scope, [Listing(event, offered, tuple(unreadable))], []))

    def take(self, at: Micros, snapshot: Snapshot) -> list[Issue]:
        path = f"/{len(self.told.snapshots)}"
        self.told.snapshots[path] = snapshot
        step = self.pipeline.step(Observation("odds", "told", at, Request(path), 200, b""))
        self.steps.append(step)
        return list(step.issues)

    def restart(self) -> None:
        """Go on in a new pipeline, from what the steps stored."""
        last = {(change.component, change.event): change for step in self.steps for change in step.states}
        self.pipeline = self.fresh()
        for step in self.steps:
            self.pipeline.warm(step.observation, step.at)
        assert self.pipeline.load(last.values()) == []


def spread(line: float, price: float = 1.91, *, book: str = "fanduel", other: float | None = None) -> Offer:
    return Offer(book, "spreads", (Quote("home", price, line), Quote("away", 1.91, -line if other is None else other)))


def total(line: float, book: str = "fanduel") -> Offer:
    return Offer(book, "totals", (Quote("over", 1.91, line), Quote("under", 1.91, line)))


def rules(issues: Iterable[Issue]) -> list[str]:
    return [issue.rule for issue in issues]


FLAWED = [
    ("price_range", Offer("fanduel", "outrights", (Quote("A", 2000.0), Quote("B", 1.9)))),
    ("hold_range", Offer("fanduel", "h2h", (Quote("home", 1.5), Quote("away", 1.5)))),
    ("hold_range", Offer("fanduel", "h2h", (Quote("home", 2.1), Quote("away", 2.1)))),
    ("hold_range", Offer("fanduel", "h2h", (Quote("home", 2.0), Quote("away", 2.5), Quote("draw", 3.0)))),
    ("missing_line", Offer("fanduel", "totals", (Quote("over", 1.91, 220.5), Quote("under", 1.91)))),
    ("unequal_lines", Offer("fanduel", "totals", (Quote("over", 1.91, 220.5), Quote("under", 1.91, 221.5)))),
    ("unequal_lines", spread(-3.5, other=2.5)),
    ("one_sided", Offer("fanduel", "totals", (Quote("over", 1.91, 220.5),))),
    ("unknown_book", spread(-3.5, book="nobody")),
]


@pytest.mark.parametrize(("rule", "offer"), FLAWED)
def test_a_flawed_offer_is_flagged_once_and_kept(rule: str, offer: Offer) -> None:
    market = Market()
    (issue,) = market.see(0, offer)
    assert (issue.rule, issue.severity, issue.event, issue.book) == (rule, RULES[rule], "game", offer.book)
    assert market.pipeline.board.offer("game", offer) == offer
    assert market.see(MINUTE, offer) == []


@pytest.mark.parametrize(
    "offer",
    [
        spread(-3.5),
        spread(0.0),
        total(220.5),
        Offer("fanduel", "h2h", (Quote("home", 1.5), Quote("away", 2.7))),
        Offer("fanduel", "h2h", (Quote("home", 2.4), Quote("away", 3.1), Quote("draw", 3.2))),
        Offer("fanduel", "h2h_lay", (Quote("home", 2.1), Quote("away", 2.1))),
        Offer("fanduel", "btts", (Quote("yes", 1.3),)),
        Offer("fanduel", "player_points", (Quote("over", 1.9, 20.5), Quote("over", 1.5, 15.5)), "A Player"),
    ],
)
def test_a_sound_offer_is_not_flagged(offer: Offer) -> None:
    assert [issue for issue in Market().see(0, offer) if issue.severity is not Severity.INFO] == []


def test_one_side_of_a_players_line_is_usual() -> None:
    (issue,) = Market().see(0, Offer("fanduel", "player_points", (Quote("over", 1.9, 20.5),), "A Player"))
    assert (issue.rule, issue.severity) == ("one_sided", Severity.INFO)


@pytest.mark.parametrize(("line", "flagged"), [(220.5, []), (230.5, []), (231.0, ["excessive_movement"])])
def test_a_line_that_moves_more_than_ten_points_is_flagged(line: float, flagged: list[str]) -> None:
    market = Market()
    market.see(0, total(220.5))
    assert rules(market.see(MINUTE, total(line))) == flagged


def test_a_quote_that_changed_before_its_last_word_is_out_of_sequence() -> None:
    market = Market()
    market.see(0, spread(-3.5), age=0)
    assert rules(market.see(MINUTE, spread(-4.0), age=2 * MINUTE)) == ["sequence"]


def test_an_answer_that_came_late_is_out_of_sequence() -> None:
    market = Market()
    market.see(HOUR, spread(-3.5))
    assert rules(market.see(MINUTE, spread(-3.5))) == ["sequence"]


def test_a_book_is_stale_by_its_own_rhythm() -> None:
    """Ten minutes are much for a book that confirms each second, and nothing for one that does every ten minutes."""
    market = Market()
    ages = {"fanduel": SECOND, "bovada": 10 * MINUTE, "betmgm": SECOND}
    for n in range(200):
        moving = spread(-3.5 - 0.5 * (n % 2), book="betmgm")
        assert "stale_book" not in rules(
            market.see(n * MINUTE, spread(-3.5), spread(-3.0, book="bovada"), moving, age=ages)
        )
    ages["fanduel"] = 10 * MINUTE
    (issue,) = market.see(
        300 * MINUTE, spread(-3.5), spread(-3.0, book="bovada"), spread(-9.0, book="betmgm"), age=ages
    )
    assert (issue.rule, issue.book) == ("stale_book", "fanduel")


def test_nothing_is_stale_while_nothing_moves() -> None:
    market = Market()
    for n in range(100):
        market.see(n * MINUTE, spread(-3.5 - 0.5 * (n % 2)), age=SECOND)
    assert market.see(200 * MINUTE, spread(-4.0), age=15 * MINUTE) == []


def test_a_book_that_was_asked_for_by_name_and_is_not_there_is_flagged_once_a_day() -> None:
    market = Market()
    asked = ["fanduel", "caesars"]
    (issue,) = market.see(0, spread(-3.5), books=asked)
    assert (issue.rule, issue.book) == ("missing_book", "caesars")
    assert market.see(MINUTE, spread(-3.5), books=asked) == []
    assert rules(market.see(DAY, spread(-3.5), books=asked)) == ["missing_book"]


def test_a_market_that_nobody_offers_is_flagged_when_that_begins() -> None:
    market = Market()
    asked = ["spreads", "totals", "h2h_lay"]
    assert [each.market for each in market.see(0, spread(-3.5), markets=asked)] == ["totals"]
    assert market.see(MINUTE, spread(-3.5), total(220.5), markets=asked) == []
    assert [each.market for each in market.see(2 * MINUTE, spread(-3.5), markets=asked)] == ["totals"]
    assert market.see(3 * MINUTE, spread(-3.5), markets=asked) == []


def test_an_unknown_team_is_flagged_where_the_teams_are_known() -> None:
    strange = msgspec.structs.replace(GAME, home="Springfield Isotopes")
    (issue,) = Market().see(0, spread(-3.5), event=strange)
    assert issue.rule == "unmatched_team"
    assert "Springfield Isotopes" in issue.detail
    elsewhere = msgspec.structs.replace(strange, sport="soccer_epl")
    assert Market().see(0, spread(-3.5), event=elsewhere) == []


def test_a_book_of_the_configuration_is_known() -> None:
    assert Market(operators={"house": "house"}).see(0, spread(-3.5, book="house")) == []


def test_what_was_flagged_and_learned_outlives_a_restart() -> None:
    going, restarted = Market(), Market()
    for n in range(120):
        offers = (spread(-3.5 - 0.5 * (n % 3)), spread(-3.0, book="nobody"))
        age = {"fanduel": (n % 7) * 10 * SECOND, "nobody": 14 * MINUTE if n % 40 == 39 else 9 * SECOND}
        assert going.see(n * MINUTE, *offers, age=age, books=["caesars"]) == restarted.see(
            n * MINUTE, *offers, age=age, books=["caesars"]
        )
        if n % 20 == 7:
            restarted.restart()
    assert {"stale_book", "unknown_book", "missing_book"} <= {i.rule for step in going.steps for i in step.issues}


@pytest.mark.parametrize(("rule", "offer"), [each for each in FLAWED if each[0] in {*REJECTING, "unknown_book"}])
def test_what_is_wrong_is_left_out_where_that_is_asked_for(rule: str, offer: Offer) -> None:
    market = Market(STRICT)
    good = spread(-3.5, book="betmgm")
    assert rules(market.see(0, offer, good)) == [rule]
    assert market.pipeline.board.offer("game", offer) is None
    assert market.pipeline.board.offer("game", good) == good
    assert rules(market.see(MINUTE, offer, good)) == [rule]


def test_a_line_that_moved_too_far_counts_when_it_is_confirmed() -> None:
    market = Market(STRICT)
    market.see(0, total(220.5))
    assert rules(market.see(MINUTE, total(163.5), spread(-3.5))) == ["excessive_movement", "missing_market"]
    assert market.pipeline.board.offer("game", total(0)) is None
    assert market.see(2 * MINUTE, total(163.5), spread(-3.5)) == []
    assert market.pipeline.board.offer("game", total(0)) == total(163.5)


def test_the_order_of_rejecting_survives_a_restart() -> None:
    going, restarted = Market(STRICT), Market(STRICT)
    for n in range(12):
        line = 220.5 if n % 4 < 2 else 163.5
        assert going.see(n * MINUTE, total(line)) == restarted.see(n * MINUTE, total(line))
        restarted.restart()


def test_signals_of_a_pipeline_that_rejects_have_ids_of_their_own() -> None:
    from stratumd.engine.identity import hashes
    from stratumd.odds import Pricing
    from tests.unit.engine.test_identity import Alone, Options

    def of(bounds: Bounds | None) -> dict[str, str]:
        return hashes([Alone(Options())], Pricing(), {}, bounds)

    assert of(None) == of(LENIENT) != of(STRICT)
