"""What a message shows of each type of signal; a type that nobody here knows is shown by its own metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stratumd.plugin import Notice, Severity, Signal, iso, one_line
from stratumd.plugin.evidence import number, rows
from stratumd.plugin.wording import points_for
from stratumd_discord.limits import Embed, Field
from stratumd_discord.wording import (
    amount,
    clock,
    compared,
    decimal,
    fixture,
    plain,
    quote,
    signed_percent,
    text,
)

COLORS = {
    "MOVE": 0x3B82F6,
    "KEY_CROSS": 0x8B5CF6,
    "MULTIBOOK_SYNC": 0x14B8A6,
    "DISLOCATION": 0xF59E0B,
    "STEAM": 0xEF4444,
    "LIVE_SHOCK": 0xEC4899,
}
OTHER_COLOR = 0x64748B
LOUD = {Severity.INFO: OTHER_COLOR, Severity.WARNING: 0xF59E0B, Severity.ERROR: 0xEF4444}
"""The colors of notices."""
OVER_COLOR = 0x22C55E
"""That of a notice that something is over."""
MOST_ROWS = 12
"""Books that a field lists before it says how many more there are."""
MOST_FACTS = 9
"""Fields that a stranger's metadata may fill."""

Detail = Callable[[Signal], Iterator[Field]]


def embed(signal: Signal) -> Embed:
    """Return the embed of a signal, not yet cut to any limit."""
    details = _DETAILS.get(signal.type, _facts)
    return Embed(
        title=" · ".join(map(plain, one_line(signal).split("  "))),
        description=_description(signal),
        color=COLORS.get(signal.type, OTHER_COLOR),
        footer=f"{signal.pipeline} · {signal.id}",
        timestamp=iso(signal.observed_at),
        fields=tuple(field for field in (*_common(signal), *details(signal)) if field.value),
    )


def announcement(notice: Notice) -> Embed:
    """Return the embed of a notice, not yet cut to any limit."""
    return Embed(
        title=plain(notice.title),
        description="\n".join(map(plain, notice.text.splitlines())),
        color=OVER_COLOR if notice.resolved else LOUD[notice.severity],
        footer=f"{notice.kind} · {notice.id}",
        timestamp=iso(notice.at),
    )


def _description(signal: Signal) -> str:
    lines = [f"**{fixture(signal)}** · {clock(signal.commence_at, 'f')} ({clock(signal.commence_at, 'R')})"]
    if signal.expires_at is not None:
        lines.append(f"Worth acting on until {clock(signal.expires_at, 't')}")
    return "\n".join(lines)


def _common(signal: Signal) -> Iterator[Field]:
    reached, needed = amount(signal, signal.magnitude), amount(signal, signal.threshold)
    yield Field("Size", f"{reached} (from {needed} on)", inline=True)


# ---- by type


def _moves(signal: Signal) -> Iterator[Field]:
    """MOVE and MULTIBOOK_SYNC: each book from what to what."""
    yield Field("Books", _listed(_moved(signal, move) for move in rows(signal.metadata, "moves")))


def _key_cross(signal: Signal) -> Iterator[Field]:
    before, after = number(signal.metadata, "before"), number(signal.metadata, "after")
    if before is not None and after is not None:
        yield Field("Consensus line", f"{points_for(signal, before)} → {points_for(signal, after)}", inline=True)
    keys = signal.metadata.get("keys")
    if isinstance(keys, list):
        crossed = [points_for(signal, float(key)) for key in keys if isinstance(key, int | float)]
        yield Field("Crossed", ", ".join(crossed), inline=True)


def _dislocation(signal: Signal) -> Iterator[Field]:
    """The book against the consensus of the others, and what its best price is worth."""
    metadata = signal.metadata
    value, consensus = number(metadata, "value"), number(metadata, "consensus")
    best = metadata.get("best")
    book = text(best, "book") or plain(signal.operator or ", ".join(signal.books)) or "Book"
    if value is not None:
        yield Field(book, _posted(signal, value, quote(signal, best)), inline=True)
    if consensus is not None:
        line = number(metadata, "consensus_line")
        posted = points_for(signal, line) if line is not None else ""
        others = number(metadata, "others")
        name = "Consensus" if others is None else f"Consensus of {others:.0f} others"
        yield Field(name, _posted(signal, consensus, posted), inline=True)
    difference = number(metadata, "difference")
    if difference is not None:
        yield Field("Apart", amount(signal, abs(difference)), inline=True)
    yield Field("Expected value", _expected(metadata.get("ev_percent")), inline=True)


def _posted(signal: Signal, fair: float, posted: str) -> str:
    return f"{posted}\nfair {compared(signal, fair)}" if posted else f"fair {compared(signal, fair)}"


def _expected(by_method: Any) -> str:
    """Return the worst case over the de-vig methods: a claim of value has to survive it."""
    if not isinstance(by_method, Mapping):
        return ""
    known = [value for key in by_method if (value := number(by_method, key)) is not None]
    return f"{signed_percent(min(known))} at worst, {signed_percent(max(known))} at best" if known else ""


def _steam(signal: Signal) -> Iterator[Field]:
    """Who was left behind comes first: that is where the value is."""
    metadata = signal.metadata
    movers = rows(metadata, "movers")
    present = number(metadata, "present")
    if movers:
        of = f" of {present:.0f}" if present is not None else ""
        yield Field("Operators", f"{len(movers)}{of}", inline=True)
    yield Field("Speed", _speed(signal), inline=True)
    yield Field("First", text(metadata, "originator"), inline=True)
    stale = rows(metadata, "stale")
    yield Field("Left behind", _listed(_stale(signal, each) for each in stale) or ("nobody" if movers else ""))
    yield Field("Moved", _listed(_moved(signal, move) for move in movers))


def _shock(signal: Signal) -> Iterator[Field]:
    """What it does not say comes last, and always."""
    metadata = signal.metadata
    movers, compared_with = rows(metadata, "movers"), number(metadata, "compared")
    yield Field("Severity", text(metadata, "severity"), inline=True)
    yield Field("Speed", _speed(signal), inline=True)
    if movers and compared_with is not None:
        yield Field("Operators", f"{len(movers)} of {compared_with:.0f}", inline=True)
    yield Field("Moved", _listed(_moved(signal, move) for move in movers))
    yield Field("Suspended", _listed(text(each, "book") for each in rows(metadata, "away")))
    yield Field("Mind", text(metadata, "reading"))


def _speed(signal: Signal) -> str:
    velocity, minutes = number(signal.metadata, "velocity"), number(signal.metadata, "minutes")
    if velocity is None:
        return ""
    within = f" over {decimal(minutes)} min" if minutes is not None else ""
    return f"{amount(signal, velocity)} a minute{within}"


def _stale(signal: Signal, each: Mapping[str, Any]) -> str:
    value = number(each, "ev_percent")
    worth = f" · EV {signed_percent(value)}" if value is not None else ""
    return f"{text(each, 'book')} {quote(signal, each)}{worth}".strip()


def _moved(signal: Signal, move: Mapping[str, Any]) -> str:
    before, after = quote(signal, move.get("from")), quote(signal, move.get("to"))
    path = " → ".join(part for part in (before, after) if part)
    return f"{text(move, 'book')} {path}".strip()


def _facts(signal: Signal) -> Iterator[Field]:
    """Show a stranger's metadata: its numbers and texts by name."""
    yield Field("Books", plain(", ".join(signal.books)), inline=True)
    shown = 0
    for key, value in signal.metadata.items():
        if isinstance(value, str | int | float) and shown < MOST_FACTS and plain(key):
            shown += 1
            yield Field(plain(key), plain(str(value)), inline=True)


def _listed(lines: Iterator[str]) -> str:
    known = [line for line in lines if line]
    more = len(known) - MOST_ROWS
    return "\n".join(known[:MOST_ROWS] + ([f"and {more} more"] if more > 0 else []))


_DETAILS: dict[str, Detail] = {
    "MOVE": _moves,
    "KEY_CROSS": _key_cross,
    "MULTIBOOK_SYNC": _moves,
    "DISLOCATION": _dislocation,
    "STEAM": _steam,
    "LIVE_SHOCK": _shock,
}
