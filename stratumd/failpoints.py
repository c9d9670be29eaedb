"""Named places at which tests kill the process, to show that nothing is lost there.

`STRATUMD_FAILPOINTS=NAME@3` kills the process when it comes to NAME for the third time, `*` stands for any name, and
`*@0` kills it nowhere until a test calls `arm`. Without the variable nothing is armed, and nothing can be.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

VARIABLE = "STRATUMD_FAILPOINTS"
ANY = "*"

Last = Callable[[str], None]


class _Armed:
    """Counts down to the kill."""

    def __init__(self, spec: str, last: Last) -> None:
        self._name, _, times = spec.partition("@")
        self._left = int(times or 1)
        self._last = last

    def __call__(self, name: str) -> None:
        if self._name not in (ANY, name):
            return
        self._left -= 1
        if self._left == 0:
            self._last(name)
            os.kill(os.getpid(), signal.SIGKILL)


def _tell_nobody(name: str) -> None:
    """Die without a word."""


_spec = os.environ.get(VARIABLE)
ACTIVE = bool(_spec)
"""Whether this process was started to be killed."""
_armed: _Armed | None = _Armed(_spec, _tell_nobody) if _spec else None


def reached(name: str) -> None:
    """Say that the code is at `name`. Nobody hears it but a test."""
    if _armed is not None:
        _armed(name)


def arm(spec: str, last: Last = _tell_nobody) -> None:
    """Kill this process at `spec`; `last` is called with the name right before."""
    global _armed
    if not ACTIVE:
        raise RuntimeError(f"set {VARIABLE} before the start")
    _armed = _Armed(spec, last)
