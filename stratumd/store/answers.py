"""The answers of a source that are stored, by what was asked: who has one need not ask and pay again."""

from __future__ import annotations

from sqlalchemy import Engine, select

from stratumd.plugin import Observation, Request
from stratumd.store.errors import mapped
from stratumd.store.keys import request_key
from stratumd.store.observations import fetch
from stratumd.store.tables import observations
from stratumd.store.text import clean


class Answered:
    """What was stored of a source when this was made. Of several answers to one question it knows the newest."""

    def __init__(self, readers: Engine, source: str) -> None:
        self._readers = readers
        self._source = source
        query = (
            select(observations.c.request_key, observations.c.id)
            .where(observations.c.source == clean(source))
            .order_by(observations.c.position)
        )
        with mapped(), readers.begin() as connection:
            self._ids: dict[int, str] = {row[0]: row[1] for row in connection.execute(query)}

    def get(self, request: Request) -> Observation | None:
        """Return the answer to `request`, or None."""
        id = self._ids.get(request_key(self._source, request))
        if id is None:
            return None
        with mapped(), self._readers.begin() as connection:
            return next(fetch(connection, [id]))
