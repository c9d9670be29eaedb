"""The plans of the file, as every plugin knows them."""

from __future__ import annotations

from collections.abc import Mapping

from stratumd.plugin import micros
from stratumd.plugin.partners import Plan
from stratumd_accounts.options import PlanOptions


def plans(policy: Mapping[str, PlanOptions]) -> dict[str, Plan]:
    """Return the plans by name."""
    return {name: _plan(name, options) for name, options in policy.items()}


def _plan(name: str, options: PlanOptions) -> Plan:
    return Plan(
        name=name,
        kind=options.kind,
        title=options.title,
        delay=micros(options.delay),
        hidden=frozenset(options.hidden),
        scopes=options.scopes,
        per_minute=options.per_minute,
        included=options.included,
        overage=options.overage,
        watchlist=options.watchlist,
        discord=options.discord,
    )
