"""Context of signals: injuries, withdrawn player props, how the total moved; each with its source and its limits."""

from stratumd import hookimpl
from stratumd.plugin import Detector, Normalizer, Source
from stratumd_context.detector import ContextNotes
from stratumd_context.normalizer import InjuryReports
from stratumd_context.source import SportsDataIO

__all__ = ["ContextNotes", "InjuryReports", "SportsDataIO"]


@hookimpl
def register_sources() -> list[type[Source]]:
    """Return the client of SportsDataIO."""
    return [SportsDataIO]


@hookimpl
def register_normalizers() -> list[type[Normalizer]]:
    """Return the reader of its answers."""
    return [InjuryReports]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Return the annotator."""
    return [ContextNotes]
