"""What the daemon tells its operator by itself, and when. Which sink gets it, the sink's `notices` says.

It is core's own and no plugin's: it speaks of all pipelines at once, of plugins that failed, and of parts of the daemon
that no plugin sees; and each alert is committed with the notice that tells of it, which only the store can do.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from stratumd.config.section import Hinted, Section

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _time_of_day(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise Hinted("expected a time of day, in hours and minutes", 'write "13:00", for example')
    return text


TimeOfDay = Annotated[str, AfterValidator(_time_of_day), Field(json_schema_extra={"pattern": f"^{_TIME.pattern}$"})]


class Daily(Section):
    """The summary of a day."""

    enabled: bool = True
    """Whether there is one."""
    at: TimeOfDay = "06:00"
    """When it is made, UTC: of the 24 hours before."""

    @property
    def time(self) -> time:
        """The same as a time."""
        return time.fromisoformat(self.at)


class Digest(Section):
    """The weekly digest."""

    enabled: bool = True
    """Whether there is one."""
    weekday: int = Field(default=1, ge=1, le=7)
    """The ISO weekday: 1 is Monday, 7 is Sunday."""
    at: TimeOfDay = "13:00"
    """When it is made, UTC."""
    days: int = Field(default=7, ge=1, le=31)
    """How many days it looks back."""

    @property
    def time(self) -> time:
        """The same as a time."""
        return time.fromisoformat(self.at)


class Alerts(Section):
    """What the daemon tells its operator by itself: what is wrong, once for each change, and how it goes."""

    enabled: bool = True
    """Whether anything is told; a sink that is disabled is told of in any case."""
    after: timedelta = timedelta(minutes=2)
    """How long something has to be wrong, or well again, before it is told: what comes and goes is told once."""
    remind: timedelta = timedelta(hours=24)
    """After so long it is told again what still is wrong."""
    quality_percent: float = Field(default=5.0, gt=0, le=100)
    """Findings in a hundred quotes of the last hour from which on a pipeline's quotes are told of."""
    daily: Daily = Daily()
    """The summary of a day."""
    digest: Digest = Digest()
    """The weekly digest."""

    @field_validator("after", "remind")
    @classmethod
    def _positive(cls, length: timedelta) -> timedelta:
        if length < timedelta(seconds=1):
            raise Hinted("must be one second or longer", "write 2m, for example")
        return length
