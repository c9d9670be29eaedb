"""POSITIVE_EV: a price against the fair price of the others, under three methods."""

from __future__ import annotations

from statistics import NormalDist, median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratumd.odds import Method, devig, expected_value, worst_case
from stratumd.plugin import HOUR, MINUTE, Event, Micros, Signal, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread, total
from stratumd_value import Value
from stratumd_value.options import Options

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
CONSENSUS = detector("consensus")
BOOKS = ("betmgm", "betrivers", "betus", "bovada", "draftkings", "fanduel", "mybookieag")
EVEN = 1.91
METHODS: tuple[Method, ...] = ("multiplicative", "additive", "power")


def harness(**options: Any) -> Harness:
    return Harness([CONSENSUS, Value(Options.model_validate(options))])


def fixture(starts: Micros = NOON + 6 * HOUR, sport: str = "basketball_nba") -> Event:
    return game(starts, sport=sport)


def signals(books: dict[str, Any], *, event: Event | None = None, age: Micros = 0, **options: Any) -> list[Signal]:
    """Return the POSITIVE_EV signals of one observation; the books' last updates are `age` old."""
    confirmed = dict.fromkeys(books, NOON - age)
    step = harness(**options).feed(observation(NOON, {event or fixture(): books}, confirmed=confirmed))
    return [signal for signal in step.signals if signal.type == "POSITIVE_EV"]


def everyone(offer: Any, **own: Any) -> dict[str, Any]:
    return {book: [own.get(book, offer)] for book in BOOKS}


def test_a_price_above_the_fair_price_of_the_others_is_found() -> None:
    """1.80 and 2.05 everywhere else make home's fair price 1.878; here it is 2.02."""
    (signal,) = signals(everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)))
    assert (signal.operator, signal.outcome, signal.books) == ("fanduel", "home", ("fanduel",))
    assert signal.metadata["best"] == {"book": "fanduel", "line": None, "price": 2.02, "age_seconds": 0.0}
    ev = signal.metadata["ev_percent"]
    assert ev["multiplicative"] == pytest.approx(100 * (2.02 * 2.05 / 3.85 - 1), abs=1e-3)
    assert ev["worst_case"] == min(ev[method] for method in METHODS)


def test_magnitude_and_threshold_are_in_probability() -> None:
    """Their ratio is the expected value over the least one: growth by as much again may fire again."""
    (signal,) = signals(
        everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)), positive_ev={"min_ev_percent": 3}
    )
    metadata = signal.metadata
    assert signal.magnitude == pytest.approx(metadata["consensus"] - metadata["value"], abs=1e-6)
    assert signal.magnitude / signal.threshold == pytest.approx(metadata["ev_percent"]["worst_case"] / 3, abs=1e-3)
    assert metadata["fair_price"] == pytest.approx(1 / metadata["consensus"], abs=1e-4)


def test_the_least_value_is_an_option() -> None:
    books = everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83))
    assert not signals(books, positive_ev={"min_ev_percent": 8})
    assert signals(books, positive_ev={"min_ev_percent": 7})


def test_all_three_methods_have_to_agree() -> None:
    """A long shot beside a large margin: by the multiplicative method it has value, by the others it has none."""
    books = everyone(moneyline(1.10, 6.50), fanduel=moneyline(1.08, 7.2))
    assert expected_value(7.2, devig((1.10, 6.50)).probabilities[1]) > 0.04
    assert not signals(books, positive_ev={"min_ev_percent": 0.001})


@settings(max_examples=60, deadline=None)
@given(
    home=st.floats(1.05, 3.0),
    margin=st.floats(1.0, 1.12),
    price=st.floats(1.02, 15.0),
    least=st.floats(0.1, 20.0),
)
def test_it_never_fires_where_one_of_the_methods_says_otherwise(
    home: float, margin: float, price: float, least: float
) -> None:
    """The judged price stands alone against six equal quotes, so their median is any one of them."""
    away = 1 / max(margin - 1 / home, 0.02)
    books = everyone(moneyline(home, away), fanduel=moneyline(1.01, price))
    found = [s for s in signals(books, positive_ev={"min_ev_percent": least}) if s.operator == "fanduel"]
    least_of_all = 100 * expected_value(price, worst_case((home, away))[1])
    if abs(least_of_all - least) > 1e-6:
        assert bool([s for s in found if s.outcome == "away"]) == (least_of_all > least)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1.5, 2.6), min_size=7, max_size=7))
def test_no_operator_is_judged_by_its_own_quote(prices: list[float]) -> None:
    """The fair probability is the median of the others, by the method that gives the least."""
    rows = {book: (price, 1 / (1.05 - 1 / price)) for book, price in zip(BOOKS, prices, strict=True)}
    for signal in signals({book: [moneyline(*row)] for book, row in rows.items()}):
        others = [book for book in BOOKS if book != signal.operator]
        assert [each["operator"] for each in signal.metadata["rests_on"]] == others
        side = ("home", "away").index(signal.outcome)
        by_method = [median(devig(rows[book], method).probabilities[side] for book in others) for method in METHODS]
        assert signal.metadata["consensus"] == pytest.approx(min(by_method), abs=1e-6)


def test_books_of_one_operator_are_left_out_together() -> None:
    books = everyone(moneyline(1.80, 2.05))
    books |= {"lowvig": [moneyline(2.0, 1.85)], "betonlineag": [moneyline(2.02, 1.83)]}
    (signal,) = signals(books)
    assert (signal.operator, signal.books) == ("betonlineag", ("betonlineag",))
    assert {each["operator"] for each in signal.metadata["rests_on"]} == set(BOOKS)


def test_it_takes_enough_others() -> None:
    books = everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83))
    five = {book: books[book] for book in ("betmgm", "betrivers", "betus", "bovada", "fanduel")}
    assert not signals(five)
    assert signals(five, min_books=4)


def test_a_sharp_book_speaks_alone_where_it_is_there() -> None:
    """The crowd sees value at fanduel; the sharp book agrees with fanduel, and sees it in the crowd."""
    books = everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83))
    books["pinnacle"] = [moneyline(2.0, 1.9)]
    found = signals(books, sharp=["pinnacle"])
    assert {(signal.operator, signal.outcome) for signal in found} == {(b, "away") for b in BOOKS if b != "fanduel"}
    assert all(signal.metadata["reference"] == "sharp" for signal in found)
    assert [each["book"] for each in found[0].metadata["rests_on"]] == ["pinnacle"]


def test_the_weights_of_the_consensus_count() -> None:
    """A book that weighs more than all others together is the median by itself."""
    books = everyone(moneyline(1.80, 2.05), betmgm=moneyline(1.95, 1.87), fanduel=moneyline(2.02, 1.83))
    running = Harness([detector("consensus", weights={"betmgm": 10.0}), Value(Options())])
    found = running.feed(observation(NOON, {fixture(): books})).signals
    assert {(s.operator, s.outcome) for s in found if s.type == "POSITIVE_EV"} == {
        (book, "away") for book in BOOKS if book not in ("betmgm", "fanduel")
    } | {("betmgm", "home")}


def test_without_its_sharp_book_the_crowd_speaks() -> None:
    (signal,) = signals(everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)), sharp=["pinnacle"])
    assert (signal.operator, signal.metadata["reference"]) == ("fanduel", "others")


def test_a_sharp_book_that_is_not_the_best_of_its_operator_speaks_itself() -> None:
    books = everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83))
    books |= {"lowvig": [moneyline(1.85, 2.05)], "betonlineag": [moneyline(1.80, 2.05)]}
    (signal, *_) = signals(books, sharp=["betonlineag"])
    assert [each["book"] for each in signal.metadata["rests_on"]] == ["betonlineag"]


def test_prices_at_other_lines_are_translated() -> None:
    """Everybody gives home −3.5 and this book −1.5 at the same price: two points that cost nothing."""
    (signal,) = signals(everyone(spread(-3.5, EVEN, EVEN), fanduel=spread(-1.5, EVEN, EVEN)))
    assert (signal.outcome, signal.metadata["best"]["line"]) == ("home", -1.5)
    assert signal.metadata["consensus"] == pytest.approx(0.5709, abs=1e-3)
    assert signal.metadata["push_probability"] == 0.0


def test_a_refund_takes_its_part_of_the_value() -> None:
    """At a whole line a stake may come back: value is made on the rest only."""
    (signal,) = signals(everyone(total(226.5, EVEN, EVEN), fanduel=total(230, EVEN, EVEN)))
    metadata = signal.metadata
    push = metadata["push_probability"]
    assert (signal.outcome, push) == ("under", pytest.approx(0.0242, abs=1e-3))
    ev = 100 * (1 - push) * (EVEN * metadata["consensus"] - 1)
    assert metadata["ev_percent"]["worst_case"] == pytest.approx(ev, abs=1e-2)


def test_a_refund_of_a_spread_is_where_the_margin_meets_its_line() -> None:
    """Home −4 comes back at a margin of 4, where 2.5 is expected and σ is 11.2."""
    (signal,) = signals(everyone(spread(-2.5, EVEN, EVEN), fanduel=spread(-4, EVEN, EVEN)))
    expected = NormalDist(2.5, 11.2).cdf(4.5) - NormalDist(2.5, 11.2).cdf(3.5)
    assert (signal.outcome, signal.metadata["push_probability"]) == ("away", pytest.approx(expected, abs=1e-6))


def test_without_a_margin_model_only_the_same_line_is_judged() -> None:
    baseball = fixture(sport="baseball_mlb")
    same = everyone(spread(-1.5, 2.3, 1.65), fanduel=spread(-1.5, 2.6, 1.53))
    (signal,) = signals(same, event=baseball)
    assert (signal.operator, signal.outcome) == ("fanduel", "home")
    assert not signals(everyone(spread(-1.5, 2.3, 1.65), fanduel=spread(1.5, 2.6, 1.53)), event=baseball)


def test_without_a_margin_model_an_operators_other_book_is_not_judged_at_another_line() -> None:
    """Away −1.5 at 2.9 is no bargain for those who sell away +1.5 at 1.65."""
    books = everyone(spread(-1.5, 2.3, 1.65))
    books |= {"betonlineag": [spread(-1.5, 2.35, 1.68)], "lowvig": [spread(1.5, 1.35, 2.9)]}
    assert not signals(books, event=fixture(sport="baseball_mlb"))


def test_a_draw_can_be_the_cheap_one() -> None:
    books = everyone(moneyline(2.5, 2.9, 3.2), fanduel=moneyline(2.4, 2.8, 3.9))
    (signal,) = signals(books, event=fixture(sport="soccer_epl"))
    assert (signal.operator, signal.outcome) == ("fanduel", "draw")


def test_the_medians_of_three_outcomes_are_made_to_sum_to_one() -> None:
    rows = [(2.5, 2.9, 3.2), (2.3, 3.1, 3.3), (2.6, 2.7, 3.4), (2.4, 3.0, 3.0), (2.7, 2.8, 3.1), (2.35, 2.95, 3.35)]
    others = [book for book in BOOKS if book != "fanduel"]
    books: dict[str, Any] = {book: [moneyline(*row)] for book, row in zip(others, rows, strict=True)}
    found = signals(books | {"fanduel": [moneyline(2.4, 2.8, 4.4)]}, event=fixture(sport="soccer_epl"))
    (signal,) = [each for each in found if each.operator == "fanduel"]
    fair = []
    for method in METHODS:
        columns = zip(*[devig(row, method).probabilities for row in rows], strict=True)
        medians = [median(column) for column in columns]
        fair.append(medians[2] / sum(medians))
    assert signal.metadata["consensus"] == pytest.approx(min(fair), abs=1e-6)


def test_every_quote_says_how_old_it_is() -> None:
    (signal,) = signals(everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)), age=4 * MINUTE)
    metadata = signal.metadata
    assert metadata["best"]["age_seconds"] == metadata["oldest_seconds"] == 240.0
    assert {each["age_seconds"] for each in metadata["rests_on"]} == {240.0}


def test_quotes_too_old_for_the_consensus_say_nothing() -> None:
    assert not signals(everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)), age=11 * MINUTE)


def test_in_play_is_left_out_unless_asked_for() -> None:
    books = everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83))
    running = Harness([detector("consensus", in_play=True), detector("value")])
    assert not running.feed(observation(NOON, {fixture(NOON - HOUR): books})).signals
    asked = Harness([detector("consensus", in_play=True), detector("value", in_play=True)])
    assert asked.feed(observation(NOON, {fixture(NOON - HOUR): books})).signals


def test_it_does_not_fire_again_while_it_holds() -> None:
    books = everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83))
    fired = harness().run(observation(NOON + i * MINUTE, {fixture(): books}) for i in range(30))
    (signal,) = [signal for signal in fired if signal.type == "POSITIVE_EV"]
    assert (signal.observed_at, signal.expires_at) == (NOON, NOON + 5 * MINUTE)


def test_it_is_found_when_others_are_heard_again_though_no_price_changed() -> None:
    """Their last updates pass from too old for the consensus to just young enough."""
    books, others = everyone(moneyline(1.80, 2.05), fanduel=moneyline(2.02, 1.83)), BOOKS[:3]
    running, found = harness(), []
    for i, age in enumerate((11, 5)):
        at = NOON + i * MINUTE
        step = running.feed(observation(at, {fixture(): books}, confirmed=dict.fromkeys(others, at - age * MINUTE)))
        found.append([signal.type for signal in step.signals if signal.type == "POSITIVE_EV"])
    assert found == [[], ["POSITIVE_EV"]]
