"""The page and what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from stratumd.plugin import PluginConfig
from stratumd.plugin.history import History
from stratumd.plugin.pages import Page
from stratumd.plugin.routes import PUBLIC, Access, Answer, Call, Endpoint, Refused, Routes
from stratumd_dashboard import looking, shapes
from stratumd_dashboard.door import Door, OpenTo

T = TypeVar("T")


class Options(PluginConfig):
    """Options of `dashboard`."""

    open_to: OpenTo = "this-machine"
    """Who may look: who is on this machine; `staff` that has logged in (by the routes `admin`); or everybody who
    reaches `http.listen`. A proxy on this machine looks like this machine, unless `http.trusted_proxies` names it."""


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which market of an event, and which player."""

    market: str | None = None
    """Without one, the first it has."""
    player: str | None = None
    """In a players' market: without one, the first."""


class SignalsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How many signals."""

    limit: int = 200
    """At most 1,000."""


class ClosingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """By what the scorecards are grouped."""

    pipeline: str | None = None
    """Without one, the first of the file."""
    by: Literal["type", "market", "bucket", "tier", "quality"] = "type"
    """Beside the type."""


class Dashboard(Routes):
    """A front page for those who run the daemon."""

    name, config = "dashboard", Options
    options: Options

    def __init__(self, options: Options, context: Any) -> None:
        super().__init__(options, context)
        self._door = Door(options.open_to)
        self._page = Page("stratumd_dashboard", "dashboard")

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the page, and what it asks for."""
        guarded, given = self._door.access, self._declare
        return [
            given("/", self.show, "show_dashboard", "The dashboard", PUBLIC, str, media_type="text/html"),
            given("board", self.board, "dashboard_board", "Events with their consensus", guarded, shapes.Board),
            given("events/{event}", self.event, "dashboard_event", "One event", guarded, shapes.EventPage, EventQuery),
            given(
                "signals", self.newest, "dashboard_signals", "New signals", guarded, shapes.SignalsPage, SignalsQuery
            ),
            given(
                "closing", self.closing, "dashboard_closing", "Scorecards", guarded, shapes.ClosingPage, ClosingQuery
            ),
            given("health", self.health, "dashboard_health", "How everything is", guarded, shapes.HealthPage),
        ]

    def _declare(
        self,
        path: str,
        call: Callable[[Call], Any],
        name: str,
        summary: str,
        access: Access,
        gives: Any,
        query: type[msgspec.Struct] | None = None,
        media_type: str = "application/json",
    ) -> Endpoint:
        async def admitted(asked: Call) -> Answer:
            self._door.admit(asked)
            found: Answer = await call(asked)
            return found

        return Endpoint(
            method="GET",
            path=path if path == "/" else f"/api/v1/dashboard/{path}",
            call=admitted,
            parts={"event": "The event's id, or the beginning of it."},
            name=name,
            summary=summary,
            tag="Dashboard",
            access=access,
            query=query,
            answers={200: gives, 304: None} if path == "/" else {200: gives},
            media_type=media_type,
        )

    async def show(self, call: Call) -> Answer:
        """The page itself."""
        return self._page.answer(call, "private, no-cache")

    async def board(self, call: Call) -> Answer:
        """Events in play and to come, by their start."""
        return await self._read(lambda history: looking.board(history, call.at))

    async def event(self, call: Call) -> Answer:
        """An event with the paths of its lines, offers and signals."""
        id, query = call.params["event"], call.query
        try:
            return await self._read(lambda history: looking.event(history, id, query.market, query.player, call.at))
        except LookupError as error:
            raise Refused(404, str(error)) from None

    async def newest(self, call: Call) -> Answer:
        """The newest signals first."""
        limit = max(1, min(call.query.limit, 1_000))
        return await self._read(lambda history: looking.signals(history, limit, call.at))

    async def closing(self, call: Call) -> Answer:
        """What signals were worth at the close, where the job `clv` runs."""
        pipelines = self.context.archive.pipelines
        pipeline = call.query.pipeline or next(iter(pipelines), "")
        if pipeline not in pipelines:
            raise Refused(404, f"There is no such pipeline: there are {', '.join(pipelines) or 'none'}.")
        by = ["type", "reference"] if call.query.by == "type" else ["type", call.query.by, "reference"]
        try:
            rows = await self.context.archive.report("clv.scorecards", {"by": by}, pipeline)
        except LookupError:
            return Answer(body=shapes.ClosingPage(None))
        return Answer(body=shapes.ClosingPage(rows))

    async def health(self, call: Call) -> Answer:
        """Sources, deliveries, alerts and the figures of the newest cycles."""
        return await self._read(lambda history: looking.health(history, call.at))

    async def _read(self, work: Callable[[History], Any]) -> Answer:
        return Answer(body=await self.context.archive.read(work), headers={"cache-control": "private, no-store"})
