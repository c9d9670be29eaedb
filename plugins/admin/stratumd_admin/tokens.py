"""Service tokens: what programs show to be let in. They are looked up at every request, so that a revoked one is
refused by every process at once."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from stratumd.plugin import MINUTE, Micros, iso, micros, tokens
from stratumd.plugin.desk import Act, Reading, Writing
from stratumd.plugin.routes import Call, Identity, Refused, RoutesContext, Scheme
from stratumd_admin.options import Options
from stratumd_admin.rows import ServiceToken, TokenUse

PREFIX = "strm_ops"
SCHEME = "service"
_DUMMY = tokens.digest("nobody has this token")
_CHALLENGE = {"www-authenticate": "Bearer"}
_UNKNOWN = (
    "This service token is not valid: it is mistyped, expired or revoked. `service-tokens issue` makes a new one."
)
_MOST_CLIENTS = 10_000
Shown = dict[str, Any]


class ServiceTokens:
    """Makes, replaces and revokes tokens, and knows whom one belongs to."""

    def __init__(self, options: Options, context: RoutesContext) -> None:
        self._options = options
        self._desk = context.desk
        self._clock = context.clock
        self._log = context.log
        self._wrong: dict[str, int] = {}
        self._minute = 0
        self._noted: dict[str, Micros] = {}

    def scheme(self) -> Scheme:
        """Return the scheme `service`."""
        return Scheme(
            authenticate=self.by_token,
            openapi={
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "strm_ops_…",
                "description": "A service token, as `stratumd service-tokens issue` makes them.",
            },
        )

    # ---- whom a request comes from

    async def by_token(self, call: Call) -> Identity | None:
        """Return whom the request's token belongs to."""
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token.startswith(f"{PREFIX}_"):
            return None
        self._check_guesses(call)
        id = tokens.id_of(token, PREFIX)
        row = None if id is None else await self._desk.read(lambda reading: reading.get(ServiceToken, id=id))
        is_right = hmac.compare_digest(row.hash if row is not None else _DUMMY, tokens.digest(token))
        if row is None or not is_right or _status(row, call.at) != "active":
            self._count_wrong(call)
            raise Refused(401, _UNKNOWN, headers=_CHALLENGE)
        await self._note(row.id, call.at)
        return Identity(scheme=SCHEME, account="", credential=row.id, scopes=frozenset(row.scopes.split()))

    def _check_guesses(self, call: Call) -> None:
        """Refuse an address that showed too many wrong tokens in this minute."""
        minute = call.at // MINUTE
        if minute != self._minute or len(self._wrong) > _MOST_CLIENTS:
            self._minute = minute
            self._wrong.clear()
        if self._wrong.get(call.network, 0) >= self._options.wrong_tokens:
            raise Refused(429, "Too many wrong tokens: wait a minute.", headers={"retry-after": "60"})

    def _count_wrong(self, call: Call) -> None:
        self._wrong[call.network] = self._wrong.get(call.network, 0) + 1
        if self._wrong[call.network] == self._options.wrong_tokens:  # once: a flood of guesses is none of lines
            self._log.warning("wrong service tokens are guessed", client=call.client)

    async def _note(self, id: str, at: Micros) -> None:
        if at - self._noted.get(id, -MINUTE) < MINUTE:
            return
        self._noted[id] = at
        await self._desk.write(lambda writing: writing.put(TokenUse(id, at)))

    # ---- what staff does with them

    async def listed(self) -> list[Shown]:
        """Return all tokens, the newest first."""
        return await self._desk.read(self._all)

    def _all(self, reading: Reading) -> list[Shown]:
        found = reading.find(ServiceToken, order=("created_at", "id"), newest=True)
        return [self._shown(reading, row) for row in found]

    async def issue(self, act: Act, name: str, scopes: Sequence[str], length: timedelta | None) -> Shown:
        """Make a token: it is in what this returns, and nowhere else."""
        longest = self._options.token_length
        if length is not None and length > longest:
            raise Refused(422, f"A token works for {longest.days} days at most: ask for less.")
        return await self._made(act, name, scopes, micros(length or longest), None)

    async def rotate(self, act: Act, id: str, overlap: timedelta | None) -> Shown:
        """Replace a token by a new one; both work for a while."""
        old = await self._desk.read(lambda reading: _found(reading, id))
        if _status(old, self._clock.now()) != "active":
            raise Refused(409, "This token works no more: issue a new one.")
        both = micros(self._options.overlap if overlap is None else overlap)
        return await self._made(act, old.name, old.scopes.split(), old.expires_at - old.created_at, (old, both))

    async def _made(
        self, act: Act, name: str, scopes: Sequence[str], length: Micros, old: tuple[ServiceToken, Micros] | None
    ) -> Shown:
        made = tokens.make(PREFIX)

        def work(writing: Writing) -> Shown:
            at = writing.at
            new = ServiceToken(made.id, name, made.hash, " ".join(sorted(set(scopes))), at, at + length, None, None)
            writing.put(new)
            if old is not None:
                self._succeed(writing, old[0].id, made.id, old[1])
            return self._shown(writing, new)

        return await self._desk.write(work, act) | {"token": made.token}

    def _succeed(self, writing: Writing, id: str, successor: str, overlap: Micros) -> None:
        row = _found(writing, id)
        if row.successor is not None or row.revoked_at is not None:
            raise Refused(409, "This token was replaced or revoked meanwhile.")
        ends = min(row.expires_at, writing.at + overlap)
        writing.put(msgspec.structs.replace(row, expires_at=ends, successor=successor))

    async def revoke(self, act: Act, id: str) -> Shown:
        """Revoke a token; of one that is revoked already nothing changes."""

        def work(writing: Writing) -> Shown:
            row = _found(writing, id)
            if row.revoked_at is None:
                row = msgspec.structs.replace(row, revoked_at=writing.at)
                writing.put(row)
            return self._shown(writing, row)

        return await self._desk.write(work, act)

    def _shown(self, reading: Reading, row: ServiceToken) -> Shown:
        use = reading.get(TokenUse, token=row.id)
        return {
            "id": row.id,
            "name": row.name,
            "scopes": row.scopes.split(),
            "status": _status(row, self._clock.now()),
            "created_at": iso(row.created_at),
            "expires_at": iso(row.expires_at),
            "last_used_at": None if use is None else iso(use.at),
            "successor": row.successor,
        }


def _found(reading: Reading, id: str) -> ServiceToken:
    row = reading.get(ServiceToken, id=id)
    if row is None:
        raise Refused(404, "There is no such service token: `service-tokens list` shows them.")
    return row


def _status(row: ServiceToken, at: Micros) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at <= at else "active"
