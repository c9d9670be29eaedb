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

import requests
import schemathesis
from schemathesis.cli import schemathesis as command
from schemathesis.core.parameters import ParameterLocation

from tests.support.wire_forms import fits, may_be_sent

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


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out what is no HTTP, and what is said to be wrong in the query alone, and is not as it is sent."""
    if any(not may_be_sent(str(value)) for value in (case.headers or {}).values()):
        return False
    if case.meta is None or not case.meta.is_negative_at(ParameterLocation.QUERY):
        return True
    if any(case.meta.is_negative_at(each) for each in case.meta.components if each != ParameterLocation.QUERY):
        return True
    sent = requests.Request("GET", "http://x/", params=case.as_transport_kwargs()["params"]).prepare()
    return not fits(str(sent.url).partition("?")[2], case.operation.definition.raw.get("parameters", []))


if __name__ == "__main__":
    ast.parse = _one_at_a_time
    command()
