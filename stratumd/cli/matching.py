"""`stratumd events match`: the games of score providers that are no event for sure, and a person's decision on them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, DatabaseUrl, emit, say, warn
from stratumd.cli.tables import SHORT_ID, shortened

if TYPE_CHECKING:
    from stratumd.plugin.views import GameRow

GAMES = {
    "commence_at": "START", "source": "SOURCE", "game": "GAME", "away": "AWAY", "home": "HOME", "phase": "PHASE",
    "score": "SCORE", "reason": "REASON", "event": "EVENT", "why": "MAYBE, FOR",
}  # fmt: skip
DECISIONS = {
    "decided_at": "DECIDED", "source": "SOURCE", "game": "GAME", "event": "EVENT", "matched_by": "BY",
    "reason": "REASON",
}  # fmt: skip


def match(
    game: Annotated[str | None, typer.Argument(help="A game's id, as the list shows it, to decide on.")] = None,
    event: Annotated[str | None, typer.Argument(help="The event that it is: its id, or how it begins.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    none: Annotated[bool, typer.Option("--none", help="Say that the game is no event of the odds.")] = False,
    source: Annotated[str | None, typer.Option("--source", help="Only games of this source of scores.")] = None,
    sport: Annotated[str | None, typer.Option("--sport", help="Only this sport, such as basketball_nba.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the games that have an event.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Who or what decided on each game, and when.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who decides; kept with the decision.")] = None,
    note: Annotated[str, typer.Option("--note", help="Why; kept with the decision.")] = "",
    as_json: AsJson = False,
) -> int:
    """List the games that are no event for sure, with suggestions; or decide on one of them: GAME EVENT.

    A suggestion is never applied on its own. A decision stands whatever is observed later.
    """
    from stratumd.cli.read import reading

    if history:
        with reading(config, database) as reader:
            decisions = [each.public() for each in reader.decisions(source, game)]
        emit(decisions if as_json else [*map(shortened, decisions)], DECISIONS, as_json=as_json, none="none yet")
        return 0
    with reading(config, database) as reader:
        found = reader.games(unmatched=not everything and game is None, source=source, sport=sport)
    if game is None:
        _show(found, as_json)
        return 0
    if none == (event is not None):
        raise typer.BadParameter("name the event that the game is, or say --none")
    return _decide(_one(found, game), event, config, database, by or getpass.getuser(), note)


def _show(found: list[GameRow], as_json: bool) -> None:
    if as_json:
        emit([each.public() for each in found], {}, as_json=True)
        return
    emit([line for each in found for line in _lines(each)], GAMES, as_json=False, none="every game has its event")


def _lines(row: GameRow) -> Iterator[dict[str, Any]]:
    """Yield a line for a game, and one for each further suggestion."""
    game = shortened(row.public())
    if row.event is not None:
        yield game | {"event": row.event[:SHORT_ID], "reason": row.matched_by}
        return
    first, *others = row.suggestions or (None,)
    yield game | ({"event": first.event[:SHORT_ID], "why": first.why} if first else {})
    for each in others:
        if each is not None:
            yield {"event": each.event[:SHORT_ID], "why": each.why}


def _one(found: list[GameRow], game: str) -> GameRow:
    exact = [each for each in found if each.game == game]
    chosen = exact or [each for each in found if each.game.startswith(game)]
    if not chosen:
        raise typer.BadParameter(f"no source of scores has a game {game!r}; `stratumd events match --all` lists them")
    if len(chosen) > 1:
        where = ", ".join(f"{each.game} of {each.source}" for each in chosen[:5])
        raise typer.BadParameter(f"several games begin with {game!r}: {where}; name one, with --source")
    return chosen[0]


def _decide(row: GameRow, event: str | None, config: Any, database: str | None, by: str, note: str) -> int:
    from stratumd.cli.read import database_url, now
    from stratumd.store import open_store

    store = open_store(database_url(config, database), migrate=False, beside=True)
    try:
        decided = store.match_game(row.source, row.game, event, by=by, note=note, at=now())
    finally:
        store.close()
    if not decided:
        warn(f"{row.game} of {row.source} is not there any more")
        return FAILED
    said = "is no event of the odds" if event is None else f"is the event {event}"
    say(f"{row.away} at {row.home} ({row.game} of {row.source}) {said}, says {by}")
    return 0
