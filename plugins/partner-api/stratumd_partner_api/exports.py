"""Exports: rows by time, as JSON Lines or CSV, a piece at a time: a slow reader holds up nothing and fills nothing."""

from __future__ import annotations

import csv
import io
from collections import Counter as Counts
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from stratumd.plugin import Micros, Signal, parse_iso
from stratumd.plugin.routes import Access, Endpoint, Refused, Stream
from stratumd_partner_api import questions
from stratumd_partner_api.lens import Json, Lens, in_pieces
from stratumd_partner_api.market import Looking, check_span, moment
from stratumd_partner_api.serving import Asked, Counter, endpoint

EXPORT = Access(schemes=("key", "session"), scope="export:read")
COLUMNS: dict[str, tuple[str, ...]] = {
    "signals": Signal.__struct_fields__,
    "changes": (
        "observed_at", "pipeline", "event", "sport", "book", "market", "player", "outcome", "line", "price",
        "last_update",
    ),
    "consensus": (
        "observed_at", "pipeline", "event", "sport", "market", "player", "outcomes", "line", "fair_line",
        "probabilities", "prices", "dispersion", "books", "operators", "contributors", "reason",
    ),
}  # fmt: skip
"""The columns of each kind, in order."""
_ROWS = {
    "signals": "a SignalShown",
    "changes": "a PointShown with its `event` and `sport`; its `price` is null where the quote disappeared",
    "consensus": "a ConsensusShown with its `sport`",
}
"""What a row is."""
_ABOUT = (
    "Each line is {row}. Rows come by time, up to now; `since` and `until` are part of the span. What was observed a "
    "moment ago may be stored after you asked: begin the next export a minute before the end of this one and leave out "
    "what you have, or follow the stream, which loses nothing."
)
_ABOUT_CSV = " The first line names the columns; lists and objects are JSON in their cell, and an empty cell is null."
_ENDINGS = {True: "csv", False: "jsonl"}


class Exports:
    """The endpoint that exports."""

    def __init__(self, looking: Looking, counter: Counter, at_once: int) -> None:
        self._look = looking
        self._counter = counter
        self._at_once = at_once
        self._under_way = Counts[str]()

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield it, once for each kind."""
        for kind in COLUMNS:
            yield endpoint(
                self._counter, self._of(kind, as_csv=False), f"intel/export/{kind}", f"export_{kind}",
                f"All {kind} by time, as JSON Lines", query=questions.ExportQuery, gives=str, access=EXPORT,
                tag="Exports", media_type="application/jsonl", description=_ABOUT.format(row=_ROWS[kind]),
            )  # fmt: skip
            yield endpoint(
                self._counter, self._of(kind, as_csv=True), f"intel/export/{kind}.csv", f"export_{kind}_as_csv",
                f"All {kind} by time, as CSV", query=questions.ExportQuery, gives=str, access=EXPORT,
                tag="Exports", media_type="text/csv", description=_ABOUT.format(row=_ROWS[kind]) + _ABOUT_CSV,
            )  # fmt: skip

    def _of(self, kind: str, *, as_csv: bool) -> Any:
        async def export(asked: Asked) -> Stream:
            query: questions.ExportQuery = asked.call.query
            check_span(moment(query.since), moment(query.until))
            await self._look.check_pipeline(query.pipeline)
            if self._under_way[asked.identity.credential] >= self._at_once:
                told = f"This key reads {self._at_once} exports already: let one end, then try again."
                raise Refused(429, told, headers={"retry-after": "10"})
            return Stream(
                chunks=self._chunks(asked, kind, query, as_csv),
                headers={
                    "content-disposition": f'attachment; filename="{kind}.{_ENDINGS[as_csv]}"',
                    "cache-control": "private, no-store",
                },
                media_type="text/csv" if as_csv else "application/jsonl",
            )

        return export

    async def _chunks(
        self, asked: Asked, kind: str, query: questions.ExportQuery, as_csv: bool
    ) -> AsyncIterator[bytes]:
        credential = asked.identity.credential
        self._under_way[credential] += 1
        try:
            if as_csv:
                yield _csv([dict(zip(COLUMNS[kind], COLUMNS[kind], strict=True))], kind)
            since: Micros | None = moment(query.since)
            more = True
            while more:
                rows, following = await self._piece(asked, kind, query, since)
                if rows:
                    yield _csv(rows, kind) if as_csv else _lines(rows)
                more = following is not None
                since = None if following is None else parse_iso(following)
        finally:
            self._under_way[credential] -= 1

    async def _piece(
        self, asked: Asked, kind: str, query: questions.ExportQuery, since: Micros | None
    ) -> tuple[list[Json], str | None]:
        at = asked.call.at
        until = moment(query.until)

        def work(lens: Lens) -> tuple[list[Json], str | None]:
            last = at if until is None else min(at, until)
            return in_pieces(lens.exported(kind, pipeline=query.pipeline, since=since, until=last))

        return await self._look.look(asked, at, work)


def _lines(rows: list[Json]) -> bytes:
    return b"\n".join([msgspec.json.encode(row) for row in rows]) + b"\n"


def _csv(rows: list[Json], kind: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([[_cell(row[name]) for name in COLUMNS[kind]] for row in rows])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    return msgspec.json.encode(value).decode()
