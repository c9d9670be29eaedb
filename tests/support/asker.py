"""schemathesis' command, which reads one Python source at a time: `python -m tests.support.asker run …`.

CPython 3.11 counts how deep the tree is that `ast.parse` builds in one place for the whole interpreter. Where another
tree is begun before one is finished, as a collection of garbage in between may bring about, the first fails with
`SystemError: AST constructor recursion depth mismatch`. hypothesis parses modules of thousands of lines to describe a
lambda of theirs, which allocates enough to be interrupted, and a long run breaks off.
"""

from __future__ import annotations

import ast
import gc
import threading
from functools import wraps
from typing import Any

from schemathesis.cli import schemathesis

_turn = threading.RLock()
_parse = ast.parse


@wraps(_parse)
def _one_at_a_time(*arguments: Any, **more: Any) -> Any:
    with _turn:
        collects = gc.isenabled()
        gc.disable()
        try:
            return _parse(*arguments, **more)
        finally:
            if collects:
                gc.enable()


if __name__ == "__main__":
    ast.parse = _one_at_a_time
    schemathesis()
