"""MISPRICED: a price is worth more than it costs by the user's own projections, which are read from a file."""

from stratumd import hookimpl
from stratumd.plugin import Detector, Normalizer, Source
from stratumd_projection.detector import Mispricing
from stratumd_projection.normalizer import Projections
from stratumd_projection.source import ProjectionFile

__all__ = ["Mispricing", "ProjectionFile", "Projections"]


@hookimpl
def register_sources() -> list[type[Source]]:
    """Return the reader of the file."""
    return [ProjectionFile]


@hookimpl
def register_normalizers() -> list[type[Normalizer]]:
    """Return what understands it."""
    return [Projections]


@hookimpl
def register_detectors() -> list[type[Detector]]:
    """Return the detector."""
    return [Mispricing]
