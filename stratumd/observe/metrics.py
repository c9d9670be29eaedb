"""Metrics for Prometheus. Base units, `_total` for counters, and no event, market or key as a label."""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from stratumd import __version__

CONTENT_TYPE = CONTENT_TYPE_LATEST
CYCLE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._daemon(self.registry)
        self._schedule(self.registry)
        self._leases(self.registry)
        self._credits(self.registry)
        self._flow(self.registry)
        self._messages(self.registry)
        self._faults(self.registry)

    def _daemon(self, into: CollectorRegistry) -> None:
        self.build = Gauge("stratumd_build_info", "1, with the versions.", ["version", "python"], registry=into)
        self.build.labels(__version__, platform.python_version()).set(1)
        self.started = Gauge("stratumd_start_time_seconds", "When the daemon started, Unix time.", registry=into)
        self.reload_ok = Gauge(
            "stratumd_config_last_reload_successful", "1, or 0 where the last reload changed nothing.", registry=into
        )
        self.reload_ok.set(1)
        self.reload_at = Gauge(
            "stratumd_config_last_reload_success_timestamp_seconds",
            "When the configuration that is used was loaded, Unix time.",
            registry=into,
        )
        self.component = Gauge(
            "stratumd_component_state", "1 for the state a component is in.", ["kind", "name", "state"], registry=into
        )

    def _schedule(self, into: CollectorRegistry) -> None:
        self.polls = Counter(
            "stratumd_polls_total", "Exchanges with a provider, by outcome.", ["source", "outcome"], registry=into
        )
        self.skipped = Counter(
            "stratumd_ticks_skipped_total", "Due instants skipped while a poll was running.", ["source"], registry=into
        )
        self.taken = Counter(
            "stratumd_ticks_taken_total", "Due instants that this daemon took and ran.", ["source"], registry=into
        )
        self.missed = Counter(
            "stratumd_ticks_missed_total",
            "Due instants that no daemon ran, but for those skipped; counted by the one that ran the next.",
            ["source"],
            registry=into,
        )

    def _leases(self, into: CollectorRegistry) -> None:
        self.lease_held = Gauge(
            "stratumd_lease_held",
            "1 where this daemon works the pipeline, 0 where another does.",
            ["pipeline"],
            registry=into,
        )
        self.lease_taken = Counter(
            "stratumd_leases_taken_total", "Times that this daemon took up a pipeline.", ["pipeline"], registry=into
        )
        self.lease_lost = Counter(
            "stratumd_leases_lost_total", "Times that another daemon took it away.", ["pipeline"], registry=into
        )

    def _credits(self, into: CollectorRegistry) -> None:
        self.credits = Gauge(
            "stratumd_credits_remaining", "Credits left, by the provider's word.", ["source"], registry=into
        )
        self.credits_spent = Counter(
            "stratumd_credits_spent_total",
            "Credits spent, by the budget's feature.",
            ["source", "feature"],
            registry=into,
        )
        self.mispriced = Counter(
            "stratumd_credits_mispriced_total",
            "Answers that did not cost what the source's own model says.",
            ["source"],
            registry=into,
        )
        self.unaffordable = Gauge(
            "stratumd_requests_unaffordable",
            "Requests not made for want of budget, since the start.",
            ["source"],
            registry=into,
        )
        self.budget_spent = Gauge(
            "stratumd_budget_spent_ratio",
            "Part of a budget that is spent, 0 to 1.",
            ["source", "budget"],
            registry=into,
        )

    def _flow(self, into: CollectorRegistry) -> None:
        self.quote_age = Gauge(
            "stratumd_quote_age_seconds",
            "Age of the newest processed observation; the daemon says it that works the pipeline.",
            ["pipeline"],
            registry=into,
        )
        self.cycle = Histogram(
            "stratumd_cycle_seconds",
            "From a stored observation to its committed results.",
            ["pipeline"],
            buckets=CYCLE_BUCKETS,
            registry=into,
        )
        self.quotes = Counter("stratumd_quotes_total", "Quotes observed.", ["pipeline"], registry=into)
        self.changes = Counter("stratumd_changes_total", "Quotes that changed.", ["pipeline"], registry=into)
        self.consensus = Counter(
            "stratumd_consensus_points_total", "Consensus points stored.", ["pipeline"], registry=into
        )
        self.signals = Counter("stratumd_signals_total", "Signals, by type.", ["pipeline", "type"], registry=into)
        self.issues = Counter(
            "stratumd_quality_issues_total", "Quality issues, by rule.", ["pipeline", "rule"], registry=into
        )

    def _messages(self, into: CollectorRegistry) -> None:
        self.deliveries = Gauge(
            "stratumd_deliveries", "Deliveries in the store, by state.", ["sink", "state"], registry=into
        )
        self.oldest_waiting = Gauge(
            "stratumd_delivery_oldest_waiting_seconds", "Age of the oldest waiting delivery.", ["sink"], registry=into
        )
        self.alerts = Gauge(
            "stratumd_alerts_open",
            "What is wrong now, by kind; every daemon on one database says the same.",
            ["kind", "severity"],
            registry=into,
        )
        self.notices = Gauge(
            "stratumd_notices_unsent",
            "Notices that wait (`pending`), that no sink takes (`new`), or that were given up (`dead`).",
            ["state"],
            registry=into,
        )

    def _faults(self, into: CollectorRegistry) -> None:
        self.loop_lag = Gauge(
            "stratumd_event_loop_lag_seconds", "Longest delay of the event loop, last interval.", registry=into
        )
        self.plugin_blocked = Counter(
            "stratumd_plugin_blocked_total",
            "Calls of plugin code that took longer than a second.",
            ["plugin", "component"],
            registry=into,
        )
        self.left_out = Gauge(
            "stratumd_plugin_left_out",
            "1 while a component is in quarantine.",
            ["pipeline", "component"],
            registry=into,
        )
        self.breaker = Gauge(
            "stratumd_source_breaker",
            "0 closed, 1 half-open: one exchange finds out, 2 open: left alone.",
            ["source"],
            registry=into,
        )
        self.breaker_opened = Counter(
            "stratumd_source_breaker_opened_total", "Times that a source was left alone.", ["source"], registry=into
        )
        self.degraded = Gauge(
            "stratumd_degraded", "How many parts are not as they should be, as /status lists them.", registry=into
        )
        self.plugin_failures = Counter(
            "stratumd_plugin_failures_total", "Failures of plugin code.", ["plugin", "component"], registry=into
        )

    def expose(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
