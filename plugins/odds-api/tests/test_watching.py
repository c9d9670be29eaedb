"""Which events are watched, and what is asked about them."""

from __future__ import annotations

from typing import Any

import pytest

from stratumd.plugin import HOUR, MINUTE, Fixture
from stratumd_odds_api import OddsApiSource
from stratumd_odds_api.rounds import Question
from stratumd_odds_api.watching import Watch

NBA = "basketball_nba"


def source(**more: Any) -> OddsApiSource:
    options = {"api_key": "k", "sports": [NBA, "soccer_epl"], "regions": ["us"], **more}
    context: Any = None
    return OddsApiSource(OddsApiSource.config.model_validate(options), context)


def asked(cycle: str, *events: Fixture, **more: Any) -> list[Question]:
    return list(source(watch={"events": ["a"]}, **more)._about_watched(cycle, events))


@pytest.mark.parametrize(
    ("watch", "watched"),
    [
        ({"teams": ["Boston Celtics"]}, True),
        ({"teams": ["boston celtics"]}, True),
        ({"teams": ["BOS"]}, True),
        ({"teams": ["Utah Jazz"]}, True),
        ({"teams": ["Boston"]}, False),
        ({"teams": ["Miami Heat"]}, False),
        ({"events": ["a"]}, True),
        ({"events": ["b"], "teams": ["Miami Heat"]}, False),
    ],
)
def test_events_are_watched_by_id_or_team(watch: dict[str, Any], watched: bool) -> None:
    event = Fixture("a", NBA, 0, "Utah Jazz", "Boston Celtics")
    assert Watch.model_validate(watch).has(event) is watched


def test_an_event_without_teams_is_watched_by_its_id_alone() -> None:
    assert not Watch(teams=("",)).has(Fixture("a", NBA, 0))


def test_off_by_default() -> None:
    assert list(OddsApiSource.cycles(source().options)) == []


def test_the_cycles_are_what_the_options_say() -> None:
    on = source(watch={"events": ["a"], "teams": ["BOS"]}, live={}, props={"markets": ["player_points"]})
    live, props = OddsApiSource.cycles(on.options)
    assert (live.name, live.every, live.opens, live.closes, live.events) == ("live", MINUTE, 0, -4 * HOUR, 2)
    assert (props.name, props.every, props.opens, props.closes) == ("props", 10 * MINUTE, 2 * HOUR, 0)


def test_live_odds_of_a_sport_are_asked_for_together() -> None:
    games = [Fixture("b", NBA, 0), Fixture("a", NBA, 0), Fixture("c", "soccer_epl", 0)]
    nba, epl = asked("live", *games, live={})
    assert (nba.request.path, nba.request.params["eventIds"]) == (f"/v4/sports/{NBA}/odds", "a,b")
    assert nba.request.params["markets"] == "h2h"
    assert (nba.feature, epl.feature) == ("live", "live")
    assert epl.request.params["eventIds"] == "c"
    assert epl.request.path == "/v4/sports/soccer_epl/odds", "a list says that it is gone; an event's own address fails"
    assert source(watch={"events": ["a"]}, live={}).most_watched("live", games) == 2


def test_props_are_asked_for_event_by_event() -> None:
    props = {"markets": ["player_points", "player_assists"]}
    games = [Fixture("a", NBA, 0), Fixture("b", NBA, 0)]
    first, _ = asked("props", *games, props=props)
    assert (first.request.path, first.feature) == (f"/v4/sports/{NBA}/events/a/odds", "props")
    assert first.request.params["markets"] == "player_points,player_assists"
    assert source(watch={"events": ["a"]}, props=props).most_watched("props", games) == 4


def test_nothing_is_asked_for_no_event() -> None:
    assert asked("live", live={}) == []
