"""The ranked feed of signals, from memory as long as the question reaches no further back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from stratumd.plugin import DAY, Micros, Signal, iso
from stratumd.plugin.history import History
from stratumd.plugin.known import known_types
from stratumd.plugin.routes import Endpoint, Refused
from stratumd_partner_api import answers, questions
from stratumd_partner_api.cursors import Mark, question_of
from stratumd_partner_api.hub import Channel, Told
from stratumd_partner_api.lens import Json, ranked_page
from stratumd_partner_api.market import READ, Looking, check_span, moment
from stratumd_partner_api.recent import Place, Ranked, Recent, Wanted
from stratumd_partner_api.serving import Asked, Counter, Page, endpoint, listed, page

SPAN: Micros = DAY
"""How far a question without `since` reaches back."""
DISLOCATION = frozenset({"DISLOCATION"})


class Feed:
    """The endpoints of the feed."""

    def __init__(self, looking: Looking, counter: Counter, recent: Recent, channel: Channel[Signal]) -> None:
        self._look = looking
        self._counter = counter
        self._recent = recent
        self._channel = channel

    def heard(self, told: Told[Signal]) -> None:
        """Take a new signal in."""
        self._recent.add(told.what)

    async def fill(self) -> int:
        """Read the newest signals, and return up to where in the feed they go."""
        most = self._recent.most

        def work(history: History) -> tuple[int, list[Signal]]:
            newest = history.ends()[1]
            return newest, history.signals(limit=most)

        newest, signals = await self._look.archive.read(work)
        self._recent.fill(signals)
        return newest

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield them."""
        yield self._declare(
            self.signals, "intel/signals", "list_signals", "Signals, the highest score first", questions.SignalQuery,
            answers.SignalPage,
        )  # fmt: skip
        yield self._declare(
            self.signal, "intel/signals/{signal}", "get_signal", "A signal with its rank", None, answers.RankedSignal
        )
        yield self._declare(
            self.dislocations, "intel/dislocations", "list_dislocations",
            "Operators that stand apart from the others, the highest score first", questions.DislocationQuery,
            answers.SignalPage,
        )  # fmt: skip
        yield self._declare(
            self.quality, "intel/signals/quality", "summarize_signals", "How many signals there were, and how good",
            questions.QualityQuery, answers.QualityPage,
        )  # fmt: skip

    def _declare(self, inner: Any, path: str, name: str, summary: str, query: Any, gives: Any) -> Endpoint:
        return endpoint(self._counter, inner, path, name, summary, query=query, gives=gives, access=READ, tag="Signals")

    async def signals(self, asked: Asked) -> Page:
        """The feed."""
        query: questions.SignalQuery = asked.call.query
        types = await known_types(self._look.archive, query.types)
        return await self._ranked(asked, "signals", query, types, query)

    async def signal(self, asked: Asked) -> Page:
        """One signal."""
        id = asked.call.params["signal"]
        found = await self._look.remembered(asked, id, lambda lens: lens.signal(id))
        if found is None:
            raise Refused(404, "There is no such signal: see /api/v1/intel/signals.")
        return page(found.encoded(asked.shape.hidden))

    async def dislocations(self, asked: Asked) -> Page:
        """The feed of one type."""
        query: questions.DislocationQuery = asked.call.query
        return await self._ranked(asked, "dislocations", query, DISLOCATION, None)

    async def quality(self, asked: Asked) -> Page:
        """What the signals are like, by type."""
        query: questions.QualityQuery = asked.call.query
        await self._look.check_pipeline(query.pipeline)
        since = moment(query.since)
        wanted = Wanted(
            sport=query.sport,
            market=query.market,
            pipeline=query.pipeline,
            since=asked.call.at - SPAN if since is None else since,
        )
        rows = await self._look.remembered(
            asked, query, lambda lens: _quality([Ranked(each) for each in lens.signals(wanted)], asked.call.at)
        )
        return listed(rows)

    # ---- the page

    async def _ranked(self, asked: Asked, name: str, query: Any, types: Any, more: Any) -> Page:
        """Return a page; the same question of the same account is answered with the same bytes for a moment."""
        now, memo = asked.call.at, self._look.memo
        key = (name, query, asked.shape, asked.account)
        if asked.call.headers.get("cache-control") == "no-cache":
            await self._channel.refresh()
        generation = self._channel.position
        kept: Page | None = memo.find(key, generation, now)
        if kept is not None:
            return kept
        await self._look.check_pipeline(query.pipeline)
        made = await self._made(asked, name, query, types, more)
        memo.keep(key, made, generation, now)
        return made

    async def _made(self, asked: Asked, name: str, query: Any, types: Any, more: Any) -> Page:
        mark = self._look.mark(asked, name, query)
        at = mark.at if mark else asked.call.at
        wanted = _wanted(query, frozenset(types), more, at)
        told = "" if query.since else ", which is 24 hours ago where it is not named"
        check_span(wanted.since, wanted.until, told)
        rows = await self._rows(asked, wanted, mark, at, query.limit + 1)
        shown = rows[: query.limit]
        items = b",".join([each.encoded(asked.shape.hidden) for each in shown])
        if len(rows) == len(shown):
            return page(b'{"items":[%b],"next":null}' % items)
        question = question_of(name, query)
        following = self._look.cursors.sign(asked.account, question, at, asked.call.at, shown[-1].place)
        return page(b'{"items":[%b],"next":"%b"}' % (items, following.encode()), items + b"+")

    async def _rows(self, asked: Asked, wanted: Wanted, mark: Mark | None, at: Micros, limit: int) -> Sequence[Ranked]:
        after: Place | None = (mark.position[0], mark.position[1], mark.position[2]) if mark else None
        found = ranked_page(self._recent, asked.shape, wanted, at, after, limit)
        if found is not None:
            return found
        return await self._look.look(asked, at, lambda lens: lens.ranked(wanted, after, limit))


def _wanted(query: Any, types: frozenset[str], more: questions.SignalQuery | None, at: Micros) -> Wanted:
    since = moment(query.since)
    return Wanted(
        types=types,
        buckets=frozenset(more.time_bucket) if more else frozenset(),
        market=query.market,
        sport=query.sport,
        event=query.event,
        pipeline=query.pipeline,
        since=at - SPAN if since is None else since,
        until=moment(more.until) if more else None,
        min_score=more.min_score if more else None,
        min_strength=query.min_strength,
        velocity_gt=more.velocity_gt if more else None,
    )


def _quality(found: Sequence[Ranked], now: Micros) -> list[Json]:
    by_type: dict[str, list[Ranked]] = {}
    for each in found:
        by_type.setdefault(each.signal.type, []).append(each)
    return [_row(type, by_type[type], now) for type in sorted(by_type)]


def _row(type: str, found: list[Ranked], now: Micros) -> Json:
    tiers = [each.ranking.tier for each in found]
    times = [each.signal.observed_at for each in found]
    ends = [each.signal.expires_at for each in found]
    return {
        "type": type,
        "signals": len(found),
        "events": len({each.signal.event for each in found}),
        "high": tiers.count("High"),
        "medium": tiers.count("Medium"),
        "low": tiers.count("Low"),
        "actionable": sum([end is None or end > now for end in ends]),
        "median_strength": median([each.signal.strength for each in found]),
        "median_score": round(median([each.ranking.score for each in found]), 2),
        "first_at": iso(min(times)),
        "last_at": iso(max(times)),
    }
