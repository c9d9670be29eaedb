"""Who reaches outside: files, sockets and programs that are opened while somebody should only compute."""

from __future__ import annotations

import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from stratumd.errors import place

_REACHING = {
    "open", "os.listdir", "os.scandir", "os.system", "os.posix_spawn", "socket.connect", "socket.getaddrinfo",
    "socket.bind", "sqlite3.connect", "subprocess.Popen",
}  # fmt: skip
_CODE = (".py", ".pyc", ".so", ".pyd")
"""What is opened to import it."""
_STANDARD = sysconfig.get_path("stdlib")
_CORE = f"{Path(__file__).resolve().parents[1]}/"


class Reach(NamedTuple):
    """Something outside that was opened."""

    what: str
    """`open` of a file, or Python's name of another audit event."""
    target: str
    where: str
    """`file:line` of the innermost code that is neither core's nor Python's own."""


class _Watch:
    """Python's audit hooks stay for as long as the process lives, so there is one; it sleeps unless somebody asks."""

    def __init__(self) -> None:
        self.found: Counter[Reach] | None = None
        self._hooked = False

    def hook(self) -> None:
        """Be told of everything from now on."""
        if not self._hooked:
            self._hooked = True
            sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.found is None or event not in _REACHING:
            return
        target = str(arguments[0]) if arguments else ""
        if not target.endswith(_CODE):
            self.found[Reach(event, target, _where(sys._getframe(1)))] += 1


_watch = _Watch()


@contextmanager
def watching(found: Counter[Reach]) -> Iterator[None]:
    """Count in `found` what is opened inside."""
    _watch.hook()
    _watch.found = found
    try:
        yield
    finally:
        _watch.found = None


def _where(frame: FrameType | None) -> str:
    last = frame
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(("<", _CORE)) and (not file.startswith(_STANDARD) or "site-packages" in file):
            return place(file, frame.f_lineno)
        last, frame = frame, frame.f_back
    return f"{last.f_code.co_filename}:{last.f_lineno}" if last is not None else ""
