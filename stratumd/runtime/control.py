"""The control socket: a local way to ask a running daemon for something, for its own user and for root.

A daemon's socket lies in its runtime folder and is named after its configuration file and its process, so that
whoever knows the file finds every daemon that runs by it. One line of JSON asks, one answers.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import msgspec
from anyio.abc import SocketAttribute, SocketListener, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from stratumd.errors import StartupError
from stratumd.observe.logs import logger
from stratumd.runtime.presence import About, folders, mark
from stratumd.runtime.reload import Answer, Reloader

LONGEST = 4_096
"""Bytes of a request."""
PATIENCE = 5.0
"""Seconds that a caller may take to say what it wants."""
WAIT = 120.0
"""Seconds that a caller waits for the answer: plugins are imported, sinks and sources built."""

_log = logger("stratumd.control")


class Request(msgspec.Struct, frozen=True):
    """What is asked for."""

    do: Literal["reload", "preview", "status"]


# ---- the daemon's side


@asynccontextmanager
async def opened(config: Path, environ: Mapping[str, str] = os.environ) -> AsyncIterator[SocketListener | None]:
    """Listen for as long as the block lasts. None where no socket can be made: signals still reach the daemon."""
    path = folders(environ)[0] / f"{mark(config)}-{os.getpid()}.sock"
    try:
        _own(path.parent)
        _sweep(config, path.parent)
        listener = await anyio.create_unix_listener(path, mode=0o600)
    except OSError as error:
        _log.warning("there is no control socket; SIGHUP reloads all the same", path=str(path), error=str(error))
        yield None
        return
    try:
        yield listener
    finally:
        path.unlink(missing_ok=True)
        with anyio.CancelScope(shield=True):
            await listener.aclose()


def address(listener: SocketListener) -> str:
    """Return the path of a socket."""
    return str(listener.extra(SocketAttribute.local_address))  # noqa: S610  # nothing of Django's


async def serve(listener: SocketListener, reloader: Reloader, about: Callable[[], About]) -> None:
    """Do what callers ask for, until cancelled. `about`: what the daemon says of itself, at once and at any time."""
    await listener.serve(partial(_converse, reloader, about))


async def _converse(reloader: Reloader, about: Callable[[], About], stream: SocketStream) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # who leaves early gets no answer
        async with stream:
            heard = BufferedByteReceiveStream(stream)
            try:
                with anyio.fail_after(PATIENCE):
                    line = await heard.receive_until(b"\n", LONGEST)
                request = msgspec.json.decode(line, type=Request)
            except (TimeoutError, anyio.IncompleteRead, anyio.DelimiterNotFound, msgspec.DecodeError) as error:
                if isinstance(error, anyio.IncompleteRead) and not heard.buffer:
                    return  # it only looked whether somebody is here, as `_sweep` does
                _log.warning("a request on the control socket cannot be read", error=str(error))
                return
            answer: Answer | About
            if request.do == "status":
                answer = about()
            else:
                answer = await (reloader.reload() if request.do == "reload" else reloader.preview())
            await stream.send(msgspec.json.encode(answer) + b"\n")


def _own(folder: Path) -> None:
    """Make a folder that nobody else writes to. `OSError` where another user was there first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not this user's own folder")


def _sweep(config: Path, folder: Path) -> None:
    """Remove what daemons left that were killed."""
    for path in folder.glob(f"{mark(config)}-*.sock"):
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()


# ---- the caller's side


def ask(request: Request, paths: list[Path]) -> Iterator[Answer]:
    """Ask every daemon behind `paths` and yield the answers. `StartupError` where none is there, or one is lost."""
    answered = 0
    for path in paths:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(WAIT)
            try:
                channel.connect(str(path))
            except (ConnectionRefusedError, FileNotFoundError):
                continue  # it was killed
            except OSError as error:
                raise StartupError(f"cannot ask the daemon at {path}: {error.strerror or error}") from error
            yield _answered(channel, request, path)
            answered += 1
    if not answered:
        raise StartupError("no daemon runs by this file as this user; name its socket with --socket (see /status)")


def _answered(channel: socket.socket, request: Request, path: Path) -> Answer:
    try:
        channel.sendall(msgspec.json.encode(request) + b"\n")
        with channel.makefile("rb") as stream:
            return msgspec.json.decode(stream.readline(), type=Answer)
    except TimeoutError as error:
        raise StartupError(f"the daemon at {path} gave no answer within {WAIT:g} s; see its log") from error
    except (OSError, msgspec.DecodeError) as error:
        raise StartupError(f"the daemon at {path} ended before it answered; see its log") from error
