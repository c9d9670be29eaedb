"""The file: CSV or JSON, row by row; what is wrong with a row is told with its line and column."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from math import isfinite
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from stratumd.odds import canonical_team
from stratumd.plugin import Micros, micros
from stratumd_projection.distribution import PLAYERS, family, needs_sd
from stratumd_projection.players import folded

COLUMNS = ("event", "sport", "home", "away", "date", "player", "market", "mean", "sd")
_ALWAYS = ("market", "mean")
_TEAMS = ("home", "away", "date")
_LONGEST = 120
"""Characters of a text in a row, and of a bad one as it is shown."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_LARGEST = 1e6
_LEAST = 0.001
"""The smallest mean of a count; far below, a distribution with an sd of its own cannot be computed."""


class Projected(msgspec.Struct, frozen=True):
    """One row, understood: what somebody expects of a player, of a team or of a game."""

    line: int
    """Where in the file it begins, from 1."""
    market: str
    mean: float
    """Of what is counted; for spreads of home's margin in points."""
    sd: float | None
    """The standard deviation; None where the file gives none."""
    player: str | None
    event: str | None
    """The provider's id of the event; None where teams and a date name it."""
    home: str | None
    away: str | None
    """As `stratumd.odds.canonical_team` spells them."""
    starts_from: Micros
    starts_before: Micros
    """The date, as the instants between which the event is announced to start."""
    written_at: Micros
    """When the file was last written, as far as that is known."""

    @property
    def subject(self) -> tuple[object, ...]:
        """What it is about: of two rows with one subject only the first counts."""
        player = None if self.player is None else folded(self.player)
        return self.event, self.home, self.away, self.starts_from, player, self.market


class Complaint(NamedTuple):
    """What is wrong with a row."""

    line: int
    column: str | None
    problem: str

    def __str__(self) -> str:
        return f"line {self.line}{'' if self.column is None else f', column {self.column}'}: {self.problem}"


class Unreadable(ValueError):
    """There is no table at all in the file: why."""


class Table(NamedTuple):
    """A file, as far as it can be read."""

    rows: list[tuple[str, Projected]]
    """With their sports."""
    complaints: list[Complaint]
    """Of rows that are left out."""
    unread: list[str]
    """Columns that mean nothing here."""


class _Wrong(ValueError):
    """A cell that says nothing."""

    def __init__(self, column: str | None, problem: str) -> None:
        super().__init__(problem)
        self.column = column


_Row = tuple[int, Mapping[str, Any] | _Wrong]
"""A row and the line on which it begins."""


def read_table(body: bytes, sports: Sequence[str], zone: ZoneInfo, written_at: Micros) -> Table:
    """Return what a file says. Raises `Unreadable` where that is nothing; a row that cannot be read is a complaint."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the file is no UTF-8 text") from None
    found = Table([], [], [])
    rows = _of_json(text) if text.lstrip()[:1] == "[" else _of_csv(text)
    subjects: dict[tuple[object, ...], int] = {}
    unread: dict[str, None] = {}
    for line, cells in rows:
        try:
            if isinstance(cells, _Wrong):
                raise cells
            unread |= dict.fromkeys([_shown(name) for name in cells if name not in COLUMNS])
            sport = _sport(cells, sports)
            row = _understood(line, cells, sport, zone, written_at)
            same = (sport, *row.subject)
            if same in subjects:
                raise _Wrong(None, f"the same is projected on line {subjects[same]} already")
            subjects[same] = line
            found.rows.append((sport, row))
        except _Wrong as wrong:
            found.complaints.append(Complaint(line, wrong.column, str(wrong)))
    return found._replace(unread=[*unread])


def _of_csv(text: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if names is None:
                raise Unreadable(f"line {line}: {error}") from None
            yield line, _Wrong(None, str(error))
            continue
        if not any([field.strip() for field in fields]):
            continue
        if names is None:
            names = _header(line, fields)
        elif len(fields) != len(names):
            yield line, _Wrong(None, f"it has {len(fields)} fields where the header has {len(names)}")
        else:
            yield line, dict(zip(names, fields, strict=True))
    if names is None:
        raise Unreadable("the file is empty: not even a header is there")


def _header(line: int, fields: Sequence[str]) -> list[str]:
    names = [field.strip().lower() for field in fields]
    for name in _ALWAYS:
        if name not in names:
            raise Unreadable(f"line {line}: the header has no column {name}")
    if "event" not in names and not {*_TEAMS} <= {*names}:
        raise Unreadable(f"line {line}: the header has neither a column event nor the columns home, away and date")
    twice = next((name for name in COLUMNS if names.count(name) > 1), None)
    if twice is not None:
        raise Unreadable(f"line {line}: the header has the column {twice} twice")
    return names


def _of_json(text: str) -> Iterator[_Row]:
    """Read element by element, so that each has a line and a torn end costs no more than what is torn."""
    decoder, place, line, counted = json.JSONDecoder(), text.index("[") + 1, 1, 0
    while True:
        place = _past(text, place, " \t\r\n,")
        line, counted = line + text.count("\n", counted, place), place
        if text[place : place + 1] == "]":
            return
        try:
            element, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError of its own
            what = error.msg if isinstance(error, json.JSONDecodeError) else "it is too deep or too long"
            yield line, _Wrong(None, f"no JSON from here on: {what}")
            return
        yield line, element if isinstance(element, dict) else _Wrong(None, "it is no object")


def _past(text: str, place: int, skipped: str) -> int:
    while place < len(text) and text[place] in skipped:
        place += 1
    return place


def _sport(cells: Mapping[str, Any], sports: Sequence[str]) -> str:
    sport = _text(cells, "sport") or (sports[0] if len(sports) == 1 else None)
    if sport is None:
        raise _Wrong("sport", f"it is empty; the source is about {', '.join(sports)}")
    if sport not in sports:
        raise _Wrong("sport", f"{_shown(sport)!r} is none of the source's: {', '.join(sports)}")
    return sport


def _understood(line: int, cells: Mapping[str, Any], sport: str, zone: ZoneInfo, written_at: Micros) -> Projected:
    market, player = _text(cells, "market"), _text(cells, "player")
    if market is None:
        raise _Wrong("market", "it is empty")
    distribution = family(sport, market)
    if distribution is None:
        raise _Wrong("market", f"a mean says nothing about {_shown(market)!r} in {sport}")
    mean, sd = _number(cells, "mean"), _number(cells, "sd")
    if mean is None:
        raise _Wrong("mean", "it is empty")
    if mean < _LEAST and not market.startswith(("spreads", "alternate_spreads")):
        raise _Wrong("mean", f"what is counted has a mean of {_LEAST:g} or more, not {mean:g}")
    if sd is not None and sd <= 0.0:
        raise _Wrong("sd", f"it is above 0, not {sd:g}")
    if player is None and market.startswith(PLAYERS):
        raise _Wrong("player", f"it is empty, and {market!r} is a player's")
    if sd is None and needs_sd(sport, market):
        raise _Wrong("sd", f"it is empty, and nothing stands in for it in {market!r}")
    event = _text(cells, "event")
    if event is not None:
        return Projected(line, market, mean, sd, player, event, None, None, 0, 0, written_at)
    home, away, day = (_needed(cells, name) for name in _TEAMS)
    first, last = _day(day, zone)
    teams = canonical_team(sport, home), canonical_team(sport, away)
    return Projected(line, market, mean, sd, player, None, *teams, first, last, written_at)


def _needed(cells: Mapping[str, Any], column: str) -> str:
    found = _text(cells, column)
    if found is None:
        raise _Wrong(column, "it is empty, and so is event")
    return found


def _text(cells: Mapping[str, Any], column: str) -> str | None:
    """Return a text on one line; None where there is none."""
    found = cells.get(column)
    if found is None:
        return None
    if not isinstance(found, str):
        raise _Wrong(column, f"{_shown(found)} is no text")
    words = " ".join(found.split())
    if len(words) > _LONGEST or not words.isprintable():
        raise _Wrong(column, f"{_shown(words)!r} is no name")
    return words or None


def _number(cells: Mapping[str, Any], column: str) -> float | None:
    found = cells.get(column)
    if found is None or (isinstance(found, str) and not found.strip()):
        return None
    try:
        number = float(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not isfinite(number) or abs(number) > _LARGEST:
        raise _Wrong(column, f"{_shown(found)!r} is no number")
    return number


def _day(text: str, zone: ZoneInfo) -> tuple[Micros, Micros]:
    """Return the instants at which a date begins and ends in `zone`."""
    try:
        day = date.fromisoformat(text)
        begins, ends = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
        return micros(begins - _EPOCH), micros(ends - _EPOCH)
    except (ValueError, OverflowError):
        raise _Wrong("date", f"{_shown(text)!r} is no date such as 2026-01-31") from None


def _shown(found: Any) -> str:
    text = "".join([each for each in str(found) if each.isprintable()])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
