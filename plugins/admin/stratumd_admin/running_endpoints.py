"""Operations over HTTP, and their receipts."""

from __future__ import annotations

import inspect
from typing import Any

from stratumd.plugin import SECOND, iso
from stratumd.plugin.desk import Reading
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Refused, RoutesContext
from stratumd_admin.pages import position
from stratumd_admin.rows import Receipt
from stratumd_admin.running import ASKED, Asked, Runner, shown
from stratumd_admin.shapes import Items, Me, Operations, OperationView, ReceiptQuery, ReceiptView, Run
from stratumd_admin.staff import SCHEME, caller_of
from stratumd_admin.views import PREFIX, TAG

STAFF = Access((SCHEME,))
"""Whoever has a role; what it may do is asked for each operation."""
EVERYBODYS = "audit:read"
"""What it takes to see receipts of others."""
_LONGEST = 60 * SECOND


class OperationEndpoints:
    """Lists and runs the operations of all plugins."""

    def __init__(self, context: RoutesContext, runner: Runner) -> None:
        self._context = context
        self._runner = runner

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        operations, receipts = f"{PREFIX}/operations", f"{PREFIX}/receipts"
        return [
            Endpoint(
                method="GET", path=f"{PREFIX}/me", call=self.me, name="admin_get_me", tag=TAG,
                summary="Who is logged in, and may do what", access=STAFF, answers={200: Me},
            ),
            Endpoint(
                method="GET", path=operations, call=self.list, name="admin_list_operations", tag=TAG,
                summary="What the caller may run, with what it takes", access=STAFF, answers={200: Operations},
            ),
            Endpoint(
                method="POST", path=f"{operations}/{{name}}", call=self.run, name="admin_run_operation", tag=TAG,
                parts={"name": "The operation's name, as `GET /api/v1/admin/operations` shows it."},
                summary="Run an operation, and get a receipt", access=STAFF, body=Run, answers={200: ReceiptView},
                description="What writes needs `reason`. What is sensitive needs a fresh login (403 with `step_up`) "
                "and the target in `confirm` (409 with `confirm`). With `idempotency-key` a repeat runs nothing "
                "and gives the same receipt; what is shown once is `***` then.",
                asked=ASKED, deadline=_LONGEST,
            ),
            Endpoint(
                method="GET", path=receipts, call=self.receipts, name="admin_list_receipts", tag=TAG,
                summary="What was done, the newest first: the caller's own, or with `audit:read` everybody's",
                access=STAFF, query=ReceiptQuery, answers={200: Items},
            ),
            Endpoint(
                method="GET", path=f"{receipts}/{{receipt}}", call=self.receipt, name="admin_get_receipt", tag=TAG,
                parts={"receipt": "The receipt's id."}, summary="A receipt", access=STAFF, answers={200: ReceiptView},
            ),
        ]  # fmt: skip

    async def me(self, call: Call) -> Answer:
        """Say who is logged in."""
        caller, who = caller_of(call), call.identity
        assert caller is not None
        assert who is not None
        me = Me(
            account=who.account,
            role=caller.role,
            permissions=sorted(who.scopes),
            second_factor=caller.second,
            fresh_until=iso(caller.fresh_until),
        )
        return Answer(body=me)

    async def list(self, call: Call) -> Answer:
        """List what the caller may run."""
        assert call.identity is not None
        scopes = call.identity.scopes
        return Answer(
            body=Operations(items=[_view(each) for each in self._context.operations() if each.permission in scopes])
        )

    async def run(self, call: Call) -> Answer:
        """Run one."""
        asked: Run = call.body
        receipt = await self._runner.run(call, Asked(call.params["name"], asked.arguments, asked.reason, asked.confirm))
        return Answer(body=receipt)

    async def receipts(self, call: Call) -> Answer:
        """List receipts."""
        query: ReceiptQuery = call.query
        own = _own(call)
        where: dict[str, Any] = {"actor": own or query.actor} if own or query.actor else {}
        if own and query.actor not in (None, own):
            raise Refused(403, f"Receipts of others need the permission {EVERYBODYS!r}.")
        before = position(query.cursor)

        def work(reading: Reading) -> list[Receipt]:
            until = None if before is None else ("at", before[0] + 1)
            order = ("at", "id")
            skipped = 0 if before is None else reading.count(Receipt, at=before[0], **where)
            found = reading.find(
                Receipt, until=until, order=order, newest=True, limit=query.limit + skipped + 1, **where
            )
            return found if before is None else [row for row in found if (row.at, row.id) < before]

        found = await self._context.desk.read(work)
        page = found[: query.limit]
        next = f"{page[-1].at}.{page[-1].id}" if len(found) > query.limit else None
        return Answer(body=Items(items=[shown(row) for row in page], next=next))

    async def receipt(self, call: Call) -> Answer:
        """Show a receipt."""
        id, own = call.params["receipt"], _own(call)
        found = await self._context.desk.read(lambda reading: reading.get(Receipt, id=id))
        if found is None or (own and found.actor != own):
            raise Refused(404, "There is no such receipt.")
        return Answer(body=shown(found))


def _own(call: Call) -> str:
    """Return the actor whose receipts alone the caller may see; empty where all of them."""
    assert call.identity is not None
    return "" if EVERYBODYS in call.identity.scopes else call.act("").actor


def _view(operation: type[Operation]) -> OperationView:
    schema: dict[str, Any] = operation.config.model_json_schema()
    return OperationView(
        name=operation.name,
        group=operation.command[0],
        verb=operation.command[1],
        summary=(inspect.getdoc(operation) or "").partition("\n")[0],
        permission=operation.permission,
        writes=operation.writes,
        sensitive=operation.sensitive,
        arguments=schema,
    )
