"""What is projected of an event, of all that was heard."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import msgspec

from stratumd.odds import canonical_team
from stratumd.plugin import Event, MarketKey, News
from stratumd_projection.players import folded
from stratumd_projection.table import Projected


class Subject(NamedTuple):
    """A market of an event, for one player or for none, however the player is spelt."""

    market: str
    player: str | None


def subject(key: MarketKey) -> Subject:
    """Return what a market is about."""
    return Subject(key.market, None if key.player is None else folded(key.player))


class Heard:
    """The projections of one file for one sport, by what they are about."""

    def __init__(self, news: News) -> None:
        self.news = news
        self._by_event: dict[str, dict[Subject, Projected]] = defaultdict(dict)
        self._by_teams: dict[tuple[str, str], list[Projected]] = defaultdict(list)
        for rows in news.teams.values():
            for row in msgspec.convert(rows, list[Projected]):
                self._take(row)

    def _take(self, row: Projected) -> None:
        if row.event is not None:
            self._by_event[row.event][_subject(row)] = row
        elif row.home is not None and row.away is not None:
            self._by_teams[row.home, row.away].append(row)

    def of(self, event: Event) -> dict[Subject, Projected]:
        """Return what is projected of `event`; where its id and its teams are both given, the id's word counts."""
        teams = canonical_team(event.sport, event.home), canonical_team(event.sport, event.away)
        by_date = [
            row for row in self._by_teams.get(teams, ()) if row.starts_from <= event.commence_at < row.starts_before
        ]
        return {_subject(row): row for row in by_date} | self._by_event.get(event.id, {})


def _subject(row: Projected) -> Subject:
    return subject(MarketKey(row.market, row.player))
