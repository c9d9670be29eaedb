"""What a move signal carries: who moved, from what to what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stratumd.odds import Component, Fair, Shift
from stratumd.plugin import SECOND, Micros, Move, rounded
from stratumd_move.options import BookMove, MoveMetadata, Terms

Moved = list[tuple[Move, Shift]]


def move_evidence(moved: Moved, window: Micros, parts: Sequence[Component]) -> Callable[[], dict[str, Any]]:
    """Return what makes the metadata of MOVE and MULTIBOOK_SYNC, should it become a signal."""

    def evidence() -> dict[str, Any]:
        metadata = MoveMetadata(
            window_seconds=window / SECOND,
            unit="points" if moved[0][0].line.market.sigma is not None else "probability",
            moves=[_book_move(move, shift) for move, shift in sorted(moved, key=lambda each: each[0].line.book)],
            components=components(parts),
        )
        found: dict[str, Any] = msgspec.to_builtins(metadata)
        return found

    return evidence


def components(parts: Sequence[Component]) -> dict[str, Any]:
    """Return the components of a strength by name, for the metadata."""
    return {part.name: {"weight": part.weight, "value": rounded(part.value)} for part in parts}


def _book_move(move: Move, shift: Shift) -> BookMove:
    signed = shift.magnitude if shift.direction == "up" else -shift.magnitude
    return BookMove(
        book=move.line.book,
        operator=move.line.operator,
        before=_terms(move.before, shift.outcome),
        after=_terms(move.after, shift.outcome),
        move=rounded(signed) or 0.0,
    )


def _terms(fair: Fair | str, outcome: str) -> Terms:
    assert isinstance(fair, Fair), "only fair prices are measured"
    price = fair.prices[fair.outcomes.index(outcome)]
    return Terms(fair.line, rounded(price) or 0.0)
