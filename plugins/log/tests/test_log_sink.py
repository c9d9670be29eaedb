"""The sink `log` as core runs it."""

from __future__ import annotations

from typing import Any

import pytest

from stratumd.plugin import Delivery, Notice, PluginConfig, Severity
from stratumd.testing.samples import signal
from stratumd_log.sink import LogSink


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.info(event, level="warning", **fields)

    def error(self, event: str, **fields: Any) -> None:
        self.info(event, level="error", **fields)


class Context:
    """As much of a context as this sink uses."""

    def __init__(self) -> None:
        self.log = Lines()


@pytest.mark.anyio
async def test_logs_one_line_per_signal_with_the_ids_as_fields() -> None:
    move = signal(id="5f1c", market="h2h", magnitude=0.04, threshold=0.03, strength=60)
    context: Any = Context()
    await LogSink(PluginConfig(), context).deliver([Delivery("d1", move), Delivery("d2", move)])
    expected = ("MOVE  h2h  Miami Heat ▲ 4.0%  fanduel  strength 60", {"signal": "5f1c", "event_id": "e1"})
    assert context.log.lines == [expected, expected]


@pytest.mark.anyio
@pytest.mark.parametrize(("severity", "resolved", "level"), [
    (Severity.INFO, False, None), (Severity.WARNING, False, "warning"), (Severity.ERROR, False, "error"),
    (Severity.ERROR, True, None),
])  # fmt: skip
async def test_a_notice_is_one_line_as_loud_as_it_matters(
    severity: Severity, resolved: bool, level: str | None
) -> None:
    context: Any = Context()
    notice = Notice("n1", "alert", "The source nba is down", "timeout\nIt is asked again.", 0, None, severity, resolved)
    await LogSink(PluginConfig(), context).notify(notice)
    ((said, fields),) = context.log.lines
    assert said == "The source nba is down"
    assert fields.get("level") == level
    assert fields["text"] == "timeout | It is asked again."
