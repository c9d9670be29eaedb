"""Which detectors can fire at all at the rhythm in which their sources are polled, and what would make it possible."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from stratumd.config import PipelineSpec
from stratumd.plugin import DAY, SECOND, Micros, Window, format_duration
from stratumd.runtime.forecast import NEAREST, Forecast

LIVE = "live"
"""The name of the cycle that asks for odds in play."""
INTERVALS = 2
"""So many intervals must fit into a window: then it holds two polls even where one is late or fails."""


class Can(StrEnum):
    """Whether a type of signal can come to be."""

    YES = "yes"
    NEAR = "near a start"
    HARDLY = "hardly"
    """The window is longer than an interval and shorter than two: one late poll, and there is nothing to compare."""
    AT_TIMES = "at times"
    """What it hears of is told more rarely than it counts: between, there is nothing."""
    AT_FIRST = "at first"
    """It can, and the month's credits do not last for the month."""
    NO = "no"


class Chance(NamedTuple):
    """Whether signals of one type can come to be from one source."""

    pipeline: str
    detector: str
    type: str
    source: str
    window: Micros
    interval: Micros | None
    can: Can
    within: Micros | None
    """Where only events near a start are polled often enough: from how long before it on."""
    changes: tuple[str, ...]
    """The smallest changes of which each makes it possible; none where it is."""
    cycle: str = ""
    """The cycle of the source that looks; empty where its schedule does."""
    topic: str = ""
    """What it hears of, where it compares no polls; then `interval` is from one telling to the next."""

    @property
    def origin(self) -> str:
        """The source, with the cycle."""
        return f"{self.source} {self.cycle}".rstrip()

    def told(self) -> str:
        """Say it in one line."""
        seen = "news once" if self.topic else "one poll"
        poll = "no poll" if self.interval is None else f"{seen} in {length(self.interval)}"
        text = f"{self.detector}: {self.type}: window {length(self.window)}, {poll} ({self.origin}): {_SAID[self.can]}"
        if self.within is not None:
            text += f" from {length(self.within)} before the start on"
        if self.can is Can.AT_FIRST:
            text += ", until the month's credits run short"
        if self.can is Can.AT_TIMES:
            text += f" {length(self.window)} of it"
        always = " at any time" if self.can is Can.AT_TIMES else ""
        return f"{text}; with {', or '.join(self.changes)} it can{always}" if self.changes else text


_SAID = {
    Can.YES: "can fire",
    Can.NEAR: "can fire",
    Can.AT_FIRST: "can fire",
    Can.AT_TIMES: "fires only within",
    Can.HARDLY: "fires only while no poll is late",
    Can.NO: "cannot fire",
}


def length(micros: Micros) -> str:
    """Return a length of time as a configuration has it, to the second."""
    return format_duration(timedelta(seconds=-(-micros // SECOND)))


def chances(pipeline: PipelineSpec, forecasts: Sequence[Forecast]) -> Iterator[Chance]:
    """Yield what `pipeline` can detect from each of its sources that is polled by a schedule."""
    for spec in pipeline.detectors:
        windows = spec.component(spec.options).windows
        for type, window in windows.items():
            if window.topic:
                yield from _hearing(pipeline, spec.name, type, window, forecasts)
                continue
            for forecast in _looking(window, pipeline.sources, forecasts):
                yield _chance(pipeline.name, spec.name, type, window, forecast)


def _hearing(
    pipeline: PipelineSpec, detector: str, type: str, window: Window, forecasts: Sequence[Forecast]
) -> Iterator[Chance]:
    """Yield whether news is told as often as it counts, by each source that tells any of it."""
    for each in forecasts:
        if each.source in pipeline.sources and window.topic in each.tells and each.interval is not None:
            # A poll that comes as long after the last telling as is asked for may come a moment before: then the next.
            told = (each.tells[window.topic] // each.interval + 1) * each.interval
            fits = told <= window.length
            yield Chance(
                pipeline.name,
                detector,
                type,
                each.source,
                window.length,
                told,
                Can.YES if fits else Can.AT_TIMES,
                None,
                () if fits else tuple(_tellings(detector, window, each, told)),
                topic=window.topic,
            )


def _tellings(detector: str, window: Window, forecast: Forecast, told: Micros) -> Iterator[str]:
    """Yield the smallest change of each kind that makes news count until it is told again."""
    fits = window.length >= SECOND and window.length > forecast.tells[window.topic]
    if forecast.every is not None and forecast.every > window.length and fits:
        yield f"schedule every: {length(window.length // SECOND * SECOND)}"
    yield f"{detector} {window.option}: {length(told)}"


def _looking(window: Window, sources: Collection[str], forecasts: Sequence[Forecast]) -> Iterator[Forecast]:
    """Yield the rhythms whose polls a window compares: in play that of the live odds, where a source has one."""
    live = {each.source for each in forecasts if each.cycle == LIVE} if window.in_play else set()
    for each in forecasts:
        wanted = LIVE if each.source in live else ""
        if each.source in sources and each.quotes and each.every is not None and each.cycle == wanted:
            yield each


def _chance(pipeline: str, detector: str, type: str, window: Window, forecast: Forecast) -> Chance:
    can, within = (_in_play if window.in_play else _judge)(window.length, forecast)
    if can not in (Can.YES, Can.NEAR):
        changes = tuple(_changes(detector, window, forecast))
    elif forecast.overspends(forecast.credits_day):
        can, changes = Can.AT_FIRST, tuple(_lasting(detector, window, forecast))
    else:
        changes = ()
    interval = None if window.in_play and _ends_at_start(forecast) else forecast.interval
    return Chance(
        pipeline, detector, type, forecast.source, window.length, interval, can, within, changes, forecast.cycle
    )


def _ends_at_start(forecast: Forecast) -> bool:
    """Say whether an event is polled no more once it is in play."""
    return forecast.cadence is not None and not forecast.cycle


def _in_play(window: Micros, forecast: Forecast) -> tuple[Can, Micros | None]:
    """Judge by the polls after the start. A cadence ends soon after it; what an interval asks for holds live odds."""
    interval = forecast.interval
    if interval is None or _ends_at_start(forecast) or interval > window:
        return Can.NO, None
    return (Can.YES if INTERVALS * interval <= window else Can.HARDLY), None


def _judge(window: Micros, forecast: Forecast) -> tuple[Can, Micros | None]:
    interval = forecast.interval
    if forecast.cadence is not None:
        lead = forecast.near(window // INTERVALS)
        if lead is not None:
            return Can.NEAR, lead
    elif interval is not None and INTERVALS * interval <= window:
        return Can.YES, None
    return (Can.HARDLY if interval is not None and interval <= window else Can.NO), None


def _changes(detector: str, window: Window, forecast: Forecast) -> Iterator[str]:
    """Yield the smallest change of each kind that makes two intervals fit."""
    wanted = window.length // INTERVALS // SECOND * SECOND
    if window.in_play and _ends_at_start(forecast):
        if wanted:
            yield f"polls in play, at least every {length(wanted)}"
        return
    together = [*_rhythm(wanted, forecast), *_daily(wanted, forecast)] if wanted else []
    if together:
        yield " and ".join([*together, *_monthly(forecast, _credits(wanted, forecast))])
    if forecast.interval is not None and INTERVALS * forecast.interval > window.length:
        longer = f"{detector} {window.option}: {length(INTERVALS * forecast.interval)}"
        yield " and ".join([longer, *_monthly(forecast, forecast.credits_day)])
    price = _affordable(wanted, forecast)
    if price:
        yield f"polls of {price} credit{'s' if price > 1 else ''} (now {forecast.price})"


def _lasting(detector: str, window: Window, forecast: Forecast) -> Iterator[str]:
    """Yield the smallest change of each kind that makes a month's credits last, where the rhythm would do."""
    yield from _monthly(forecast, forecast.credits_day)
    if forecast.cycle or forecast.cadence is not None or not forecast.monthly or not forecast.price:
        return
    pace = -(-forecast.price * DAY // forecast.monthly // SECOND) * SECOND
    slower = f"schedule every: {length(pace)}"
    fits = INTERVALS * pace <= window.length
    yield slower if fits else f"{slower} and {detector} {window.option}: {length(INTERVALS * pace)}"


def _rhythm(wanted: Micros, forecast: Forecast) -> Iterator[str]:
    assert forecast.every is not None, "it has a rhythm of its own"
    if forecast.every <= wanted:
        return
    if forecast.cycle:
        yield f"{forecast.cycle} every: {length(wanted)}"
    elif forecast.cadence is not None:
        yield f"a band {{within: {length(NEAREST)}, every: {length(wanted)}}}"
    else:
        yield f"schedule every: {length(wanted)}"


def _daily(wanted: Micros, forecast: Forecast) -> Iterator[str]:
    daily = forecast.budget.daily_credits
    needed = None if daily is None or forecast.cycle else _credits(wanted, forecast)
    if needed is not None and daily is not None and needed > daily:
        yield f"budget daily_credits: {needed}"


def _monthly(forecast: Forecast, day: int | None) -> Iterator[str]:
    needed = forecast.overspends(day)
    if needed is not None:
        yield f"budget monthly_credits: {needed}"


def _credits(wanted: Micros, forecast: Forecast) -> int | None:
    """Return the credits of a day at a rhythm of at least `wanted`; None where nobody can say."""
    if not forecast.price:
        return None
    if forecast.cycle:
        day = -(-(forecast.credits_day or 0) * max(wanted, forecast.every or 0) // wanted)
        return day if forecast.daily is None else min(day, forecast.daily)
    if forecast.wants is None or forecast.every is None:
        return -(-forecast.price * DAY // wanted)
    return forecast.wants(min(wanted, forecast.every))


def _affordable(wanted: Micros, forecast: Forecast) -> int | None:
    """Return the credits that a poll may cost so that the budgets are no hindrance; None where they are none."""
    price = forecast.price
    limits = [each for each in (forecast.budget.daily_credits, forecast.monthly) if each is not None]
    if not limits or price is None or forecast.cadence is not None or (forecast.every or 0) > wanted:
        return None
    affordable = min(limits) * wanted // DAY
    return affordable if affordable < price else None
