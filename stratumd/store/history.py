"""What a pipeline took, in which order, built from what: all that a replay of the past needs besides the answers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, or_, select

from stratumd.plugin import Micros
from stratumd.plugin.views import Built, Skipped, Taken
from stratumd.store.conditions import equal, within
from stratumd.store.keys import event_key
from stratumd.store.tables import builds, coverage, failures, observations, processed


def newest_build(connection: Connection, pipeline: str) -> str | None:
    """Return what the pipeline was built from last; None where that was never noted."""
    query = select(builds.c.body).where(builds.c.pipeline == pipeline).order_by(builds.c.position.desc()).limit(1)
    return connection.scalar(query)


def observed_at(connection: Connection, pipeline: str, position: int) -> Micros | None:
    """Return the instant of a step of the pipeline; None where there is none, or none any more."""
    mine = (processed.c.pipeline == pipeline, processed.c.position == position)
    return connection.scalar(select(processed.c.observed_at).where(*mine))


def list_builds(connection: Connection, pipeline: str) -> list[Built]:
    """Return what the pipeline was built from, oldest first."""
    query = select(builds).where(builds.c.pipeline == pipeline).order_by(builds.c.position)
    return [Built(row.position, row.body) for row in connection.execute(query)]


def list_taken(connection: Connection, pipeline: str, sources: Sequence[str]) -> list[Taken]:
    """Return all that is stored of `sources` and of every source the pipeline took from, by the time received.

    What the pipeline has not taken has no position.
    """
    seen = select(processed.c.source).where(processed.c.pipeline == pipeline).distinct()
    query = (
        select(
            observations.c.id,
            observations.c.source,
            observations.c.received_at,
            processed.c.position,
            processed.c.observed_at,
            processed.c.signals,
        )
        .outerjoin(processed, and_(processed.c.pipeline == pipeline, processed.c.observation == observations.c.id))
        .where(or_(observations.c.source.in_(sources), observations.c.source.in_(seen)))
        .order_by(observations.c.received_at, observations.c.id)
    )
    return [Taken(*row) for row in connection.execute(query)]


def list_past(connection: Connection, source: str | None, since: Micros | None, until: Micros | None) -> list[str]:
    """Return the ids of what was imported of the past, by the time of which it tells; `source` is where it is kept."""
    query = (
        select(observations.c.id)
        .where(observations.c.origin == "historical", *equal((observations.c.source, source)))
        .where(*within(observations.c.received_at, since, until))
        .order_by(observations.c.received_at, observations.c.id)
    )
    return [*connection.scalars(query)]


def list_answers(connection: Connection, source: str | None, since: Micros | None, until: Micros | None) -> list[str]:
    """Return the ids of all observations, of one source where it is named, by the time received."""
    query = (
        select(observations.c.id)
        .where(*equal((observations.c.source, source)), *within(observations.c.received_at, since, until))
        .order_by(observations.c.received_at, observations.c.id)
    )
    return [*connection.scalars(query)]


def list_skipped(connection: Connection, pipeline: str) -> list[Skipped]:
    """Return the components that failed at an observation, by time."""
    query = select(failures).where(failures.c.pipeline == pipeline).order_by(failures.c.observed_at)
    return [
        Skipped(row.observation, row.component, row.event or None, row.observed_at, row.error, row.place)
        for row in connection.execute(query)
    ]


def first_needed(connection: Connection, pipeline: str, since: Micros, event: str | None) -> Micros | None:
    """Return when the first of the events that were observed from `since` on was first observed, or `event` was.

    Whatever was observed before says nothing of them. None where there is no such event.
    """
    mine = and_(coverage.c.pipeline == pipeline, coverage.c.observed_at >= since)
    if event is not None:
        mine = and_(coverage.c.pipeline == pipeline, coverage.c.event_id == event_key(event))
    return connection.execute(select(func.min(coverage.c.first_seen)).where(mine)).scalar()
