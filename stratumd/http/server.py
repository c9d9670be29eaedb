"""uvicorn inside the daemon's own task group: it installs no signal handlers and takes a bound socket."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import anyio
import uvicorn
from starlette.types import ASGIApp

from stratumd.errors import StartupError
from stratumd.http.connections import Bounded, Crowd

GRACE = 2
"""Seconds that open requests get to end when the daemon stops."""
_BACKLOG = 128


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. `StartupError` says what to do where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay (TCP_NODELAY) only where the protocol is named: else an answer's body waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartupError(f"cannot listen on {host}:{port}: {_advice(error)}") from error
    listener.setblocking(False)
    return listener


def address(listener: socket.socket) -> str:
    """Return where a socket listens, as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    app: ASGIApp, listener: socket.socket, proxies: Sequence[str] = (), per_address: int | None = None
) -> None:
    """Answer requests until cancelled; open ones get `GRACE` seconds to end.

    `proxies`: addresses and networks whose word on who calls (`X-Forwarded-For`) counts.
    `per_address`: the most connections that one address keeps, proxies apart.
    """
    server = _Server(
        uvicorn.Config(
            app,
            http=partial(Bounded, Crowd(per_address, proxies)),  # type: ignore[arg-type]  # it makes protocols
            ws="none",
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=[*proxies],
            timeout_graceful_shutdown=GRACE,
        )
    )
    async with anyio.create_task_group() as group:
        group.start_soon(server.run_until_asked, listener)
        try:
            await anyio.sleep_forever()
        finally:
            server.ask_to_end()
            with anyio.CancelScope(shield=True):
                await server.ended.wait()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = anyio.Event()
        self._asked = anyio.Event()

    def ask_to_end(self) -> None:
        """Let it end at once instead of at its next tick."""
        self.should_exit = True
        self._asked.set()

    async def main_loop(self) -> None:
        """Tick ten times a second, as uvicorn does, but end when it is asked to."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with anyio.move_on_after(0.1):
                await self._asked.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the daemon."""
        yield

    async def run_until_asked(self, listener: socket.socket) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.serve(sockets=[listener])
            finally:
                self.ended.set()


def _advice(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; stop what listens there, or choose another port at http.listen"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "ports below 1024 need a privilege; choose a higher one at http.listen"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; choose another one at http.listen"
    return f"{error.strerror}; change http.listen"
