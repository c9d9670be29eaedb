"""What the daemon shows of itself over HTTP: everything is at hand, nothing waits for the store."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import Any

from stratumd import __version__
from stratumd.config import Config
from stratumd.observe import metrics
from stratumd.plugin import SECOND, Micros, iso
from stratumd.runtime.core import Core
from stratumd.runtime.journal import PipelineEntry, Reloaded, SourceEntry, brief, shown
from stratumd.runtime.presence import About
from stratumd.runtime.states import ComponentState, State
from stratumd.store import Lease

REQUIRED = ("store", "source", "pipeline")
"""The kinds of components without which the daemon is not ready. A sink that is down delays its own deliveries only."""
_READY = {State.OK, State.STOPPED}
_FAILED = {State.RECOVERABLE_ERROR, State.PERMANENT_ERROR, State.FATAL_ERROR}


class DaemonView:
    """The `View` of the HTTP application."""

    def __init__(self, config: Config, core: Core, role: str = "all") -> None:
        self.config = config
        self.role = role
        self.control: str | None = None
        """Where the control socket is, once it is there."""
        self._core = core
        self._started = core.timer.now()
        core.metrics.started.set(self._started / SECOND)
        core.metrics.reload_at.set(self._started / SECOND)

    def unready(self) -> list[str]:
        """Return why the daemon is not ready. A source that came to its end is none of the reasons."""
        return [str(each) for each in self._core.states if each.kind in REQUIRED and each.state not in _READY]

    def degraded(self) -> list[str]:
        """Return what is not as it should be: parts that failed, are left alone, or are left out. The rest goes on."""
        return [str(each) for each in self._core.states if each.state in _FAILED]

    def about(self) -> About:
        """Return what the daemon says to who asks on the control socket whether it runs."""
        states = Counter(each.state.value for each in self._core.states)
        return About(
            pid=os.getpid(),
            version=__version__,
            started=iso(self._started),
            role=self.role,
            database=self.config.database.placed_url(),
            components=dict(states),
            degraded=self.degraded(),
        )

    def status(self) -> dict[str, Any]:
        """Return the state of everything."""
        journal = self._core.journal
        return {
            "version": __version__,
            "started": shown(self._started),
            "config": str(self.config.path),
            "database": self.config.database.shown_url(),
            "daemon": self._core.store.sharing.owner,
            "role": self.role,
            "leases": [self._lease(each) for each in journal.leases],
            "plugins": {plugin.name: plugin.version for plugin in self.config.registry.plugins},
            "reload": _reloaded(journal.reloaded),
            "control": self.control,
            "degraded": self.degraded(),
            "components": [_component(each) for each in self._core.states],
            "warnings": [*journal.outlook_warnings, *self._budget_warnings(), *self._paused()],
            "plan": journal.outlook,
            "sources": {name: _source(entry) for name, entry in journal.sources.items()},
            "pipelines": {name: _pipeline(entry) for name, entry in journal.pipelines.items()},
            "deliveries": self._deliveries(),
            "notices": [each.public() for each in journal.notices],
            "alerts": [each.public() for each in journal.alerts],
            "signals": [brief(signal) for signal in reversed(journal.signals)],
            "failures": [asdict(fault) | {"at": shown(fault.at)} for fault in journal.faults.values()],
        }

    def _lease(self, lease: Lease) -> dict[str, Any]:
        held = lease.left > 0
        return {
            "pipeline": lease.pipeline,
            "owner": lease.owner if held else None,
            "mine": held and lease.owner == self._core.store.sharing.owner,
            "epoch": lease.epoch,
        }

    def _budget_warnings(self) -> list[str]:
        return [f"{name}: {line}" for name, each in self._core.journal.sources.items() for line in each.budget_warnings]

    def _paused(self) -> list[str]:
        now, journal = self._core.timer.now(), self._core.journal
        found = [journal.pause(name, now) for name in journal.pauses]
        return [f"{each.source}: {each.told()}" for each in found if each is not None]

    def metrics(self) -> tuple[bytes, str]:
        """Return the metrics and their media type."""
        now = self._core.timer.now()
        owner, leases = self._core.store.sharing.owner, self._core.journal.leases
        elsewhere = {each.pipeline for each in leases if each.left > 0 and each.owner != owner}
        for name, entry in self._core.journal.pipelines.items():
            if name in elsewhere:
                self._core.metrics.quote_age.remove(name)  # the daemon that works it says how old they are
            elif entry.last_observation is not None:
                self._core.metrics.quote_age.labels(name).set((now - entry.last_observation) / SECOND)
        self._core.metrics.degraded.set(len(self.degraded()))
        return self._core.metrics.expose(), metrics.CONTENT_TYPE

    def _deliveries(self) -> dict[str, dict[str, dict[str, Any]]]:
        sinks: dict[str, dict[str, dict[str, Any]]] = {}
        for (sink, state), waiting in self._core.journal.deliveries.items():
            sinks.setdefault(sink, {})[state] = {"count": waiting.number, "oldest": shown(waiting.oldest)}
        return sinks


def _reloaded(newest: Reloaded | None) -> dict[str, Any] | None:
    return None if newest is None else asdict(newest) | {"at": shown(newest.at)}


def _component(each: ComponentState) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "name": each.name,
        "state": each.state.value,
        "reason": each.reason,
        "since": shown(each.since),
        "attempts": each.attempts,
    }


def _source(entry: SourceEntry) -> dict[str, Any]:
    times: dict[str, Micros | None] = {
        "last_poll": entry.last_poll,
        "next_due": entry.next_due,
        "retry_at": entry.retry_at,
    }
    return asdict(entry) | {name: shown(at) for name, at in times.items()}


def _pipeline(entry: PipelineEntry) -> dict[str, Any]:
    return asdict(entry) | {
        "last_observation": shown(entry.last_observation),
        "signals": dict(sorted(entry.signals.items())),
    }
