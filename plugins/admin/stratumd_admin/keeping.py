"""How long receipts and idempotency keys are kept."""

from __future__ import annotations

from functools import partial

from stratumd.plugin import Micros, micros
from stratumd.plugin.desk import Desk, Writing
from stratumd_admin.options import Options
from stratumd_admin.rows import Claim, Receipt

_AT_ONCE = 500


async def tidy(desk: Desk, options: Options, now: Micros) -> None:
    """Delete those whose time is over, in small transactions: the keys first, which lead to receipts."""
    while await desk.write(partial(_claims, before=now - micros(options.claims_kept))) == _AT_ONCE:
        pass
    while await desk.write(partial(_receipts, before=now - micros(options.receipts_kept))) == _AT_ONCE:
        pass


def _claims(writing: Writing, before: Micros) -> int:
    old = writing.find(Claim, until=("at", before), order=("at",), limit=_AT_ONCE)
    for each in old:
        writing.drop(Claim, actor=each.actor, idempotency=each.idempotency)
    return len(old)


def _receipts(writing: Writing, before: Micros) -> int:
    old = writing.find(Receipt, until=("at", before), order=("at", "id"), limit=_AT_ONCE)
    for each in old:
        writing.drop(Receipt, id=each.id)
    return len(old)
