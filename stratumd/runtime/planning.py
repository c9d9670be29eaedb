"""What a configuration comes to: rhythm and credits of every source, and what its pipelines can detect at that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stratumd.config import Config, SourceSpec
from stratumd.errors import StratumError
from stratumd.plugin import Fixture, Micros, iso
from stratumd.redaction import described
from stratumd.runtime.build import Feed, build_source, cycles_of
from stratumd.runtime.clock import Timer
from stratumd.runtime.detectability import Can, Chance, chances, length
from stratumd.runtime.forecast import Forecast, cycle_forecast, forecast


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected of a configuration."""

    sources: tuple[Forecast, ...] = ()
    chances: tuple[Chance, ...] = ()
    left_out: tuple[str, ...] = ()
    """Sources and pipelines whose plugins fail at it, and why."""

    def warnings(self) -> list[str]:
        """Return a line for each signal that cannot come to be, and for each budget that will not do."""
        return [*self.shortages(), *self._told(Can.NO, Can.HARDLY, Can.AT_TIMES, Can.AT_FIRST)]

    def shortages(self) -> list[str]:
        """Return a line for each budget that will not do."""
        short, cut_off = filter(_is_short, self.sources), filter(_is_cut_off, self.sources)
        return [*map(_short_of, short), *map(_cut_off, cut_off)]

    def blind(self) -> list[str]:
        """Return a line for each signal that the rhythm of the polls alone hinders from coming to be, also at times."""
        return self._told(Can.NO, Can.HARDLY, Can.AT_TIMES)

    def _told(self, *kinds: Can) -> list[str]:
        return [chance.told() for chance in self.chances if chance.can in kinds]

    def public(self) -> list[dict[str, Any]]:
        """Return it as JSON objects, one for each source and each type of signal."""
        return [*map(source_row, self.sources), *map(chance_row, self.chances)]


def outlook(config: Config, timer: Timer, known: Sequence[Fixture] = (), *, quick: bool = False) -> Outlook:
    """Return what to expect of `config` from now on, where the events `known` are coming.

    It takes up to some seconds where days of a cadence have to be run ahead of time: `quick` leaves such sources out.
    """
    forecasts: list[Forecast] = []
    left_out: list[str] = []
    for name, spec in config.enabled_sources().items():
        try:
            if quick and _takes_long(spec):
                continue
            forecasts += _forecasts(spec, build_source(spec, config.registry, timer), known, timer.now())
        except StratumError as error:
            left_out.append(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001  # a stranger's source may raise anything; the others are planned
            left_out.append(f"{name}: {described(error)}")
    found: list[Chance] = []
    for pipeline in config.pipelines.values():
        try:
            found += chances(pipeline, forecasts) if pipeline.runs else ()
        except Exception as error:  # noqa: BLE001  # so may a detector
            left_out.append(f"{pipeline.name}: {described(error)}")
    return Outlook(tuple(forecasts), tuple(found), tuple(left_out))


def _takes_long(spec: SourceSpec) -> bool:
    return bool(cycles_of(spec)) or (spec.schedule is not None and bool(spec.schedule.bands))


def _forecasts(spec: SourceSpec, feed: Feed, known: Sequence[Fixture], now: Micros) -> Iterator[Forecast]:
    """Yield what the source will do, and each of its cycles."""
    sports = frozenset(feed.source.sports())
    own = [each for each in known if each.sport in sports]
    cycles = [cycle_forecast(spec, feed.source, cycle, own, now) for cycle in feed.cycles]
    taken = sum([each.credits_day or 0 for each in cycles])
    scheduled = forecast(spec, feed.source, own, now, taken)
    found = [replace(scheduled, quotes=feed.source.quotes, tells=feed.source.tells()), *cycles]
    whole = sum([each.credits_day or 0 for each in found])
    yield from [replace(each, others=whole - (each.credits_day or 0)) for each in found]


def _is_cut_off(forecast: Forecast) -> bool:
    return forecast.wanted is not None and forecast.daily is not None and forecast.wanted > forecast.daily


def _cut_off(forecast: Forecast) -> str:
    return (
        f"{forecast.name}: what is watched can take {forecast.wanted:,} credits a day, and its budget is"
        f" {forecast.daily:,}: then its polls end before the day does"
    )


def _is_short(forecast: Forecast) -> bool:
    return not forecast.cycle and forecast.overspends(forecast.credits_day) is not None


def _short_of(forecast: Forecast) -> str:
    needed, budget = forecast.overspends(forecast.credits_day), forecast.budget.monthly_credits
    return (
        f"{forecast.source}: a month at this rhythm takes {needed:,} credits, and its budget is {budget:,}:"
        " polls slow down, then stop"
    )


def source_row(each: Forecast) -> dict[str, Any]:
    """Return a source's line; lengths of time in seconds."""
    return {
        "kind": "source",
        "source": each.source,
        "cycle": each.cycle,
        "schedule": each.schedule,
        "next": [iso(at // 1_000_000 * 1_000_000) for at in each.due],
        "interval_seconds": _seconds(each.interval),
        "credits_per_poll": each.price,
        "credits_per_day": each.credits_day,
        "daily_credits": each.daily,
        "credits_per_month": each.credits_month,
        "monthly_credits": each.budget.monthly_credits,
        "events_per_day": each.events,
        "events_assumed": each.assumed,
    }


def chance_row(each: Chance) -> dict[str, Any]:
    """Return the line of a type of signal; lengths of time in seconds."""
    return {
        "kind": "signal",
        "pipeline": each.pipeline,
        "detector": each.detector,
        "type": each.type,
        "source": each.source,
        "cycle": each.cycle,
        "window_seconds": _seconds(each.window),
        "interval_seconds": _seconds(each.interval),
        "can_fire": each.can.value,
        "within_seconds": _seconds(each.within),
        "changes": list(each.changes),
    }


def shown_length(micros: Micros | None) -> str | None:
    """Return a length of time for a table."""
    return None if micros is None else length(micros)


def _seconds(micros: Micros | None) -> float | None:
    return None if micros is None else micros / 1_000_000
