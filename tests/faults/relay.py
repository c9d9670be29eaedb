"""A relay before PostgreSQL on this machine that cuts connections at COMMIT: nobody knows whether it happened."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

WAYS = ("before", "after", "between")
"""The COMMIT never reaches the server; its answer never reaches the client; nobody waits for an answer."""
_WRITES = (b"INSERT", b"UPDATE", b"DELETE", b"CREATE")


class Relay:
    """A context manager: inside it, `port` of 127.0.0.1 leads to the server at a Unix socket."""

    def __init__(self, server: Path, share: float, seed: int) -> None:
        """`share` of the commits of writing transactions are cut off."""
        self.cut: Counter[str] = Counter()
        """Commits that were cut off, by the way."""
        self.share = share
        self._server = server
        self._draw = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def way(self) -> str | None:
        """Choose what becomes of the next commit."""
        return self._draw.choice(WAYS) if self._draw.random() < self.share else None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = _Conversation(self, client, server)
            self._start(conversation.hold)


class _Conversation:
    def __init__(self, relay: Relay, client: socket.socket, server: socket.socket) -> None:
        self._relay = relay
        self._client = client
        self._server = server
        self._writes = False
        self._swallow = False
        """Whether the next word of the server is the answer that gets lost."""

    def hold(self) -> None:
        """Pass on what both say until one of them ends it."""
        back = threading.Thread(target=self.back, daemon=True)
        back.start()
        self.forward()
        back.join()
        self._client.close()
        self._server.close()

    def forward(self) -> None:
        """Pass on what the client says, message by message; the first one has no type."""
        try:
            with self._client.makefile("rb") as incoming:
                self._server.sendall(_message(incoming, typed=False))
                while message := _message(incoming, typed=True):
                    if not self._pass(message):
                        return
        except (OSError, struct.error):
            pass
        finally:
            self._end(self._server)

    def _pass(self, message: bytes) -> bool:
        self._writes = self._writes or any(word in message for word in _WRITES)
        if message[5:] != b"COMMIT\0" or not self._writes:
            self._server.sendall(message)
            return True
        self._writes = False
        way = self._relay.way()
        if way is not None:
            self._relay.cut[way] += 1
        if way == "before":
            self._end(self._client)
            return False
        self._swallow = way == "after"
        self._server.sendall(message)
        if way == "between":
            self._end(self._client)
        return way != "between"

    def back(self) -> None:
        """Pass on what the server says, unless it is to get lost."""
        try:
            while some := self._server.recv(65_536):
                if self._swallow:
                    break
                self._client.sendall(some)
        except OSError:
            pass
        finally:
            self._end(self._client)

    @staticmethod
    def _end(side: socket.socket) -> None:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


def _message(incoming: object, *, typed: bool) -> bytes:
    """Read one message whole; nothing at the end."""
    head = incoming.read(5 if typed else 4)
    if not head:
        return b""
    (length,) = struct.unpack("!I", head[-4:])
    rest: bytes = incoming.read(length - 4)
    return bytes(head) + rest
