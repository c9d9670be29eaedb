"""Fitting the models to stored history. Offline: it looks ahead, which the detector never does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from stratumd.odds import RegimeStep, fit_regime, regime_guess
from stratumd.plugin import ConsensusPoint, EventPast, Ledger, Micros, PluginConfig, Report
from stratumd_regime.track import Compared, compared, step

Sequences = dict[tuple[str, str, str], list[list[RegimeStep]]]
"""By sport, market and unit, a list of steps for each event."""


class Question(PluginConfig):
    """How to fit."""

    floor_points: float = Field(default=0.02, gt=0)
    """The least scale of a change of a fair line, points."""
    floor_probability: float = Field(default=0.0005, gt=0)
    """The least scale of a change of a probability."""
    min_events: int = Field(default=20, ge=1)
    """A sport's market with fewer events gets no model."""
    iterations: int = Field(default=300, ge=1)
    """The most rounds of expectation-maximisation."""
    tolerance: float = Field(default=1e-4, gt=0)
    """It ends when a round raises the log-likelihood by less."""


class Fit(Report):
    """The models that fit the stored history: parameters by sport and market."""

    name, config = "regime.fit", Question
    options: Question

    def answer(self, ledger: Ledger) -> Iterator[dict[str, Any]]:
        """Yield a row per sport and market with enough events in which something moved."""
        for (sport, market, unit), sequences in sorted(self._sequences(ledger).items()):
            told = [sequence for sequence in sequences if sequence]
            changes = sum([found.change != 0.0 for sequence in told for found in sequence])
            if len(told) < self.options.min_events or not changes:
                continue
            floor = self.options.floor_points if unit == "points" else self.options.floor_probability
            start = regime_guess(told, floor)
            options = self.options
            fit = fit_regime(told, start, floor=floor, iterations=options.iterations, tolerance=options.tolerance)
            found = fit.model
            yield {
                "sport": sport,
                "market": market,
                "unit": unit,
                "a": found.a,
                "b": found.b,
                "rates": list(found.rates),
                "scales": list(found.scales),
                "events": len(told),
                "steps": sum(map(len, told)),
                "changes": changes,
                "log_likelihood": fit.log_likelihoods[-1],
                "rounds": len(fit.log_likelihoods),
            }

    def _sequences(self, ledger: Ledger) -> Sequences:
        found: Sequences = {}
        for past in ledger.pasts([known.event.id for known in ledger.events()]):
            points: dict[str, list[tuple[Micros, ConsensusPoint]]] = {}
            for at, point in ledger.consensus(past.event.id):
                if point.key.player is None:
                    points.setdefault(point.key.market, []).append((at, point))
            for market, history in points.items():
                unit = "points" if any(point.fair_line is not None for _, point in history) else "probability"
                found.setdefault((past.event.sport, market, unit), []).append(steps(past, history))
        return found


def steps(past: EventPast, history: list[tuple[Micros, ConsensusPoint]]) -> list[RegimeStep]:
    """Return the steps of one market before its event started, as the detector saw them."""
    found: list[RegimeStep] = []
    before: tuple[Micros, Compared] | None = None
    upcoming = list(reversed(history))
    newest: ConsensusPoint | None = None
    for at in past.observed:
        while upcoming and upcoming[-1][0] <= at:
            newest = upcoming.pop()[1]
        now = compared(newest) if newest is not None and at < past.event.commence_at else None
        if now is not None:
            brought = step(before[0], before[1], at, now) if before is not None else None
            if brought is not None:
                found.append(brought)
            before = at, now
    return found
