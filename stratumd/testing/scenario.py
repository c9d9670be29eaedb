"""A small scripted market with everything in it that a detector must stand: what the conformance checks run over.

Nothing is random. Two games of basketball and a football match with a draw, nine books, a poll a minute for ninety
minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

from stratumd.plugin import HOUR, MINUTE, Event, Micros, Observation, Quote
from stratumd.testing.harness import Books, game, moneyline, observation, spread, total

START: Micros = 1_767_268_800_000_000
"""2026-01-01T12:00:00Z."""
MINUTES = 90
BOOKS = ("betmgm", "betrivers", "bovada", "caesars", "draftkings", "espnbet", "fanduel", "fliff", "pinnacle")

TIPOFF = game(starts=START + 30 * MINUTE, id="soon", home="Comets", away="Owls")
"""Begins within the script, so it is in play afterwards."""
MATCH = game(starts=START + 8 * HOUR, id="match", sport="soccer_epl", home="Rovers", away="Town")
"""Three-way, in a sport without a margin model."""


def game_at(minute: int) -> Event:
    """Return the main game; its start moves by a quarter of an hour at minute 20."""
    return game(starts=START + 6 * HOUR + (15 * MINUTE if minute >= 20 else 0), id="game", home="Bears", away="Foxes")


def observations(*, only: str | None = None) -> Iterator[Observation]:
    """Yield the script's observations, oldest first; `only` leaves out every event but the one of that id."""
    for minute in range(MINUTES):
        at = START + minute * MINUTE
        games = {game_at(minute): _books(minute), TIPOFF: _quiet(minute)}
        kept = {event: books for event, books in games.items() if only in (None, event.id)}
        if kept:
            yield observation(at, kept, source="scripted", lane="basketball")
        if only in (None, MATCH.id):
            yield observation(at + MINUTE // 2, {MATCH: _match(minute)}, source="scripted", lane="football")


def _books(minute: int) -> Books:
    return {book: _offers(number, book, minute) for number, book in enumerate(BOOKS) if _there(book, minute)}


def _there(book: str, minute: int) -> bool:
    """One book is absent for a while, and one for good."""
    return not (book == "fliff" and 25 <= minute < 35) and not (book == "caesars" and minute >= 80)


def _offers(number: int, book: str, minute: int) -> list[tuple[str, tuple[Quote, ...]]]:
    line = _line(number, book, minute)
    points = 221.5 + (2.0 if 55 <= minute < 70 and number < 6 else 0.0)
    home = 1.60 - (0.12 if minute >= 60 and number < 7 else 0.0)
    offers = [spread(line, 1.91 - 0.01 * (number % 3), 1.89), moneyline(home, 2.35), total(points, 1.91, 1.91)]
    offers += [("h2h_lay", (Quote("home", 1.62), Quote("away", 2.44)))] if book == "betmgm" else []
    if book == "bovada" and minute >= 45:
        offers[0] = ("spreads", (Quote("home", 1.91, line),))  # one side is missing
    if book == "espnbet":
        offers.append(("alternate_spreads", (*spread(line - 1, 2.2, 1.7)[1], *spread(line + 1, 1.7, 2.2)[1])))
    return offers


def _line(number: int, book: str, minute: int) -> float:
    """Six books move together over the key number 3, later seven go to a pick'em; one stands apart for a while."""
    line = -2.5
    if minute >= 40 + number % 2 and number < 6:
        line = -4.0
    if minute >= 75 and number < 7:
        line = 0.0
    return line + (3.0 if book == "pinnacle" and 50 <= minute < 60 else 0.0)


def _quiet(minute: int) -> Books:
    """A game that hardly moves before it starts, and jumps in play."""
    jumped = minute >= 36
    line, prices = (-10.5, (1.16, 5.2)) if jumped else (-6.5, (1.38, 3.1))
    return {book: [spread(line, 1.91, 1.91), moneyline(*prices)] for book in BOOKS}


def _match(minute: int) -> Books:
    draw = 3.3 + (0.6 if minute >= 65 else 0.0)
    books: dict[str, list[tuple[str, tuple[Quote, ...]]]] = {
        book: [moneyline(2.5 if minute < 65 else 2.1, 2.9, draw)] for book in BOOKS[:7]
    }
    books["pinnacle"] = [moneyline(2.5, 2.9), total(2.5, 1.9, 1.9)]  # the draw is missing
    return books
