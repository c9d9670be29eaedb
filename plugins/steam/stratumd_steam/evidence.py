"""What a steam signal carries: who moved, who moved first, and who was left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import msgspec

from stratumd.odds import Chance, Component, Fair, chance_at
from stratumd.plugin import SECOND, Micros, iso, rounded
from stratumd_steam.motion import Motion
from stratumd_steam.options import Mover, Stale, SteamMetadata, Terms
from stratumd_steam.run import Run


def steam_evidence(
    run: Run, window: Micros, synchrony: float | None, parts: Sequence[Component]
) -> Callable[[], dict[str, Any]]:
    """Return what makes the metadata, should the finding become a signal."""

    def evidence() -> dict[str, Any]:
        metadata = SteamMetadata(
            window_seconds=window / SECOND,
            unit="points" if run.market.sigma is not None else "probability",
            movers=[_mover(run, motion) for motion in run.movers],
            originator=_originator(run),
            stale=[_stale(run, motion) for motion in run.present if _is_stale(run, motion)],
            present=len(run.present),
            minutes=_round(run.minutes),
            velocity=_round(run.magnitude / run.minutes),
            synchrony=rounded(synchrony, 9),
            components={part.name: {"weight": part.weight, "value": _round(part.value)} for part in parts},
        )
        found: dict[str, Any] = msgspec.to_builtins(metadata)
        return found

    return evidence


def _mover(run: Run, motion: Motion) -> Mover:
    after, before = run.began(motion)
    return Mover(
        operator=motion.line.operator,
        book=motion.line.book,
        before=_terms(motion.before, run.outcome),
        after=_terms(motion.after, run.outcome),
        move=_signed(run, motion),
        interval=(iso(after), iso(before)),
    )


def _originator(run: Run) -> str | None:
    """Return the operator whose move is known to precede all others': its interval ends before theirs begin."""
    intervals = [(mover.line.operator, *run.began(mover)) for mover in run.movers]
    for operator, _, end in intervals:
        if all(end <= begin for other, begin, _ in intervals if other != operator):
            return operator
    return None


def _is_stale(run: Run, motion: Motion) -> bool:
    return motion.is_comparable and abs(motion.toward(run.outcome, run.direction)) < run.threshold / 2


def _stale(run: Run, motion: Motion) -> Stale:
    terms = _terms(motion.after, run.outcome)
    chance = _chance(run, motion)
    ev = None if chance is None else round(100.0 * chance.worth(terms.price), 3) + 0.0
    return Stale(motion.line.operator, motion.line.book, terms.line, terms.price, _signed(run, motion), ev)


def _chance(run: Run, motion: Motion) -> Chance | None:
    """Return the outcome's chance at the stale book's line, by the movers' median now."""
    market, line = run.market, motion.after.line
    sigma = market.sigma
    fair_lines = [mover.after.fair_line for mover in run.movers if mover.after.fair_line is not None]
    if sigma is not None and line is not None and fair_lines:
        return chance_at(market.kind, run.outcome, line, median(fair_lines), sigma)
    same = [m.after.probabilities[m.after.outcomes.index(run.outcome)] for m in run.movers if m.after.line == line]
    return Chance(median(same), 0.0) if same else None


def _terms(fair: Fair, outcome: str) -> Terms:
    return Terms(fair.line, _round(fair.prices[fair.outcomes.index(outcome)]))


def _signed(run: Run, motion: Motion) -> float:
    size = motion.toward(run.outcome, run.direction)
    return _round(size if run.direction == "up" else -size)


def _round(value: float) -> float:
    return rounded(value) or 0.0
