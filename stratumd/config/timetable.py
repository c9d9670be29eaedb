"""When a job runs."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ValidationError, model_validator

from stratumd.config.schedules import Schedule
from stratumd.config.section import Hinted, Section


class Timetable(Section):
    """When a job runs: `every` or `cron`. Without either, as often as the job itself says."""

    every: timedelta | None = None
    """From one run's start to the next, such as `60m`; the first is at the start."""
    cron: str | None = None
    """Five fields, such as `0 5 * * *`: minute, hour, day, month, weekday."""
    timezone: str = "UTC"
    """The zone of `cron`, such as `America/New_York`."""

    @model_validator(mode="after")
    def _as_a_schedule(self) -> Timetable:
        if self.every is not None or self.cron is not None:
            try:
                self.schedule()
            except ValidationError as error:
                wrong = error.errors()[0].get("ctx", {}).get("error")
                raise wrong if isinstance(wrong, Hinted) else error from None
        return self

    def schedule(self) -> Schedule:
        """Return it as what a source would have."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return Schedule.model_validate(given)
