"""What one step of a pipeline produced: all of it is committed together, or none of it."""

from __future__ import annotations

import msgspec

from stratumd.plugin import Change, Event, Issue, MarketKey, Micros, Observation, Record, Result, Signal


class StateChange(msgspec.Struct, frozen=True):
    """What a component of the pipeline remembers about one event from now on."""

    component: str
    """`gate`, `records`, or a detector's name."""
    event: str
    body: bytes | None
    """JSON; None where the event was forgotten."""


class Failure(msgspec.Struct, frozen=True):
    """A plugin's component that failed at this observation and was skipped; replay skips it too."""

    component: str
    event: str | None
    error: str
    """`ValueError: …`, in one line."""
    where: str
    """`file:line` of the plugin's code that raised."""


class Elsewhere(Exception):
    """What a component raised that runs in another process: in words, for its own stack is not here."""

    def __init__(self, text: str, where: str, kind: str = "plugin") -> None:
        super().__init__(text)
        self.text = text
        self.where = where
        """`file:line` of the plugin's code, where it is known."""
        self.kind = kind
        """`plugin`, or what the contract calls it: `delivery`, `startup`, `config`."""


class Coverage(msgspec.Struct, frozen=True):
    """The markets of one event that the observation covered: what is present there is confirmed."""

    event: str
    markets: tuple[MarketKey, ...]


class Play(msgspec.Struct, frozen=True):
    """Whether an event that is on offer has started, by the start that is announced for it."""

    event: str
    started: bool


class Step(msgspec.Struct, frozen=True):
    """The outcome of one observation in one pipeline."""

    pipeline: str
    observation: Observation
    at: Micros
    """When the pipeline took the observation to be received: never before the one it took last."""
    events: tuple[Event, ...] = ()
    """Events that are new or whose start moved, as announced in this observation."""
    coverage: tuple[Coverage, ...] = ()
    changes: tuple[Change, ...] = ()
    records: tuple[tuple[str, Record], ...] = ()
    """(event id, record), only those that differ from the last one of the same kind and market."""
    signals: tuple[Signal, ...] = ()
    states: tuple[StateChange, ...] = ()
    issues: tuple[Issue, ...] = ()
    failures: tuple[Failure, ...] = ()
    plays: tuple[Play, ...] = ()
    """Events that started, or whose start was put off again; at first of each event that is on offer."""
    results: tuple[Result, ...] = ()
    """What a provider of scores said."""
    quotes: int = 0
    """Quotes that the observation held."""
    whole: bool = False
    """Everything in its scope was understood: whoever knows it needs no earlier answer to the same request."""
