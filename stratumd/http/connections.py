"""Connections with bounds: on how long one may do nothing, how much it may send before it asks, and how many there are.

Bodies and handlers have deadlines of their own (`endpoints`); here is what comes before a request and after an answer,
for which uvicorn waits as long as the other side likes.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from stratumd.plugin.routes import network_of

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
    """The way past everything around an answer, for what is sent to thousands at once or thousands of times."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        """Send a whole answer in one piece; False where that cannot be: send it the usual way then.

        It cannot after an answer has begun and while the other side takes nothing. Headers that hold anything but
        printable ASCII are left to the usual way, too, which refuses what would end a line.
        """
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
            return False
        lines = [f"{name}: {value}" for name, value in headers.items()]
        text = "".join(lines)
        if not (text.isascii() and text.isprintable()):
            return False
        if not cycle.keep_alive:
            lines.append("connection: close")
        own = b"".join([b"%b: %b\r\n" % each for each in cycle.default_headers])
        head = b"%b%b%b\r\n\r\n" % (STATUS_LINE[status], own, "\r\n".join(lines).encode("ascii"))
        cycle.waiting_for_100_continue = False
        cycle.response_started = cycle.response_complete = True
        cycle.transport.writelines([head] if cycle.scope["method"] == "HEAD" else [head, body])
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True

    def write(self, chunk: bytes) -> bool:
        """Send a chunk of the answer's body behind all that its task has sent; False where that cannot be at present.

        It cannot before the body has begun and after its end, and while the other side takes nothing.
        """
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.disconnected or cycle.response_complete or not cycle.chunked_encoding:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        return True


class Crowd:
    """Who is connected how often: an IPv4 address, or the /64 of an IPv6 address, is one caller."""

    def __init__(self, most: int | None = None, proxies: Sequence[str] = ()) -> None:
        """`most` connections of each caller; as many as they like of `proxies`, who speak for many."""
        self._most = most
        self._proxies = [ip_network(each) for each in proxies]
        self._counts = Counter[str]()

    def enter(self, client: str) -> bool:
        """Take note of a connection; False where the caller has too many."""
        caller = network_of(client)
        self._counts[caller] += 1
        return self._most is None or self._counts[caller] <= self._most or self._is_proxy(client)

    def leave(self, client: str) -> None:
        """Forget one."""
        caller = network_of(client)
        self._counts[caller] -= 1
        if not self._counts[caller]:
            del self._counts[caller]

    def _is_proxy(self, client: str) -> bool:
        if not client:
            return False
        address = ip_address(client.partition("%")[0])
        return any(address in each for each in self._proxies)


class Bounded(HttpToolsProtocol):
    """One connection."""

    _asking: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _head = 0

    def __init__(self, crowd: Crowd, **given: Any) -> None:
        super().__init__(**given)
        self._crowd = crowd
        self._caller = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        self._caller = self.client[0] if self.client is not None else ""
        if not self._crowd.enter(self._caller) or len(self.connections) > most():
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._crowd.leave(self._caller)
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
        """Begin a request: from here on there are other deadlines.

        One that does not name its host once is refused: who stands in between may read another of two (RFC 9112, 3.2).
        """
        self._stop_waiting()
        hosts = sum([name == b"host" for name, _ in self.headers])
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise HttpParserError("a request names its host once")
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
