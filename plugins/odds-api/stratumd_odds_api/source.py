"""The source: asks The Odds API for what is due, each sport for itself."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime

import anyio
import msgspec

from stratumd.client import Answer, Client, checked
from stratumd.errors import RateLimited, SourceError, TransientError
from stratumd.plugin import (
    SECOND,
    Context,
    Credits,
    Cycle,
    Fixture,
    Micros,
    Observation,
    Past,
    Poll,
    Request,
    Source,
    micros,
)
from stratumd_odds_api.fixtures import Known
from stratumd_odds_api.options import OddsApiOptions
from stratumd_odds_api.past import FEATURE, request_of, told_of
from stratumd_odds_api.pricing import cost, most
from stratumd_odds_api.refusals import GONE, WHOLE_KEY, refusal
from stratumd_odds_api.rounds import Exchange, Question, Round
from stratumd_odds_api.watching import LIVE, PROPS, cycles
from stratumd_odds_api.wire import REFUSED, UNREADABLE

KEPT_HEADERS = ("content-type", "date", "x-requests-last", "x-requests-remaining", "x-requests-used")

NOT_SENT = frozenset({"connect", "tls", "proxy", "request", "base_url"})
"""Failures before the provider got a request: nothing was paid."""

_LOT = random.SystemRandom()


class _EventId(msgspec.Struct):
    id: str


class OddsApiSource(Source):
    """Polls The Odds API v4. One sport's failure costs the others nothing; a refused key ends the poll at once."""

    name = "odds-api"
    format = "odds-api"
    by_event = True
    remembers = True
    config = OddsApiOptions
    options: OddsApiOptions

    def __init__(self, options: OddsApiOptions, context: Context) -> None:
        super().__init__(options, context)
        self._client: Client | None = None
        self._credits: Credits | None = None
        self._known = Known()

    async def open(self) -> None:
        """Make the client; nothing is asked yet."""
        options = self.options
        key = ("apiKey", options.api_key)
        self._client = Client(options.base_url, query_key=key, connections=options.concurrency)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def probe(self) -> str:
        """Ask for the list of sports, which costs no credits. Raises the `SourceError` of a refusal."""
        await self.open()
        poll = await self._attempt(Question(Request("/v4/sports")), self.context.clock.now())
        if poll.error is not None:
            raise poll.error
        left = poll.credits.remaining
        return "the key is accepted" if left is None else f"the key is accepted; {left:,} credits left"

    @classmethod
    def cycles(cls, options: OddsApiOptions) -> Sequence[Cycle]:
        """Return `live` and `props`, where they are on."""
        return cycles(options.watch, options.live, options.props)

    def watches(self, event: Fixture) -> bool:
        """Say whether an event, or one of its teams, is on the list."""
        return self.options.watch is not None and self.options.watch.has(event)

    def poll_watched(self, cycle: str, events: Sequence[Fixture]) -> AsyncIterator[Poll]:
        """Ask for live odds, together for each sport, or for the player markets of each event."""
        return self._round(self._about_watched(cycle, events))

    def most_watched(self, cycle: str, events: Sequence[Fixture]) -> int:
        """Return the most credits that these questions cost."""
        return sum(most(question.request) for question in self._about_watched(cycle, events))

    def credits(self) -> Credits | None:
        """Return what the newest answer said of the month's credits."""
        return self._credits

    def poll(self) -> AsyncIterator[Poll]:
        """Ask for all that is due and yield each exchange as soon as it ended, its retries included."""
        return self._round(self._questions())

    def discover(self) -> AsyncIterator[Poll]:
        """Ask which events there are in each sport: that costs nothing."""
        return self._round(Question(Request(f"/v4/sports/{sport}/events")) for sport in self.options.sports)

    def poll_events(self, events: Sequence[Fixture]) -> AsyncIterator[Poll]:
        """Ask about these events: for each sport once for the featured markets, for each event its further ones.

        What the first costs does not depend on how many of the sport's events are asked for.
        """
        return self._round(self._about(events))

    def sports(self) -> Sequence[str]:
        """Return the sport keys of the options."""
        return self.options.sports

    def fixtures(self) -> Sequence[Fixture] | None:
        """Return the events that the answers named."""
        return self._known.all()

    def most(self, events: Sequence[Fixture] | None = None) -> int:
        """Return the most credits that a poll of everything costs, or one of these events."""
        if events is not None:
            return sum(most(question.request) for question in self._about(events))
        return sum(most(question.request) for question in self._everything())

    async def recall(self, past: Past) -> Poll:
        """Ask how `past` was. Where the budget does not allow it, nothing is asked and `RateLimited` says so."""
        request = self.question(past)
        exchange = await self._ask(Question(request, by_event=past.singly, feature=FEATURE))
        if exchange is None:
            error = RateLimited("the budget of the source allows no more historical requests now", code="budget")
            return Poll(request, self.context.clock.now(), 0, error=error, feature=FEATURE)
        return told_of(exchange.poll)

    def question(self, past: Past) -> Request:
        """Return the request that asks how `past` was."""
        return request_of(past, self._books())

    def price(self, past: Past) -> int:
        """Return the most credits that the answer to `past` can cost."""
        return most(self.question(past))

    def _round(self, questions: Iterable[Question]) -> AsyncIterator[Poll]:
        return Round(self._ask, self.options.concurrency).exchanges(questions)

    def _everything(self) -> Iterator[Question]:
        """Yield the questions of a poll, and for each sport as many events as are known or allowed."""
        params = self._odds_params(self.options.event_markets)
        for question in self._questions():
            yield question
            if question.expand:
                known = len(self._known.of(question.request.path.split("/")[3])) or self.options.max_events
                for _ in range(min(known, self.options.max_events)):
                    yield Question(Request(f"{question.request.path}/any/odds", params), by_event=True, feature="props")

    def _questions(self) -> Iterator[Question]:
        options = self.options
        if "sports" in options.feeds:
            yield Question(Request("/v4/sports"))
        for sport in options.sports:
            path = f"/v4/sports/{sport}"
            if "odds" in options.feeds:
                yield Question(Request(f"{path}/odds", self._odds_params(options.markets)))
            if "events" in options.feeds or options.event_markets:
                yield Question(Request(f"{path}/events"), expand=bool(options.event_markets))
            if "scores" in options.feeds:
                yield self._scores(path)

    def _scores(self, path: str) -> Question:
        days = self.options.scores_days
        return Question(Request(f"{path}/scores", {"daysFrom": str(days)} if days else {}))

    def _about(self, events: Sequence[Fixture]) -> Iterator[Question]:
        """Yield the cheapest questions about some events."""
        options = self.options
        further = self._odds_params(options.event_markets)
        for sport, ids in _by_sport(events).items():
            path = f"/v4/sports/{sport}"
            if "odds" in options.feeds:
                yield self._featured(path, ids)
            if "scores" in options.feeds:
                yield self._scores(path)
            for id in ids if options.event_markets else ():
                yield Question(Request(f"{path}/events/{id}/odds", further), by_event=True, feature="props")

    def _about_watched(self, cycle: str, events: Sequence[Fixture]) -> Iterator[Question]:
        live, props = self.options.live, self.options.props
        if cycle == LIVE and live is not None:
            for sport, ids in _by_sport(events).items():
                # Also where it is one alone: a list says that it is gone, and costs nothing then.
                yield Question(_together(f"/v4/sports/{sport}", ids, self._odds_params(live.markets)), feature=LIVE)
        elif cycle == PROPS and props is not None:
            params = self._odds_params(props.markets)
            for event in events:
                path = f"/v4/sports/{event.sport}/events/{event.id}/odds"
                yield Question(Request(path, params), by_event=True, feature=PROPS)

    def _featured(self, path: str, ids: Sequence[str]) -> Question:
        """Ask for one event by itself where that costs no more: then only what comes back is paid for."""
        params = self._odds_params(self.options.markets)
        together = _together(path, ids, params)
        alone = Request(f"{path}/events/{ids[0]}/odds", params)
        if len(ids) == 1 and most(alone) <= most(together):
            return Question(alone, by_event=True)
        return Question(together)

    def _odds_params(self, markets: tuple[str, ...]) -> dict[str, str]:
        return {**self._books(), "markets": ",".join(markets), "oddsFormat": "american"}

    def _books(self) -> dict[str, str]:
        """Return whose odds are asked for."""
        options = self.options
        if options.bookmakers:
            return {"bookmakers": ",".join(options.bookmakers)}
        return {"regions": ",".join(options.regions)}

    async def _ask(self, question: Question) -> Exchange | None:
        """Ask, and again as often as `retries` allows where the failure may pass; None where no budget pays for it."""
        started, price = self.context.clock.now(), most(question.request)
        poll, charged = await self._paid(question, started, price), 0
        for attempt in range(self.options.retries):
            pause = None if poll is None else self._pause(poll.error, attempt)
            if poll is None or pause is None:
                break
            code = getattr(poll.error, "code", "")
            self.context.log.warning("retry", path=question.request.path, code=code, seconds=round(pause, 3))
            await anyio.sleep(pause)
            again = await self._paid(question, started, price)
            if again is None:
                break
            charged, poll = charged + (poll.charged or 0), again
        if poll is None:
            return None
        poll = msgspec.structs.replace(poll, charged=charged + (poll.charged or 0))
        refused = isinstance(poll.error, SourceError) and poll.error.code in WHOLE_KEY
        return Exchange(poll, tuple(self._following(question, poll.observation)), last=refused)

    async def _paid(self, question: Question, started: Micros, price: int) -> Poll | None:
        """Ask once and pay for it; None where no budget allows that. What was cut off counts as paid."""
        purse = self.context.purse
        if not purse.take(question.feature, price):
            return None
        spent = price
        try:
            poll = await self._attempt(question, started)
            spent = _charge(poll, price)
        finally:
            purse.settle(question.feature, price, spent)
        return msgspec.structs.replace(
            poll, feature=question.feature, charged=spent, events=_only(question.request), price=_model(poll)
        )

    async def _attempt(self, question: Question, started: Micros) -> Poll:
        assert self._client is not None, "opened before it is polled"
        request, clock = question.request, self.context.clock
        deadline = self.options.timeout.total_seconds()
        try:
            answer = await self._client.get(request.path, request.params, deadline=deadline)
        except SourceError as error:
            return Poll(request, started, clock.now() - started, error=error)
        now, credits = clock.now(), self._count(answer.headers)
        if answer.status != 200:
            wait = _retry_after(answer.headers, now)
            said = answer.body.replace(
                self.options.api_key.reveal().encode(), b"***"
            )  # an error may repeat the address
            refused = refusal(answer.status, said, by_event=question.by_event, now=now, retry_after=wait)
            if refused.code == GONE:
                self._known.forget(request.path.split("/")[-2])
            return Poll(request, started, now - started, error=refused, credits=credits)
        wrong = await checked(answer.body)
        observation = self._observation(request, answer, now, "" if wrong is None else wrong.code)
        if wrong is None:
            self._known.learn(observation)
        return Poll(request, started, now - started, observation, wrong, credits)

    def _observation(self, request: Request, answer: Answer, now: Micros, wrong: str) -> Observation:
        """Return the answer as it is kept. What is `wrong` with it is noted, and its normalizer reads nothing of it."""
        kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        if wrong:
            kept[REFUSED] = wrong
        return Observation(
            source=self.context.name,
            format=self.format,
            received_at=now,
            request=request,
            status=answer.status,
            body=answer.body,
            headers=kept,
        )

    def _pause(self, error: Exception | None, attempt: int) -> float | None:
        """Return the seconds until the next attempt, or None where another one cannot help."""
        longest = self.options.max_backoff.total_seconds()
        asked = 0.0
        if isinstance(error, RateLimited):
            asked = error.retry_after or 0.0
            if error.code in WHOLE_KEY or asked > longest:
                return None
        elif not isinstance(error, TransientError) or error.code == GONE:
            return None
        return max(asked, _LOT.uniform(0.0, min(longest, self.options.backoff.total_seconds() * 2**attempt)))

    def _following(self, question: Question, observation: Observation | None) -> Iterator[Question]:
        """Yield a question for each event that `/events` named, nearest first, where they are asked one by one."""
        if not question.expand or observation is None:
            return
        try:
            events = msgspec.json.decode(observation.body, type=list[_EventId])
        except UNREADABLE:
            return  # the observation is kept; its normalizer says what is wrong with it
        params, path = self._odds_params(self.options.event_markets), question.request.path
        named = {event.id for event in events}
        known = [each for each in self._known.of(path.split("/")[3]) if each.id in named]
        for event in [each for each in known if not self.context.is_over(each.id)][: self.options.max_events]:
            yield Question(Request(f"{path}/{event.id}/odds", params), by_event=True, feature="props")

    def _count(self, headers: Mapping[str, str]) -> Credits:
        counts = {name: _whole(headers.get(f"x-requests-{name}")) for name in ("remaining", "used", "last")}
        credits = Credits(**counts)
        if credits.remaining is not None:
            self._credits = credits
        return credits


def _together(path: str, ids: Sequence[str], params: Mapping[str, str]) -> Request:
    return Request(f"{path}/odds", {**params, "eventIds": ",".join(sorted(ids))})


def _by_sport(events: Sequence[Fixture]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in events:
        found.setdefault(event.sport, []).append(event.id)
    return found


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _retry_after(headers: Mapping[str, str], now: Micros) -> float | None:
    """Return the seconds that `Retry-After` names, as a number or a date; None where it names none."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (micros(parsedate_to_datetime(text)) - now) / SECOND)
    except (ValueError, TypeError):
        return None


def _charge(poll: Poll, price: int) -> int:
    """Return what an attempt counts: the provider's word, else the model's; all of it where no answer came."""
    if poll.credits.last is not None:
        return poll.credits.last
    if poll.observation is not None:
        return cost(poll.request, poll.observation.body) or 0
    answered = getattr(poll.error, "status", None) is not None
    return 0 if answered or getattr(poll.error, "code", "") in NOT_SENT else price


def _model(poll: Poll) -> int | None:
    """Return what an answer should cost; None where there was none, or it cannot be read."""
    if poll.observation is None:
        return None if getattr(poll.error, "status", None) is None else 0
    return cost(poll.request, poll.observation.body)


def _only(request: Request) -> tuple[str, ...]:
    """Return the events that were asked for, where these were not all."""
    ids = request.params.get("eventIds")
    if ids:
        return tuple(ids.split(","))
    parts = request.path.split("/")
    return (parts[-2],) if parts[-1] == "odds" and parts[-3] == "events" else ()
