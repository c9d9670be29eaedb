"""The curve of a bankroll as a picture: SVG, written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.plugin import iso
from stratumd.proof.bankroll import Point

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 900, 420, 80, 40, 20, 50
_TICKS = 5


def svg(title: str, start: float, curve: Sequence[Point]) -> str:
    """Return the picture of a bankroll over the events settled, in order; it begins with `start`."""
    levels = [start, *[point.bankroll for point in curve]]
    low, high = min(levels), max(levels)
    margin = (high - low or abs(high) or 1.0) * 0.05
    low, high = low - margin, high + margin
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(number: int) -> float:
        return _LEFT + across * number / max(1, len(levels) - 1)

    def y(level: float) -> float:
        return _TOP + down * (high - level) / (high - low)

    grid = []
    for tick in range(_TICKS + 1):
        level = low + (high - low) * tick / _TICKS
        grid.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>')
        grid.append(f'<text class="end" x="{_LEFT - 8}" y="{y(level) + 4:.1f}">{level:,.2f}</text>')
    points = " ".join(f"{x(number):.1f},{y(level):.1f}" for number, level in enumerate(levels))
    foot = f"{len(curve):,} events settled" + (
        f", {iso(curve[0].at)[:10]} to {iso(curve[-1].at)[:10]}" if curve else ""
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            f"<title>{_escaped(title)}</title>",
            "<style>text{font:12px sans-serif;fill:#333}.end{text-anchor:end}.grid{stroke:#ddd}"
            ".start{stroke:#999;stroke-dasharray:4 3}.curve{fill:none;stroke:#1f5fa8;stroke-width:1.5}</style>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
            f'<text x="{_LEFT}" y="{_TOP - 16}">{_escaped(title)}</text>',
            *grid,
            f'<line class="start" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(start):.1f}" y2="{y(start):.1f}"/>',
            f'<polyline class="curve" points="{points}"/>',
            f'<text x="{_LEFT}" y="{_HEIGHT - 16}">{foot}</text>',
            "</svg>",
            "",
        ]
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
