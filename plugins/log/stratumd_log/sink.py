"""The sink `log`."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.plugin import Delivery, Notice, Severity, Sink, one_line


class LogSink(Sink):
    """Writes one line per signal to the daemon's own log."""

    name = "log"
    batch = 100
    notices = True

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Log the signals. The ids lead to the rest: `stratumd signals --json` shows it."""
        for delivery in deliveries:
            signal = delivery.signal
            self.context.log.info(one_line(signal), signal=signal.id, event_id=signal.event)

    async def notify(self, notice: Notice) -> None:
        """Log the notice in one line, as loud as it matters; what is over only as information."""
        log = self.context.log
        levels = {Severity.INFO: log.info, Severity.WARNING: log.warning, Severity.ERROR: log.error}
        say = log.info if notice.resolved else levels[notice.severity]
        say(notice.title, notice=notice.id, kind=notice.kind, text=" | ".join(notice.text.splitlines()))
