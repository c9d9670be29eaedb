"""Which detectors can fire at all at the rhythm in which their sources are polled, and what would make it possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from stratumd.config import PipelineSpec
from stratumd.plugin import DAY, SECOND, Micros, Window, format_duration
from stratumd.runtime.forecast import Forecast

INTERVALS = 2
"""So many intervals must fit into a window: then it holds two polls even where one is late or fails."""


class Can(StrEnum):
    """Whether a type of signal can come to be."""

    YES = "yes"
    NEAR = "near a start"
    HARDLY = "hardly"
    """The window is longer than an interval and shorter than two: one late poll, and there is nothing to compare."""
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
    """`near a start`: from how long before it on."""
    changes: tuple[str, ...]
    """The smallest changes of which each makes it possible; none where it is."""

    def told(self) -> str:
        """Say it in one line."""
        poll = "no poll" if self.interval is None else f"one poll in {length(self.interval)}"
        text = f"{self.detector}: {self.type}: window {length(self.window)}, {poll} ({self.source}): {_SAID[self.can]}"
        if self.within is not None:
            text += f" from {length(self.within)} before the start on"
        return f"{text}; with {', or '.join(self.changes)} it can" if self.changes else text


_SAID = {
    Can.YES: "can fire",
    Can.NEAR: "can fire",
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
            for forecast in forecasts:
                if forecast.source in pipeline.sources and forecast.every is not None:
                    yield _chance(pipeline.name, spec.name, type, window, forecast)


def _chance(pipeline: str, detector: str, type: str, window: Window, forecast: Forecast) -> Chance:
    can, within = _judge(window.length, forecast)
    changes = () if can in (Can.YES, Can.NEAR) else tuple(_changes(detector, window, forecast))
    return Chance(pipeline, detector, type, forecast.source, window.length, forecast.interval, can, within, changes)


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
    together = [*_rhythm(wanted, forecast), *_credits(wanted, forecast)]
    if together and wanted:
        yield " and ".join(together)
    if forecast.interval is not None:
        yield f"{detector} {window.option}: {length(INTERVALS * forecast.interval)}"
    price = _affordable(wanted, forecast)
    if price:
        yield f"polls of {price} credit{'s' if price > 1 else ''} (now {forecast.price})"


def _rhythm(wanted: Micros, forecast: Forecast) -> Iterator[str]:
    assert forecast.every is not None, "it has a rhythm of its own"
    if forecast.every <= wanted:
        return
    if forecast.cadence is not None:
        yield f"a band {{within: 1h, every: {length(wanted)}}}"
    else:
        yield f"schedule every: {length(wanted)}"


def _credits(wanted: Micros, forecast: Forecast) -> Iterator[str]:
    daily, price = forecast.budget.daily_credits, forecast.price
    if daily is None or not price or not wanted:
        return
    if forecast.cadence is None:
        needed = -(-price * DAY // wanted)
        if needed > daily:
            yield f"budget daily_credits: {needed}"
    elif forecast.wants is not None and forecast.every is not None and forecast.every <= wanted:
        yield f"budget daily_credits: {forecast.wants()}"


def _affordable(wanted: Micros, forecast: Forecast) -> int | None:
    """Return the credits that a poll may cost so that the budget is no hindrance; None where it is none."""
    daily, price = forecast.budget.daily_credits, forecast.price
    if daily is None or price is None or forecast.cadence is not None or (forecast.every or 0) > wanted:
        return None
    affordable = daily * wanted // DAY
    return affordable if affordable < price else None
