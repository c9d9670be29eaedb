"""The source: asks The Odds API for what is due, each sport for itself."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator, Mapping
from email.utils import parsedate_to_datetime

import anyio
import msgspec

from stratumd.client import Answer, Client, checked
from stratumd.errors import RateLimited, SourceError, TransientError
from stratumd.plugin import SECOND, Context, Credits, Micros, Observation, Poll, Request, Source, micros
from stratumd_odds_api.options import OddsApiOptions
from stratumd_odds_api.refusals import GONE, WHOLE_KEY, refusal
from stratumd_odds_api.rounds import Exchange, Question, Round
from stratumd_odds_api.wire import REFUSED, UNREADABLE

KEPT_HEADERS = ("content-type", "date", "x-requests-last", "x-requests-remaining", "x-requests-used")

_LOT = random.SystemRandom()


class _EventId(msgspec.Struct):
    id: str


class OddsApiSource(Source):
    """Polls The Odds API v4. One sport's failure costs the others nothing; a refused key ends the poll at once."""

    name = "odds-api"
    format = "odds-api"
    config = OddsApiOptions
    options: OddsApiOptions

    def __init__(self, options: OddsApiOptions, context: Context) -> None:
        super().__init__(options, context)
        self._client: Client | None = None
        self._credits: Credits | None = None

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

    def credits(self) -> Credits | None:
        """Return what the newest answer said of the month's credits."""
        return self._credits

    def poll(self) -> AsyncIterator[Poll]:
        """Ask for all that is due and yield each exchange as soon as it ended, its retries included."""
        return Round(self._ask, self.options.concurrency).exchanges(self._questions())

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
                days = options.scores_days
                yield Question(Request(f"{path}/scores", {"daysFrom": str(days)} if days else {}))

    def _odds_params(self, markets: tuple[str, ...]) -> dict[str, str]:
        options = self.options
        books = {"bookmakers": options.bookmakers} if options.bookmakers else {"regions": options.regions}
        params = {name: ",".join(keys) for name, keys in {**books, "markets": markets}.items()}
        return {**params, "oddsFormat": "american"}

    async def _ask(self, question: Question) -> Exchange:
        """Ask, and again as often as `retries` allows where the failure may pass."""
        started = self.context.clock.now()
        poll = await self._attempt(question, started)
        for attempt in range(self.options.retries):
            pause = self._pause(poll.error, attempt)
            if pause is None:
                break
            code = getattr(poll.error, "code", "")
            self.context.log.warning("retry", path=question.request.path, code=code, seconds=round(pause, 3))
            await anyio.sleep(pause)
            poll = await self._attempt(question, started)
        refused = isinstance(poll.error, SourceError) and poll.error.code in WHOLE_KEY
        return Exchange(poll, tuple(self._following(question, poll.observation)), last=refused)

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
            return Poll(request, started, now - started, error=refused, credits=credits)
        wrong = await checked(answer.body)
        observation = self._observation(request, answer, now, "" if wrong is None else wrong.code)
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
        """Yield a question for each event that `/events` named, where events are asked one by one."""
        if not question.expand or observation is None:
            return
        try:
            events = msgspec.json.decode(observation.body, type=list[_EventId])
        except UNREADABLE:
            return  # the observation is kept; its normalizer says what is wrong with it
        params = self._odds_params(self.options.event_markets)
        for event in events:
            if event.id.isalnum() and not self.context.is_over(event.id):
                yield Question(Request(f"{question.request.path}/{event.id}/odds", params), by_event=True)

    def _count(self, headers: Mapping[str, str]) -> Credits:
        counts = {name: _whole(headers.get(f"x-requests-{name}")) for name in ("remaining", "used", "last")}
        credits = Credits(**counts)
        if credits.remaining is not None:
            self._credits = credits
        return credits


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
