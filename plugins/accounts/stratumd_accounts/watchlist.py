"""Watchlists: the events that somebody follows, as many as the plan has room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stratumd.plugin import iso
from stratumd.plugin.desk import Writing
from stratumd.plugin.history import History
from stratumd.plugin.routes import Answer, Call, Endpoint, Refused
from stratumd.plugin.views import EventRow
from stratumd_accounts.parts import OWN, TAG, Parts, caller, me
from stratumd_accounts.rights import rights_of
from stratumd_accounts.rows import Watched
from stratumd_accounts.views import WatchedView, Watchlist

MOST = 1_000
"""Events on a list whose plan names no number."""


class WatchlistEndpoints:
    """The watchlist of the own account."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk = parts.context.desk

    def endpoints(self) -> Sequence[Endpoint]:
        """Return them."""
        path = "/api/v1/account/watchlist"
        return [
            Endpoint(
                method="GET", path=path, call=self.list, name="get_watchlist", tag=TAG, summary="The watchlist",
                access=OWN, answers={200: Watchlist},
            ),
            Endpoint(
                method="PUT", path=f"{path}/{{event}}", call=self.add, name="watch_event", tag=TAG,
                summary="Put an event on the watchlist", access=OWN, answers={200: WatchedView},
            ),
            Endpoint(
                method="DELETE", path=f"{path}/{{event}}", call=self.remove, name="unwatch_event", tag=TAG,
                summary="Take an event off the watchlist", access=OWN, answers={204: None},
            ),
        ]  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """Show the list, the newest entry first."""
        account, order = me(call).account, ("added_at", "event")
        rows = await self._desk.read(lambda reading: reading.find(Watched, account=account, order=order, newest=True))
        events = await self._events([row.event for row in rows])
        items = [_view(row, events.get(row.event)) for row in rows]
        return Answer(body=Watchlist(items=items, most=caller(call).rights.web.watchlist))

    async def add(self, call: Call) -> Answer:
        """Add an event. One that is there already stays as it is."""
        account, event = me(call).account, await self._event(call.params["event"])

        def work(writing: Writing) -> Watched:
            known = writing.get(Watched, account=account, event=event.id)
            if known is not None:
                return known
            rights = rights_of(writing, account, self._parts.plans, writing.at)
            most = rights.web.watchlist if rights is not None else 0
            if writing.count(Watched, account=account) >= (MOST if most is None else most):
                raise Refused(409, f"The list of this plan has room for {most or MOST} events: take one off first.")
            row = Watched(account=account, event=event.id, added_at=writing.at)
            writing.put(row)
            return row

        return Answer(body=_view(await self._desk.write(work), event))

    async def remove(self, call: Call) -> Answer:
        """Take an event off. Where it is not there, nothing is to be done."""
        account, event = me(call).account, call.params["event"]
        await self._desk.write(lambda writing: writing.drop(Watched, account=account, event=event))
        return Answer(status=204)

    async def _event(self, id: str) -> EventRow:
        found = (await self._events([id])).get(id)
        if found is None:
            raise Refused(404, "There is no such event: take an id from /api/v1/intel/events.")
        return found

    async def _events(self, ids: Sequence[str]) -> Mapping[str, EventRow]:
        """Return those of the events that are known."""
        return await self._parts.context.archive.read(lambda history: _known(history, ids))


def _known(history: History, ids: Sequence[str]) -> dict[str, EventRow]:
    found: dict[str, EventRow] = {}
    for id in ids:
        try:
            event = history.event(id)
        except LookupError:
            continue
        if event.id == id:  # a watchlist names whole ids
            found[id] = event
    return found


def _view(row: Watched, event: EventRow | None) -> WatchedView:
    return WatchedView(
        event=row.event,
        added_at=iso(row.added_at),
        sport=event.sport if event is not None else None,
        home=event.home if event is not None else None,
        away=event.away if event is not None else None,
        commence_at=iso(event.commence_at) if event is not None else None,
    )
