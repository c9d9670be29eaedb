"""`stratumd test-alerts`: one test alert of each severity through every sink that takes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio
import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, emit, warn
from stratumd.plugin import Notice, Severity

if TYPE_CHECKING:
    from stratumd.config import Config, SinkSpec
    from stratumd.plugin import Micros
    from stratumd.registry import Registry
    from stratumd.runtime.attempts import Target

COLUMNS = {
    "sink": "SINK", "plugin": "PLUGIN", "severity": "SEVERITY", "result": "RESULT", "seconds": "SECONDS",
    "error": "ERROR",
}  # fmt: skip
NOTE = "Only a test: nothing is wrong. `stratumd test-alerts` sent it."


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("test-alerts")(send_test_alerts)


def send_test_alerts(file: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Send a test alert of each severity through every sink with `notices`, and show what each answered.

    A severity that a sink does not take is skipped. Exits with 1 if one could not take what it is to take, or none is
    to take any.
    """
    from stratumd.config import load_config
    from stratumd.observe import logs

    config = load_config(file)
    chosen = _takers(config)
    if not chosen:
        warn(f"{file}: no enabled sink takes alerts; set 'notices: true', or a severity, for one")
        return FAILED
    logs.configure(config.log.level, config.log.format)
    rows = anyio.run(_try_all, chosen, config.registry)
    emit(rows, COLUMNS, as_json=as_json)
    return FAILED if any(row["error"] for row in rows) else 0


def _takers(config: Config) -> list[SinkSpec]:
    running = [pipeline for pipeline in config.pipelines.values() if pipeline.runs]
    return [sink for pipeline in running for sink in pipeline.sinks if sink.enabled and sink.notices is not None]


async def _try_all(sinks: Sequence[SinkSpec], registry: Registry) -> list[dict[str, Any]]:
    """Try the sinks at the same time; return a row for each and severity, in their order."""
    found: list[list[dict[str, Any]]] = [[] for _ in sinks]

    async def run(index: int) -> None:
        found[index] = await _try(sinks[index], registry)

    async with anyio.create_task_group() as group:
        for index in range(len(sinks)):
            group.start_soon(run, index)
    return [row for rows in found for row in rows]


async def _try(spec: SinkSpec, registry: Registry) -> list[dict[str, Any]]:
    from stratumd.errors import StratumError
    from stratumd.redaction import told
    from stratumd.runtime.attempts import CLOSING, attempt
    from stratumd.runtime.build import build_sink
    from stratumd.runtime.clock import SystemTimer

    timer = SystemTimer()
    try:
        target = build_sink(spec, registry, timer).target
    except StratumError as error:
        return [_row(spec, severity, 0.0, told(error)) for severity in Severity]
    failure = await attempt(target, target.sink.open)
    failed = None if failure is None else told(failure)
    rows = [await _send(spec, target, severity, failed, timer.now()) for severity in Severity]
    closed = await attempt(target, target.sink.close, CLOSING)
    if closed is not None:
        rows[-1] |= {"result": "failed", "error": rows[-1]["error"] or told(closed)}
    return rows


async def _send(spec: SinkSpec, target: Target, severity: Severity, failed: str | None, now: Micros) -> dict[str, Any]:
    """Send one; not where the sink does not take it, or could not be opened."""
    from stratumd.redaction import told
    from stratumd.runtime.attempts import attempt

    started = time.monotonic()
    if spec.notices is not None and severity.reaches(spec.notices) and failed is None:
        error = await attempt(target, lambda: target.sink.notify(sample(severity, now)))
        failed = told(error) if error is not None else None
    return _row(spec, severity, time.monotonic() - started, failed)


def _row(spec: SinkSpec, severity: Severity, seconds: float, error: str | None) -> dict[str, Any]:
    taken = spec.notices is not None and severity.reaches(spec.notices)
    result = "skipped" if not taken else "failed" if error else "delivered"
    names = {"sink": spec.name, "plugin": spec.use, "severity": str(severity), "result": result}
    return names | {"seconds": round(seconds, 3), "error": error if taken else None}


def sample(severity: Severity, now: Micros) -> Notice:
    """Return an alert that everybody sees is a test."""
    return Notice(f"test/{severity}/{now}", "test", f"A test alert ({severity})", NOTE, now, severity=severity)
