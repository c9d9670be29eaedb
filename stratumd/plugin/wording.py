"""A signal in words, the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratumd.odds import Kind, kind
from stratumd.plugin.evidence import number, part, rows
from stratumd.plugin.values import Signal

MINUS = "\u2212"
_SIGNS = {"up": "▲", "down": "▼"}


def one_line(signal: Signal) -> str:
    """Return `STEAM  spreads  Boston Celtics −3.5 → −2.5  6 operators  strength 82`, its parts two spaces apart.

    Lines are the bettor's: a spread is the named team's. Where the metadata says neither from what to what nor against
    what, as a stranger's type may, the size is shown: `STALE_LINE  spreads  Boston Celtics ▲ 1  2 books  strength 82`.
    """
    parts = [
        signal.type,
        signal.market,
        " ".join(part for part in (signal.player, _side(signal), _path(signal) or _size(signal)) if part),
        _who(signal),
        f"strength {signal.strength}",
    ]
    return "  ".join(part for part in map(plain, parts) if part)


def _side(signal: Signal) -> str:
    side = {"home": signal.home, "away": signal.away}.get(signal.outcome, signal.outcome)
    totals = kind(signal.market) is Kind.TOTAL and signal.player is None
    return f"{signal.away} at {signal.home} {side}" if totals or side == "draw" else side


def _path(signal: Signal) -> str:
    """Return how the number moved, or where it stands against the consensus."""
    metadata = signal.metadata
    moves = rows(metadata, "movers") or rows(metadata, "moves")
    if moves:
        widest = max(moves, key=lambda move: abs(number(move, "move") or 0.0))
        return _arrow(signal, part(widest, "from"), part(widest, "to"))
    before, after = number(metadata, "before"), number(metadata, "after")
    if before is not None and after is not None:
        return f"{points_for(signal, before)} → {points_for(signal, after)}"
    return _against(signal)


def _arrow(signal: Signal, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the lines, or the prices where the line stood still or the market has none."""
    lines = number(before, "line"), number(after, "line")
    prices = number(before, "price"), number(after, "price")
    if lines[0] is not None and lines[1] is not None and lines[0] != lines[1]:
        return f"{points_for(signal, lines[0])} → {points_for(signal, lines[1])}"
    if prices[0] is None or prices[1] is None:
        return ""
    at = f"{points_for(signal, lines[1])} " if lines[1] is not None else ""
    return f"{at}{prices[0]:.2f} → {prices[1]:.2f}"


def _against(signal: Signal) -> str:
    metadata = signal.metadata
    value, consensus = number(metadata, "value"), number(metadata, "consensus")
    if value is None or consensus is None:
        return ""
    if metadata.get("unit") == "probability":
        return f"{value:.1%} against {consensus:.1%}"
    return f"{points_for(signal, value)} against {points_for(signal, consensus)}"


def _size(signal: Signal) -> str:
    unit = signal.metadata.get("unit")
    in_points = unit == "points" or (unit != "probability" and kind(signal.market) in (Kind.SPREAD, Kind.TOTAL))
    size = f"{signal.magnitude:.2f}".rstrip("0").rstrip(".") if in_points else f"{signal.magnitude:.1%}"
    return f"{_SIGNS.get(signal.direction, signal.direction)} {size}"


def points_for(signal: Signal, line: float) -> str:
    """Return a line from the bettor's side. Evidence carries the home side's; the away side's is its negative."""
    return points(signal.market, -line if signal.outcome == "away" and kind(signal.market) is Kind.SPREAD else line)


def points(market: str, own: float) -> str:
    """Return a line of the bettor's own side; that of a spread has a sign: `−3.5`, `0`, `220`."""
    own = round(own, 2) + 0.0
    sign = "+" if own and kind(market) is Kind.SPREAD else ""
    return f"{own:{sign}.2f}".rstrip("0").rstrip(".").replace("-", MINUS)


def _who(signal: Signal) -> str:
    """Return which book it is, or how many operators or books take part."""
    movers = {str(move["operator"]) for move in rows(signal.metadata, "movers") if "operator" in move}
    if movers:
        return f"{len(movers)} operators"
    if len(signal.books) == 1:
        return signal.books[0]
    return f"{len(signal.books)} books" if signal.books else signal.operator or ""


def plain(text: str) -> str:
    """Return a line without what a terminal would obey or what ends it, nor two spaces: names are foreign text."""
    return " ".join("".join(character for character in text if character.isprintable()).split())
