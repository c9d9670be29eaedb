"""Running a command in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from stratumd.cli import main
from stratumd.observe.logs import QUIET


def stratumd(*arguments: str) -> int:
    """Run a command as if it were typed, and return its exit code."""
    with own_logs(), pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@contextmanager
def own_logs() -> Iterator[None]:
    """Leave the logs of the test session as they were: a command that runs in this process sets its own."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in QUIET}
    try:
        yield
    finally:
        root.handlers[:], root.level = before, level
        for name, own in quiet.items():
            logging.getLogger(name).setLevel(own)
        structlog.reset_defaults()
