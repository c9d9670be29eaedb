"""Which event a game of a score provider is. Sure, or refused with suggestions; never guessed.

A game is an event's where the teams are the same, home is home, and the starts are near, and where neither the game has
another event that is nearly as near nor the event another game. Both starts move, by minutes at the tip and by hours
for placeholders and rain, so that near means half a day; two games of one pairing on one day (a doubleheader) must
differ in their distance by an hour before one of them is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from stratumd.odds import canonical_team
from stratumd.plugin import HOUR, MINUTE, Event, Micros, Phase, Result

NEAR: Micros = 12 * HOUR
"""How far apart the starts of one game may be. A series of the same pairing plays a day apart."""
MARGIN: Micros = HOUR
"""How much nearer than the next candidate the right one must be."""
LOOKED_AT: Micros = 36 * HOUR
"""How far from a game's start events are looked at, if only to be suggested."""
ABANDONED: Micros = 48 * HOUR
"""A listing that nobody has offered since so long before the start, while another of the pairing was, is not played:
providers list the games of a season's opening twice, under an id each."""
MOST_SUGGESTED = 3


class Candidate(NamedTuple):
    """An event that a game might be."""

    event: Event
    offered_until: Micros | None = None
    """When a book was last seen to offer anything on it; None where nothing is known of that."""


class Suggestion(NamedTuple):
    """An event that a person may choose; it is never applied on its own."""

    event: str
    why: str


class Match(NamedTuple):
    """What became of a game: its event, or why there is none."""

    event: str | None
    reason: str
    """`id`, `teams`, or why nothing was chosen: `no_event`, `too_far`, `several_events`, `several_games`, …"""
    suggestions: tuple[Suggestion, ...] = ()


class _Pairing(NamedTuple):
    home: str
    away: str


def match(game: Result, candidates: Iterable[Candidate], siblings: Iterable[Result] = ()) -> Match:
    """Return the event of `game` among `candidates`, or a refusal that says why and names up to three of them.

    `siblings` are the other games of the same provider whose event is not known to be another.
    """
    looked_at = [each for each in candidates if _apart(game, each) <= LOOKED_AT]
    pairing = _pairing(game)
    exact = sorted((each for each in looked_at if _pairing(each.event) == pairing), key=lambda each: _apart(game, each))
    rivals = _offered([each for each in exact if _apart(game, each) < NEAR + MARGIN])
    if not rivals or _apart(game, rivals[0]) > NEAR:
        reason = "too_far" if exact else _reason(pairing, looked_at)
        return _refused(reason, game, looked_at)
    first = rivals[0]
    if len(rivals) > 1 and _apart(game, rivals[1]) - _apart(game, first) < MARGIN:
        return _refused("several_events", game, looked_at)
    if _is_contested(game, first, siblings):
        return _refused("several_games", game, looked_at)
    return Match(first.event.id, "teams")


def drifted(game: Result, event: Event) -> bool:
    """Say whether a game and the event it was matched with are announced too far apart to be one any more."""
    return abs(game.commence_at - event.commence_at) > NEAR


def suggestions(game: Result, candidates: Iterable[Candidate]) -> tuple[Suggestion, ...]:
    """Return the most likely events of a game, the likeliest first, each with what speaks for and against it."""
    rated = sorted(_rated(game, candidates), key=lambda each: each[:3])
    return tuple(Suggestion(event, why) for _, _, event, why in rated[:MOST_SUGGESTED])


def _refused(reason: str, game: Result, looked_at: Sequence[Candidate]) -> Match:
    return Match(None, reason, suggestions(game, looked_at))


def _reason(pairing: _Pairing, looked_at: Sequence[Candidate]) -> str:
    turned = _Pairing(pairing.away, pairing.home)
    return "sides_swapped" if any(_pairing(each.event) == turned for each in looked_at) else "no_event"


def _offered(rivals: Sequence[Candidate]) -> Sequence[Candidate]:
    """Leave out listings that were given up long before the start, where another of the pairing was not."""
    kept = [each for each in rivals if not _is_abandoned(each)]
    return kept or rivals


def _is_abandoned(candidate: Candidate) -> bool:
    until = candidate.offered_until
    return until is not None and until < candidate.event.commence_at - ABANDONED


def _is_contested(game: Result, chosen: Candidate, siblings: Iterable[Result]) -> bool:
    """Say whether another game of the pairing is as near to the event, or nearly. One that is off plays nothing."""
    mine = _apart(game, chosen)
    return any(
        other.game != game.game
        and other.phase not in (Phase.CANCELLED, Phase.POSTPONED)
        and _pairing(other) == _pairing(game)
        and _apart(other, chosen) - mine < MARGIN
        for other in siblings
    )


def _rated(game: Result, candidates: Iterable[Candidate]) -> Iterator[tuple[int, Micros, str, str]]:
    mine = _pairing(game)
    for each in candidates:
        apart, theirs = _apart(game, each), _pairing(each.event)
        if theirs == mine:
            rank, teams = 0, "the same teams"
        elif theirs == _Pairing(mine.away, mine.home):
            rank, teams = 1, "home and away the other way round"
        elif set(theirs) & set(mine) and apart <= NEAR:
            rank, teams = 2, "one of the teams"
        else:
            continue
        given_up = ", given up long before" if _is_abandoned(each) else ""
        yield rank, apart, each.event.id, f"{teams}, starts {_length(apart)} apart{given_up}"


def _pairing(each: Result | Event) -> _Pairing:
    return _Pairing(canonical_team(each.sport, each.home), canonical_team(each.sport, each.away))


def _apart(game: Result, candidate: Candidate) -> Micros:
    return abs(game.commence_at - candidate.event.commence_at)


def _length(length: Micros) -> str:
    hours, minutes = divmod(length // MINUTE, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
