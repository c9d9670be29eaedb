"""A fake of somebody's site on loopback that can fail in every way on demand; the fakes of single sites build on it."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from stratumd.testing.provider_http import MANNERS, HttpReply, HttpRequest, LoopbackServer

__all__ = ["JSON", "FakeSite", "HttpReply", "HttpRequest"]

JSON = {"content-type": "application/json"}


class FakeSite(LoopbackServer):
    """The site at `url` while entered. A subclass says what it answers, and how it refuses."""

    statuses: ClassVar[tuple[int, ...]] = (403, 404, 429, 500, 503)
    """With which it may be told to fail."""
    cut: ClassVar[bytes]
    """An answer that breaks off and so is no JSON."""

    def __init__(self) -> None:
        super().__init__(self._reply)
        self.served: deque[HttpRequest] = deque(maxlen=1_000)
        """The newest requests, oldest first."""
        self._faults: deque[str] = deque()

    @property
    def faults(self) -> tuple[str, ...]:
        """What `fail_next` takes: a status, `not_json`, or one of `MANNERS`."""
        return (*map(str, self.statuses), "not_json", *MANNERS[1:])

    def fail_next(self, kind: str, count: int = 1) -> None:
        """Answer the next `count` requests with a fault of `faults`."""
        if kind not in self.faults:
            raise ValueError(f"unknown fault {kind!r}; there are {', '.join(self.faults)}")
        self._faults.extend([kind] * count)

    def answer(self, request: HttpRequest) -> HttpReply:
        """Return what the site says where nothing fails."""
        raise NotImplementedError

    def refusal(self, status: int) -> HttpReply:
        """Return how the site says that it will not or cannot."""
        raise NotImplementedError

    async def _reply(self, request: HttpRequest) -> HttpReply:
        self.served.append(request)
        fault = self._faults.popleft() if self._faults else ""
        if fault.isdigit():
            return self.refusal(int(fault))
        if fault == "not_json":
            return HttpReply(200, self.cut, JSON)
        reply = self.answer(request)
        return reply._replace(manner=fault or "whole") if reply.status == 200 else reply
