"""Around every answer: who may have it, how often, that it is counted, and that it need not be sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from stratumd.plugin import SECOND, Micros
from stratumd.plugin.pages import matches
from stratumd.plugin.partners import Caller
from stratumd.plugin.routes import Access, Answer, Call, Endpoint, Header, Identity, Refused, Stream
from stratumd_partner_api.limits import RATES, Limits
from stratumd_partner_api.shapes import Shape, shape_of
from stratumd_partner_api.usage import Meter

FRESH: Micros = SECOND
"""How long an answer that the feed does not tell of is given again."""
MOST = 4_096
"""Answers that are kept."""
PARTS = {
    "event": "The event's id, or the beginning of it, as `GET /api/v1/intel/events` shows it.",
    "signal": "The signal's id, as `GET /api/v1/intel/signals`, streams and webhooks show it.",
    "webhook": "The webhook's id, as `GET /api/v1/intel/webhooks` shows it.",
    "delivery": "The delivery's id, as the webhook's `deliveries` show it.",
}
"""What the open parts of paths mean."""
_USED, _INCLUDED, _REMAINING, _OVERAGE = [f"x-usage-{part}" for part in ("used", "included", "remaining", "overage")]
HEADERS: Mapping[str, Header] = {
    **RATES,
    _USED: Header(about="How many requests by keys of your account were counted this month (UTC).", kind=int),
    _INCLUDED: Header(about="How many your plan includes; not where it says nothing of that.", kind=int),
    _REMAINING: Header(about="How many of these are left.", kind=int),
    _OVERAGE: Header(about="How many there were beyond.", kind=int),
}
"""What `Counter` puts on answers; what is used and left, on those to keys alone."""
_MANNERS = {"cache-control": "private, no-cache", "vary": "authorization, cookie"}


class Page(NamedTuple):
    """An answer, encoded, with its tag."""

    body: bytes
    tag: str


class Asked(NamedTuple):
    """A request, by whom, and what they may see."""

    call: Call
    identity: Identity
    caller: Caller
    shape: Shape

    @property
    def account(self) -> str:
        """The account that asks."""
        return self.identity.account


Given = Page | Answer | Stream
Inner = Callable[[Asked], Awaitable[Given]]


def page(body: Any, about: bytes | None = None) -> Page:
    """Encode an answer. Its tag is of `about`: of all of it without, so that a cursor's new signature is no change."""
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Page(encoded, f'W/"{blake2b(encoded if about is None else about, digest_size=12).hexdigest()}"')


def listed(items: Sequence[Any], next: str | None = None, **beside: Any) -> Page:
    """Encode a list."""
    encoded = msgspec.json.encode(items)
    rest = b"".join([b',"%b":%b' % (name.encode(), msgspec.json.encode(value)) for name, value in beside.items()])
    body = b'{"items":%b,"next":%b%b}' % (encoded, msgspec.json.encode(next), rest)
    return page(body, encoded + (b"1" if next else b"0") + rest)


class Counter:
    """Where everybody passes: limits, usage, and the headers that tell of them."""

    def __init__(self, limits: Limits, meter: Meter) -> None:
        self._limits = limits
        self._meter = meter

    def around(self, inner: Inner) -> Callable[[Call], Awaitable[Answer | Stream]]:
        """Return the handler of an endpoint for keys and sessions."""

        async def serve(call: Call) -> Answer | Stream:
            identity = call.identity
            assert identity is not None, "core lets nobody in without"
            caller: Caller = identity.details
            plan = caller.plan
            told = self._limits.take(identity.credential, plan.per_minute, call.network, call.at)
            if identity.scheme == "key" and self._meter.used(identity.account, call.at) is None:
                await self._meter.look_up(identity.account, call.at)
            try:
                given = await inner(Asked(call, identity, caller, shape_of(plan)))
            except Refused as refused:
                refused.headers = told | refused.headers
                raise
            # Nothing is waited for from here on: who may have one stream more was looked at, and is counted soon.
            if identity.scheme == "key":
                self._count(identity, caller, call.at, told)
            return _answered(given, call, told)

        return serve

    def _count(self, identity: Identity, caller: Caller, at: Micros, told: dict[str, str]) -> None:
        meter, plan = self._meter, caller.plan
        meter.count(identity.account, identity.credential, plan, at)
        used = meter.used(identity.account, at)
        if used is None:
            return
        told[_USED] = str(used)
        if plan.included is not None:
            told[_INCLUDED] = str(plan.included)
            told[_REMAINING] = str(max(0, plan.included - used))
            told[_OVERAGE] = str(max(0, used - plan.included))


def _answered(given: Given, call: Call, told: dict[str, str]) -> Answer | Stream:
    if isinstance(given, Page):
        told["etag"] = given.tag
        told |= _MANNERS
        wanted = call.headers.get("if-none-match")
        if wanted is not None and matches(wanted, given.tag):
            return Answer(status=304, headers=told)
        return Answer(body=given.body, headers=told)
    given.headers = {**_MANNERS, **given.headers, **told}
    return given


class Kept(NamedTuple):
    """What was worked out, for which generation of the feed, and until when it is good."""

    value: Any
    generation: int
    until: Micros


class Memo:
    """Answers that were worked out a moment ago. Who asks for one that is being worked out waits for it."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Kept] = {}
        self._made: dict[Hashable, asyncio.Future[Any]] = {}

    def find(self, key: Hashable, generation: int, now: Micros) -> Any:
        """Return what is kept, None where there is nothing that is good."""
        kept = self._kept.get(key)
        if kept is None or kept.generation != generation or not now < kept.until <= now + FRESH:
            return None
        return kept.value

    def keep(self, key: Hashable, value: Any, generation: int, now: Micros) -> None:
        """Keep an answer, and let go of those that are good no more, and of the oldest where there are too many.

        An answer may be large, and no two questions need be alike: what is of no use must not wait to be pushed out.
        """
        self._kept.pop(key, None)
        self._kept[key] = Kept(value, generation, now + FRESH)
        while (oldest := next(iter(self._kept))) != key and (
            len(self._kept) > MOST or not now < self._kept[oldest].until
        ):
            del self._kept[oldest]

    async def get(self, key: Hashable, generation: int, now: Micros, make: Callable[[], Awaitable[Any]]) -> Any:
        """Return what is kept, or what `make` returns, which is kept then."""
        found = self.find(key, generation, now)
        if found is not None:
            return found
        under_way = self._made.get((key, generation))
        if under_way is not None:
            return await asyncio.shield(under_way)
        future = self._made[key, generation] = asyncio.get_running_loop().create_future()
        try:
            value = await make()
        except BaseException as error:
            if not future.done():
                future.set_exception(error if isinstance(error, Exception) else _Abandoned())
                future.exception()  # looked at: nobody may be waiting
            raise
        else:
            future.set_result(value)
            self.keep(key, value, generation, now)
            return value
        finally:
            del self._made[key, generation]


class _Abandoned(Refused):
    """Whoever worked it out went away."""

    def __init__(self) -> None:
        super().__init__(503, "Ask again: what you waited for was given up.", headers={"retry-after": "1"})


def endpoint(
    counter: Counter,
    inner: Inner,
    path: str,
    name: str,
    summary: str,
    *,
    access: Access,
    tag: str,
    gives: Any,
    query: type[msgspec.Struct] | None = None,
    **more: Any,
) -> Endpoint:
    """Declare a `GET` under `/api/v1/`, for keys and sessions, that gives `gives`."""
    return Endpoint(
        method="GET",
        path=f"/api/v1/{path}",
        call=counter.around(inner),
        parts=PARTS,
        name=name,
        summary=summary,
        access=access,
        tag=tag,
        query=query,
        headers=HEADERS,
        answers={200: gives} if "media_type" in more else {200: gives, 304: None},
        **more,
    )
