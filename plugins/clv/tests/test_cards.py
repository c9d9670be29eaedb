"""Scorecards and ranks: nothing is said that the number of events does not bear."""

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from stratumd.plugin import DAY
from stratumd_clv.cards import scorecards
from stratumd_clv.learned import Said, public, sharp_weights, standings
from stratumd_clv.reports import Closes, Scorecards, Summary
from stratumd_clv.rows import BookClose, Closed, Closing, MarketClose, Value

BASE = Value(
    "p", "s", "named", 0, "e", "basketball_nba", "STEAM", "spreads", "home", 0, 70, "15-60m", 82.0, "High",
    "composite", "valued", "a", -3.0, 1.91, -3.5, 0.5, 0.01, 0.01, 0.5, -0.04, "good",
)  # fmt: skip


def value(event: int, ev: float | None, signal: int = 0, **other: object) -> Value:
    fields = {name: getattr(BASE, name) for name in BASE.__struct_fields__}
    status = "valued" if ev is not None else "no_close"
    return Value(**(fields | {"event": f"e{event}", "signal": f"{event}-{signal}", "ev": ev, "status": status} | other))


def noisy(events: int, mean: float, **other: object) -> list[Value]:
    draw = random.Random(5)
    return [value(event, draw.gauss(mean, 0.05), **other) for event in range(events)]


def test_under_thirty_events_there_is_a_mean_and_no_interval() -> None:
    (cell,) = scorecards(noisy(29, 0.02), ("type",))
    assert cell["maturity"] == "baseline_building"
    assert cell["interval_percent"] is None
    assert cell["p_value"] is None
    assert "discovery" not in cell


def test_ten_signals_of_one_event_are_one_witness() -> None:
    alone = noisy(40, 0.02)
    copies = [value(int(each.event[1:]), each.ev, copy) for each in alone for copy in range(10)]
    (few,), (many,) = scorecards(alone, ("type",)), scorecards(copies, ("type",))
    assert (many["signals"], many["events"]) == (400, 40)
    assert many["interval_percent"] == pytest.approx(few["interval_percent"], abs=1e-3)


def test_what_has_no_close_is_counted_and_not_guessed() -> None:
    values = [value(1, 0.02), value(2, None), value(3, 0.04), value(4, None, status="gone")]
    (cell,) = scorecards(values, ("type",))
    assert (cell["signals"], cell["valued"], cell["mean_percent"]) == (4, 2, 3.0)
    assert cell["without_close_percent"] == pytest.approx(33.333)
    assert cell["still_there_percent"] == 75.0


def test_the_rate_of_false_discoveries_is_over_all_cells_shown() -> None:
    """Of many cells without anything in them almost none is a discovery; one with something is."""
    draw = random.Random(1)
    noise = [
        value(event, draw.gauss(0.0, 0.05), type=f"NOISE{cell:02}", signal=cell)
        for cell in range(40)
        for event in range(40)
    ]
    cells = scorecards([*noise, *noisy(40, 0.06, type="TRUE")], ("type",))
    found = [cell["type"] for cell in cells if cell["discovery"]]
    assert "TRUE" in found
    assert len(found) <= 3
    assert all(cell["adjusted_p"] >= cell["p_value"] for cell in cells)


def test_cells_come_in_the_order_of_their_fields() -> None:
    values = [value(1, 0.0, market=market, type=type) for market in "ba" for type in "zy"]
    assert [(cell["market"], cell["type"]) for cell in scorecards(values, ("market", "type"))] == [
        ("a", "y"), ("a", "z"), ("b", "y"), ("b", "z"),
    ]  # fmt: skip


def test_a_cell_of_few_samples_is_left_out_before_discoveries_are_counted() -> None:
    """What is not shown must not make what is shown less sure."""
    shown = noisy(40, 0.03, type="MANY")
    hidden = [each for cell in range(20) for each in noisy(31, 0.0, type=f"FEW{cell}")]
    (alone,), (card,) = scorecards(shown, ("type",)), scorecards([*shown, *hidden], ("type",), min_samples=40)
    assert card == alone
    assert scorecards(shown, ("type",), min_samples=41) == []


# ---- questions


class Ledger:
    """Rows of values and closes; it refuses fields that a kind has not."""

    def __init__(self, *rows: Any) -> None:
        self._rows = rows

    def rows(self, kind: type[Any], **equal: Any) -> list[Any]:
        kept = [each for each in self._rows if isinstance(each, kind)]
        return [each for each in kept if all(getattr(each, name) == value for name, value in equal.items())]


def answered(report: type[Any], rows: Sequence[Any], **question: Any) -> list[dict[str, Any]]:
    context: Any = SimpleNamespace(pipeline="p")
    ledger: Any = Ledger(*rows)
    return [*report(report.config.model_validate(question), context).answer(ledger)]


ASKED = [
    value(1, 0.01),
    value(2, 0.01, type="MOVE", market="totals"),
    value(3, 0.01, strength=90, observed_at=DAY),
]


@pytest.mark.parametrize("report", [Summary, Scorecards])
@pytest.mark.parametrize(
    ("question", "signals"),
    [
        ({}, 3),
        ({"event": "e2"}, 1),
        ({"types": ["MOVE"]}, 1),
        ({"types": ["MOVE", "STEAM"]}, 3),
        ({"market": "spreads"}, 2),
        ({"min_strength": 71}, 1),
        ({"since": DAY}, 1),
        ({"since": 1, "market": "totals"}, 0),
        ({"min_samples": 2}, 2),
        ({"min_samples": 3}, 0),
    ],
)
def test_a_question_names_the_signals_it_is_about(report: type[Any], question: dict[str, Any], signals: int) -> None:
    assert sum(cell["signals"] for cell in answered(report, ASKED, **question)) == signals


def test_closing_lines_of_a_market_and_a_time() -> None:
    rows: list[Any] = [Closed("p", "e", "basketball_nba", 0, 0, 0, "", ""), Closed("p", "f", "b", 0, 0, 0, "", "")]
    for event, cutoff in (("e", 0), ("f", DAY)):
        rows.append(Closing("p", event, "last_seen", cutoff, cutoff))
        for market in ("h2h", "spreads"):
            rows.append(MarketClose("p", event, "last_seen", market, "none", 0, 0, "", None, None, "", None))
            rows.append(BookClose("p", event, cutoff, market, "a", "a", "", None, None, "", "", 0.0, 0, 0, None))
    for books in (False, True):
        assert len(answered(Closes, rows, books=books)) == 4
        found = answered(Closes, rows, books=books, market="h2h", since=1)
        assert [(row["event"], row["market"]) for row in found] == [("f", "h2h")]


# ---- ranks


def said(means: dict[str, float], events: int, noise: float = 0.3) -> list[Said]:
    draw = random.Random(3)
    return [Said(book, f"e{e}", abs(draw.gauss(mean, noise))) for e in range(events) for book, mean in means.items()]


def test_a_clear_difference_is_a_clear_rank() -> None:
    found = standings(said({"sharp": 0.5, "usual": 1.5, "soft": 3.0}, 60))
    assert [each.subject for each in found] == ["sharp", "usual", "soft"]
    assert all((each.low, each.high) == (each.rank, each.rank) for each in found)
    assert sharp_weights(found) == {"sharp": 2.0, "soft": 0.5}


def test_equals_have_intervals_that_overlap_and_no_weight() -> None:
    found = standings(said(dict.fromkeys("abcd", 1.0), 40))
    assert all(each.low is not None and each.high is not None and each.high > each.low for each in found)
    assert sharp_weights(found) == {}


def test_few_events_give_a_rank_without_an_interval_and_no_weight() -> None:
    found = standings(said({"sharp": 0.5, "soft": 3.0}, 29))
    assert public(found[0], book="sharp")["maturity"] == "baseline_building"
    assert sharp_weights(found) == {}


def test_one_lucky_record_is_drawn_towards_the_others() -> None:
    usual = said({"a": 1.0, "b": 1.1, "c": 0.9}, 50)
    found = {each.subject: each.shrunk for each in standings([*usual, Said("lucky", "e1", 0.0)])}
    assert found["lucky"] == pytest.approx(sum(each.value for each in usual) / (len(usual) + 1), rel=0.1)


def test_what_is_published_holds_no_figure_but_the_rank() -> None:
    (first, *_) = standings(said({"a": 1.0, "b": 2.0}, 40))
    assert public(first, book="a").keys() == {"book", "rank", "rank_interval", "records", "events", "maturity"}


def test_equal_records_give_equal_intervals() -> None:
    records = said({"a": 1.0, "b": 1.1}, 40)
    assert standings(records) == standings(list(reversed(records)))
