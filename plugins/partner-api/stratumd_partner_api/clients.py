"""Who listens to a stream: a buffer that is bounded, in messages and in bytes.

As long as nothing waits in it, messages go straight to the connection: to wake the tasks of two thousand clients for
one message takes several times as long as to write it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from stratumd.plugin.routes import Write

HEART = b": still here\n\n"
_BYTES = 1 << 20


class Client:
    """Somebody who listens."""

    __slots__ = ("_arrived", "_bytes", "_idle", "_most", "_waiting", "ended", "sent", "write")

    def __init__(self, most: int) -> None:
        self.sent = 0
        """The id up to which all was sent, or was not for this client."""
        self.ended = b""
        """The last message, once there is one."""
        self.write: Write = _nowhere
        """The way past the task that takes, while it waits."""
        self._most = most
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._idle = False  # all that was put in is taken and sent, and the task waits for more
        self._arrived = asyncio.Event()

    def put(self, messages: Sequence[tuple[int, bytes]], whole: bytes) -> bool:
        """Take messages with their ids; False where one does not fit any more, and the client is dropped.

        `whole` is all of them in one, as two thousand clients get them.
        """
        if self.ended:
            return False
        if self._idle and self.write(whole):
            self.sent = messages[-1][0]
            return True
        for id, message in messages:
            if len(self._waiting) >= self._most or self._bytes > _BYTES:
                self.end(b'event: lagged\ndata: {"after":%d}\n\n' % self.sent)
                return False
            self._waiting.append((id, message))
            self._bytes += len(message)
        self._wake()
        return True

    def beat(self, position: int) -> None:
        """Show that the connection lives, where nothing else does, and how far the stream is by now.

        `position`: the id up to which messages were put in where they are for this client.
        """
        if self._waiting:
            return
        heart = HEART
        if position > self.sent:
            heart = b": still here\n" + passed(position)
        position = max(position, self.sent)
        if self._idle and self.write(heart):
            self.sent = position
        else:
            self._waiting.append((position, heart))
            self._wake()

    def end(self, message: bytes) -> None:
        """Send this and no more; what waits is forgotten."""
        self._waiting.clear()
        self._bytes = 0
        self.ended = message
        self._wake()

    async def take(self) -> bytes:
        """Return all that waits; nothing once it has ended."""
        if not self._waiting and not self.ended:
            self._idle = True
            await self._arrived.wait()
        self._arrived.clear()
        if not self._waiting:
            return b""
        self.sent = self._waiting[-1][0]
        found = b"".join([message for _, message in self._waiting])
        self._waiting.clear()
        self._bytes = 0
        return found

    def _wake(self) -> None:
        self._idle = False
        self._arrived.set()


def passed(position: int) -> bytes:
    """Return the end of a block without a message: clients keep its id, and go on behind what was not for them."""
    return b"id: %d\n\n" % position


def _nowhere(chunk: bytes) -> bool:
    return False
