"""What accounts may do: entitlements and plans. An entitlement that is over counts as ended from that moment on."""

from __future__ import annotations

from collections.abc import Mapping

from stratumd.plugin import Micros
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.partners import API, WEB, Plan, Rights
from stratumd_accounts.options import FREE
from stratumd_accounts.rows import SUSPENDED, Account, Entitlement, Version

RIGHTS = "rights"
"""The name of the version that rises whenever a credential may mean something else than before."""
FOREVER: Micros = 1 << 62


def rights_of(reading: Reading, account: str, plans: Mapping[str, Plan], at: Micros) -> Rights | None:
    """Return what the account may do at `at`; None where there is none."""
    known = reading.get(Account, id=account)
    if known is None:
        return None
    return Rights(
        account=account,
        suspended=known.status == SUSPENDED,
        web=_plan(reading, account, WEB, plans, at) or plans[FREE],
        api=_plan(reading, account, API, plans, at),
    )


def rights_end(reading: Reading, account: str, at: Micros) -> Micros:
    """Return when the account's rights change next by themselves."""
    ends = [row.until for row in reading.find(Entitlement, account=account) if row.until is not None and row.until > at]
    return min(ends, default=FOREVER)


def _plan(reading: Reading, account: str, kind: str, plans: Mapping[str, Plan], at: Micros) -> Plan | None:
    row = reading.get(Entitlement, account=account, kind=kind)
    if row is None or (row.until is not None and row.until <= at):
        return None
    plan = plans.get(row.plan)  # None where the file names it no more: then it allows nothing
    return plan if plan is not None and plan.kind == kind else None


def grant(writing: Writing, account: str, kind: str, plan: str | None, *, until: Micros | None, source: str) -> None:
    """Set an entitlement, or take it away. One that is as it should be is left alone."""
    known = writing.get(Entitlement, account=account, kind=kind)
    if plan is None:
        if known is not None:
            writing.drop(Entitlement, account=account, kind=kind)
            rise(writing)
        return
    if known is not None and (known.plan, known.until, known.source) == (plan, until, source):
        return
    writing.put(Entitlement(account=account, kind=kind, plan=plan, until=until, source=source, since=writing.at))
    rise(writing)


def rise(writing: Writing) -> None:
    """Make every process forget what it remembers of credentials, when this transaction is committed."""
    writing.add(Version(name=RIGHTS, number=1), "number")


def version(reading: Reading) -> int:
    """Return the present version of all rights."""
    row = reading.get(Version, name=RIGHTS)
    return row.number if row is not None else 0
