"""The hooks. Each fires once, when the plugin is loaded; a hook returns classes, and core builds and calls them."""

from __future__ import annotations

import pluggy

from stratumd.plugin.components import Detector, Normalizer, Sink, Source

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
