"""Quotes over time in a form that people write: what each book shows, poll by poll, only what is new."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stratumd.config.document import Entry, Items, Node, Scalar, Table
from stratumd.config.reader import Reader
from stratumd.config.report import Span
from stratumd.odds import Kind, PriceError, american_to_decimal, kind
from stratumd.plugin import Micros, Quote, micros, parse_duration

GONE = "gone"
"""What a book shows that no longer offers a market."""
USUAL = american_to_decimal(-110)
"""The price of both sides where only a line is written."""
_MARKET = re.compile(r"[a-z0-9_]+")
_EXAMPLES = {
    Kind.SPREAD: "-3.5, or [-3.5, -112, -108] with the prices of home and away",
    Kind.TOTAL: "221.5, or [221.5, -112, -108] with the prices of over and under",
    Kind.MONEYLINE: "[-150, +130] for home and away, or [1.67, 2.30]",
    Kind.OTHER: "a price for each outcome: {yes: 1.80, no: 2.05}",
}


@dataclass(frozen=True, slots=True)
class Poll:
    """What all books show at one moment."""

    at: Micros
    """After the beginning."""
    books: Mapping[str, Mapping[str, Sequence[Quote]]]
    """By book and market, what is there: what was there before and did not change, too."""


class _Wrong(Exception):
    """What is written is not what a book shows."""


def read_polls(quotes: Entry, reader: Reader) -> list[Poll]:
    """Return the polls of a list. What one does not mention is as it was, and confirmed."""
    listed = reader.items(quotes.node, "'quotes' of a case", "polls below it: '- at: 0s', with markets as further keys")
    if not listed:
        reader.report.add(quotes.key, "there are no polls", hint="add '- at: 0s', with markets as further keys")
    shown: dict[str, dict[str, Sequence[Quote]]] = {}
    polls: list[tuple[Span, Poll]] = []
    for node in listed:
        if not isinstance(node, Table):
            reader.report.add(node.span, "expected a poll", hint="write '- at: 0s', with markets as further keys")
            continue
        at = _at(node, reader)
        for market, entry in node.entries.items():
            if market != "at":
                _show(shown, market, entry, reader)
        if at is not None:
            books = {book: dict(markets) for book, markets in shown.items()}
            polls.append((node.entries["at"].node.span, Poll(at, books)))
    if polls and polls[0][1].at:
        reader.report.add(polls[0][0], "the first poll is the beginning", hint="write 'at: 0s'")
    for (_, before), (span, after) in pairwise(polls):
        if after.at <= before.at:
            reader.report.add(span, "a poll comes after the one above it", hint="write a longer time")
    return [poll for _, poll in polls]


def _at(poll: Table, reader: Reader) -> Micros | None:
    node = poll.get("at")
    try:
        return micros(parse_duration(node.text if isinstance(node, Scalar) else ""))
    except ValueError:
        at = node.span if node is not None else poll.span
        reader.report.add(at, "a poll says when it is", hint="write 'at: 0s' for the first one, 'at: 1m' for the next")
        return None


def _show(shown: dict[str, dict[str, Sequence[Quote]]], market: str, entry: Entry, reader: Reader) -> None:
    if not _MARKET.fullmatch(market):
        hint = "write spreads, for example; markets of players come from a recording"
        reader.report.add(entry.key, f"{market!r} cannot be the key of a market", hint=hint)
        return
    books = reader.table(entry.node, f"what books show in {market!r}", entry.key)
    for book, each in (books.entries if books else {}).items():
        if isinstance(each.node, Scalar) and each.node.text == GONE:
            if shown.get(book, {}).pop(market, None) is None:
                reader.report.add(each.node.span, f"{book} did not show {market} before", hint="remove this line")
            continue
        try:
            shown.setdefault(book, {})[market] = _quotes(kind(market), each.node)
        except (_Wrong, PriceError) as wrong:
            hint = f"write {_EXAMPLES[kind(market)]}, or {GONE}"
            reader.report.add(each.node.span, f"{market} of {book}: {wrong}", hint=hint)


def _quotes(family: Kind, node: Node) -> tuple[Quote, ...]:
    if family is Kind.OTHER:
        return _named(node)
    if family is Kind.MONEYLINE:
        prices = [_price(each) for each in _parts(node, 2, 3)]
        return tuple([Quote(name, price) for name, price in zip(("home", "away", "draw"), prices, strict=False)])
    first, second = ("home", "away") if family is Kind.SPREAD else ("over", "under")
    parts = [node] if isinstance(node, Scalar) else _parts(node, 3, 3)
    line = _number(parts[0])
    prices = [_price(each) for each in parts[1:]] or [USUAL, USUAL]
    other = 0.0 - line if family is Kind.SPREAD else line
    return Quote(first, prices[0], line), Quote(second, prices[1], other)


def _named(node: Node) -> tuple[Quote, ...]:
    if not isinstance(node, Table) or not node.entries:
        raise _Wrong("expected the prices of its outcomes")
    return tuple([Quote(name, _price(entry.node)) for name, entry in node.entries.items()])


def _parts(node: Node, least: int, most: int) -> list[Node]:
    if not isinstance(node, Items) or not least <= len(node.items) <= most:
        raise _Wrong(f"expected a list of {least}" + (f" or {most}" if most > least else ""))
    return node.items


def _price(node: Node) -> float:
    """Return decimal odds: a price with a sign is American."""
    value = _number(node)
    if isinstance(node, Scalar) and node.text[:1] in "+-":
        return american_to_decimal(value)
    if value <= 1:
        raise _Wrong(f"decimal odds are greater than 1, not {value:g}")
    return value


def _number(node: Node) -> float:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e6:
        raise _Wrong("expected a number")
    return float(value)
