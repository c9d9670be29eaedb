"""The regime of each market, filtered online, and what signals show of it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stratumd.odds import RegimeLabel, RegimeParameters, RegimeState, regime_reading, regime_start
from stratumd.plugin import (
    HOUR,
    ConsensusPoint,
    Detector,
    MarketKey,
    Micros,
    Record,
    State,
    Tick,
    rounded,
)
from stratumd_regime.parameters import Options, load
from stratumd_regime.track import Compared, ahead, compared, filtered, step


class RegimeMetadata(msgspec.Struct, frozen=True):
    """What is added to a signal's metadata, under `regime`."""

    regime_label: str
    """`stable` or `unstable`, with hysteresis: unstable from a probability of 0.8 on, until it falls to 0.5."""
    regime_probability: float
    """Of the unstable state, by what was observed up to the signal and nothing later."""
    transition_risk: float
    """The probability that the market is unstable in ten minutes."""
    stability_score: float
    """One minus `transition_risk`."""
    model_version: str
    """A hash of the parameters."""


class RegimeSnapshot(Record, frozen=True):
    """The regime of a market at an observation; kept where the label or the probability (two decimals) changed."""

    kind = "regime"
    reading: RegimeMetadata


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one market."""

    at: Micros
    value: float
    line: float | None
    unstable: float
    label: RegimeLabel
    noted: tuple[RegimeLabel, float]
    """What the newest snapshot says."""


class Markets(State, frozen=True):
    """What is known of an event's markets, by their names."""

    known: dict[str, Known] = {}


class Regime(Detector):
    """Says of a market whether it is stable or unstable, and adds that to the signals about it."""

    name, config = "regime", Options
    needs, provides, state = ("consensus",), ("regime",), Markets
    annotates = RegimeMetadata

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._parameters = load(options.parameters)

    def detect(self, tick: Tick) -> Iterator[Record | State]:
        """Yield what changed of the event's regimes."""
        if tick.in_play:
            return
        before = tick.state.known if tick.state is not None else {}
        known = dict(before)
        for key, point in tick.of_kind("consensus").items():
            parameters = self._parameters.get((tick.event.sport, key.market))
            if parameters is None or key.player is not None or not isinstance(point, ConsensusPoint):
                continue
            found = _next(parameters, before.get(key.market), tick.at, point)
            if found is not None:
                known[key.market] = found
                if key.market not in before or before[key.market].noted != found.noted:
                    yield RegimeSnapshot(key, _metadata(parameters, _state(found)))
        if known != before:
            yield Markets(known)

    def annotate(self, tick: Tick, key: MarketKey) -> RegimeMetadata | None:
        """Return the regime of the signal's market."""
        parameters = self._parameters.get((tick.event.sport, key.market))
        known: Known | None = tick.state.known.get(key.market) if tick.state is not None else None
        if parameters is None or known is None or key.player is not None or tick.in_play:
            return None
        hours = (tick.at - known.at) / HOUR
        return _metadata(parameters, ahead(parameters, _state(known), hours) if hours > 0.0 else _state(known))


def _next(parameters: RegimeParameters, before: Known | None, at: Micros, point: ConsensusPoint) -> Known | None:
    """Return what is known of a market after an observation; None where it brought nothing."""
    now = compared(point)
    if now is None or (before is not None and at <= before.at):
        return None
    if before is None:
        state = regime_start(parameters)
    else:
        brought = step(before.at, Compared(before.value, before.line), at, now)
        state = filtered(parameters, _state(before), (at - before.at) / HOUR, brought)
    return Known(at, now.value, now.line, state.unstable, state.label, (state.label, round(state.unstable, 2)))


def _state(known: Known) -> RegimeState:
    return RegimeState(known.unstable, known.label)


def _metadata(parameters: RegimeParameters, state: RegimeState) -> RegimeMetadata:
    reading = regime_reading(parameters, state)
    probability, risk, score = [rounded(each) or 0.0 for each in reading[1:4]]
    return RegimeMetadata(reading.regime_label, probability, risk, score, reading.model_version)
