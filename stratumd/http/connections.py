"""Connections with bounds: on how long one may do nothing, how much it may send before it asks, and how many there are.

Bodies and handlers have deadlines of their own (`endpoints`); here is what comes before a request and after an answer,
for which uvicorn waits as long as the other side likes.
"""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

ASKING = 10.0
"""Seconds from the connection, or from the last answer, to the end of a request's headers."""
STUCK = 40.0
"""Seconds for which the other side may take nothing of what waits for it: longer than a stream's patience."""
LONGEST_HEAD = 64 * 1024
"""Bytes of a request line with its headers; what is more costs the connection."""
OUTLET = "stratumd.outlet"
"""Under `extensions` of a request's scope: the `Outlet` of its answer."""
_RESERVE = 96  # files that are left to the rest of the daemon


def most() -> int:
    """Return how many connections there may be: the pipelines keep files of their own."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(files - _RESERVE, files // 2)


class Outlet:
    """The way past the task of an answer, for what is sent to thousands at once: no task has to wake up for it."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def write(self, chunk: bytes) -> bool:
        """Send a chunk of the answer's body behind all that its task has sent; False where that cannot be at present.

        It cannot before the body has begun and after its end, and while the other side takes nothing.
        """
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.disconnected or cycle.response_complete or not cycle.chunked_encoding:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        return True


class Bounded(HttpToolsProtocol):
    """One connection."""

    _asking: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        if len(self.connections) > most():
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in. Whoever sends headers without end is cut off."""
        self._head += len(data)
        super().data_received(data)
        if self._head > LONGEST_HEAD and self._asking is not None:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Begin a request: from here on there are other deadlines."""
        self._stop_waiting()
        super().on_headers_complete()
        self.scope["extensions"] = {OUTLET: Outlet(self.cycle)}  # type: ignore[dict-item]  # uvicorn has none of its own

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is here already."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._wait()

    def pause_writing(self) -> None:
        """Take note that the other side takes nothing at present."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(STUCK, self.transport.abort)

    def resume_writing(self) -> None:
        """Take note that it does again."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _wait(self) -> None:
        self._stop_waiting()
        self._asking = self.loop.call_later(ASKING, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._head = 0
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
