"""What is wrong now, by what is stored and by the states of this daemon's own components. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from stratumd.config import Budget
from stratumd.plugin import DAY, HOUR, MINUTE, Micros, Severity, iso
from stratumd.runtime.account import Part, month_of
from stratumd.runtime.alerting import Condition
from stratumd.runtime.states import ComponentState, State
from stratumd.store import Facts, Question

POLLS: Micros = 30 * MINUTE
"""The exchanges that are judged."""
QUOTES: Micros = HOUR
"""The quotes that are judged."""
LETTERS: Micros = HOUR
"""The dead letters that are spoken of."""
FEW = 4
"""Exchanges from which on a source is judged."""
DEGRADED = 0.5
"""The part of a source's exchanges that fail from which on it counts as degraded."""
STAYS = 0.5
"""The part of a threshold from which on an alert that is there stays: about the threshold it would come and go."""
QUOTA = "quota"
"""What the provider's own limit is called beside the budgets."""
MONTHLY = "monthly_credits"
_OFF = {State.PERMANENT_ERROR, State.FATAL_ERROR}
_ELSEWHERE = ("component", "store")
"""Kinds that the store speaks of, or that could not be stored."""


def question(budgets: Mapping[str, Budget], pipelines: Iterable[str], sinks: Iterable[str], now: Micros) -> Question:
    """Return what is to be known of the store."""
    monthly = {name: month_of(now) for name, budget in budgets.items() if budget.monthly_credits is not None}
    since = now - POLLS, now - QUOTES, now - LETTERS
    return Question([*budgets], [*pipelines], [*sinks], *since, now // DAY * DAY, monthly)


def conditions(
    facts: Facts,
    states: Iterable[ComponentState],
    budgets: Mapping[str, Budget],
    quality_percent: float,
    *,
    now: Micros,
    me: str,
) -> list[Condition]:
    """Return all that is wrong."""
    return [
        *_down(facts),
        *_degraded(facts, now),
        *_quotas(facts, budgets, now),
        *_flawed(facts, quality_percent, now),
        *_given_up(facts, now),
        *_left_out(facts),
        *_components(facts, states, me),
    ]


def _down(facts: Facts) -> Iterator[Condition]:
    for row in facts.breakers:
        if row.kind == "source":
            text = f"{row.reason}\nFailures in a row: {row.failures}. It is left alone, and asked again by itself."
            title = f"The source {row.name} is down"
            yield Condition("source_down", row.name, Severity.ERROR, title, text, row.since_at)


def _degraded(facts: Facts, now: Micros) -> Iterator[Condition]:
    down = {row.name for row in facts.breakers if row.kind == "source"}
    for each in facts.polled:
        if not each.failed or each.failed < STAYS * DEGRADED * each.number:
            continue
        few = each.number < FEW or each.failed < DEGRADED * each.number
        title = f"The source {each.source} fails often"
        text = f"{each.failed} of its {each.number} exchanges of the last 30 minutes failed, the newest: {each.error}"
        keeps = few or each.source in down
        yield Condition("source_degraded", each.source, Severity.WARNING, title, text, now, at_once=True, keeps=keeps)


def _quotas(facts: Facts, budgets: Mapping[str, Budget], now: Micros) -> Iterator[Condition]:
    for source, budget in budgets.items():
        for part in _parts(facts, source, budget):
            share = part.spent * 100 / part.budget if part.budget else 0
            if share >= budget.warn_percent and part.budget:
                spent_up = part.spent >= part.budget
                severity = Severity.ERROR if spent_up else Severity.WARNING
                title = f"{source}: {part.name} is " + ("used up" if spent_up else f"used to {share:.0f} %")
                text = f"{part.spent:,} of {part.budget:,} credits. `stratumd quota` says how far it goes."
                name, keeps = f"{source} {part.name}", _is_spent_evenly(part, now)
                yield Condition("quota", name, severity, title, text, now, at_once=True, keeps=keeps)


def _is_spent_evenly(part: Part, now: Micros) -> bool:
    """Say whether a day's budget is spent no faster than the day goes by: that is what it is for."""
    return part.name not in (QUOTA, MONTHLY) and part.spent * DAY <= part.budget * (now % DAY)


def _parts(facts: Facts, source: str, budget: Budget) -> Iterator[Part]:
    told, spent = facts.told.get(source), facts.spent.get(source)
    if told is not None and told.used is not None:
        yield Part(QUOTA, told.used, told.used + told.remaining)
    if spent is None:
        return
    if budget.daily_credits is not None:
        yield Part("daily_credits", sum(spent.today.values()), budget.daily_credits)
    if budget.monthly_credits is not None:
        yield Part(MONTHLY, spent.month, budget.monthly_credits)
    for name, cap in budget.features.items():
        yield Part(name, spent.today.get(name, 0), cap)


def _flawed(facts: Facts, percent: float, now: Micros) -> Iterator[Condition]:
    for each in facts.flawed:
        number = sum(each.rules.values())
        if each.quotes and number * 100 >= STAYS * percent * each.quotes:
            keeps = number * 100 < percent * each.quotes
            worst = ", ".join(f"{rule} {count:,}" for rule, count in _falling(each.rules)[:3])
            title = f"The quotes of {each.pipeline} are worse than they may be"
            share = (
                f"{number * 100 / each.quotes:.1f} findings in a hundred quotes of the last hour ({percent:g} may be)"
            )
            text = f"{share}: {worst}.\n`stratumd validate` shows them by book and market."
            yield Condition("quality", each.pipeline, Severity.WARNING, title, text, now, at_once=True, keeps=keeps)


def _given_up(facts: Facts, now: Micros) -> Iterator[Condition]:
    for each in facts.given_up:
        if each.sink in facts.disabled:
            continue
        title = f"{each.sink} did not get {each.number} {'signal' if each.number == 1 else 'signals'}"
        todo = "`stratumd deliveries list` shows them, `stratumd deliveries replay` sends them again."
        text = f"They were given up in the last hour, the newest: {each.error}\n{todo}"
        yield Condition("dead_letters", each.sink, Severity.ERROR, title, text, now, at_once=True)


def _left_out(facts: Facts) -> Iterator[Condition]:
    for row in facts.left_out:
        name = f"{row.pipeline}.{row.component}"
        text = f"{row.error} ({row.where})\nIt is tried again at {iso(row.until_at)}, by the time of observations."
        title = f"{name} failed too often and is left out"
        yield Condition("left_out", name, Severity.ERROR, title, text, row.since_at, at_once=True)


def _components(facts: Facts, states: Iterable[ComponentState], me: str) -> Iterator[Condition]:
    disabled = {("sink", name) for name in facts.disabled}
    # What its exchanges fail with, the breaker and their share of all tell.
    down = {(row.kind, row.name) for row in facts.breakers if row.kind == "source"}
    down |= {("source", each.source) for each in facts.polled if each.failed}
    for each in states:
        off = each.state in _OFF
        if each.kind in _ELSEWHERE or (each.kind, each.name) in (disabled if off else down):
            continue
        if off or each.state is State.RECOVERABLE_ERROR:
            title = f"The {each.kind} {each.name} is " + ("off" if off else "not well")
            todo = "It stays off until the cause is removed." if off else "It is tried again by itself."
            severity = Severity.ERROR if off else Severity.WARNING
            yield Condition(
                "component", f"{each.kind} {each.name}", severity, title, f"{each.reason}\n{todo}", each.since, owner=me
            )


def _falling(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
