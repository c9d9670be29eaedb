"""How the daemon polls and what came of it, from what is stored: for people, and for programs under `/api/v1/ops`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from stratumd.plugin import DAY, Micros, iso, rounded
from stratumd.plugin.history import History
from stratumd.plugin.views import BreakerRow, CycleRow, PollRow, SourceRow

MOST = 10_000
"""Polls, and cycles, that a summary looks at."""
Shown = dict[str, Any]
_SUMMED = (
    "requests_used_delta", "snapshots_inserted", "consensus_points_written", "alerts_sent", "alerts_failed",
)  # fmt: skip


class Page(NamedTuple):
    """Polls, the newest first, and where the next page begins."""

    items: list[Shown]
    next: str | None


class Asked(Protocol):
    """Which sources, and how many polls of each."""

    source: str | None
    polls: int


def sources(history: History, now: Micros, asked: Asked) -> list[Shown]:
    """Return how each source is polled."""
    status = history.status(now)
    breakers = {row.name: row for row in status.breakers if row.kind == "source"}
    wanted = [row for row in status.sources if asked.source in (None, row.source)]
    return [_source(history, row, breakers.get(row.source), asked.polls) for row in wanted]


def _source(history: History, row: SourceRow, breaker: BreakerRow | None, number: int) -> Shown:
    polls = history.polls(source=row.source, limit=number)
    failed = [poll for poll in polls if poll.error is not None]
    return {
        "source": row.source,
        "polls_24h": row.polls_24h,
        "success_rate_24h": rounded(row.success_rate_24h, 4),
        "credits_remaining": row.credits_remaining,
        "last_poll_at": iso(row.last_poll.started_at),
        "last_error": f"{failed[-1].error}: {failed[-1].detail or failed[-1].code or ''}".strip(": ")
        if failed
        else None,
        "breaker": None if breaker is None else breaker.public(),
        "retry_at": None if breaker is None else iso(breaker.retry_at),
        "polls": [cycle(poll) for poll in reversed(polls)],
    }


def cycle(poll: PollRow) -> Shown:
    """Return a poll and what came of it. Its parameters and headers are left out: a source may put secrets there."""
    return {
        "id": poll.id,
        "source": poll.source,
        "started_at": iso(poll.started_at),
        "seconds": rounded(poll.elapsed / 1e6, 6),
        "path": poll.path,
        "status": poll.status,
        "error": poll.error,
        "code": poll.code,
        "credits_used": poll.credits_last,
        "credits_remaining": poll.credits_remaining,
        "bytes": poll.body_bytes,
        "events": poll.events,
        "quotes": poll.quotes,
    }


def page(
    history: History, source: str | None, since: Micros | None, before: tuple[Micros, str] | None, limit: int
) -> Page:
    """Return a page of polls, the newest first."""
    found = history.polls(source=source, since=since, limit=limit + 1, before=before)[::-1]
    more, shown = len(found) > limit, found[:limit]
    return Page([cycle(poll) for poll in shown], f"{shown[-1].started_at}.{shown[-1].id}" if more else None)


def cycles(
    history: History, pipeline: str | None, since: Micros | None, before: tuple[Micros, str, int] | None, limit: int
) -> Page:
    """Return a page of cycles, the newest first."""
    found = history.cycles(pipeline=pipeline, since=since, limit=limit + 1, before=before)[::-1]
    more, shown = len(found) > limit, found[:limit]
    last = shown[-1] if more else None
    after = None if last is None else f"{last.finished_at}.{last.pipeline}.{last.position}"
    return Page([row.public() for row in shown], after)


def summary(history: History, now: Micros, source: str | None, since: Micros) -> Shown:
    """Return figures of the polls since then by source, and of the cycles by pipeline."""
    polls = history.polls(source=source, since=since, limit=MOST)
    rows = history.cycles(since=since, limit=MOST)
    by_source: dict[str, list[PollRow]] = {}
    for poll in polls:
        by_source.setdefault(poll.source, []).append(poll)
    return {
        "since": iso(polls[0].started_at if len(polls) == MOST else since),
        "until": iso(now),
        "truncated": MOST in (len(polls), len(rows)),
        "sources": [{"source": name, **_figures(found)} for name, found in sorted(by_source.items())],
        "pipelines": _pipelines(rows),
    }


def _pipelines(rows: Sequence[CycleRow]) -> list[Shown]:
    by_pipeline: dict[str, list[CycleRow]] = {}
    for row in rows:
        by_pipeline.setdefault(row.pipeline, []).append(row)
    return [{"pipeline": name, **_sums(found)} for name, found in sorted(by_pipeline.items())]


def _sums(rows: Sequence[CycleRow]) -> Shown:
    seconds = sorted(row.latency / 1e6 for row in rows)
    signals: dict[str, int] = {}
    for row in rows:
        for type, number in row.signals_created_by_type.items():
            signals[type] = signals.get(type, 0) + number
    return {
        "cycles": len(rows),
        **{name: sum(getattr(row, name) for row in rows) for name in _SUMMED},
        "signals_created_by_type": dict(sorted(signals.items())),
        "latency_seconds_p50": rounded(_quantile(seconds, 0.50), 6),
        "latency_seconds_p95": rounded(_quantile(seconds, 0.95), 6),
    }


def _figures(polls: Sequence[PollRow]) -> Shown:
    seconds = sorted(poll.elapsed / 1e6 for poll in polls)
    errors: dict[str, int] = {}
    for poll in polls:
        if poll.error is not None:
            errors[poll.error] = errors.get(poll.error, 0) + 1
    return {
        "cycles": len(polls),
        "failed": sum(errors.values()),
        "success_rate": rounded(1 - sum(errors.values()) / len(polls), 4),
        "errors": errors,
        "seconds_p50": rounded(_quantile(seconds, 0.50), 6),
        "seconds_p95": rounded(_quantile(seconds, 0.95), 6),
        "credits_used": sum(poll.credits_last or 0 for poll in polls),
        "credits_remaining": next(
            (p.credits_remaining for p in reversed(polls) if p.credits_remaining is not None), None
        ),
        "events": sum(poll.events or 0 for poll in polls),
        "quotes": sum(poll.quotes or 0 for poll in polls),
        "last_at": iso(polls[-1].started_at),
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest rank."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(history: History, now: Micros, pipelines: Sequence[str]) -> Shown:
    """Return how everything is: what waits, what is off, the last day's polls, and what was wrong with quotes."""
    status = history.status(now).public()
    first, newest = history.ends()
    for source in status["sources"]:
        source["last_poll"] = {name: source["last_poll"][name] for name in ("started_at", "status", "error", "code")}
    status.pop("notices")
    return {
        **status,
        "feed": {"first": first, "newest": newest},
        "pipelines": [
            {"pipeline": name, "steps": history.steps(name), "quality": quality(history, name, now)}
            for name in pipelines
        ],
        "cycles": summary(history, now, None, now - DAY),
    }


def quality(history: History, pipeline: str, now: Micros) -> Mapping[str, int]:
    """Return how many quotes of the last day broke which rule."""
    counts: dict[str, int] = {}
    for each in history.issue_counts(pipeline, since=now - DAY):
        counts[each.rule] = counts.get(each.rule, 0) + each.number
    return dict(sorted(counts.items()))
