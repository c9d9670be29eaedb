"""What core lends to a source, for a source that is polled, or a sink that is called, on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from stratumd.plugin import Clock, Log, Micros, Purse, Source
from stratumd.testing.clock import VirtualClock
from stratumd.testing.purse import OpenPurse


class SourceContext:
    """The context of a source or a sink called `name`: a clock that stands at `at` (µs UTC), a purse never empty."""

    def __init__(self, name: str, at: Micros) -> None:
        self.name = name
        self.virtual = VirtualClock(at)
        """The clock, to be advanced."""
        self.clock: Clock = self.virtual
        self.log: Log = structlog.get_logger()
        self.purse: Purse = OpenPurse()

    def source(self, use: str, options: Mapping[str, Any]) -> Source:
        """Build nothing."""
        raise AssertionError("it stands in front of no other")

    def is_over(self, event: str) -> bool:
        """Say that no event is over."""
        return False
