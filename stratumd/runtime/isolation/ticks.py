"""Ticks from process to process: what a detector may know, by value."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import msgspec

from stratumd.odds import Pricing
from stratumd.plugin import BookLine, Detector, Market, Micros, Record, Span, State, Tick
from stratumd.runtime.isolation.frames import Detect, WireLine, WireMarket, WireRecord, WireSpan

_PACK = msgspec.msgpack.Encoder().encode
_NEVER: Micros = -(1 << 62)


def packed(tick: Tick) -> Detect:
    """Return all of a tick but what detectors keep for themselves in `memo`."""
    state = None if tick.state is None else _PACK(tick.state)
    records = [packed_record(record) for of_kind in tick.records.values() for record in of_kind.values()]
    return Detect(tick.observation, tick.at, tick.event, [*map(_market, tick.markets)], records, state)


def unpacked(message: Detect, kind: type[State] | None, pricing: Pricing) -> Tick:
    """Return the tick that was packed."""
    markets = [_unpacked_market(each, message.event.sport, pricing) for each in message.markets]
    tick = Tick(message.observation, message.at, message.event, markets)
    for each in message.records:
        record = unpacked_record(each, _imported(each))
        tick.records.setdefault(record.kind, {})[record.key] = record
    if message.state is not None and kind is not None:
        tick.state = msgspec.msgpack.decode(message.state, type=kind)
    return tick


def packed_record(record: Record) -> WireRecord:
    """Return a record as it is sent."""
    kind = type(record)
    return WireRecord(record.kind, kind.__module__, kind.__qualname__, _PACK(record))


def unpacked_record(wire: WireRecord, kind: type[Record]) -> Record:
    """Return the record that was sent."""
    return msgspec.msgpack.decode(wire.body, type=kind)


def own_records(detector: type[Detector]) -> Mapping[tuple[str, str], type[Record]]:
    """Return the types of records that a detector may yield, by module and name: core's and its own package's."""
    package = detector.__module__.partition(".")[0]
    found = {}
    waiting: list[type[Record]] = [Record]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.partition(".")[0] in (package, "stratumd"):
            found[kind.__module__, kind.__qualname__] = kind
    return found


def _imported(wire: WireRecord) -> type[Record]:
    found: Any = import_module(wire.module)
    for name in wire.qualname.split("."):
        found = getattr(found, name)
    kind: type[Record] = found
    return kind


def _market(market: Market) -> WireMarket:
    return WireMarket(
        market.key,
        market.lane,
        market.observed,
        market.observed_at,
        market.offering,
        market.first_seen,
        market.changed_at,
        market.version,
        [*map(_line, market.lines.values())],
    )


def _line(line: BookLine) -> WireLine:
    spans = [WireSpan(span.offer, span.since, span.confirmed, span.last_update) for span in line.spans]
    return WireLine(line.book, line.operator, line.lane, spans)


def _unpacked_market(wire: WireMarket, sport: str, pricing: Pricing) -> Market:
    market = Market(wire.key, sport, pricing, wire.observed_at)
    market.lane, market.observed, market.observed_at = wire.lane, wire.observed, wire.observed_at
    market.offering, market.first_seen, market.changed_at = wire.offering, wire.first_seen, wire.changed_at
    market.version = wire.version
    began: list[tuple[Micros, BookLine, Span]] = []
    for each in wire.lines:
        line = BookLine(each.book, each.operator, market, each.lane)
        market.admit(line)
        began += [(span.since, line, _unpacked_span(span)) for span in each.spans]
    for _, line, span in sorted(began, key=lambda each: each[0]):  # as they came: a market knows what moved last
        line.begin(span, _NEVER)
    return market


def _unpacked_span(wire: WireSpan) -> Span:
    return Span(wire.offer, wire.since, wire.last_update, wire.confirmed)
