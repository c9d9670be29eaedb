"""The audit, and the outcomes of signals."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import msgspec

from stratumd.errors import ConfigError
from stratumd.plugin import SECOND, iso, rounded
from stratumd.plugin.desk import AuditRow, Reading
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Refused, RoutesContext
from stratumd_admin.pages import number
from stratumd_admin.shapes import Act, Acts, AuditQuery, Outcomes, OutcomesQuery, Verification
from stratumd_admin.staff import SCHEME
from stratumd_admin.views import PREFIX, TAG

AUDIT = Access((SCHEME,), "audit:read")
BUILDING = "baseline_building"
"""What the reports call a cell that has too few events yet to say anything."""
_LONGEST = 60 * SECOND
_MOST_BREAKS = 100
Row = Mapping[str, Any]
Items = list[dict[str, Any]]  # the class below has a method of the name `list`


class Records:
    """What happened, and what came of it."""

    def __init__(self, context: RoutesContext) -> None:
        self._context = context
        self._turn = anyio.Lock()

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        audit = f"{PREFIX}/audit"
        return [
            Endpoint(
                method="GET", path=audit, call=self.list, name="admin_list_audit", tag=TAG,
                summary="What everybody did, the newest first", access=AUDIT, query=AuditQuery, answers={200: Acts},
            ),
            Endpoint(
                method="GET", path=f"{audit}/verification", call=self.verify, name="admin_verify_audit", tag=TAG,
                summary="Whether the audit was tampered with: it reads all of it", access=AUDIT, deadline=_LONGEST,
                answers={200: Verification},
            ),
            Endpoint(
                method="GET", path=f"{audit}/{{sequence}}", call=self.show, name="admin_get_audit", tag=TAG,
                parts={"sequence": "The act's number in the audit."},
                summary="One act, with the rows before and after", access=AUDIT, answers={200: Act},
            ),
            Endpoint(
                method="GET", path=f"{PREFIX}/outcomes", call=self.outcomes, name="admin_get_outcomes", tag=TAG,
                summary="How readable the outcomes of signals are, and how far built their baselines",
                query=OutcomesQuery,
                access=Access((SCHEME,), "reports:read"), deadline=_LONGEST, answers={200: Outcomes},
            ),
        ]  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """List acts."""
        query: AuditQuery = call.query
        wanted = {name: getattr(query, name) for name in ("actor", "action", "target", "request_id")}
        where = {name: value for name, value in wanted.items() if value is not None}
        before = number(query.cursor)
        until = None if before is None else ("sequence", before)
        rows = await self._context.desk.read(
            lambda reading: reading.find(AuditRow, until=until, newest=True, limit=query.limit + 1, **where)
        )
        page = rows[: query.limit]
        next = str(page[-1].sequence) if len(rows) > query.limit else None
        return Answer(body=Acts(items=[_act(row) for row in page], next=next))

    async def show(self, call: Call) -> Answer:
        """Show one."""
        sequence = number(call.params["sequence"])
        row = await self._context.desk.read(lambda reading: reading.get(AuditRow, sequence=sequence))
        if row is None:
            raise Refused(404, "There is no such act.")
        return Answer(body=_act(row))

    async def verify(self, call: Call) -> Answer:
        """Check the chain; one check at a time."""
        async with self._turn:
            began = time.perf_counter()
            rows, newest = await self._context.desk.read(_extent)
            found = await self._context.archive.read(lambda history: history.audit_breaks())
            seconds = time.perf_counter() - began
        view = Verification(
            intact=not found,
            rows=rows,
            newest=newest,
            breaks=[each._asdict() for each in found[:_MOST_BREAKS]],
            checked_at=iso(call.at),
            seconds=round(seconds, 3),
        )
        return Answer(body=view)

    async def outcomes(self, call: Call) -> Answer:
        """Show them by pipeline."""
        known, asked = self._context.archive.pipelines, call.query.pipeline
        if asked is not None and asked not in known:
            raise Refused(404, f"There is no such pipeline: there are {', '.join(known)}.")
        wanted = known if asked is None else [asked]
        return Answer(body=Outcomes(items=[await self._outcome(name) for name in wanted]))

    async def _outcome(self, pipeline: str) -> dict[str, Any]:
        archive = self._context.archive
        try:
            overview = await archive.report("clv.overview", {}, pipeline)
            cells = await archive.report("clv.scorecards", {}, pipeline)
        except (LookupError, ConfigError) as error:
            detail = f"No outcomes for {pipeline!r}: {error}. The plugin `clv` works them out: add it under `jobs:`."
            raise Refused(404, detail) from None
        return {"pipeline": pipeline, "readable": readable(overview), "baseline": baseline(cells), "cells": cells}


def readable(overview: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the share of prices of which the close gives a value, by reference and time after the signal."""
    found: dict[tuple[str, int], dict[str, int]] = {}
    for row in overview:
        counts = found.setdefault((row["reference"], row["after_seconds"]), {})
        counts[row["status"]] = counts.get(row["status"], 0) + row["records"]
    return [
        {
            "reference": reference,
            "after_seconds": after,
            "records": sum(counts.values()),
            "readable_percent": rounded(100.0 * counts.get("valued", 0) / sum(counts.values()), 3),
            "by_status": counts,
        }
        for (reference, after), counts in sorted(found.items())
    ]


def baseline(cells: Sequence[Row]) -> dict[str, Any]:
    """Return how many cells have enough events to say something, and what is still being built."""
    maturities: dict[str, int] = {}
    for cell in cells:
        maturities[cell["maturity"]] = maturities.get(cell["maturity"], 0) + 1
    ready = len(cells) - maturities.get(BUILDING, 0)
    share = rounded(100.0 * ready / len(cells), 3) if cells else None
    return {"cells": len(cells), "ready": ready, "ready_percent": share, "by_maturity": maturities}


def _extent(reading: Reading) -> tuple[int, int]:
    newest = reading.find(AuditRow, newest=True, limit=1)
    return reading.count(AuditRow), newest[0].sequence if newest else 0


def _act(row: AuditRow) -> Act:
    return Act(
        sequence=row.sequence,
        at=iso(row.at),
        actor=row.actor,
        action=row.action,
        target=row.target,
        before=_images(row.before),
        after=_images(row.after),
        reason=row.reason,
        request_id=row.request_id,
        previous=row.previous,
        hash=row.hash,
    )


def _images(text: str) -> Items:
    """Return the rows of an act; where somebody damaged them, what stands there, as `damaged`."""
    try:
        return msgspec.json.decode(text, type=Items)
    except (msgspec.MsgspecError, RecursionError):
        return [{"damaged": text}]
