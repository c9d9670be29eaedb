"""The digest of a sink's signals: which are shown, and what it says to the letter."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.config.digests import SignalDigest
from stratumd.plugin import DAY, Signal, parse_iso
from stratumd.runtime.signal_digest import Close, chosen, notice, tally
from tests.unit.runtime.delivery_fakes import make_signal

UNTIL = parse_iso("2026-11-23T13:00:00Z")
VALUED: Close = {
    "reference": "named", "after_seconds": 0, "status": "valued", "book": "fanduel", "line": 3.5, "price": 1.95,
    "close_line": 4.0, "ev_percent": -2.04, "quality": "low",
}  # fmt: skip
GOLDEN = """\
2026-11-22 13:00 to 2026-11-23 13:00 UTC
Types: DISLOCATION 2, STEAM 1
Markets: spreads 2, h2h 1
- DISLOCATION · spreads · Miami Heat +3.5 against +2.5 · fanduel · strength 82
Miami Heat at Boston Celtics, start 2026-11-23 00:30, seen 2026-11-22 21:14; fanduel +3.5 at 1.95 was worth −2.0 % at the close of +4 (of few books)
- STEAM · spreads · Miami Heat ▲ 1 · fanduel · strength 61
Miami Heat at Boston Celtics, start 2026-11-23 00:30, seen 2026-11-22 21:14"""  # noqa: E501  # its lines are long


def made(id: str, strength: int, **changed: object) -> Signal:
    usual = {
        "type": "DISLOCATION", "home": "Boston Celtics", "away": "Miami Heat", "outcome": "away", "books": ("fanduel",),
        "market": "spreads", "strength": strength, "metadata": {"value": -3.5, "consensus": -2.5, "unit": "points"},
        "observed_at": parse_iso("2026-11-22T21:14:00Z"), "commence_at": parse_iso("2026-11-23T00:30:00Z"),
        "magnitude": 1.0, "direction": "up", "player": None, "operator": None,
    }  # fmt: skip
    return msgspec.structs.replace(make_signal(id), **usual | changed)


SIGNALS = [made("a", 40, market="h2h"), made("b", 82), made("c", 61, type="STEAM", metadata={})]


def test_it_reads_as_it_is_to_read() -> None:
    (b,) = [each.id for each in SIGNALS if each.strength == 82]
    found = notice("nba.discord", SignalDigest(), UNTIL - DAY, UNTIL, tally(SIGNALS, 2), {b: VALUED})
    assert found.id == "signal_digest/nba.discord/2026-11-23T13:00:00Z"
    assert (found.kind, found.title, found.at) == ("signal_digest", "Daily digest 2026-11-23: 3 signals", UNTIL)
    assert found.text == GOLDEN
    assert found.to is None
    strongest = found.figures["strongest"]
    assert [each["signal"]["strength"] for each in strongest] == [82, 61]
    assert [each["close"] for each in strongest] == [VALUED, None]
    assert found.figures["markets"] == {"h2h": 1, "spreads": 2}
    assert (found.figures["since"], found.figures["until"]) == ("2026-11-22T13:00:00Z", "2026-11-23T13:00:00Z")


def test_a_weekly_one_is_called_by_its_week() -> None:
    found = notice("a.b", SignalDigest(every="weekly"), UNTIL - 7 * DAY, UNTIL, tally(SIGNALS[:1], 1), {})
    assert found.title == "Weekly digest 2026-W48: 1 signal"


@pytest.mark.parametrize(("market", "close", "said"), [
    ("h2h", {"line": None, "close_line": None}, "fanduel at 1.95 was worth −2.0 % at the close"),
    ("totals", {"line": 220.0, "close_line": 218.5}, "fanduel 220 at 1.95 was worth −2.0 % at the close of 218.5"),
    ("spreads", {"book": None, "line": -0.0, "close_line": -1.25, "ev_percent": 2.06},
     "the consensus 0 at 1.95 was worth +2.1 % at the close of −1.25"),
])  # fmt: skip
def test_what_a_price_was_worth_is_said_from_the_bettors_side(market: str, close: Close, said: str) -> None:
    signal = made("a", 40, market=market, metadata={})
    known = {signal.id: {**VALUED, "quality": "good", **close}}
    assert notice("a.b", SignalDigest(), 0, DAY, tally([signal], 1), known).text.endswith(f"; {said}")


def test_what_others_wrote_is_put_on_its_own_line_without_what_a_terminal_obeys() -> None:
    signal = made("a", 40, home="Boston\x1b[2J\nUrgent: call us", market="h2h\r\n- STEAM", metadata={})
    close = {**VALUED, "book": "fan\nduel", "line": None}
    said = notice("a.b", SignalDigest(), 0, DAY, tally([signal], 1), {signal.id: close}).text
    assert len(said.splitlines()) == 5
    assert said.replace("\n", "").isprintable()


def test_a_price_that_was_left_behind_says_most() -> None:
    rows = [{**VALUED, "reference": name} for name in ("consensus", "named", "stale")]
    assert chosen(rows) == rows[2]
    assert chosen(rows[:2]) == rows[1]
    assert chosen([rows[0], {**rows[1], "status": "gone"}, {**rows[2], "after_seconds": 60}]) == rows[0]
    assert chosen([{**rows[2], "status": "no_close"}]) is None


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 5), st.sampled_from("AB"))), st.integers(1, 25))
def test_all_are_counted_and_the_strongest_shown(drawn: list[tuple[int, int, str]], top: int) -> None:
    signals = [made(f"{n}", power, observed_at=at, type=type) for n, (power, at, type) in enumerate(drawn)]
    found = tally(iter(signals), top)
    assert sum(found.types.values()) == sum(found.markets.values()) == len(signals)
    expected = sorted(signals, key=lambda each: (-each.strength, each.observed_at, each.id))
    assert found.strongest == expected[:top]
