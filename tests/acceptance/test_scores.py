"""Recorded scores find the right events, and what is ambiguous is refused with suggestions.

The odds of those days were not recorded; their events are made of the facts of the games, as the odds would list them:
the same teams, a start some minutes off, other ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from stratumd import recording
from stratumd.engine import Play, Step
from stratumd.plugin import DAY, HOUR, MINUTE, Event, Normalizer, Observation, PluginConfig, Request, Result
from stratumd.store import Reader, Store, open_reader, open_store
from stratumd_nba_scores import NbaScoresNormalizer
from stratumd_odds_api import OddsApiNormalizer
from tests.support import shared, steps
from tests.support.cli import stratumd

NOW = 1_775_000_000_000_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'scores.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def reader(store: Store, url: str) -> Iterator[Reader]:
    opened = open_reader(url)
    yield opened
    opened.close()


def scoreboard(name: str) -> Observation:
    body = shared(f"recordings/nba-scoreboard/{name}").read_bytes()
    return Observation("scores", "nba-scores", NOW, Request(f"/{name}"), 200, body)


def results(observation: Observation) -> list[Result]:
    normalizers: tuple[type[Normalizer], ...] = (OddsApiNormalizer, NbaScoresNormalizer)
    (reading,) = [each for each in normalizers if each.name == observation.format]
    return reading(PluginConfig()).normalize(observation).results


def step(observation: Observation, events: Sequence[Event] = (), told: Sequence[Result] = ()) -> Step:
    plays = tuple(Play(event.id, False) for event in events)
    return Step("nba", observation, observation.received_at, events=tuple(events), plays=plays, results=tuple(told))


def listed(store: Store, events: Sequence[Event]) -> None:
    """Let the odds list `events`, before any score."""
    seen = Observation("odds", "odds-api", NOW - DAY, Request("/odds"), 200, b"[]")
    steps.keep(store, step(seen, events))


def heard(store: Store, observation: Observation) -> list[Result]:
    told = results(observation)
    steps.keep(store, step(observation, told=told))
    return told


def event_of(result: Result, id: str = "", **more: object) -> Event:
    """Return the event that the odds would list for a game: their starts differ by some minutes."""
    shift = (int(result.game[-3:], 36) % 25 - 12) * MINUTE
    fields = {"home": result.home, "away": result.away, "commence_at": result.commence_at + shift, **more}
    return Event(id or f"odds-{result.game}", result.sport, **fields)  # type: ignore[arg-type]  # as named


BOARDS = ["scoreboardv3_2025-11-05.json", "todaysScoreboard_00.json"]


@pytest.mark.parametrize("name", BOARDS)
def test_every_recorded_game_finds_its_event(store: Store, reader: Reader, name: str) -> None:
    games = results(scoreboard(name))
    day_after = [event_of(each, f"later-{each.game}", commence_at=each.commence_at + DAY) for each in games]
    listed(store, [*map(event_of, games), *day_after])
    heard(store, scoreboard(name))
    assert {each.game: each.event for each in reader.games()} == {each.game: f"odds-{each.game}" for each in games}
    for each in games:
        found = reader.event(f"odds-{each.game}")
        assert (found.phase, found.home_score, found.away_score) == (each.phase, each.home_score, each.away_score)
    assert {reader.event(each.id).phase for each in day_after} == {"scheduled"}


def test_the_providers_scores_find_their_events_by_id(store: Store, reader: Reader) -> None:
    (observation,) = recording.read(shared("recordings/nba-scores-2026-04-16.jsonl"))
    told = results(observation)
    listed(store, [event_of(each, each.game) for each in told[1:]])
    heard(store, observation)
    assert {each.game: each.event for each in reader.games()} == {
        each.game: None if each == told[0] else each.game for each in told
    }
    assert {each.matched_by for each in reader.games() if each.event} == {"id"}
    assert reader.event(told[1].game).phase == "final"


def test_both_providers_speak_of_one_event(store: Store, reader: Reader) -> None:
    """The NBA's games of the provider's four final ones, as its scoreboard would have them."""
    (observation,) = recording.read(shared("recordings/nba-scores-2026-04-16.jsonl"))
    told = results(observation)
    listed(store, [event_of(each, each.game) for each in told])
    own = [msgspec.structs.replace(each, game=f"00525000{n}", event=None) for n, each in enumerate(told)]
    steps.keep(store, step(scoreboard(BOARDS[0]), told=own))
    heard(store, observation)
    assert [each.event for each in reader.games(source="scores")] == [
        each.event for each in reader.games(source="odds-api")
    ]


def test_what_is_ambiguous_is_refused_with_suggestions(
    store: Store, reader: Reader, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    games = results(scoreboard(BOARDS[0]))
    twice, swapped, far, one_team, unlisted, doubled, *sure = games
    listed(
        store,
        [
            event_of(twice, "twice-a"),
            event_of(twice, "twice-b", commence_at=twice.commence_at + 20 * MINUTE),
            event_of(swapped, "swapped", home=swapped.away, away=swapped.home),
            event_of(far, "far", commence_at=far.commence_at + 22 * HOUR),
            event_of(one_team, "one-team", away="Charlotte Hornets"),
            event_of(doubled, "first", commence_at=doubled.commence_at + 5 * MINUTE),
            event_of(doubled, "second", commence_at=doubled.commence_at + 3 * HOUR),
            *map(event_of, sure),
        ],
    )
    heard(store, scoreboard(BOARDS[0]))
    left = {each.game: each for each in reader.games(unmatched=True)}
    assert {game: each.reason for game, each in left.items()} == {
        twice.game: "several_events",
        swapped.game: "sides_swapped",
        far.game: "too_far",
        one_team.game: "no_event",
        unlisted.game: "no_event",
    }
    suggested = {game: [each.event for each in row.suggestions] for game, row in left.items()}
    assert suggested == {
        twice.game: ["twice-a", "twice-b"],
        swapped.game: ["swapped"],
        far.game: ["far"],
        one_team.game: ["one-team"],
        unlisted.game: [],
    }
    assert next(each.event for each in reader.games() if each.game == doubled.game) == "first"
    assert {reader.event(id).phase for id in ("twice-a", "twice-b", "swapped", "far", "one-team")} == {"scheduled"}
    store.close()

    decide = ("--by", "ann", "--note", "the other id is dead", "--database", url)
    assert stratumd("events", "match", twice.game, "twice-b", *decide) == 0
    assert "twice-b" in capsys.readouterr().out
    assert reader.event("twice-b").phase == "final"
    assert stratumd("events", "match", unlisted.game, "--none", *decide) == 0
    assert stratumd("events", "match", "--database", url) == 0
    shown = capsys.readouterr().out
    assert "several_events" not in shown
    assert stratumd("events", "match", "--history", "--database", url) == 0
    assert "hand: ann  the other id is dead" in capsys.readouterr().out


def test_a_game_that_nobody_knows_and_an_event_that_nobody_knows_are_refused(
    store: Store, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    heard(store, scoreboard(BOARDS[0]))
    store.close()
    assert stratumd("events", "match", "nothing", "e", "--database", url) == 2
    assert stratumd("events", "match", "0022500171", "--database", url) == 2
    assert stratumd("events", "match", "0022500171", "e", "--database", url) == 1
    assert "no event begins with 'e'" in capsys.readouterr().err


def test_days_without_games_and_the_file_that_repeats_games_say_nothing(store: Store, reader: Reader) -> None:
    heard(store, scoreboard("scoreboardv3_no-games.json"))
    heard(store, scoreboard("scoreboardv2_duplicates.json"))
    assert reader.games() == []
