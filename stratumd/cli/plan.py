"""Commands about what is to come and what it costs: plan, quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from stratumd.cli import tables
from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigFile, ConfigPath, DatabaseUrl, emit, say, warn
from stratumd.errors import StratumError
from stratumd.plugin import DAY, Fixture, Micros

if TYPE_CHECKING:
    from stratumd.config import Config
    from stratumd.runtime.planning import Outlook

SOURCES = {
    "source": "SOURCE", "schedule": "SCHEDULE", "next": "NEXT", "interval": "ONE POLL IN", "price": "CREDITS A POLL",
    "day": "A DAY", "daily": "OF", "month": "30 DAYS", "monthly": "OF",
}  # fmt: skip
SIGNALS = {
    "detector": "DETECTOR", "type": "SIGNAL", "source": "FROM", "window": "WINDOW", "interval": "ONE POLL IN",
    "can": "CAN FIRE", "changes": "IT CAN WITH",
}  # fmt: skip
QUOTAS = {
    "source": "SOURCE", "remaining": "LEFT", "used": "USED", "today": "TODAY", "daily": "DAILY BUDGET",
    "month": "THIS MONTH", "monthly": "MONTHLY BUDGET", "burn": "LAST 24H", "pace": "A DAY AT THIS PACE",
    "projected": "LEFT AT RESET", "reset": "RESET, UTC",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(plan)
    app.command()(quota)


def plan(
    file: ConfigFile = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show when each source is polled, what that costs, and which signals can come to be at that rhythm.

    No provider is asked. What a cadence costs depends on the events: those that the database knows, or else an evening
    of six games in each sport is assumed. --json prints a line for each source and each type of signal.
    """
    from stratumd.config import load_config
    from stratumd.runtime.clock import SystemTimer
    from stratumd.runtime.planning import outlook

    loaded, timer = load_config(file or config), SystemTimer()
    found = outlook(loaded, timer, _coming(loaded, timer.now()))
    for reason in found.left_out:
        warn(f"left out: {reason}")
    if as_json:
        emit(found.public(), {}, as_json=True)
    else:
        _show(found)


def _coming(config: Config, now: Micros) -> list[Fixture]:
    """Return the events that the database knows; none where there is no database yet."""
    from stratumd.store import open_reader

    try:
        reader = open_reader(config.database.connect_url())
    except StratumError:
        return []
    try:
        return reader.upcoming(now, now + 7 * DAY)
    finally:
        reader.close()


def _show(found: Outlook) -> None:
    emit([_source(each) for each in found.sources], SOURCES, as_json=False)
    for each in found.sources:
        if each.events is not None:
            known = "assumed, no coming event is known" if each.assumed else "known"
            watched = "watched events" if each.cycle else "events"
            say(f"{each.name}: reckoned with {each.events} {watched} a day ({known})")
    if found.chances:
        say("")
        emit([_signal(each) for each in found.chances], SIGNALS, as_json=False)
    for line in found.shortages():
        warn(line)


def _source(each: Any) -> dict[str, Any]:
    from stratumd.runtime.planning import shown_length

    return {
        "source": each.name,
        "schedule": each.schedule,
        "next": tables.moment(each.due[0]) if each.due else None,
        "interval": shown_length(each.interval),
        "price": each.price,
        "day": _number(each.credits_day),
        "daily": _number(each.daily),
        "month": _number(each.credits_month),
        "monthly": _number(each.budget.monthly_credits),
    }


def _signal(each: Any) -> dict[str, Any]:
    from stratumd.runtime.planning import shown_length

    near = f", from {shown_length(each.within)} before on" if each.within else ""
    return {
        "detector": each.detector,
        "type": each.type,
        "source": each.origin,
        "window": shown_length(each.window),
        "interval": shown_length(each.interval),
        "can": each.can.value + near,
        "changes": ", or ".join(each.changes),
    }


def _number(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def quota(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show what each source has spent and has left, and what will be left when its credits are new: on the 1st, UTC.

    `used` and `left` are the provider's newest word; the rest is stratumd's own count. The projection goes on at
    the pace of the last 24 hours; of a source that began later, at its pace since then.
    """
    from stratumd.config import load_config
    from stratumd.runtime.clock import SystemTimer
    from stratumd.runtime.quota import quotas
    from stratumd.store import open_reader

    loaded, timer = load_config(config), SystemTimer()
    reader = open_reader(database or loaded.database.connect_url())
    try:
        found = quotas(reader, {name: spec.budget for name, spec in loaded.sources.items()}, timer.now())
    finally:
        reader.close()
    if as_json:
        emit([each.public() for each in found], {}, as_json=True)
        return
    emit([_quota(each) for each in found], QUOTAS, as_json=False)
    for each in found:
        for line in each.warnings():
            warn(f"{each.source}: {line}")


def _quota(each: Any) -> dict[str, Any]:
    return {
        "source": each.source,
        "remaining": _number(each.remaining),
        "used": _number(each.used),
        "today": _number(each.today),
        "daily": _number(each.budget.daily_credits),
        "month": _number(each.month),
        "monthly": _number(each.budget.monthly_credits),
        "burn": _number(each.last_day),
        "pace": _number(each.daily),
        "projected": _number(each.projected),
        "reset": tables.moment(each.reset),
    }
