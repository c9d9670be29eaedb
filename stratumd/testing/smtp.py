"""A mail server on this machine: it keeps what it takes, and replies to every command as it is told.

```python
async with FakeSmtp() as server:
    server.reply_next("RCPT", 550, "no such user")
    ...  # send to 127.0.0.1 and server.port
    assert server.mails == []
```
"""

from __future__ import annotations

import base64
import ssl
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import NamedTuple

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSStream

from stratumd.testing.listening import GONE, Listening

_LINE = 65_536
_GONE = (*GONE, ssl.SSLError)
_REPLIES = {
    "HELO": (250, "here"),
    "MAIL": (250, "yes"),
    "RCPT": (250, "yes"),
    "RSET": (250, "yes"),
    "NOOP": (250, "ok"),
}


class Mail(NamedTuple):
    """A mail that was taken."""

    sender: str
    recipients: tuple[str, ...]
    """Those that were not refused."""
    content: bytes
    encrypted: bool
    user: str | None
    """Who had logged in."""

    @property
    def message(self) -> EmailMessage:
        """The mail, taken apart."""
        found = message_from_bytes(self.content, policy=default)
        assert isinstance(found, EmailMessage), "the policy makes no other kind"
        return found


@dataclass
class _Session:
    """One connection."""

    stream: ByteStream
    encrypted: bool
    user: str | None = None
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    incoming: BufferedByteReceiveStream = field(init=False)

    def __post_init__(self) -> None:
        self.incoming = BufferedByteReceiveStream(self.stream)

    async def line(self) -> str:
        return (await self.incoming.receive_until(b"\r\n", _LINE)).decode()

    async def reply(self, code: int, *lines: str) -> None:
        marks = ["-"] * (len(lines) - 1) + [" "]
        await self.stream.send("".join(f"{code}{m}{text}\r\n" for m, text in zip(marks, lines, strict=True)).encode())


class FakeSmtp(Listening):
    """An asynchronous context manager: inside it, the server is on `port` of 127.0.0.1."""

    def __init__(
        self, *, logins: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None, implicit: bool = False
    ) -> None:
        """`logins` are passwords by user. With `tls` it offers STARTTLS, or speaks TLS at once where `implicit`."""
        super().__init__()
        self.mails: list[Mail] = []
        """What was taken, in order."""
        self.commands: list[str] = []
        """The verb of every command, in order."""
        self.connections = 0
        self._logins = dict(logins or {})
        self._tls = tls
        self._implicit = implicit
        self._script: dict[str, deque[tuple[int, str]]] = defaultdict(deque)
        self._stuck: dict[str, str] = {}
        self._reached: dict[str, anyio.Event] = defaultdict(anyio.Event)

    # ---- what it is told

    def reply_next(self, command: str, code: int, text: str = "as told", *, times: int = 1) -> None:
        """Reply so to the next `command`: a verb such as `RCPT`, `CONNECT` for the greeting, `.` for a mail's end."""
        self._script[command].extend([(code, text)] * times)

    def hang_at(self, command: str) -> None:
        """Never reply to `command` again."""
        self._stuck[command] = "hang"

    def drip_at(self, command: str) -> None:
        """Reply to `command` with a line that never ends, a byte now and then."""
        self._stuck[command] = "drip"

    def drop_at(self, command: str) -> None:
        """Close the connection instead of replying to `command`."""
        self._stuck[command] = "drop"

    async def reached(self, command: str) -> None:
        """Wait until `command` has come."""
        await self._reached[command].wait()

    # ---- the server

    async def _converse(self, raw: SocketStream) -> None:
        self.connections += 1
        async with raw:
            try:
                stream = await self._wrapped(raw) if self._implicit else raw
                session = _Session(stream, encrypted=self._implicit)
                if await self._told(session, "CONNECT"):
                    return
                await session.reply(220, "a mail server of a test")
                while await self._obey(session, await session.line()):
                    pass
            except _GONE:
                return

    async def _wrapped(self, stream: ByteStream) -> ByteStream:
        assert self._tls is not None, "implicit TLS needs a context"
        return await TLSStream.wrap(stream, server_side=True, ssl_context=self._tls, standard_compatible=False)

    async def _obey(self, session: _Session, line: str) -> bool:
        """Reply to a command; False where it was the last one."""
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if await self._told(session, verb):
            return verb != "QUIT"
        if verb in _REPLIES:
            self._note(session, verb, rest)
            await session.reply(*_REPLIES[verb])
        elif verb == "EHLO":
            await session.reply(250, "here", *self._offers(session))
        elif verb == "STARTTLS":
            await self._encrypt(session)
        elif verb == "AUTH":
            await self._log_in(session, rest)
        elif verb == "DATA":
            await self._take(session)
        else:
            await session.reply(221 if verb == "QUIT" else 502, "goodbye" if verb == "QUIT" else "not here")
        return verb != "QUIT"

    async def _told(self, session: _Session, verb: str) -> bool:
        """Note the command, and do what the script says of it, if anything."""
        self.commands.append(verb)
        self._reached[verb].set()
        stuck = self._stuck.get(verb)
        if stuck == "hang":
            await anyio.sleep_forever()
        if stuck == "drop":
            raise anyio.ClosedResourceError
        while stuck == "drip":
            await session.stream.send(b"2")
            await anyio.sleep(0.02)
        if not self._script[verb]:
            return False
        await session.reply(*self._script[verb].popleft())
        return True

    def _offers(self, session: _Session) -> list[str]:
        offers = ["8BITMIME", "SMTPUTF8"]
        if self._tls is not None and not session.encrypted:
            offers.append("STARTTLS")
        return [*offers, "AUTH PLAIN"] if self._logins else offers

    def _note(self, session: _Session, verb: str, rest: str) -> None:
        if verb in ("MAIL", "RSET"):
            session.sender, session.recipients = _address(rest), []
        elif verb == "RCPT":
            session.recipients.append(_address(rest))

    async def _encrypt(self, session: _Session) -> None:
        await session.reply(220, "go on")
        session.stream = await self._wrapped(session.stream)
        session.encrypted = True
        session.incoming = BufferedByteReceiveStream(session.stream)  # what came before is not trusted

    async def _log_in(self, session: _Session, rest: str) -> None:
        _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        if self._logins.get(user) == password:
            session.user = user
            await session.reply(235, "welcome")
        else:
            await session.reply(535, "5.7.8 wrong user or password")

    async def _take(self, session: _Session) -> None:
        await session.reply(354, "go on")
        lines = []
        while (line := await session.incoming.receive_until(b"\r\n", _LINE)) != b".":
            lines.append(line.removeprefix(b"."))
        if await self._told(session, "."):
            return
        content = b"\r\n".join([*lines, b""])
        self.mails.append(Mail(session.sender, tuple(session.recipients), content, session.encrypted, session.user))
        await session.reply(250, "taken")


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
