"""Running a configuration: the supervisor, schedules, delivery and health."""
