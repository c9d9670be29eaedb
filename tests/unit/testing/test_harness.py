"""The harness runs strangers' detectors as the daemon would, and lets nothing fail in silence."""

from collections.abc import Iterator
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.errors import PluginError
from stratumd.plugin import (
    HOUR,
    MINUTE,
    Detector,
    Finding,
    MarketKey,
    Observation,
    PluginConfig,
    Quote,
    Request,
    Tick,
)
from stratumd.testing.harness import (
    Books,
    Harness,
    detector,
    game,
    moneyline,
    normalizer,
    observation,
    spread,
    total,
)

NOON = 1_768_046_400_000_000
TONIGHT = game(NOON + 6 * HOUR)


class Shown(msgspec.Struct):
    """Metadata of LINE."""

    line: float


class LineSeen(Detector):
    """Says which line a book shows on the home side."""

    name = "line-seen"
    signals: ClassVar[dict[str, type[msgspec.Struct]]] = {"LINE": Shown}

    def detect(self, tick: Tick) -> Iterator[Finding]:
        for market in tick.markets:
            for line in market.present():
                quote = line.spans[-1].offer.quotes[0]  # type: ignore[union-attr]  # present: it offers something
                yield Finding("LINE", market.key, "home", "up", 1.0, 1.0, (line.book,), 50, {"line": quote.line})


class Faulty(Detector):
    """Fails at once."""

    name = "faulty"

    def detect(self, tick: Tick) -> Iterator[Finding]:
        raise ZeroDivisionError("nothing left")


def books(line: float) -> Books:
    return {"fanduel": [spread(line, 1.91, 1.91)]}


def test_a_step_holds_what_followed_from_the_observation() -> None:
    step = Harness([LineSeen(PluginConfig())]).feed(observation(NOON, {TONIGHT: books(-3.5)}))
    assert [signal.metadata for signal in step.signals] == [{"line": -3.5}]
    assert step.events == (TONIGHT,)
    assert step.quotes == 2


def test_run_returns_the_signals_of_all_observations_in_order() -> None:
    """The finding holds, is gone with the market, and holds again: the gate lets it fire twice."""
    seen = [
        observation(NOON, {TONIGHT: books(-3.5)}),
        observation(NOON + MINUTE, {TONIGHT: books(-4.0)}),
        observation(NOON + 2 * MINUTE, {TONIGHT: {}}),
        observation(NOON + 3 * MINUTE, {TONIGHT: books(-4.5)}),
    ]
    signals = Harness([LineSeen(PluginConfig())]).run(seen)
    assert [signal.observed_at for signal in signals] == [NOON, NOON + 3 * MINUTE]


def test_a_detector_that_fails_raises_with_its_name_and_place() -> None:
    with pytest.raises(PluginError, match="ZeroDivisionError: nothing left") as raised:
        Harness([Faulty(PluginConfig())]).feed(observation(NOON, {TONIGHT: books(-3.5)}))
    assert raised.value.plugin == "faulty"
    assert raised.value.where.startswith("test_harness.py:")


def test_a_body_that_is_no_snapshot_raises_too() -> None:
    broken = Observation("test", "plain", NOON, Request("/plain"), 200, b"{}")
    with pytest.raises(PluginError) as raised:
        Harness([]).feed(broken)
    assert raised.value.plugin == "plain"


def test_what_is_missing_from_the_next_observation_is_gone() -> None:
    harness = Harness([])
    harness.feed(observation(NOON, {TONIGHT: books(-3.5)}))
    step = harness.feed(observation(NOON + MINUTE, {TONIGHT: {}}))
    assert [(change.book, change.price) for change in step.changes] == [("fanduel", None)] * 2


def test_another_lane_says_nothing_about_the_first() -> None:
    harness = Harness([])
    harness.feed(observation(NOON, {TONIGHT: books(-3.5)}))
    assert harness.feed(observation(NOON + MINUTE, {TONIGHT: {}}, lane="other")).changes == ()


def test_operators_and_the_time_of_confirmation_reach_the_detectors() -> None:
    """Both books are one operator, and one of them is too old to count."""
    harness = Harness([detector("consensus", min_books=2)], operators={"betmgm": "fanduel"})
    offers = {book: [moneyline(1.8, 2.1)] for book in ("betmgm", "fanduel", "bovada")}
    step = harness.feed(observation(NOON, {TONIGHT: offers}, confirmed={"bovada": NOON - HOUR}))
    [(_, point)] = step.records
    assert point.reason == "too_few_operators"  # type: ignore[attr-defined]  # a consensus point


def test_an_installed_detector_is_built_as_the_configuration_would() -> None:
    assert detector("steam", window="90s").options.window.total_seconds() == 90


def test_an_unknown_detector_is_named() -> None:
    with pytest.raises((LookupError, PluginError), match="steem"):
        detector("steem")


def test_a_plugin_without_such_a_component_is_named() -> None:
    with pytest.raises(LookupError, match="no detector 'odds-api'"):
        detector("odds-api")


def test_a_provider_s_answers_are_read_by_its_normalizer() -> None:
    request = Request("/v4/sports/basketball_nba/odds", {"regions": "us", "oddsFormat": "american"})
    seen = Observation("nba", "odds-api", NOON, request, 200, b"[]")
    assert Harness([], [normalizer("odds-api")]).feed(seen).issues == ()


def test_one_observation_covers_one_sport() -> None:
    with pytest.raises(ValueError, match="one sport"):
        observation(NOON, {TONIGHT: {}, game(NOON, id="other", sport="baseball_mlb"): {}})


@given(st.integers(-80, 80).map(lambda halves: halves / 2), st.floats(1.01, 20), st.floats(1.01, 20))
def test_the_sides_of_a_spread_mirror_each_other_and_a_pick_em_is_no_negative_zero(
    line: float, home: float, away: float
) -> None:
    market, quotes = spread(line, home, away)
    assert market == "spreads"
    assert quotes == (Quote("home", home, line), Quote("away", away, -line))
    assert str(quotes[1].line) != "-0.0"


def test_moneylines_have_a_draw_where_one_is_given_and_totals_one_line() -> None:
    assert [quote.outcome for quote in moneyline(2.5, 2.9, 3.1)[1]] == ["home", "away", "draw"]
    assert total(220.5, 1.9, 1.92) == ("totals", (Quote("over", 1.9, 220.5), Quote("under", 1.92, 220.5)))


def test_a_market_key_is_the_provider_s() -> None:
    step = Harness([]).feed(observation(NOON, {TONIGHT: books(-3.5)}))
    assert step.coverage[0].markets == (MarketKey("spreads"),)
