"""The schemes `key` and `session`: whom a request comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stratumd.plugin import Log, Micros, micros
from stratumd.plugin.desk import Desk, Reading
from stratumd.plugin.partners import Caller, Plan, Rights
from stratumd.plugin.routes import Call, Identity, Refused, Scheme
from stratumd_accounts import tokens
from stratumd_accounts.cookies import READS, Cookies
from stratumd_accounts.memory import Known, Memory
from stratumd_accounts.options import Options
from stratumd_accounts.rights import FOREVER, rights_end, rights_of, version
from stratumd_accounts.rows import Account, ApiKey, Session, Use
from stratumd_accounts.throttle import Changes, Guesses

KEY, SESSION = "key", "session"
_BEARER = "bearer "
_CHALLENGE = {"www-authenticate": "Bearer"}
_KEY_UNKNOWN = "This key is not valid: it is mistyped, expired or revoked. Make a new one under /api/v1/account/keys."
_SESSION_UNKNOWN = "You are not logged in any more: log in again."
_SUSPENDED = "This account is suspended: write to whoever runs this service."
_NO_PLAN = "This account has no plan for the API at present: take one, and the key works again."


class Credentials:
    """Knows keys and sessions, and when they were used."""

    def __init__(
        self, options: Options, plans: Mapping[str, Plan], desk: Desk, cookies: Cookies, memory: Memory, log: Log
    ) -> None:
        self._plans = plans
        self._desk = desk
        self._cookies = cookies
        self._memory = memory
        self._log = log
        self._idle = micros(options.sessions.idle)
        self._guesses = Guesses(options.throttle.wrong_keys)
        self._changes = Changes(options.throttle.changes)
        self.used: dict[str, Micros] = {}
        """When credentials were used, by id: what is not stored yet."""

    def schemes(self) -> dict[str, Scheme]:
        """Return the schemes."""
        bearer = {"type": "http", "scheme": "bearer"}
        return {
            KEY: Scheme(
                authenticate=self.by_key,
                openapi=bearer | {"bearerFormat": "strm_live_…", "description": "A key of the account."},
            ),
            SESSION: Scheme(
                authenticate=self.by_session,
                openapi={
                    "type": "apiKey",
                    "in": "cookie",
                    "name": self._cookies.name,
                    "description": "The cookie of a login, or its token as `Authorization: Bearer strm_sess_…`. By "
                    "cookie, what changes anything needs the headers `Origin` and `x-csrf-token` as well.",
                },
            ),
        }

    async def by_key(self, call: Call) -> Identity | None:
        """Return whom the request's key belongs to. Where it is remembered, nothing is waited for."""
        token = bearer(call.headers)
        if token is None or not token.startswith(tokens.KEY):
            return None
        known = self._memory.find(tokens.digest(token), call.at)
        if known is None:
            known = await self._look_up(call, token, tokens.KEY)
        return self._accepted(known, call.at)

    async def by_session(self, call: Call) -> Identity | None:
        """Return who is logged in, by cookie or token."""
        token, by_cookie = bearer(call.headers), False
        if token is None and "authorization" not in call.headers:
            token, by_cookie = self._cookies.token(call.headers), True
        if token is None or not token.startswith(tokens.SESSION):
            return None
        known = self._memory.find(tokens.digest(token), call.at)
        if known is None:
            known = await self._look_up(call, token, tokens.SESSION)
        identity = self._accepted(known, call.at)
        if by_cookie:
            self._cookies.check(call, identity.credential)
        if call.method not in READS:
            self._changes.count(identity.account, call.at)
        return identity

    def _accepted(self, known: Known, at: Micros) -> Identity:
        if known.identity is None:
            raise Refused(known.status, known.detail, headers=_CHALLENGE if known.status == 401 else None)
        self.used[known.identity.credential] = at
        return known.identity

    async def _look_up(self, call: Call, token: str, prefix: str) -> Known:
        id = tokens.id_of(token, prefix)
        unknown = _KEY_UNKNOWN if prefix == tokens.KEY else _SESSION_UNKNOWN
        if id is None:
            raise Refused(401, unknown, headers=_CHALLENGE)
        self._guesses.check(call.client, id, call.at)
        hash, generation = tokens.digest(token), self._memory.generation
        known = await self._desk.read(lambda reading: self._known(reading, prefix, id, hash, call.at))
        if known is not None:
            self._memory.remember(hash, known, generation)
            return known
        if self._guesses.count(call.client, id, call.at):
            self._log.warning("wrong keys are guessed", client=call.client, key=id)
        raise Refused(401, unknown, headers=_CHALLENGE)

    def _known(self, reading: Reading, prefix: str, id: str, hash: str, at: Micros) -> Known | None:
        """Return what a credential is; None where there is none.

        It is found by the hash of the whole of it, never by its id: whether a wrong one has the id of a key that there
        is makes no difference to what is done, and so none to how long it takes.
        """
        kind: type[ApiKey] | type[Session] = ApiKey if prefix == tokens.KEY else Session
        found: Sequence[ApiKey | Session] = reading.find(kind, hash=hash, limit=1)
        row = found[0] if found else None
        if row is None or row.id != id:
            return None
        rights = rights_of(reading, row.account, self._plans, at)
        if rights is None:
            return None
        ends = rights_end(reading, row.account, at)
        if isinstance(row, ApiKey):
            return _known_key(row, rights, ends, at, version(reading))
        return self._known_session(reading, row, rights, ends, at)

    def _known_session(self, reading: Reading, row: Session, rights: Rights, ends: Micros, at: Micros) -> Known:
        number = version(reading)
        use = reading.get(Use, credential=row.id)
        last = max(use.at if use is not None else row.created_at, self.used.get(row.id, 0))
        over = min(row.expires_at, last + self._idle)
        if over <= at:
            return Known(None, 401, _SESSION_UNKNOWN, FOREVER, number)
        if rights.suspended:
            return Known(None, 403, _SUSPENDED, FOREVER, number)
        account = reading.get(Account, id=row.account)
        caller = Caller(
            rights=rights,
            plan=rights.web,
            role=account.role if account is not None else "",
            fresh_until=row.fresh_until,
            second=row.second,
        )
        identity = Identity(
            scheme=SESSION, account=row.account, credential=row.id, scopes=rights.web.scopes, details=caller
        )
        return Known(identity, 0, "", min(over, ends), number)


def _known_key(row: ApiKey, rights: Rights, ends: Micros, at: Micros, number: int) -> Known:
    over = min(row.expires_at or FOREVER, row.revoked_at or FOREVER)
    if over <= at:
        return Known(None, 401, _KEY_UNKNOWN, FOREVER, number)
    if rights.suspended:
        return Known(None, 403, _SUSPENDED, FOREVER, number)
    if rights.api is None:
        return Known(None, 403, _NO_PLAN, ends, number)
    identity = Identity(
        scheme=KEY,
        account=row.account,
        credential=row.id,
        scopes=rights.api.scopes & set(row.scopes.split()),
        details=Caller(rights=rights, plan=rights.api),
    )
    return Known(identity, 0, "", min(over, ends), number)


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the token of `Authorization: Bearer …`."""
    header = headers.get("authorization")
    if header is None or header[: len(_BEARER)].lower() != _BEARER:
        return None
    return header[len(_BEARER) :].strip()
