"""A point that is made from the one before is the point that would be made from nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import HOUR, MINUTE, ConsensusPoint, Micros, parse_iso
from stratumd.testing.harness import Harness, detector, game, moneyline, observation, spread

NOON: Micros = parse_iso("2026-01-10T12:00:00Z")
# Two of these share an operator with another one.
BOOKS = ("betmgm", "betonlineag", "betrivers", "draftkings", "lowvig", "pinnacle")
SPORTS = ("basketball_nba", "baseball_mlb", "soccer_epl")  # with a margin model, without, and with a draw
LINES = st.sampled_from([-1.5, -1.5, 1.5, 2.5])
PRICES = st.sampled_from([1.85, 1.91, 1.91, 2.0])


@st.composite
def offers(draw: st.DrawFn) -> list[Any]:
    """Return what one book offers: often nothing, a line, a two-way or a three-way market."""
    found: list[Any] = []
    if draw(st.booleans()):
        found.append(spread(draw(LINES), draw(PRICES), 1.91))
    if draw(st.booleans()):
        found.append(moneyline(draw(PRICES), *([3.4] if draw(st.booleans()) else []), 1.95))
    return found


POLLS = st.lists(st.dictionaries(st.sampled_from(BOOKS), offers()), min_size=2, max_size=8)
AGES = st.dictionaries(st.sampled_from(BOOKS), st.sampled_from([0, 20 * MINUTE]))


@given(st.sampled_from(SPORTS), POLLS, st.data())
def test_what_was_known_before_changes_no_point(sport: str, polls: list[dict[str, Any]], data: st.DataObject) -> None:
    weights = data.draw(st.sampled_from([{}, {"pinnacle": 3.0, "lowvig": 2.0}]))
    one = detector("consensus", min_books=2, weights=weights)
    event, posted = game(NOON + 6 * HOUR, sport=sport), dict[str, Any]()
    steady = Harness([one])
    last: dict[Any, ConsensusPoint] = {}
    for number, moved in enumerate(polls):
        at = NOON + number * MINUTE
        posted |= moved
        confirmed = dict.fromkeys(BOOKS, at) | {book: at - age for book, age in data.draw(AGES).items()}
        poll = observation(at, {event: posted}, confirmed=confirmed)
        news, alone = _points(steady, poll), _points(Harness([one]), poll)
        last |= news
        for key, point in alone.items():
            assert last[key].same(point)
            assert news.get(key, point) == point


def _points(harness: Harness, poll: Any) -> dict[Any, ConsensusPoint]:
    """Return the points of a poll that say something else than those before."""
    return {each.key: each for _, each in harness.feed(poll).records if isinstance(each, ConsensusPoint)}
