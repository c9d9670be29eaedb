"""The queue of backfills that staff asked for over HTTP, worked off at the console."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer

from stratumd.cli.console import FAILED, say, warn
from stratumd.errors import StratumError

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a backfill as its words say, and returns the exit code with what came of it."""

_MOST = 1_000
_WHY = "backfill --queued"


def drain(config: Path, database: str | None, run: Run, as_json: bool) -> int:
    """Run what waits, the oldest first, and take out of the queue what ended well. Returns the exit code.

    What fails stays in the queue, and the others go on.
    """
    from stratumd.cli.console import emit

    waiting = _operate(config, database, "admin.runs.backfills", {"limit": _MOST})
    done: list[dict[str, Any]] = []
    for row in reversed(waiting):
        if not as_json:
            say(row["command"])
        try:
            code, outcome = run(shlex.split(row["command"])[2:])
        except (StratumError, typer.BadParameter) as error:
            code, outcome = FAILED, str(error)
        if code == 0:
            closing = {"backfill": row["id"], "outcome": outcome[:500]}
            _operate(config, database, "admin.runs.close-backfill", closing)
        else:
            warn(f"backfill {row['id']} stays in the queue: {outcome}")
        done.append({"id": row["id"], "state": "queued" if code else "done", "outcome": outcome})
    emit(done, {"id": "ID", "state": "STATE", "outcome": "OUTCOME"}, as_json=as_json, none="the queue is empty")
    return FAILED if any(each["state"] == "queued" for each in done) else 0


def _operate(config: Path, database: str | None, name: str, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    import anyio

    from stratumd.cli.operations import operate

    rows, _ = anyio.run(partial(operate, name, arguments, config, database, _WHY, None))
    return rows
