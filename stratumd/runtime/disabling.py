"""A sink whose receiver is gone stays off across restarts, until its options change or somebody enables it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Set
from typing import Any, Protocol

from pydantic import BaseModel

from stratumd.plugin import Component, Micros, Notice, Secret, Severity, Sink, iso
from stratumd.store import Disabled, Outage

KIND = "sink"
COST = 2**14
"""Of guessing one password by a stored fingerprint: some hundredths of a second, and 16 MB."""


class Memory(Protocol):
    """Where it is remembered which sinks are off. The calls block; they are made from worker threads."""

    def disable(self, sink: str, found: Disabled, notice: Notice | None = None) -> None:
        """Note that a sink is off, and where it was not, let `notice` tell of it."""

    def enable(self, sink: str, notice: Notice | None = None) -> bool:
        """Forget that it is, and let `notice` tell of it."""

    def disabled(self) -> Mapping[str, Disabled]:
        """Return the sinks that are off, by name."""

    def trip(self, kind: str, name: str, outage: Outage) -> None:
        """Note that a component is left alone for now."""

    def mend(self, kind: str, name: str) -> None:
        """Forget that it is."""

    def outage(self, kind: str, name: str) -> Outage | None:
        """Return what is known of its outage."""


class Switch:
    """Whether one sink is off, as the store remembers it. Every call blocks."""

    def __init__(self, name: str, sink: Sink, version: str, memory: Memory) -> None:
        """`version` is the plugin's: a new one asks the receiver again."""
        self._name = name
        self._sink = sink
        self._version = version
        self._memory = memory
        self._made: str | None = None

    @property
    def mark(self) -> str:
        """The fingerprint of the sink's options; it takes a while the first time."""
        self._made = self._made or fingerprint(self._sink, self._version, secrets.token_hex(16))
        return self._made

    def off(self, reason: str, now: Micros) -> None:
        """Remember that the sink is off."""
        self._memory.disable(self._name, Disabled(reason, now, self.mark), _off(self._name, reason, now))

    def noted(self) -> Disabled | None:
        """Return why the sink is off, None where it is not."""
        return self._memory.disabled().get(self._name)

    def at_start(self, now: Micros) -> Disabled | None:
        """Return the same, and forget it where the sink has other options than it had then."""
        found = self.noted()
        if found is None or self._fits(found.options):
            return found
        self._memory.enable(self._name, _on(self._name, found.since, now))
        return None

    def outage(self) -> Outage | None:
        """Return the outage that a process before this one saw, and forget it where the sink has other options."""
        found = self._memory.outage(KIND, self._name)
        if found is None or self._fits(found.options):
            return found
        self._memory.mend(KIND, self._name)
        return None

    def _fits(self, mark: str) -> bool:
        return fingerprint(self._sink, self._version, mark.partition("$")[0]) == mark


def _off(sink: str, reason: str, now: Micros) -> Notice:
    text = (
        f"{reason}\n\nNothing is delivered there any more. What waits is kept. Give the sink other options and reload, "
        f"or mend its receiver and call: stratumd sinks enable {sink}"
    )
    title = f"The sink {sink} is disabled"
    return Notice(f"sink_disabled/{sink}/{now}", "sink_disabled", title, text, now, severity=Severity.ERROR)


def _on(sink: str, since: Micros, now: Micros) -> Notice:
    text = f"It has other options than when it was disabled, at {iso(since)}. What waited is delivered now."
    id, title = f"sink_enabled/{sink}/{since}", f"The sink {sink} is enabled again"
    return Notice(id, "sink_enabled", title, text, now, severity=Severity.ERROR, resolved=True)


def fingerprint(part: Component, version: str, salt: str) -> str:
    """Return `salt$hash` of a component's options. It is slow and salted: options hold passwords; this is stored."""
    told = json.dumps([part.name, version, _plain(part.options)], sort_keys=True)
    return f"{salt}${hashlib.scrypt(told.encode(), salt=salt.encode(), n=COST, r=8, p=1, dklen=16).hex()}"


def _plain(value: Any) -> Any:
    """Return options as JSON, with what is secret in them: for the hash only."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)
