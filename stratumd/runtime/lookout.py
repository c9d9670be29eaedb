"""Looking at what is stored, and at this daemon's own parts, for what the operator is to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from stratumd.config import Config
from stratumd.config.alerts import Alerts
from stratumd.observe.logs import logger
from stratumd.plugin import DAY, SECOND, Micros, Notice, Severity, iso, micros
from stratumd.redaction import described
from stratumd.runtime import digest
from stratumd.runtime.alerting import Rules, judged
from stratumd.runtime.conditions import conditions, question
from stratumd.runtime.core import Core, transaction
from stratumd.runtime.digest import Worth
from stratumd.runtime.jobs import answered
from stratumd.runtime.notices import Notices, Sinks
from stratumd.runtime.states import State
from stratumd.store import Alert, Change, Figures

LOOK: Micros = 30 * SECOND
"""From one look to the next, or `after` where that is shorter."""
SUMMARY = "clv.summary"
"""The report that a digest asks for the closing-line value, where its plugin is loaded."""

Report = Callable[[Figures, Sequence[Worth]], Notice]

_log = logger("stratumd.alerts")


class Lookout:
    """Raises alerts, says when they are over, and makes the daily summary and the weekly digest."""

    kind = "alerts"
    name = "lookout"

    def __init__(self, config: Callable[[], Config], sinks: Sinks, notices: Notices, core: Core) -> None:
        self._config = config
        self._sinks = sinks
        self._notices = notices
        self._core = core

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await self.look()
            self._core.states.put(self.kind, self.name, State.OK)
            await self._core.timer.sleep(min(LOOK, micros(self._config().alerts.after)))

    async def look(self) -> None:
        """Look once. Where alerts are off nothing is wrong, and nobody is told that it is over."""
        options = self._config().alerts
        if options.enabled:
            changes = await self._judge(options)
            for change in changes:
                _say(change)
            await self._report(options)
            if any(change.notice for change in changes):
                self._notices.wake()
        else:
            await transaction(lambda: self._core.store.alerts.change(_none))
        await self._show()

    # ---- alerts

    async def _judge(self, options: Alerts) -> Sequence[Change]:
        core, config = self._core, self._config()
        budgets = {name: spec.budget for name, spec in config.enabled_sources().items()}
        running = [spec for spec in config.pipelines.values() if spec.runs]
        sinks = [sink.name for spec in running for sink in spec.sinks]
        now, me = core.timer.now(), core.store.sharing.owner
        asked = question(budgets, [spec.name for spec in running], sinks, now)
        facts = await transaction(lambda: core.store.alerts.facts(asked))
        found = conditions(facts, core.states, budgets, options.quality_percent, now=now, me=me)
        alone = not core.store.sharing.shared
        rules = Rules(now, micros(options.after), micros(options.remind), me, alone, self._takes)
        return await transaction(lambda: core.store.alerts.change(lambda alerts: judged(found, alerts, rules)))

    def _takes(self, severity: Severity, about: str) -> bool:
        """Say whether a sink takes notices of a severity, other than `about`."""
        return any(severity.reaches(taker.least) for taker in self._sinks.takers() if taker.sink != about)

    async def _show(self) -> None:
        """Show in `/status` and in the metrics what is wrong."""
        shown = self._core.journal.alerts = await transaction(self._core.store.alerts.shown)
        gauge = self._core.metrics.alerts
        gauge.clear()
        for alert in shown:
            gauge.labels(alert.kind, alert.severity).inc()

    # ---- reports

    async def _report(self, options: Alerts) -> None:
        now = self._core.timer.now()
        if options.daily.enabled:
            due = digest.last_due(now, options.daily.time)
            await self._publish("daily summary", digest.DAILY, due, DAY, digest.daily)
        if options.digest.enabled:
            due = digest.last_due(now, options.digest.time, options.digest.weekday)
            await self._publish("ops digest", digest.DIGEST, due, options.digest.days * DAY, digest.weekly)

    async def _publish(self, called: str, kind: str, due: Micros, length: Micros, report: Report) -> None:
        """Store the report that is due, once. A new database begins with the next one: there is nothing to report."""
        schedule, store = f"alerts/{kind}", self._core.store
        newest = (await transaction(lambda: store.sharing.newest(schedule))).instant
        if newest is not None and newest >= due:
            return
        notice = None
        if newest is not None and not self._takes(Severity.INFO, ""):
            _log.warning(f"{called} skipped: no sink takes it", due=iso(due), hint="set 'notices: true' for a sink")
        elif newest is not None:
            notice = await transaction(partial(self._made, due, length, report))
        if await transaction(lambda: store.alerts.publish(schedule, due, notice)) and notice is not None:
            _log.info(called, notice=notice.id)
            self._notices.wake()

    def _made(self, due: Micros, length: Micros, report: Report) -> Notice:
        return report(self._core.store.alerts.figures(due - length, due), [*self._worth()])

    def _worth(self) -> Iterator[Worth]:
        config = self._config()
        for name in config.pipelines if SUMMARY in config.registry.reports else ():
            try:
                yield from [*_cells(name, answered(config, self._core.store.ledger, SUMMARY, {}, name))]
            except Exception as error:  # noqa: BLE001  # a plugin may raise anything; the report comes without it
                _log.warning("the closing-line value cannot be reported", pipeline=name, error=described(error))


def _cells(pipeline: str, found: Sequence[Mapping[str, Any]]) -> Iterator[Worth]:
    for cell in found:
        if cell.get("valued") and (cell["reference"], cell["after_seconds"]) == ("consensus", 0):
            figures = cell.get("mean_percent"), cell.get("beat_close_percent")
            yield Worth(pipeline, cell["type"], cell["valued"], *figures)


def _none(alerts: Sequence[Alert]) -> list[Change]:
    return [Change(alert, over=True) for alert in alerts]


def _say(change: Change) -> None:
    """Put into the log what no sink takes, and what is over of it; the rest is in the notices."""
    alert: Alert = change.alert
    said = {"kind": alert.kind, "subject": alert.subject, "severity": str(alert.severity)}
    if change.notice is not None:
        _log.debug("alert told", notice=change.notice.id, **said)
    elif change.over:
        _log.info("alert over", title=alert.title, **said)
    elif change.unheard:
        hint = "set 'notices: true', or a severity, for a sink that can send it"
        _log.warning("no sink takes an alert", title=alert.title, text=alert.text, **said, hint=hint)
