"""Streams of signals and of quote changes, as server-sent events."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import anyio

from stratumd.plugin import Micros, Signal, iso
from stratumd.plugin.desk import Desk
from stratumd.plugin.history import Archive, Changed
from stratumd.plugin.known import known_types
from stratumd.plugin.partners import Accounts, Rights
from stratumd.plugin.routes import Access, Endpoint, Refused, Stream
from stratumd_partner_api import answers, questions, shapes
from stratumd_partner_api.clients import Client
from stratumd_partner_api.hub import Channel, Listening, Told, event
from stratumd_partner_api.market import Looking
from stratumd_partner_api.options import Options
from stratumd_partner_api.recent import Wanted
from stratumd_partner_api.serving import Asked, Counter, endpoint
from stratumd_partner_api.shapes import Shape, shape_of

STREAM = Access(schemes=("key", "session"), scope="stream:read")
_CLOSED = b'event: closed\ndata: {"reason":"This key or plan is not good any more."}\n\n'
_ABOUT = (
    "Server-sent events, each with an id. Without one the stream begins now, with 0 at the oldest that is kept. Send "
    "the newest one as `Last-Event-ID` to go on without a gap, for as long as the log is kept; `reset` says that "
    "something between is gone, and that it goes on behind `after`; `lagged` that you fell behind and have to come "
    "back, `bye` that it is time to come back, `closed` that the key is not good any more. An `id` without an event "
    "says how far the stream is, what your parameters left out included: it is as good as that of an event. "
)
_SIGNAL = "The `data` of `signal` is a SignalShown: without its rank, which `GET /api/v1/intel/signals/{signal}` has."
_CHANGES = (
    "The `data` of `changes` is what one step changed: its `position`, its time `observed_at`, and `changes`, each a "
    "PointShown and its `event`."
)


class SignalLog:
    """The feed, as a stream's source."""

    batch = 500

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def wait(self, after: int) -> int:
        """Wait until there is more than `after`."""
        return await self._archive.news(after)

    async def read(self, after: int, limit: int) -> Sequence[Told[Signal]]:
        """Return the first signals after a sequence number."""
        found = await self._archive.read(lambda history: history.feed(after, limit))
        return [Told(entry.sequence, entry.signal.observed_at, entry.signal) for entry in found]

    async def ends(self) -> tuple[int, int]:
        """Return the first sequence number that is there, and the newest ever."""
        return await self._archive.read(lambda history: history.ends())


class ChangeLog:
    """The steps of a pipeline, as a stream's source."""

    batch = 50

    def __init__(self, archive: Archive, pipeline: str) -> None:
        self._archive = archive
        self._pipeline = pipeline

    async def wait(self, after: int) -> int:
        """Wait until there is more than `after`."""
        return await self._archive.steps(self._pipeline, after)

    async def read(self, after: int, limit: int) -> Sequence[Told[Changed]]:
        """Return the first steps after a position."""
        found = await self._archive.read(lambda history: history.changed(self._pipeline, after, limit))
        return [Told(step.position, step.observed_at, step) for step in found]

    async def ends(self) -> tuple[int, int]:
        """Return the first position that is there, and the newest."""

        def work(history: Any) -> tuple[int, int]:
            first = history.changed(self._pipeline, 0, 1)
            newest = history.steps(self._pipeline)
            return (first[0].position if first else newest + 1), newest

        return await self._archive.read(work)


class Changes:
    """The channels of the pipelines' changes: each is made when it is first asked for, as reloads bring pipelines."""

    def __init__(self, archive: Archive, make: Callable[[ChangeLog], Channel[Changed]]) -> None:
        self._archive = archive
        self._make = make
        self._channels: dict[str, Channel[Changed]] = {}
        self._made = anyio.Event()

    def __iter__(self) -> Iterator[Channel[Changed]]:
        return iter([*self._channels.values()])

    def of(self, named: str | None) -> Channel[Changed]:
        """Return the channel of a pipeline, without a name the first. `Refused` (404) where none is configured."""
        known = self._archive.pipelines
        pipeline = next(iter(known), "") if named is None else named
        if pipeline not in known:
            raise Refused(404, f"There is no such pipeline: there are {', '.join(known) or 'none'}.")
        if pipeline not in self._channels:
            self._channels[pipeline] = self._make(ChangeLog(self._archive, pipeline))
            self._made.set()
        return self._channels[pipeline]

    async def follow(self) -> None:
        """Read the logs that somebody listens to, for ever."""
        followed = set[str]()
        async with anyio.create_task_group() as group:
            while True:
                self._made = anyio.Event()
                for pipeline in self._channels.keys() - followed:
                    group.start_soon(self._channels[pipeline].follow_while_heard)
                    followed.add(pipeline)
                await self._made.wait()

    def leave(self) -> None:
        """End the streams of pipelines that are configured no more: who comes back is told which there are."""
        for pipeline in self._channels.keys() - set(self._archive.pipelines):
            self._channels[pipeline].close()


class Streams:
    """The endpoints that stream, and who listens."""

    def __init__(
        self,
        options: Options,
        counter: Counter,
        signals: Channel[Signal],
        changes: Changes,
        looking: Looking,
        desk: Desk,
        accounts: Callable[[], Accounts],
    ) -> None:
        self._options = options
        self._counter = counter
        self._signals = signals
        self._changes = changes
        self._look = looking
        self._desk = desk
        self._accounts = accounts
        self._by_key = Counts[str]()
        self._by_address = Counts[str]()
        self._listening: dict[Client, tuple[str, str, Shape]] = {}
        self._closed: Micros = 0

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield them."""
        yield self._declare(
            self.signals, "stream/signals", "stream_signals", "Signals as they come", questions.StreamQuery,
            _ABOUT + _SIGNAL,
        )  # fmt: skip
        yield self._declare(
            self.changes, "stream/changes", "stream_changes", "Quotes as they change", questions.ChangesQuery,
            _ABOUT + _CHANGES,
        )  # fmt: skip

    def _declare(self, inner: Any, path: str, name: str, summary: str, query: Any, about: str) -> Endpoint:
        return endpoint(
            self._counter, inner, path, name, summary, query=query, gives=answers.StreamEvent, access=STREAM,
            tag="Streams", description=about, media_type="text/event-stream",
            asked={"last-event-id": questions.LastEventId},
        )  # fmt: skip

    async def signals(self, asked: Asked) -> Stream:
        """Signals as they come."""
        query: questions.StreamQuery = asked.call.query
        types = await known_types(self._look.archive, query.types)
        await self._look.check_pipeline(query.pipeline)
        wanted = Wanted(
            types=frozenset(types),
            market=query.market,
            sport=query.sport,
            event=query.event,
            pipeline=query.pipeline,
            min_strength=query.min_strength,
        )

        def encode(signal: Signal, shape: Shape) -> bytes | None:
            if not wanted.takes_signal(signal):
                return None
            return event("signal", shapes.signal(signal, shape.hidden))

        return self._stream(asked, self._signals, wanted, encode, query.after)

    async def changes(self, asked: Asked) -> Stream:
        """Quotes as they change."""
        query: questions.ChangesQuery = asked.call.query
        channel = self._changes.of(query.pipeline)

        def encode(step: Changed, shape: Shape) -> bytes | None:
            return _changes(step, shape, query.market, query.event)

        return self._stream(asked, channel, (query.market, query.event), encode, query.after)

    # ---- who listens

    def _stream(self, asked: Asked, channel: Channel[Any], key: Any, encode: Any, after: int | None) -> Stream:
        header = asked.call.headers.get("last-event-id", "")
        if header:
            if not header.isascii() or not header.isdecimal() or len(header) > 16:
                raise Refused(400, "Last-Event-ID is the id of an event of this stream: a number.")
            after = int(header)
        self._check_room(asked)
        client = Client(self._options.stream_buffer)
        return Stream(
            chunks=self._listening_to(asked, channel.listen(asked.shape, key, encode, after, client), client),
            headers={"cache-control": "private, no-store"},
            straight=partial(setattr, client, "write"),
        )

    def _check_room(self, asked: Asked) -> None:
        options = self._options
        if self._by_key[asked.identity.credential] >= options.streams_per_key:
            raise _full("key", options.streams_per_key)
        if self._by_address[asked.call.network] >= options.streams_per_address:
            raise _full("address", options.streams_per_address)

    def _listening_to(self, asked: Asked, stream: Listening[Any], client: Client) -> Listening[Any]:
        """Count a stream from its first chunk to its end."""
        credential, address = asked.identity.credential, asked.call.network

        def begun() -> None:
            self._by_key[credential] += 1
            self._by_address[address] += 1
            self._listening[client] = (asked.identity.scheme, credential, asked.shape)

        def closed() -> None:
            del self._listening[client]
            _less(self._by_key, credential)
            _less(self._by_address, address)

        stream.begun, stream.closed = begun, closed
        return stream

    async def check(self) -> None:
        """End the streams of keys and sessions that are good no more, or whose plan shows something else by now."""
        credentials = {credential for _, credential, _ in self._listening.values()}
        if not credentials:
            return
        accounts = self._accounts()
        good = await self._desk.read(lambda reading: accounts.standing(reading, credentials))
        for client, (scheme, credential, shape) in list(self._listening.items()):
            if credential in credentials and _shown_by(good.get(credential), scheme) != shape:
                client.end(_CLOSED)


def _shown_by(rights: Rights | None, scheme: str) -> Shape | None:
    """Return what a stream may show at present; None where there may be none."""
    plan = None if rights is None or rights.suspended else rights.api if scheme == "key" else rights.web
    return None if plan is None or STREAM.scope not in plan.scopes else shape_of(plan)


def _full(whose: str, most: int) -> Refused:
    return Refused(
        429, f"This {whose} reads {most} streams already: close one, then try again.", headers={"retry-after": "5"}
    )


def _less(counts: Counts[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]


def _changes(step: Changed, shape: Shape, market: str | None, wanted: str | None) -> bytes | None:
    rows = [
        shapes.point(point, shape.hidden) | {"event": name}
        for point, name in zip(step.points, step.events, strict=True)
        if market in (None, point.market) and wanted in (None, name)
    ]
    if not rows:
        return None
    return event("changes", {"position": step.position, "observed_at": iso(step.observed_at), "changes": rows})
