"""The hooks. Each fires once, when the plugin is loaded; a hook returns classes, and core builds and calls them."""

from __future__ import annotations

import pluggy

from stratumd.plugin.components import Detector, Normalizer, Sink, Source
from stratumd.plugin.jobs import Job, Report
from stratumd.plugin.operations import Operation
from stratumd.plugin.routes import Routes
from stratumd.plugin.strategies import Strategy

hookspec = pluggy.HookspecMarker("stratumd")


@hookspec
def register_sources() -> list[type[Source]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that fetch observations."""


@hookspec
def register_normalizers() -> list[type[Normalizer]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that understand observations."""


@hookspec
def register_detectors() -> list[type[Detector]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that find conditions."""


@hookspec
def register_sinks() -> list[type[Sink]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that deliver signals."""


@hookspec
def register_jobs() -> list[type[Job]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that work over the stored history on a schedule."""


@hookspec
def register_reports() -> list[type[Report]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that answer a command's question about the stored history."""


@hookspec
def register_strategies() -> list[type[Strategy]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that say what to bet on, and how much."""


@hookspec
def register_routes() -> list[type[Routes]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that answer HTTP requests."""


@hookspec
def register_operations() -> list[type[Operation]]:  # type: ignore[empty-body]  # a specification has no body
    """Return the classes that staff runs, on the command line or over HTTP."""
