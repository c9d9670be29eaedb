"""A file of projections as news."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from stratumd.plugin import Issue, Micros, News, Normalizer, Observation, Severity, Snapshot, parse_iso
from stratumd_projection.table import Table, Unreadable, read_table

TOPIC = "projections"
WRITTEN = "last-modified"
"""The header that says when the file was last written: ISO 8601 in UTC."""
_NAMED = 20
"""How many bad rows are named one by one."""


class Projections(Normalizer):
    """Reads a file of projections. What it says of a sport stands in place of what it said before, as a whole.

    Rows are told under their home team; those that name their event by its id stand under no team, `""`.
    """

    name = "projection"

    def normalize(self, observation: Observation) -> Snapshot:
        """Return what `observation` says; whatever the bytes are, this does not raise."""
        asked = _asked(observation)
        if observation.status != 200 or asked is None:
            return Snapshot(None, [], [])
        sports, zone = asked
        try:
            table = read_table(observation.body, sports, zone, _written_at(observation))
        except Unreadable as error:
            return Snapshot(None, [], [Issue("malformed_body", str(error), Severity.ERROR)])
        return Snapshot(None, [], [*_issues(table)], news=_news(table, sports, observation.source))


def _asked(observation: Observation) -> tuple[list[str], ZoneInfo] | None:
    """Return the sports and the zone that the source noted; None where it did not."""
    params = observation.request.params
    sports = [sport for sport in params.get("sports", "").split(",") if sport]
    try:
        zone = ZoneInfo(params.get("timezone", "UTC"))
    except (ValueError, OSError, LookupError):  # an unknown key is a LookupError, a strange one any of the others
        return None
    return (sports, zone) if sports else None


def _written_at(observation: Observation) -> Micros:
    """Return when the file was last written. A clock that runs ahead makes nothing younger than its reading."""
    try:
        return min(parse_iso(observation.headers[WRITTEN]), observation.received_at)
    except (KeyError, ValueError, OverflowError):
        return observation.received_at


def _news(table: Table, sports: Sequence[str], source: str) -> list[News]:
    """Return news of every sport, also of one without any row: then what was said before holds no more."""
    teams: dict[str, dict[str, list[dict[str, Any]]]] = {sport: defaultdict(list) for sport in sports}
    for sport, row in table.rows:
        teams[sport][row.home or ""].append(msgspec.to_builtins(row))
    return [News(sport, TOPIC, source, {name: of[name] for name in sorted(of)}) for sport, of in teams.items()]


def _issues(table: Table) -> Iterator[Issue]:
    for complaint in table.complaints[:_NAMED]:
        yield Issue("malformed_projection", f"{complaint}; the row is left out")
    more = len(table.complaints) - _NAMED
    if more > 0:
        yield Issue("malformed_projection", f"{more} further rows are left out")
    if table.unread:
        yield Issue(
            "unread_column", f"columns that mean nothing here: {', '.join(table.unread[:_NAMED])}", Severity.INFO
        )
