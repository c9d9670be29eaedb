"""The configuration: YAML with positions, checked against the models of core and of every plugin it names."""

from stratumd.config.load import load_config
from stratumd.config.models import Database, HttpSpec, LogSpec, Schedule, When
from stratumd.config.spec import Config, DetectorSpec, PipelineSpec, SinkSpec, SourceSpec

__all__ = [
    "Config",
    "Database",
    "DetectorSpec",
    "HttpSpec",
    "LogSpec",
    "PipelineSpec",
    "Schedule",
    "SinkSpec",
    "SourceSpec",
    "When",
    "load_config",
]
