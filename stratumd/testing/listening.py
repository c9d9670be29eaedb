"""What every fake server here has in common: it listens on a free port of 127.0.0.1 while it is entered."""

from __future__ import annotations

import socket
import struct
from contextlib import AsyncExitStack
from typing import Self

import anyio
from anyio.abc import SocketAttribute, SocketStream

GONE = (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""What a server sees where its client has gone."""


class Listening:
    """An asynchronous context manager: inside it, `port` is open. What `_converse` raises is raised at its end."""

    port: int = 0

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start to listen."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        await self._stack.enter_async_context(listener)
        tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(tasks.cancel_scope.cancel)
        tasks.start_soon(listener.serve, self._converse)
        self.port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # a socket's attribute, no SQL
        return self

    async def __aexit__(self, *error: object) -> bool | None:
        """Stop, whatever still hangs."""
        return await self._stack.__aexit__(*error)  # type: ignore[arg-type]  # passed on as received

    async def _converse(self, stream: SocketStream) -> None:
        """Serve one connection and close it."""
        raise NotImplementedError


def reset(stream: SocketStream) -> None:
    """Make closing the connection send a reset instead of an end."""
    raw: socket.socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  # the same
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
