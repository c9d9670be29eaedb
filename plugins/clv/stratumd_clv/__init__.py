"""Closing lines, what signals were worth at the close, and scorecards that say how sure that is."""

from stratumd import hookimpl
from stratumd.plugin import Job, Report
from stratumd_clv.job import ClosingLines
from stratumd_clv.reports import Closes, Excluded, Firsts, Overview, Scorecards, Sharpness, Summary, Values, Weights

__all__ = [
    "Closes",
    "ClosingLines",
    "Excluded",
    "Firsts",
    "Overview",
    "Scorecards",
    "Sharpness",
    "Summary",
    "Values",
    "Weights",
]


@hookimpl
def register_jobs() -> list[type[Job]]:
    """Provide the job."""
    return [ClosingLines]


@hookimpl
def register_reports() -> list[type[Report]]:
    """Provide what `stratumd clv` and a digest show."""
    return [Closes, Excluded, Firsts, Overview, Scorecards, Sharpness, Summary, Values, Weights]
