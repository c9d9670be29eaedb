"""Notices: what the daemon has to tell its operator, or one person, besides signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stratumd.plugin.times import Micros, iso
from stratumd.plugin.values import Severity


class Notice(msgspec.Struct, frozen=True):
    """A message of the daemon. It is stored with what it tells of, and sent at least once.

    No secret belongs in it, but for what a notice to one person has to carry, such as a link that expires: its text is
    deleted once it was sent, and after an hour at the latest.
    """

    id: str
    """Stable: the same id again is the same notice, and stored once."""
    kind: str
    """What it is about, such as `sink_disabled`, `usage` or `password_reset`."""
    title: str
    """One line."""
    text: str
    """Some lines of plain text."""
    at: Micros
    """When it came to be, UTC."""
    to: str | None = None
    """The mail address of the one person that it is for; None where it is for the operator."""
    severity: Severity = Severity.INFO
    """How much it matters: a sink may ask for no less. What is for one person goes out whatever it is."""
    resolved: bool = False
    """Whether it says that something is over: its severity is that of what is over, so that the same sinks get it."""
    figures: Mapping[str, Any] = {}
    """What the text says, as JSON values, for receivers that are programs."""

    def __repr__(self) -> str:
        """Leave out what may be secret: this is what a traceback shows."""
        return f"Notice(id={self.id!r}, kind={self.kind!r})"

    def public(self) -> dict[str, Any]:
        """Return what a receiver gets as JSON; not the address."""
        return {
            "id": self.id,
            "kind": self.kind,
            "severity": str(self.severity),
            "resolved": self.resolved,
            "title": self.title,
            "text": self.text,
            "at": iso(self.at),
            "figures": self.figures,
        }
