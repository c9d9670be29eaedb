"""Closing-line value: what signals were worth at the close, by the reports of the plugin `clv`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from stratumd.errors import ConfigError
from stratumd.plugin import DAY, Micros, iso
from stratumd.plugin.known import known_types
from stratumd.plugin.routes import Endpoint, Refused
from stratumd_partner_api import answers, questions
from stratumd_partner_api.lens import Json, Sums, closed, require_question
from stratumd_partner_api.market import READ, Looking
from stratumd_partner_api.serving import Asked, Counter, Page, endpoint, listed

_TEASED = answers.TeaseShown.__struct_fields__


class Closing:
    """The endpoints of closing lines."""

    def __init__(self, looking: Looking, counter: Counter) -> None:
        self._look = looking
        self._counter = counter
        self._sums = Sums()

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield them."""
        yield self._declare(
            self.closes, "intel/clv", "list_closing_lines", "Closing lines", questions.CloseQuery, answers.ClosePage
        )
        yield self._declare(
            self.summary, "intel/clv/summary", "summarize_closing_value", "What signals were worth, by type",
            questions.SumQuery, answers.SumPage,
        )  # fmt: skip
        yield self._declare(
            self.scorecards, "intel/clv/scorecards", "list_scorecards", "Closing-line value by cell",
            questions.CardQuery, answers.CellPage,
        )  # fmt: skip
        yield self._declare(
            self.teaser, "intel/clv/teaser", "tease_closing_value", "How often each type beat the close",
            questions.TeaserQuery, answers.TeasePage,
        )  # fmt: skip

    def _declare(self, inner: Any, path: str, name: str, summary: str, query: Any, gives: Any) -> Endpoint:
        return endpoint(
            self._counter, inner, path, name, summary, query=query, gives=gives, access=READ, tag="Closing lines"
        )

    async def closes(self, asked: Asked) -> Page:
        """Closing lines."""
        query: questions.CloseQuery = asked.call.query
        question = {"books": query.books} | _said(
            event=query.event, convention=query.convention, market=query.market, days=query.days
        )
        require_question(asked.shape, question)
        mark = self._look.mark(asked, "closes", query)
        pipeline, now = self._pipeline(query.pipeline), asked.call.at
        key = ("closes", pipeline, msgspec.json.encode(question))
        found: list[Json] = await self._look.memo.get(
            key, 0, now, lambda: self._report("clv.closes", _dated(question, now), pipeline)
        )
        rows = [(_place(row), row) for row in closed(found, asked.shape, now)]
        return self._look.page(asked, "closes", query, sorted(rows, key=lambda row: row[0]), mark)

    async def summary(self, asked: Asked) -> Page:
        """What all signals were worth."""
        query: questions.SumQuery = asked.call.query
        return await self._sum(asked, "clv.summary", await self._sought(query), query.pipeline, query.limit)

    async def scorecards(self, asked: Asked) -> Page:
        """By cell."""
        query: questions.CardQuery = asked.call.query
        question = await self._sought(query) | {"by": list(query.by), "after_seconds": query.after_seconds}
        question |= _said(reference=query.reference)
        return await self._sum(asked, "clv.scorecards", question, query.pipeline, query.limit)

    async def teaser(self, asked: Asked) -> Page:
        """A few figures of the whole."""
        question = {"by": ["type"], "reference": "named", "after_seconds": 0}
        return await self._sum(asked, "clv.scorecards", question, asked.call.query.pipeline, fields=_TEASED)

    async def _sum(
        self,
        asked: Asked,
        name: str,
        question: Json,
        pipeline: str | None,
        limit: int | None = None,
        fields: tuple[str, ...] | None = None,
    ) -> Page:
        """Return a report over the whole past as it was worked out long enough ago for the plan."""
        require_question(asked.shape, question)
        chosen, now = self._pipeline(pipeline), asked.call.at
        key = (name, msgspec.json.encode(question, order="deterministic"), chosen)
        if self._sums.due(key, asked.shape, now):
            rows = await self._look.memo.get(
                ("sum", key), 0, now, lambda: self._report(name, _dated(question, now), chosen)
            )
            if self._sums.due(key, asked.shape, now):
                self._sums.keep(key, asked.shape, rows, now)
                self._sums.tidy()
        found = self._sums.at(key, asked.shape, now)
        if found is None:
            return listed([], None, as_of=None)
        at, shown = found[0], found[1][:limit]
        if fields is not None:
            shown = [{field: row.get(field) for field in fields} for row in shown]
        return listed(shown, None, as_of=iso(at))

    async def _sought(self, query: questions.SumQuery) -> Json:
        """Return which signals a sum is about."""
        asked = _said(event=query.event, market=query.market, days=query.days, min_strength=query.min_strength)
        types = {"types": sorted(await known_types(self._look.archive, query.types))} if query.types else {}
        return asked | types | ({"min_samples": query.min_samples} if query.min_samples else {})

    def _pipeline(self, named: str | None) -> str:
        pipelines = self._look.archive.pipelines
        if named is None and pipelines:
            return pipelines[0]
        if named not in pipelines:
            raise Refused(404, f"There is no such pipeline: there are {', '.join(pipelines) or 'none'}.")
        return str(named)

    async def _report(self, name: str, question: Mapping[str, Any], pipeline: str) -> list[Json]:
        try:
            return await self._look.archive.report(name, question, pipeline)
        except LookupError:
            raise Refused(404, "Closing lines are not worked out here: the plugin clv is not loaded.") from None
        except ConfigError as error:
            raise Refused(422, str(error)) from None


def _said(**named: Any) -> Json:
    """Return what is said, without what is not."""
    return {name: value for name, value in named.items() if value is not None}


def _dated(question: Json, now: Micros) -> Json:
    """Return a question with the time from which on its days count, which is another one each time it is asked."""
    asked = {name: value for name, value in question.items() if name != "days"}
    return asked | {"since": now - question["days"] * DAY} if "days" in question else asked


def _place(row: Json) -> tuple[str, ...]:
    return tuple([str(row.get(name) or "") for name in ("event", "convention", "market", "book")])
