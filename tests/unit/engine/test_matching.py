"""Which event a game is: sure, or refused with suggestions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.engine.matching import MARGIN, NEAR, Candidate, Match, drifted, match, suggestions
from stratumd.plugin import DAY, HOUR, MINUTE, Event, Micros, Phase, Result, parse_iso

TIP: Micros = parse_iso("2026-01-10T00:30:00Z")
SPORT = "basketball_nba"


def game(start: Micros = TIP, *, id: str = "g1", home: str = "BOS", away: str = "NYK", **more: object) -> Result:
    return Result(id, SPORT, home, away, start, **{"phase": Phase.SCHEDULED, **more})


def event(
    id: str = "e1", start: Micros = TIP, home: str = "Boston Celtics", away: str = "New York Knicks", **more: Micros
) -> Candidate:
    return Candidate(Event(id, SPORT, home, away, start), **more)


def chosen(
    *candidates: Candidate, siblings: tuple[Result, ...] = (), of: Result | None = None
) -> tuple[str | None, str]:
    found = match(of or game(), candidates, siblings)
    return found.event, found.reason


def test_the_same_teams_at_about_the_same_time_are_the_event() -> None:
    other = event("e2", home="Utah Jazz", away="Miami Heat")
    assert chosen(other, event(start=TIP + 12 * MINUTE)) == ("e1", "teams")


@pytest.mark.parametrize("home", ["BOS", "1610612738", "boston celtics", "Celtics"])
def test_a_team_is_known_by_id_tricode_and_other_spellings(home: str) -> None:
    assert chosen(event(), of=game(home=home)) == ("e1", "teams")


def test_teams_of_another_league_are_compared_by_name() -> None:
    one = Result("g", "soccer_epl", "Brighton & Hove Albion", "Åsane", TIP, Phase.LIVE)
    there = Candidate(Event("e", "soccer_epl", "Brighton and Hove Albion", "ÅSANE", TIP))
    here = Candidate(Event("f", "soccer_epl", "brighton & hove albion", "ÅSANE", TIP))
    assert match(one, [there]).event is None
    assert match(one, [there, here]).event == "f"


def test_a_start_that_moved_within_the_day_is_the_same_game() -> None:
    """Placeholders move by 3 to 5 hours, rain by 2."""
    assert chosen(event(start=TIP - 5 * HOUR)) == ("e1", "teams")


def test_the_next_day_of_a_series_is_another_game() -> None:
    refused = match(game(), [event(start=TIP + DAY)])
    assert (refused.event, refused.reason) == (None, "too_far")
    assert [each.event for each in refused.suggestions] == ["e1"]


def test_home_and_away_the_other_way_round_is_only_suggested() -> None:
    refused = match(game(), [event(home="New York Knicks", away="Boston Celtics")])
    assert (refused.event, refused.reason) == (None, "sides_swapped")
    assert refused.suggestions[0].why == "home and away the other way round, starts 0 min apart"


def test_where_nobody_plays_there_is_no_event_and_no_suggestion() -> None:
    assert match(game(), [event(home="Utah Jazz", away="Miami Heat")]) == Match(None, "no_event")
    assert match(game(), []) == Match(None, "no_event")


def test_one_right_team_is_suggested() -> None:
    refused = match(game(), [event("e2", TIP + 30 * MINUTE, away="Miami Heat")])
    assert refused.suggestions[0].why == "one of the teams, starts 30 min apart"


def test_the_games_of_a_doubleheader_go_to_their_own_events() -> None:
    first, second = game(), game(TIP + 3 * HOUR + 10 * MINUTE, id="g2")
    events = (event("e1", TIP + 7 * MINUTE), event("e2", TIP + 3 * HOUR))
    assert chosen(*events, of=first, siblings=(second,)) == ("e1", "teams")
    assert chosen(*events, of=second, siblings=(first,)) == ("e2", "teams")


def test_a_doubleheader_whose_games_ran_into_each_other_is_refused() -> None:
    """Rain put the first game off and the second with it: either might be either."""
    events = (event("e1", TIP + 65 * MINUTE), event("e2", TIP + 90 * MINUTE))
    refused = match(game(), events)
    assert refused.reason == "several_events"
    assert [each.event for each in refused.suggestions] == ["e1", "e2"]


def test_two_games_that_claim_one_event_are_both_refused_where_neither_is_nearer() -> None:
    first, second = game(), game(TIP + 3 * HOUR, id="g2")
    between = event(start=TIP + 90 * MINUTE)
    assert chosen(between, of=first, siblings=(second,)) == (None, "several_games")
    assert chosen(between, of=second, siblings=(first,)) == (None, "several_games")


def test_where_only_the_second_event_of_two_is_known_the_first_game_is_refused() -> None:
    first, second = game(), game(TIP + 3 * HOUR, id="g2")
    late = event(start=TIP + 3 * HOUR)
    assert chosen(late, of=first, siblings=(second,)) == (None, "several_games")
    assert chosen(late, of=second, siblings=(first,)) == ("e1", "teams")


def test_an_event_just_beyond_half_a_day_competes_with_one_just_within() -> None:
    assert chosen(event("e1", TIP - NEAR)) == ("e1", "teams")
    assert chosen(event("e1", TIP - NEAR), event("e2", TIP + NEAR + MARGIN - MINUTE)) == (None, "several_events")
    assert chosen(event("e1", TIP - NEAR), event("e2", TIP + NEAR + MARGIN)) == ("e1", "teams")


@pytest.mark.parametrize("phase", [Phase.POSTPONED, Phase.CANCELLED])
def test_a_game_that_is_off_does_not_compete(phase: Phase) -> None:
    assert chosen(event(), siblings=(game(id="g2", phase=phase),)) == ("e1", "teams")


def test_two_listings_of_one_game_are_refused_unless_one_was_given_up_long_before() -> None:
    """A season's opening is listed under ids that vanish weeks before the games are listed again."""
    old, new = event("old", offered_until=TIP - 14 * DAY), event("new", offered_until=TIP - HOUR)
    assert chosen(old, new) == ("new", "teams")
    assert chosen(event("old"), event("new")) == (None, "several_events")
    assert "given up long before" in suggestions(game(), [old])[0].why
    assert chosen(old) == ("old", "teams")


def test_at_most_three_suggestions_the_likeliest_first() -> None:
    teams = ["Utah Jazz", "Miami Heat", "Denver Nuggets"]
    partly = [event(f"p{n}", away=name) for n, name in enumerate(teams)]
    turned = event("t", home="New York Knicks", away="Boston Celtics")
    assert [each.event for each in suggestions(game(), [*partly, turned, event()])] == ["e1", "t", "p0"]


def test_a_game_that_was_put_off_leaves_its_event() -> None:
    assert not drifted(game(TIP + 2 * HOUR), event().event)
    assert drifted(game(TIP + 5 * DAY), event().event)


STARTS = st.integers(-40, 40).map(lambda quarters: TIP + quarters * 30 * MINUTE)


@given(st.lists(STARTS, min_size=1, max_size=4), st.lists(STARTS, max_size=4), st.randoms())
def test_what_is_chosen_is_near_and_unrivalled_whatever_the_order(games, events, draw) -> None:
    """And no event goes to two games."""
    plays = [game(start, id=f"g{n}") for n, start in enumerate(games)]
    there = [event(f"e{n}", start) for n, start in enumerate(events)]
    found = {each.game: match(each, there, plays) for each in plays}
    draw.shuffle(there)
    draw.shuffle(plays)
    assert {each.game: match(each, there, plays) for each in plays} == found
    taken = [each.event for each in found.values() if each.event is not None]
    assert len(taken) == len(set(taken))
    for name, each in found.items():
        if each.event is not None:
            mine = games[int(name[1:])]
            apart = [abs(mine - start) for start in events]
            mine_apart = apart.pop(int(each.event[1:]))
            assert mine_apart <= NEAR
            assert all(other - mine_apart >= MARGIN for other in apart)
