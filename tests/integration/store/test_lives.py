"""The life of an event as it is stored: phases, scores, the games of score providers, and a person's decisions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stratumd.engine import Play, Step
from stratumd.plugin import DAY, HOUR, MINUTE, Event, Micros, Observation, Phase, Request, Result
from stratumd.store import Reader, Store
from tests.support import steps

TIP: Micros = steps.START + 60 * MINUTE
HOME, AWAY = "Boston Celtics", "New York Knicks"


def step(at: Micros, *, source: str = "nba", **what: Any) -> Step:
    """Return a step at `at` that says nothing but `what`."""
    seen = Observation(source, "odds-api", at, Request("/x"), 200, str((at, source)).encode())
    return Step("nba", seen, at, **what)


def event(id: str = "e1", start: Micros = TIP) -> Event:
    return Event(id, "basketball_nba", HOME, AWAY, start)


def offered(at: Micros, *events: Event, started: bool = False) -> Step:
    """Return a step in which the odds list `events`."""
    return step(at, events=events, plays=tuple(Play(each.id, started) for each in events))


def scored(at: Micros, *results: Result, source: str = "scores") -> Step:
    return step(at, source=source, results=results)


def game(phase: Phase = Phase.SCHEDULED, *score: int, id: str = "g1", start: Micros = TIP, **more: Any) -> Result:
    return Result(id, "basketball_nba", HOME, AWAY, start, phase, *score, **more)


def lived(reader: Reader, id: str = "e1") -> list[str]:
    return [each.phase for each in reader.event(id).phases]


def at(hours: float) -> Micros:
    return steps.START + round(hours * HOUR)


def test_an_event_goes_from_scheduled_over_live_to_final(store: Store, reader: Reader) -> None:
    steps.keep(store, offered(at(0), event()))
    assert reader.event("e1").phase == "scheduled"
    steps.keep(store, scored(at(1.2), game(Phase.LIVE, 20, 18, clock="Q1 02:00")))
    found = reader.event("e1")
    assert (found.phase, found.home_score, found.away_score, found.clock) == ("live", 20, 18, "Q1 02:00")
    steps.keep(store, scored(at(3), game(Phase.LIVE, 88, 90)), scored(at(4), game(Phase.FINAL, 101, 99)))
    found = reader.event("e1")
    assert (found.phase, found.home_score, found.away_score, found.scored_by) == ("final", 101, 99, "scores")
    assert [(each.observed_at, each.phase, each.source, each.home_score) for each in found.phases] == [
        (at(0), "scheduled", "offers", None),
        (at(1.2), "live", "scores", 20),
        (at(4), "final", "scores", 101),
    ]
    assert store.over(at(0)) == ["e1"]


def test_without_scores_the_odds_say_whether_it_started(store: Store, reader: Reader) -> None:
    started = step(at(1.1), plays=(Play("e1", True),))
    put_off = step(at(1.2), events=(event(start=at(3)),), plays=(Play("e1", False),))
    steps.keep(store, offered(at(0), event()), started, put_off, step(at(3.1), plays=(Play("e1", True),)))
    assert lived(reader) == ["scheduled", "live", "scheduled", "live"]


def test_a_word_on_scores_is_worth_more_than_the_odds(store: Store, reader: Reader) -> None:
    """In play the odds of a game that is delayed go on."""
    steps.keep(store, offered(at(0), event()), scored(at(0.5), game(Phase.POSTPONED)))
    steps.keep(store, step(at(1.1), plays=(Play("e1", True),)))
    assert lived(reader) == ["scheduled", "postponed"]


def test_a_slower_source_takes_nothing_back_and_the_same_one_may(store: Store, reader: Reader) -> None:
    slow = game(Phase.LIVE, 100, 99, event="e1")
    steps.keep(store, offered(at(0), event()), scored(at(3), game(Phase.FINAL, 101, 99)))
    steps.keep(store, scored(at(3.01), slow, source="odds"))
    assert reader.event("e1").phase == "final"
    steps.keep(store, scored(at(3.1), game(Phase.LIVE, 101, 99, clock="OT")))
    assert lived(reader) == ["scheduled", "final", "live"]
    assert store.over(at(0)) == []


def test_hours_of_absence_are_no_cancellation(store: Store, reader: Reader) -> None:
    """Events come down for hours and return; scoreboards leave games out."""
    steps.keep(store, offered(at(0), event()), scored(at(0.1), game()))
    steps.keep(store, *[step(at(n)) for n in range(1, 40)], scored(at(40)), step(at(41)))
    assert lived(reader) == ["scheduled"]


def test_only_a_word_cancels(store: Store, reader: Reader) -> None:
    steps.keep(store, offered(at(0), event()), scored(at(0.5), game(Phase.CANCELLED)))
    assert lived(reader) == ["scheduled", "cancelled"]
    assert store.over(at(0)) == ["e1"]


def test_a_postponed_game_comes_back_on_another_day_as_another_event(store: Store, reader: Reader) -> None:
    """It keeps its id: then it leaves the old event, which stays postponed."""
    moved = TIP + 10 * DAY
    steps.keep(store, offered(at(0), event()), scored(at(0.5), game(Phase.POSTPONED)))
    steps.keep(store, scored(at(30), game(start=moved)))
    assert [each.reason for each in reader.games()] == ["no_event"]
    steps.keep(store, offered(at(48), event("e2", moved)), scored(at(242), game(Phase.FINAL, 99, 90, start=moved)))
    assert [(each.event, each.matched_by) for each in reader.games()] == [("e2", "teams")]
    assert lived(reader) == ["scheduled", "postponed"]
    assert lived(reader, "e2")[-1] == "final"
    decisions = [(each.event, each.reason) for each in reader.decisions()]
    assert decisions == [("e1", "teams"), (None, "no_event"), ("e2", "teams")]


def test_scores_that_come_before_the_odds_wait_for_them(store: Store, reader: Reader) -> None:
    steps.keep(store, scored(at(0), game(Phase.LIVE, 2, 0)))
    assert [each.event for each in reader.games(unmatched=True)] == [None]
    steps.keep(store, offered(at(0.1), event(), started=True))
    assert reader.games(unmatched=True) == []
    assert reader.event("e1").home_score == 2


def test_a_provider_that_shares_its_ids_is_believed_by_id(store: Store, reader: Reader) -> None:
    far = game(Phase.FINAL, 1, 0, id="e1", event="e1", start=TIP + 2 * DAY)
    steps.keep(store, offered(at(0), event()), scored(at(60), far, source="odds"))
    assert [(each.event, each.matched_by) for each in reader.games()] == [("e1", "id")]
    unheard_of = game(id="e9", event="e9")
    steps.keep(store, scored(at(61), unheard_of, source="odds"))
    (left,) = reader.games(unmatched=True)
    assert (left.game, left.reason) == ("e9", "no_event")


def test_two_events_are_not_guessed_between_and_a_person_decides_for_good(store: Store, reader: Reader) -> None:
    steps.keep(store, offered(at(0), event(), event("e2", TIP + 20 * MINUTE)), scored(at(1), game(Phase.LIVE, 4, 5)))
    (refused,) = reader.games(unmatched=True)
    assert (refused.reason, [each.event for each in refused.suggestions]) == ("several_events", ["e1", "e2"])
    assert lived(reader) == lived(reader, "e2") == ["scheduled"]
    assert store.match_game("scores", "g1", "e2", by="ann", note="the other id is dead", at=at(1.5))
    assert reader.event("e2").away_score == 5
    steps.keep(store, scored(at(3), game(Phase.FINAL, 99, 98, start=TIP + 3 * DAY)))
    assert lived(reader, "e2") == ["scheduled", "live", "final"]
    assert lived(reader) == ["scheduled"]
    made = [(each.matched_by, each.reason) for each in reader.decisions(game="g1")]
    assert made == [("", "several_events"), ("hand: ann", "the other id is dead")]


def test_a_person_may_say_that_a_game_is_no_event(store: Store, reader: Reader) -> None:
    steps.keep(store, offered(at(0), event()), scored(at(1), game()))
    assert store.match_game("scores", "g1", None, by="ann", note="", at=at(1.5))
    steps.keep(store, offered(at(2), event(start=TIP + 1)), scored(at(3), game(Phase.LIVE, 1, 1)))
    assert [(each.event, each.matched_by) for each in reader.games()] == [(None, "hand: ann")]
    assert not store.match_game("scores", "nothing", None, by="ann", note="", at=at(4))


@pytest.mark.parametrize("together", [True, False])
def test_however_steps_are_grouped_the_same_is_stored(store: Store, reader: Reader, together: bool) -> None:
    """Also where a step is committed twice, as after an answer that was lost."""
    second = event("e2", TIP + 4 * HOUR)
    told = [
        scored(at(0), game(), game(id="g2", start=TIP + 4 * HOUR)),
        offered(at(0.1), event()),
        offered(at(0.2), second),
        scored(at(1.1), game(Phase.LIVE, 1, 0), game(id="g2", start=TIP + 4 * HOUR)),
        scored(at(3.1), game(Phase.FINAL, 9, 8), game(Phase.LIVE, 0, 0, id="g2", start=TIP + 4 * HOUR)),
    ]
    for some in [told] if together else [[each] for each in told]:
        steps.keep(store, *some)
    store.commit([steps.commit(each) for each in told])
    games = [(each.game, each.event, each.phase, each.observed_at) for each in reader.games()]
    assert games == [("g1", "e1", "final", at(3.1)), ("g2", "e2", "live", at(3.1))]
    assert lived(reader) == ["scheduled", "live", "final"]
    assert lived(reader, "e2") == ["scheduled", "live"]
    assert [each.event for each in reader.decisions() if each.event] == ["e1", "e2"]


def test_an_older_word_that_comes_late_changes_nothing(store: Store, reader: Reader) -> None:
    steps.keep(store, offered(at(0), event()), scored(at(3), game(Phase.FINAL, 9, 8)))
    steps.keep(store, scored(at(2), game(Phase.LIVE, 5, 5)))
    assert lived(reader) == ["scheduled", "final"]


def test_odd_names_are_kept_by_both_databases(store: Store, reader: Reader) -> None:
    odd = msgspec.structs.replace(game(), home="Bad\0\ud800 “name”", clock="\\n\n{}", game="g\0")
    steps.keep(store, scored(at(0), odd), scored(at(1), odd))
    (kept,) = reader.games()
    assert kept.home == "Bad\ufffd\ufffd “name”"
