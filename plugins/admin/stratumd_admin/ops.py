"""`/api/v1/ops`: what programs ask of the daemon, with service tokens, and staff with sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stratumd.plugin import DAY, SECOND
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, RoutesContext
from stratumd_admin import diagnostics, staff, tokens
from stratumd_admin.operations import AskBackfill, Diagnose, ListBackfills, Replay
from stratumd_admin.pages import cycle_position, moment, position
from stratumd_admin.running import ASKED, Asked, Runner
from stratumd_admin.shapes import (
    BackfillBody,
    BackfillsQuery,
    CyclesQuery,
    DiagnosticsQuery,
    Item,
    Items,
    PollsQuery,
    ReceiptView,
    ReplayBody,
    SummaryQuery,
)

PREFIX = "/api/v1/ops"
TAG = "Operations"
SCHEMES = (tokens.SCHEME, staff.SCHEME)
READ, RUN = Access(SCHEMES, "ops:read"), Access(SCHEMES, "ops:run")
_LONGEST = 30 * SECOND


class Ops:
    """Cycles, reports and run controls."""

    def __init__(self, context: RoutesContext, runner: Runner) -> None:
        self._context = context
        self._runner = runner

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            Endpoint(
                method="GET", path=f"{PREFIX}/cycles", call=self.cycles, name="ops_list_cycles", tag=TAG,
                summary="The figures of each cycle, the newest first: credits, quotes, signals, deliveries, latency",
                access=READ, query=CyclesQuery, answers={200: Items},
            ),
            Endpoint(
                method="GET", path=f"{PREFIX}/polls", call=self.polls, name="ops_list_polls", tag=TAG,
                summary="Polls and what came of them, the newest first", access=READ, query=PollsQuery,
                answers={200: Items},
            ),
            Endpoint(
                method="GET", path=f"{PREFIX}/cycles/summary", call=self.summary, name="ops_summarize_cycles", tag=TAG,
                summary="Figures of polls by source and of cycles by pipeline: of the last day, unless told otherwise",
                access=READ, query=SummaryQuery, deadline=_LONGEST, answers={200: Item},
            ),
            Endpoint(
                method="GET", path=f"{PREFIX}/report", call=self.report, name="ops_get_report", tag=TAG,
                summary="How everything is", access=READ, deadline=_LONGEST, answers={200: Item},
            ),
            Endpoint(
                method="GET", path=f"{PREFIX}/diagnostics", call=self.diagnose, name="ops_diagnose_sources", tag=TAG,
                summary="How each source is polled: newest polls and errors, credits, circuit breaker", access=READ,
                query=DiagnosticsQuery, answers={200: Items},
            ),
            Endpoint(
                method="POST", path=f"{PREFIX}/deliveries/replay", call=self.replay, name="ops_replay_deliveries",
                tag=TAG, summary="Send deliveries again that have ended: dead letters, unless told otherwise",
                access=RUN, body=ReplayBody, asked=ASKED, answers={200: ReceiptView},
            ),
            Endpoint(
                method="GET", path=f"{PREFIX}/backfills", call=self.backfills, name="ops_list_backfills", tag=TAG,
                summary="Backfills that were asked for, with the command that runs each", access=READ,
                query=BackfillsQuery, answers={200: Items},
            ),
            Endpoint(
                method="POST", path=f"{PREFIX}/backfills", call=self.ask, name="ops_request_backfill", tag=TAG,
                summary="Put a backfill into the queue, with limits", access=RUN, body=BackfillBody,
                asked=ASKED, answers={200: ReceiptView},
            ),
        ]  # fmt: skip

    async def cycles(self, call: Call) -> Answer:
        """List cycles."""
        query: CyclesQuery = call.query
        since = None if query.since is None else moment("since", query.since)
        before = cycle_position(query.cursor)
        page = await self._context.archive.read(
            lambda history: diagnostics.cycles(history, query.pipeline, since, before, query.limit)
        )
        return Answer(body=Items(items=page.items, next=page.next))

    async def polls(self, call: Call) -> Answer:
        """List polls."""
        query: PollsQuery = call.query
        since = None if query.since is None else moment("since", query.since)
        before = position(query.cursor)
        page = await self._context.archive.read(
            lambda history: diagnostics.page(history, query.source, since, before, query.limit)
        )
        return Answer(body=Items(items=page.items, next=page.next))

    async def summary(self, call: Call) -> Answer:
        """Sum polls and cycles up."""
        query: SummaryQuery = call.query
        since = call.at - DAY if query.since is None else moment("since", query.since)
        found = await self._context.archive.read(
            lambda history: diagnostics.summary(history, call.at, query.source, since)
        )
        return Answer(body=found)

    async def report(self, call: Call) -> Answer:
        """Say how everything is."""
        pipelines = self._context.archive.pipelines
        return Answer(
            body=await self._context.archive.read(lambda history: diagnostics.report(history, call.at, pipelines))
        )

    async def diagnose(self, call: Call) -> Answer:
        """Show how sources are polled."""
        rows = await self._runner.read(call, Asked(Diagnose.name, _given(call.query), scope="ops:read"))
        return Answer(body=Items(items=rows))

    async def replay(self, call: Call) -> Answer:
        """Send deliveries again."""
        return await self._run(call, Replay.name)

    async def backfills(self, call: Call) -> Answer:
        """List backfills."""
        rows = await self._runner.read(call, Asked(ListBackfills.name, _given(call.query), scope="ops:read"))
        return Answer(body=Items(items=rows))

    async def ask(self, call: Call) -> Answer:
        """Put a backfill into the queue."""
        return await self._run(call, AskBackfill.name)

    async def _run(self, call: Call, name: str) -> Answer:
        arguments = _given(call.body)
        reason = arguments.pop("reason")
        return Answer(body=await self._runner.run(call, Asked(name, arguments, reason, scope="ops:run")))


def _given(asked: msgspec.Struct) -> dict[str, Any]:
    found: Mapping[str, Any] = msgspec.structs.asdict(asked)
    return {name: value for name, value in found.items() if value is not None}
