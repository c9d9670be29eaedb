"""Streams: one reader of the log per process, which makes each message once per group and gives it to every client.

A client's memory is bounded: a buffer of messages and no more. Who falls behind is told `lagged` and dropped, and reads
on from the log with `Last-Event-ID`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from stratumd.plugin import SECOND, Micros
from stratumd_partner_api.clients import Client, passed
from stratumd_partner_api.shapes import Shape

HEARTBEAT: Micros = 15 * SECOND
RING = 2_000
"""Messages of the newest past that are kept in memory for clients that come back."""
TOGETHER = 20
"""Messages that are written at once; between so many connections take what they were given."""
RELEASE = 0.05
"""Seconds between two looks at what a delayed plan may see by now."""
_PATIENCE = 1.0  # seconds until it is looked whether anybody still listens

T = TypeVar("T")
C = TypeVar("C", contravariant=True)


class Told(NamedTuple, Generic[T]):
    """A message of a log."""

    id: int
    at: Micros
    """When what it tells of was observed."""
    what: T


class Encode(Protocol[C]):
    """Makes the text of a message for a group, without its id; None where it is not for the group."""

    def __call__(self, what: C, shape: Shape) -> bytes | None:
        """Return it."""


class Source(Protocol[T]):
    """A log whose messages are numbered in order."""

    batch: int
    """How many are read at once."""

    async def wait(self, after: int) -> int:
        """Wait until there is more than `after`, and return the newest number."""

    async def read(self, after: int, limit: int) -> Sequence[Told[T]]:
        """Return the first messages after a number."""

    async def ends(self) -> tuple[int, int]:
        """Return the first number that is still there, and the newest that was ever given."""


class Group(Generic[T]):
    """Clients who get the same bytes."""

    def __init__(self, shape: Shape, encode: Encode[T]) -> None:
        self.shape = shape
        self.clients: set[Client] = set()
        self._encode = encode

    def message(self, told: Told[T]) -> bytes | None:
        """Return the message as it is sent."""
        text = self._encode(told.what, self.shape)
        return None if text is None else b"id: %d\n%b\n\n" % (told.id, text)

    def publish(self, many: Iterable[Told[T]]) -> None:
        """Give them to everybody, at once: to write to two thousand connections takes as long for one as for ten."""
        messages = [(told.id, message) for told in many if (message := self.message(told)) is not None]
        if not messages:
            return
        whole = b"".join([message for _, message in messages])
        dropped = [client for client in self.clients if not client.put(messages, whole)]
        self.clients.difference_update(dropped)


class Line(Generic[T]):
    """What plans of one delay have been shown."""

    def __init__(self, delay: Micros, position: int) -> None:
        self.position = position
        """All up to this number has been given to the groups."""
        self.groups: dict[Hashable, Group[T]] = {}
        self.delay = delay
        self._waiting: deque[Told[T]] = deque()

    def push(self, many: Iterable[Told[T]], now: Micros) -> None:
        """Take messages: they are given on when the delay has passed, in the order of the log."""
        self._waiting.extend(many)
        self.release(now)

    def release(self, now: Micros) -> None:
        """Give on what may be seen by now."""
        while due := self._due(now):
            for group in self.groups.values():
                group.publish(due)
            self.position = due[-1].id

    def _due(self, now: Micros) -> list[Told[T]]:
        due: list[Told[T]] = []
        while self._waiting and len(due) < TOGETHER and self.shows(self._waiting[0], now):
            due.append(self._waiting.popleft())
        return due

    def shows(self, told: Told[T], now: Micros) -> bool:
        """Say whether a message may be seen by now."""
        return not self.delay or told.at <= now - self.delay


class Listening(Generic[T]):
    """What one client is sent, chunk by chunk. Where two thousand listen, each step between costs two thousand."""

    def __init__(self, channel: Channel[T], group: Group[T], key: Hashable, after: int | None, client: Client) -> None:
        self.group = group
        """The client's own until it has caught up; then that of all who get the same."""
        self.begun: Callable[[], None] = _nothing
        """Called with the first chunk."""
        self.closed: Callable[[], None] = _nothing
        """Called when it has ended, where it had begun."""
        self._channel = channel
        self._key = key
        self._client = client
        self._after = after
        self._early: AsyncGenerator[bytes, None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._timer is None:
            self._begin()
        if self._early is not None:
            async for chunk in self._early:
                return chunk
            self._early = None
        while not self._client.ended:
            chunk = await self._client.take()
            if chunk:
                return chunk
        if self._has_ended:
            raise StopAsyncIteration
        self._has_ended = True
        return self._client.ended

    async def aclose(self) -> None:
        """Listen no more."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        if self._early is not None:
            await self._early.aclose()
        self._channel.leave(self.group, self._key, self._client)
        self.closed()

    def _begin(self) -> None:
        channel, client = self._channel, self._client
        end = b"event: bye\ndata: {}\n\n"
        spread = random.uniform(0.9, 1.0)  # noqa: S311  # apart, not secret
        self._timer = asyncio.get_running_loop().call_later(channel.lifetime * spread, client.end, end)
        self._early = channel.catching_up(self, self._key, self._after, client)
        channel.enter()
        self.begun()


class Channel(Generic[T]):
    """A log that is streamed. `run` reads it; `listen` follows it from anywhere."""

    def __init__(
        self,
        source: Source[T],
        now: Callable[[], Micros],
        *,
        buffer: int,
        lifetime: Micros,
        ring: int = RING,
        heard: Callable[[Told[T]], None] | None = None,
    ) -> None:
        """`heard` is told of every message, before any client; `ring` messages are kept in memory."""
        self.position = -1
        """The number of the newest message that was read; negative before the first look."""
        self._source = source
        self._now = now
        self._buffer = buffer
        self.lifetime = lifetime / SECOND
        """Seconds that a stream lasts."""
        self._heard = heard
        self._ring: deque[Told[T]] = deque(maxlen=ring)
        self._ring_after = 0
        self._lines: dict[Micros, Line[T]] = {}
        self._ready = asyncio.Event()
        self._asked = asyncio.Event()
        self._listeners = 0
        self._looks = 0
        self._looking = asyncio.Lock()

    # ---- reading the log

    def start(self, position: int) -> None:
        """Begin behind a number."""
        self.position = self._ring_after = position
        self._ring.clear()
        self._lines.clear()
        self._ready.set()

    async def follow(self) -> None:
        """Read the log as it grows, for ever."""
        while True:
            await self._source.wait(self.position)
            await self.catch_up()

    async def follow_while_heard(self) -> None:
        """Read the log as it grows while somebody listens, for ever; begin at its end each time."""
        while True:
            await self._asked.wait()
            self.start((await self._source.ends())[1])
            while self._listeners:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._source.wait(self.position), _PATIENCE)
                await self.catch_up()
            self._ready.clear()
            self._asked.clear()

    async def refresh(self) -> None:
        """Wait for a look at the log that began after this was called: all who wait at once share one."""
        ticket = self._looks + 1
        async with self._looking:
            if self._looks < ticket:
                self._looks += 1
                await self.catch_up()

    async def catch_up(self) -> None:
        """Read what there is."""
        while found := await self._source.read(self.position, self._source.batch):
            for start in range(0, len(found), TOGETHER):
                self._take([told for told in found[start : start + TOGETHER] if told.id > self.position])
                await asyncio.sleep(0)
            if len(found) < self._source.batch:
                return

    def release(self) -> None:
        """Give delayed clients what they may see by now. Call it often."""
        now = self._now()
        for delay, line in self._lines.items():
            if delay:
                line.release(now)

    def beat(self) -> None:
        """Send a comment to whoever hears nothing else, so that nobody in between ends the connection.

        It says how far the stream is, which for those of a delayed plan is up to what they have been shown.
        """
        for line in self._lines.values():
            for group in line.groups.values():
                for client in group.clients:
                    client.beat(line.position)

    def close(self) -> None:
        """End all streams: the daemon stops, and another may go on."""
        for client in self._clients():
            client.end(b"event: bye\ndata: {}\n\n")

    def _clients(self) -> list[Client]:
        return [client for line in self._lines.values() for group in line.groups.values() for client in group.clients]

    def _take(self, many: Sequence[Told[T]]) -> None:
        for told in many:
            if len(self._ring) == self._ring.maxlen:
                self._ring_after = self._ring[0].id
            self._ring.append(told)
            self.position = told.id
            if self._heard is not None:
                self._heard(told)
        now = self._now()
        for line in self._lines.values():
            line.push(many, now)

    # ---- listening

    def listen(self, shape: Shape, key: Hashable, encode: Encode[T], after: int | None, client: Client) -> Listening[T]:
        """Return what `client` is sent: what followed `after` in the log, and then what comes."""
        return Listening(self, Group(shape, encode), key, after, client)

    def enter(self) -> None:
        """Take note of a listener."""
        self._listeners += 1
        self._asked.set()

    def leave(self, group: Group[T], key: Hashable, client: Client) -> None:
        """Forget a listener."""
        self._listeners -= 1
        group.clients.discard(client)
        line = self._lines.get(group.shape.delay)
        if line is not None and not group.clients and line.groups.get((group.shape, key)) is group:
            del line.groups[(group.shape, key)]

    async def catching_up(
        self, listening: Listening[T], key: Hashable, after: int | None, client: Client
    ) -> AsyncGenerator[bytes, None]:
        """Yield what was, and let `client` hear what comes from where this ends."""
        await self._ready.wait()
        group = listening.group
        line = await self._line(group.shape.delay)
        client.sent = line.position
        begun = b"\n" if after is not None else passed(client.sent)
        yield b"retry: %d\n: connected\n%b" % (random.randint(1_000, 5_000), begun)  # noqa: S311 (apart, not secret)
        if after is not None:
            client.sent, reset = await self._resumed(after, line)
            if reset:
                yield reset
        async for chunk in self._replay(group, line, client):
            yield chunk
        # Nothing is awaited between the end of the log and here.
        listening.group = line.groups.setdefault((group.shape, key), group)
        listening.group.clients.add(client)

    async def _resumed(self, after: int, line: Line[T]) -> tuple[int, bytes]:
        """Return where to go on, and what to say where something between is not there any more."""
        first, newest = await self._source.ends()
        if after > newest or not await self._seen(after, line):
            return line.position, _reset(first, line.position)
        if after + 1 < first and first <= newest:
            return first - 1, _reset(first, first - 1)
        return after, b""

    async def _seen(self, after: int, line: Line[T]) -> bool:
        """Say whether the line's plans may have seen a message: another daemon may be a moment ahead.

        A plan with a delay that was shown more gets some again. One that never was must not learn which ids there are.
        """
        if not line.delay or after <= line.position:
            return True
        found = await self._past(after - 1)
        return bool(found) and found[0].id == after and line.shows(found[0], self._now())

    async def _replay(self, group: Group[T], line: Line[T], client: Client) -> AsyncIterator[bytes]:
        """Yield what the line has shown already, without gap up to where the line stands when this ends."""
        while client.sent < line.position and not client.ended:
            found = [told for told in await self._past(client.sent) if told.id <= line.position]
            if not found:
                client.sent = line.position
                return
            parts, sent = list[bytes](), client.sent
            for told in found:
                if not line.shows(told, self._now()):
                    await asyncio.sleep(RELEASE)  # committed before what was observed before it: it holds up the rest
                    break
                message = group.message(told)
                if message is not None:
                    parts.append(message)
                    sent = told.id
                client.sent = told.id
            if client.sent > sent:
                parts.append(passed(client.sent))
            if parts:
                yield b"".join(parts)

    async def _past(self, position: int) -> Sequence[Told[T]]:
        if position >= self._ring_after:
            return [told for told in self._ring if told.id > position][: self._source.batch]
        return await self._source.read(position, self._source.batch)

    async def _line(self, delay: Micros) -> Line[T]:
        """Return the line of a delay; a new one begins behind what its plans may see by now."""
        if delay and delay not in self._lines:
            older = await self._unseen(delay)
            start = older[0].id - 1 if older else self._ring_after
            line = self._lines.setdefault(delay, Line(delay, start))
            if line.position == start:
                known = older[-1].id if older else 0
                line.push([*older, *[each for each in self._ring if each.id > known]], self._now())
        return self._lines.setdefault(delay, Line(delay, self.position))

    async def _unseen(self, delay: Micros) -> list[Told[T]]:
        """Return the messages before those in memory, from one on that a plan with this delay has been shown."""
        older: list[Told[T]] = []
        start = self._ring_after
        while start > 0:
            before = max(0, start - self._source.batch)
            found = [told for told in await self._source.read(before, self._source.batch) if told.id <= start]
            older = found + older
            start = before
            if found and found[0].at <= self._now() - delay:
                break
        return older


def _nothing() -> None:
    return


def event(name: str, data: object) -> bytes:
    """Return the lines of a message: its name, and its data as JSON."""
    return b"event: %b\ndata: %b" % (name.encode(), msgspec.json.encode(data))


def _reset(first: int, after: int) -> bytes:
    return b"id: %d\nevent: reset\ndata: %b\n\n" % (after, msgspec.json.encode({"first": first, "after": after}))
