"""Scorecards: closing-line value by cell, clustered by event, with the rate of false discoveries over all cells shown.

No cell is singled out as the best: with forty of them two look good by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any

from stratumd.odds import Estimate, Interval, adjusted_p_values, mean_p_value, score
from stratumd.plugin import rounded
from stratumd_clv.rows import Value

FALSE_DISCOVERIES = 0.10
"""Of the cells marked as discoveries, on average at most this share is none (Benjamini–Hochberg)."""

Cell = dict[str, Any]


def scorecards(values: Iterable[Value], by: Sequence[str], min_samples: int = 0) -> list[Cell]:
    """Return a cell per combination of the fields `by`, in their order. Rates and values are in percent.

    Cells of fewer than `min_samples` records with a value are not there, and no discovery is counted against them.
    """
    grouped: dict[tuple[Any, ...], list[Value]] = {}
    for value in values:
        grouped.setdefault(tuple([getattr(value, name) for name in by]), []).append(value)
    keys = sorted(grouped, key=lambda key: tuple([(part is None, part) for part in key]))
    cells = [_cell(dict(zip(by, key, strict=True)), grouped[key]) for key in keys]
    cells = [cell for cell in cells if cell["valued"] >= min_samples]
    _mark(cells)
    return cells


def _cell(named: Cell, values: list[Value]) -> Cell:
    valued = [value for value in values if value.ev is not None]
    looked = [value for value in values if value.status not in ("gone", "unobserved", "no_price")]
    return {
        **named,
        "signals": len({value.signal for value in values}),
        "events": len({value.event for value in values}),
        "valued": len(valued),
        "without_close_percent": _percent(1.0 - len(valued) / len(looked)) if looked else None,
        "still_there_percent": _still_there(values),
        **_figures(valued),
        "score_source": ", ".join(sorted({value.score_source for value in values})),
    }


def _figures(valued: list[Value]) -> Cell:
    if not valued:
        return {"maturity": "baseline_building"}
    events = [value.event for value in valued]
    found = score([value.ev for value in valued if value.ev is not None], events)
    points = [value.points for value in valued if value.points is not None]
    coins = [value.baseline for value in valued if value.baseline is not None]
    return {
        "valued_events": found.mean.events,
        "mean_percent": _percent(found.mean.value),
        "interval_percent": _interval(found.mean),
        "median_percent": _percent(found.median),
        "beat_close_percent": _percent(found.beat_close.value),
        "beat_close_interval_percent": _interval(found.beat_close),
        "baseline_percent": _percent(fmean(coins)) if coins else None,
        "mean_points": rounded(fmean(points), 3) if points else None,
        "p_value": mean_p_value(found.mean),
        "maturity": found.mean.maturity,
    }


def _mark(cells: list[Cell]) -> None:
    """Say of each cell at which false discovery rate its mean is not zero, given all the others that are shown."""
    tested = [cell for cell in cells if cell.get("p_value") is not None]
    for cell, adjusted in zip(tested, adjusted_p_values([cell["p_value"] for cell in tested]), strict=True):
        cell["p_value"] = rounded(cell["p_value"])
        cell["adjusted_p"] = rounded(adjusted)
        cell["discovery"] = adjusted <= FALSE_DISCOVERIES


def _still_there(values: list[Value]) -> float | None:
    """Return the share of prices that were still there, among those of which it is known."""
    offered = [value for value in values if value.reference != "consensus"]  # which nobody offers
    known = [value for value in offered if value.status not in ("unobserved", "no_price")]
    return _percent(sum([value.status != "gone" for value in known]) / len(known)) if known else None


def _interval(estimate: Estimate) -> list[float | None] | None:
    return None if estimate.interval is None else percents(estimate.interval)


def percents(interval: Interval) -> list[float | None]:
    """Return an interval of shares in percent."""
    return [_percent(interval.low), _percent(interval.high)]


def _percent(share: float) -> float | None:
    return rounded(100.0 * share, 3)


def overview(values: Iterable[Value]) -> Iterator[Cell]:
    """Yield how many records there are by status and reference."""
    counts: dict[tuple[str, int, str], int] = {}
    for value in values:
        key = (value.reference, value.after_seconds, value.status)
        counts[key] = counts.get(key, 0) + 1
    for (reference, after, status), number in sorted(counts.items()):
        yield {"reference": reference, "after_seconds": after, "status": status, "records": number}
