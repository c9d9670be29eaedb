"""The garbage collector rests while a step runs, and looks afterwards.

What a step lets go of is freed with its last reference; quotes, spans and rows make no cycles. A collector that looks
while a hundred thousand of them are made looks at each several times, and the cycle waits for it.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SERVING = 1_000
"""New objects after which it looks at them in a daemon. Each request leaves some in cycles: looking at a thousand takes
less than a millisecond, and at a hundred thousand a hundred, in which nobody is answered."""
BATCH = 100_000
"""The same in a command that reads recordings and has nobody waiting."""
MOST = 5_000_000
"""The same while it rests: a step that does not return must not let the memory grow for ever."""
_OLDER = (20, 50)

_turn = threading.Lock()
_resting = 0
_usual = gc.get_threshold()


def settle(young: int = SERVING) -> None:
    """Keep what was built until now out of every later look: it stays. Call it once, when all is built.

    `young`: how many new objects there may be before they are looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, *_OLDER)


@contextmanager
def resting() -> Iterator[None]:
    """Let the collector rest inside, in every thread; it looks when the last thread has left.

    For a step and its commit, not for longer. May be entered from several threads.
    """
    _rest()
    try:
        yield
    finally:
        _go_on()


def _rest() -> None:
    global _resting, _usual  # the collector is one for the whole process
    with _turn:
        if not _resting:
            _usual = gc.get_threshold()
            gc.set_threshold(MOST, *_OLDER)
        _resting += 1


def _go_on() -> None:
    global _resting
    with _turn:
        _resting -= 1
        if not _resting:
            gc.set_threshold(*_usual)
