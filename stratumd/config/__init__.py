"""The configuration: YAML with positions, checked against the models of core and of every plugin it names."""

from stratumd.config.load import load_config
from stratumd.config.models import Database, HttpSpec, LogSpec, When
from stratumd.config.schedules import Band, Budget, Schedule
from stratumd.config.spec import Config, DetectorSpec, JobSpec, PipelineSpec, SinkSpec, SourceSpec
from stratumd.config.timetable import Timetable

__all__ = [
    "Band",
    "Budget",
    "Config",
    "Database",
    "DetectorSpec",
    "HttpSpec",
    "JobSpec",
    "LogSpec",
    "PipelineSpec",
    "Schedule",
    "SinkSpec",
    "SourceSpec",
    "Timetable",
    "When",
    "load_config",
]
