"""Who listens to a stream: a buffer that is bounded, in messages and in bytes."""

from __future__ import annotations

import asyncio
from collections import deque

HEART = b": still here\n\n"
_BYTES = 1 << 20


class Client:
    """Somebody who listens."""

    __slots__ = ("_arrived", "_bytes", "_most", "_waiting", "ended", "sent")

    def __init__(self, most: int) -> None:
        self.sent = 0
        """The id of the newest message that was handed on."""
        self.ended = b""
        """The last message, once there is one."""
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()

    def put(self, id: int, message: bytes) -> bool:
        """Take a message; False where it does not fit any more, and the client is dropped."""
        if len(self._waiting) >= self._most or self._bytes > _BYTES:
            self.end(b'event: lagged\ndata: {"after":%d}\n\n' % self.sent)
            return False
        self._waiting.append(message)
        self._bytes += len(message)
        self.sent = id
        self._arrived.set()
        return True

    def beat(self) -> None:
        """Show that the connection lives, where nothing else does."""
        if not self._waiting:
            self._waiting.append(HEART)
            self._arrived.set()

    def end(self, message: bytes) -> None:
        """Send this and no more; what waits is forgotten."""
        self._waiting.clear()
        self._bytes = 0
        self.ended = message
        self._arrived.set()

    async def take(self) -> bytes:
        """Return all that waits; nothing once it has ended."""
        if not self._waiting and not self.ended:
            await self._arrived.wait()
        self._arrived.clear()
        found = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return found
