"""Cursors: where a page of what is sorted by time and id begins."""

from __future__ import annotations

import re

from stratumd.plugin import Micros, parse_iso
from stratumd.plugin.routes import Refused

_POSITION = re.compile(r"(\d{1,17})\.([0-9A-Za-z_.:-]{1,128})")
_NUMBER = re.compile(r"\d{1,18}")
_LATEST: Micros = parse_iso("9999-01-01T00:00:00Z")
_WRONG = "The cursor is none of this list: begin without one."


def position(cursor: str | None) -> tuple[Micros, str] | None:
    """Return the time and the id before which the page begins. `Refused` (400) where the cursor is none."""
    if cursor is None:
        return None
    found = _POSITION.fullmatch(cursor)
    if found is None:
        raise Refused(400, _WRONG)
    return int(found[1]), found[2]


def cycle_position(cursor: str | None) -> tuple[Micros, str, int] | None:
    """Return the time, pipeline and position before which a page of cycles begins. `Refused` (400) where it is none."""
    found = position(cursor)
    if found is None:
        return None
    at, (pipeline, _, last) = found[0], found[1].rpartition(".")
    if not pipeline or not _NUMBER.fullmatch(last):
        raise Refused(400, _WRONG)
    return at, pipeline, int(last)


def number(cursor: str | None) -> int | None:
    """Return the number before which the page begins. `Refused` (400) where the cursor is none."""
    if cursor is None:
        return None
    if not _NUMBER.fullmatch(cursor):
        raise Refused(400, _WRONG)
    return int(cursor)


def moment(name: str, text: str) -> Micros:
    """Read a time. `Refused` (422) where it is none, or none of the years 1970 to 9998."""
    try:
        at = parse_iso(text)
    except (ValueError, OverflowError):
        at = -1
    if not 0 <= at < _LATEST:
        raise Refused(422, f"{name}: expected a time with its zone, such as 2026-01-10T00:00:00Z.")
    return at
