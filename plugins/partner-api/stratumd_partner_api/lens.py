"""The one way to what is stored: nothing is answered, streamed, exported or sent but what a lens shows.

A lens looks at one moment of the history with the eyes of a plan: what is newer than the plan's delay is not there, and
what the plan hides is gone (`shapes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from stratumd.odds import Kind, kind
from stratumd.plugin import MINUTE, Micros, Signal, iso, parse_iso, rounded
from stratumd.plugin.history import Changed, Entry, History
from stratumd.plugin.routes import Refused
from stratumd.plugin.views import ConsensusRow, EventRow, QuoteRow
from stratumd_partner_api import shapes
from stratumd_partner_api.recent import Place, Ranked, Recent, Wanted, page
from stratumd_partner_api.shapes import BOOKS, VELOCITY, Shape

NEVER: Micros = 1 << 62
"""Later than any time: the cutoff of a plan without delay."""
MOST_SIGNALS = 5_000
"""How many signals one question of the past looks through."""
_AT_ONCE = 2_000

Json = dict[str, Any]


def cutoff_of(shape: Shape, now: Micros) -> Micros:
    """Return the newest time of what a plan shows at `now`."""
    return now - shape.delay if shape.delay else NEVER


def require(shape: Shape, what: str, why: str) -> None:
    """Refuse (403) a question whose answers would tell what the plan hides."""
    if shape.hides(what):
        raise Refused(403, f"Your plan does not show {why}: ask without it, or change the plan.")


def ranked_page(
    recent: Recent, shape: Shape, wanted: Wanted, now: Micros, after: Place | None, limit: int
) -> list[Ranked] | None:
    """Return a page of what is in memory; None where the question reaches further back than that."""
    if wanted.velocity_gt is not None:
        require(shape, VELOCITY, "velocities")
    if wanted.since is None or wanted.since < recent.floor:
        return None
    return recent.page(_seen(wanted, cutoff_of(shape, now)), after, limit)


def visible(entry: Entry, shape: Shape, now: Micros) -> bool:
    """Say whether a plan shows a signal yet."""
    return entry.signal.observed_at <= cutoff_of(shape, now)


class Lens:
    """A plan's view of one moment. Every method blocks, inside of `Archive.read`."""

    def __init__(self, history: History, shape: Shape, now: Micros) -> None:
        self._history = history
        self._shape = shape
        self._hidden = shape.hidden
        self.cutoff = cutoff_of(shape, now)
        self._until = self.cutoff if shape.delay else None

    # ---- signals

    def ranked(self, wanted: Wanted, after: Place | None, limit: int) -> list[Ranked]:
        """Return a page of signals by rank, read from the store."""
        if wanted.velocity_gt is not None:
            require(self._shape, VELOCITY, "velocities")
        wanted = _seen(wanted, self.cutoff)
        found = [Ranked(each) for each in self.signals(wanted)]
        found.sort(key=lambda each: each.place)
        return page((each for each in found if after is None or each.place > after), wanted, limit)

    def signals(self, wanted: Wanted) -> list[Signal]:
        """Return the newest signals that may be wanted, as they are stored: to be counted, not to be shown."""
        wanted = _seen(wanted, self.cutoff)
        return self._history.signals(
            types=sorted(wanted.types),
            event=wanted.event,
            market=wanted.market,
            sport=wanted.sport,
            pipeline=wanted.pipeline,
            since=wanted.since,
            until=None if wanted.until == NEVER else wanted.until,
            min_strength=wanted.min_strength,
            limit=MOST_SIGNALS,
        )

    def signal(self, id: str) -> Ranked | None:
        """Return the signal that has exactly this id; None where there is none that the plan shows yet."""
        try:
            found = self._history.signal(id)
        except LookupError:
            return None
        return Ranked(found) if found.id == id and found.observed_at <= self.cutoff else None

    def entries(self, after: int, limit: int) -> list[Entry]:
        """Return what follows in the feed up to the first that the plan does not show yet."""
        found = []
        for entry in self._history.feed(after, limit):
            if entry.signal.observed_at > self.cutoff:
                break
            found.append(entry)
        return found

    def changed(self, pipeline: str, after: int, limit: int) -> list[Changed]:
        """Return the pipeline's next steps up to the first that the plan does not show yet."""
        found = []
        for step in self._history.changed(pipeline, after, limit):
            if step.observed_at > self.cutoff:
                break
            found.append(step)
        return found

    # ---- events

    def events(self, *, day: date | None, team: str | None, sport: str | None, after: Micros | None) -> list[Json]:
        """Return events that start after a time, by start and id, as they were known at the cutoff."""
        found = self._history.events(day=day, team=team, sport=sport, upcoming_at=None if self._until else after)
        known = [row for row in map(self._known, found) if row is not None]
        shown = [row for row in known if after is None or row.commence_at > after]
        return [_event(row) for row in sorted(shown, key=lambda row: (row.commence_at, row.id))]

    def event(self, id: str) -> Json:
        """Return an event with its newest consensus in each market and its last signal."""
        row = self._event(id)
        return _event(row) | {
            "consensus": self._latest(row.id, None),
            "last_signal": self._last_signal(row.id),
        }

    def odds(self, id: str, *, market: str | None, pipeline: str | None, at: Micros | None) -> list[Json]:
        """Return what was offered at `at` or at the cutoff, whichever is earlier."""
        return [shapes.quote(each, self._hidden) for each in self._quotes(self._event(id).id, market, pipeline, at)]

    def movement(
        self,
        id: str,
        *,
        market: str | None,
        book: str | None,
        outcome: str | None,
        player: str | None,
        since: Micros | None,
        until: Micros | None,
        pipeline: str | None,
        limit: int,
    ) -> list[Json]:
        """Return the first changes of the event's quotes, oldest first: more than `limit`, where there are more."""
        if book is not None:
            require(self._shape, BOOKS, "books")
        found = self._history.movement(
            self._event(id).id,
            market=market,
            book=book,
            outcome=outcome,
            player=player,
            since=since,
            until=self._earlier(until),
            pipeline=pipeline,
            limit=limit,
        )
        return [shapes.point(each, self._hidden) for each in found]

    # ---- consensus

    def consensus(
        self,
        id: str,
        *,
        market: str | None,
        since: Micros | None,
        until: Micros | None,
        pipeline: str | None,
        limit: int,
    ) -> list[Json]:
        """Return the first consensus of the event's markets, oldest first: more than `limit`, where there is more."""
        found = self._history.consensus(
            self._event(id).id, market=market, since=since, until=self._earlier(until), pipeline=pipeline, limit=limit
        )
        return [shapes.consensus(each, self._hidden) for each in found]

    def board(self, now: Micros, sport: str | None, market: str | None, event: str | None = None) -> list[Json]:
        """Return the newest consensus of each market of the events that have not started, by event."""
        shown: list[Json] = []
        for row in self._history.board(now, sport=sport):
            if event not in (None, row.event.id) or self._known(row.event) is None:
                continue
            fresh = [each for each in row.consensus if each.observed_at > self.cutoff]
            if fresh:
                shown += self._latest(row.event.id, market)
                continue
            kept = [each for each in row.consensus if market in (None, each.point.key.market)]
            shown += [shapes.consensus(each, self._hidden) for each in kept]
        return shown

    def actionable(self, id: str, *, market: str | None, pipeline: str | None, min_ev: float) -> list[Json]:
        """Return the books whose price is worth more than the consensus says, the best first.

        Compared are prices at the consensus' own line. `ev_percent` is the expected value of a stake, in percent of it,
        a refund left out.
        """
        require(self._shape, BOOKS, "books")
        event = self._event(id).id
        found: list[Json] = []
        quotes = self._quotes(event, market, pipeline, None)
        for row in self._newest(event, market, pipeline):
            if row.point.reason is None:
                found += _worth(row, quotes)
        return sorted(
            [each for each in found if each["ev_percent"] >= min_ev],
            key=lambda each: (-each["ev_percent"], each["market"], each["player"] or "", each["outcome"], each["book"]),
        )

    # ---- exports

    def exported(
        self, kind: str, *, pipeline: str | None, since: Micros | None, until: Micros | None
    ) -> Iterator[tuple[str, Json]]:
        """Yield rows with their time, oldest first."""
        rows = self._history.export(kind, pipeline=pipeline, since=since, until=self._earlier(until))
        try:
            for row in rows:
                yield row["observed_at"], shapes.exported(kind, row, self._hidden)
        finally:
            rows.close()

    # ---- the pieces

    def _earlier(self, until: Micros | None) -> Micros | None:
        if self._until is None:
            return until
        return self._until if until is None else min(until, self._until)

    def _event(self, id: str) -> EventRow:
        row = self._known(self._history.event(id))
        if row is None:
            raise LookupError
        return row

    def _known(self, row: EventRow) -> EventRow | None:
        """Return an event as it was known at the cutoff; None where it was not yet."""
        if self._until is None:
            return row
        starts = [each for each in row.starts if each.observed_at <= self.cutoff]
        if row.first_seen_at > self.cutoff or not starts:
            return None
        phases = tuple([each for each in row.phases if each.observed_at <= self.cutoff])
        last = phases[-1] if phases else None
        return EventRow(
            id=row.id,
            sport=row.sport,
            home=row.home,
            away=row.away,
            commence_at=starts[-1].commence_at,
            first_seen_at=row.first_seen_at,
            observed_at=min(row.observed_at, max(starts[-1].observed_at, row.first_seen_at)),
            starts=tuple(starts),
            phase=last.phase if last else "scheduled",
            home_score=last.home_score if last else None,
            away_score=last.away_score if last else None,
            scored_by=last.source if last else None,
            phases=phases,
        )

    def _last_signal(self, event: str) -> Json | None:
        found = self._history.signals(event=event, until=self._until, limit=1)
        return shapes.signal(found[-1], self._hidden) if found else None

    def _quotes(self, event: str, market: str | None, pipeline: str | None, at: Micros | None) -> list[QuoteRow]:
        found: Sequence[QuoteRow] = self._history.odds(event, at=self._earlier(at), market=market, pipeline=pipeline)
        return list(found)

    def _newest(self, event: str, market: str | None, pipeline: str | None) -> list[ConsensusRow]:
        rows = self._history.consensus(event, market=market, until=self._until, pipeline=pipeline)
        newest = {(row.pipeline, row.point.key): row for row in rows}
        return [newest[key] for key in sorted(newest, key=lambda key: (key[0], key[1].market, key[1].player or ""))]

    def _latest(self, event: str, market: str | None) -> list[Json]:
        return [shapes.consensus(each, self._hidden) for each in self._newest(event, market, None)]


def require_question(shape: Shape, question: Mapping[str, Any]) -> None:
    """Refuse a question to a report whose answer would name what the plan hides."""
    if question.get("books") or "book" in question.get("by", ()):
        require(shape, BOOKS, "books")


def closed(rows: Iterable[Json], shape: Shape, now: Micros) -> list[Json]:
    """Return closing lines that the plan shows at `now`: of what closed before its cutoff."""
    if not shape.delay:
        return list(rows)
    latest = cutoff_of(shape, now)
    return [row for row in rows if parse_iso(row.get("cutoff_at") or row["confirmed_at"]) <= latest]


class Sums:
    """Reports over the whole past, as they were some time ago: what a plan with a delay may see of them.

    A sum cannot be asked how it was, so the answers are kept for as long as the longest delay asks.
    """

    EVERY: Micros = MINUTE
    MOST = 64
    """Answers of one question and delay that are kept: they reach back twice the delay."""

    def __init__(self) -> None:
        self._kept: dict[Any, list[tuple[Micros, list[Json]]]] = {}

    def due(self, key: Any, shape: Shape, now: Micros) -> bool:
        """Say whether the report has to be asked again."""
        kept = self._kept.get((key, shape.delay))
        return not kept or not 0 <= now - kept[-1][0] < max(self.EVERY, 2 * shape.delay // self.MOST)

    def keep(self, key: Any, shape: Shape, rows: list[Json], now: Micros) -> None:
        """Keep an answer, and forget what is older than the oldest that the delay may ask for."""
        kept = self._kept.setdefault((key, shape.delay), [])
        kept.append((now, rows))
        shown = sum(each[0] <= now - shape.delay for each in kept)
        del kept[: max(0, shown - 1, len(kept) - self.MOST)]  # of those that may be shown the newest is

    def at(self, key: Any, shape: Shape, now: Micros) -> tuple[Micros, list[Json]] | None:
        """Return the newest answer that the plan shows, with its time; None where it is too early for any."""
        shown = [each for each in self._kept.get((key, shape.delay), ()) if each[0] <= now - shape.delay]
        return shown[-1] if shown else None

    def tidy(self, most: int = 1_000) -> None:
        """Forget the questions that were asked first where there are too many."""
        for key in list(self._kept)[: max(0, len(self._kept) - most)]:
            del self._kept[key]


def in_pieces(rows: Iterable[tuple[str, Json]], at_once: int = _AT_ONCE) -> tuple[list[Json], str | None]:
    """Return rows up to the end of the instant at which there are enough, and the next instant; None at the end."""
    taken: list[Json] = []
    for at, group in groupby(rows, key=lambda row: row[0]):
        if len(taken) >= at_once:
            return taken, at
        taken += [row for _, row in group]
    return taken, None


def _seen(wanted: Wanted, cutoff: Micros) -> Wanted:
    return wanted._replace(until=cutoff if wanted.until is None else min(wanted.until, cutoff))


def _event(row: EventRow) -> Json:
    return row.public()


def _worth(row: ConsensusRow, quotes: Iterable[QuoteRow]) -> list[Json]:
    """Return what the prices at the consensus' line are worth by its probabilities."""
    told = row.point
    fair = dict(zip(told.outcomes, told.probabilities, strict=False))
    found = []
    for quote in quotes:
        if (quote.pipeline, quote.market, quote.player) != (row.pipeline, told.key.market, told.key.player):
            continue
        probability = fair.get(quote.outcome)
        if probability is None or quote.line != _own(told.key.market, quote.outcome, told.line):
            continue
        found.append(
            {
                "event": quote.event,
                "pipeline": quote.pipeline,
                "market": quote.market,
                "player": quote.player,
                "outcome": quote.outcome,
                "line": quote.line,
                "book": quote.book,
                "price": quote.price,
                "probability": rounded(probability),
                "ev_percent": rounded(100.0 * (probability * quote.price - 1.0), 3),
                "confirmed_at": iso(quote.confirmed_at),
                "consensus_at": iso(row.observed_at),
                "operators": told.operators,
            }
        )
    return found


def _own(market: str, outcome: str, line: float | None) -> float | None:
    """Return the consensus' line from the bettor's side."""
    if line is None or kind(market) is not Kind.SPREAD or outcome != "away":
        return line
    return -line + 0.0
