"""Logging in and out: `/api/v1/session` and `/api/v1/account/sessions`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stratumd.plugin import Micros, micros
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.routes import Answer, Call, Endpoint, Refused
from stratumd_accounts import texts, tokens
from stratumd_accounts.parts import OWN, TAG, Parts, me
from stratumd_accounts.rights import rise
from stratumd_accounts.rows import SUSPENDED, Account, Session, Use
from stratumd_accounts.views import Login, Sessions, SessionView, StepUp, session_view

MOST = 50
"""Sessions of an account: the oldest ends where there is one more. To end all of them at once must stay cheap."""
LOGIN = "login"
"""What the throttle counts."""
_WRONG = "The address or the password is wrong."
_WRONG_CODE = "The code is wrong, or was used before."
_CODE_WANTED = "This account has a second factor: send `code` or `recovery_code` as well."


class SessionEndpoints:
    """Sessions of people."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk = parts.context.desk
        self._length = micros(parts.options.sessions.length)
        self._fresh = micros(parts.options.sessions.fresh)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return them."""
        session, sessions = "/api/v1/session", "/api/v1/account/sessions"
        return [
            Endpoint(
                method="POST", path=session, call=self.login, name="log_in", tag=TAG, summary="Log in",
                description="With a second factor, `code` or `recovery_code` is needed too: without, the answer is 401 "
                "with `second_factor: required`.",
                body=Login, answers={201: SessionView},
            ),
            Endpoint(
                method="GET", path=session, call=self.show, name="get_session", tag=TAG, summary="The present session",
                access=OWN, answers={200: SessionView},
            ),
            Endpoint(
                method="DELETE", path=session, call=self.logout, name="log_out", tag=TAG, summary="Log out",
                access=OWN, answers={204: None},
            ),
            Endpoint(
                method="POST", path=f"{session}/fresh", call=self.step_up, name="refresh_login", tag=TAG,
                summary="Show the password once more, for what is sensitive", access=OWN, body=StepUp,
                description="The session goes on under a new token.", answers={201: SessionView},
            ),
            Endpoint(
                method="GET", path=sessions, call=self.list, name="list_sessions", tag=TAG,
                summary="Where the account is logged in", access=OWN, answers={200: Sessions},
            ),
            Endpoint(
                method="DELETE", path=sessions, call=self.logout_everywhere, name="log_out_everywhere", tag=TAG,
                summary="Log out everywhere", access=OWN, answers={204: None},
            ),
            Endpoint(
                method="DELETE", path=f"{sessions}/{{session}}", call=self.end, name="end_session", tag=TAG,
                summary="Log out somewhere else", access=OWN, answers={204: None},
            ),
        ]  # fmt: skip

    async def login(self, call: Call) -> Answer:
        """Check password and second factor, and begin a session: always a new one."""
        body: Login = call.body
        self._parts.cookies.check_origin(call)
        email = texts.address(body.email)
        await self._parts.throttle.count(LOGIN, client=call.client, address=email)
        account = await self._desk.read(lambda reading: account_by_email(reading, email))
        if not await self._parts.passwords.matches(account.password if account else None, body.password) or not account:
            raise Refused(401, _WRONG)
        if account.status == SUSPENDED:
            raise Refused(403, "This account is suspended: write to whoever runs this service.")
        made, fresh_hash = tokens.make(tokens.SESSION), await self._fresh_hash(account, body.password)

        def begin(writing: Writing) -> Session:
            known = writing.get(Account, id=account.id)
            if known is None or known.password != account.password:
                raise Refused(401, _WRONG)
            second = self._second(writing, account.id, body.code, body.recovery_code)
            if fresh_hash is not None:
                writing.put(msgspec.structs.replace(known, password=fresh_hash))
            self._parts.throttle.forget(writing, LOGIN, email)
            return self._begin(writing, made, account.id, second, call.client, writing.at + self._length)

        session = await self._desk.write(begin)
        self._parts.context.log.info("somebody logged in", account=account.id, session=session.id)
        return self._opened(session, made.token, by_cookie=body.keep == "cookie")

    async def _fresh_hash(self, account: Account, password: str) -> str | None:
        """Hash the password anew where the file's parameters are others by now."""
        if not self._parts.passwords.is_outdated(account.password):
            return None
        return await self._parts.passwords.hash(password)

    def _second(self, writing: Writing, account: str, code: str | None, recovery: str | None) -> str:
        """Use up a code where one is needed, and return which kind it was."""
        second = self._parts.second
        if not second.is_on(writing, account):
            return ""
        if code is None and recovery is None:
            raise Refused(401, _CODE_WANTED, second_factor="required")
        if code is not None and second.take(writing, account, code):
            return "totp"
        if recovery is not None and second.take_recovery(writing, account, recovery):
            return "recovery"
        raise Refused(401, _WRONG_CODE, second_factor="wrong")

    def _begin(
        self, writing: Writing, made: tokens.Made, account: str, second: str, client: str, expires_at: Micros
    ) -> Session:
        older = writing.find(Session, account=account, order=("created_at", "id"), newest=True)
        for each in older[MOST - 1 :]:
            end_session(writing, each.id)
        session = Session(
            id=made.id,
            account=account,
            hash=made.hash,
            created_at=writing.at,
            expires_at=expires_at,
            fresh_until=writing.at + self._fresh,
            second=second,
            client=client,
        )
        writing.put(session)
        return session

    def _opened(self, session: Session, token: str, *, by_cookie: bool) -> Answer:
        """Answer with the new token: in a cookie that no script reads, or once in the body."""
        if not by_cookie:
            return Answer(status=201, body=session_view(session, current=True, token=token), headers=_NOT_KEPT)
        view = session_view(session, current=True, csrf=self._parts.cookies.csrf(session.id))
        cookie = self._parts.cookies.set(token, session.expires_at - session.created_at)
        return Answer(status=201, body=view, headers={"set-cookie": cookie, **_NOT_KEPT})

    async def show(self, call: Call) -> Answer:
        """Show the session, and by cookie what its requests have to send."""
        id = me(call).credential
        session = await self._desk.read(lambda reading: reading.get(Session, id=id))
        if session is None:
            raise Refused(401, "You are not logged in any more: log in again.")
        csrf = None if "authorization" in call.headers else self._parts.cookies.csrf(id)
        return Answer(body=session_view(session, current=True, csrf=csrf), headers=_NOT_KEPT)

    async def logout(self, call: Call) -> Answer:
        """End this session."""
        id = me(call).credential
        await self._desk.write(lambda writing: end_session(writing, id))
        self._parts.memory.forget()
        return Answer(status=204, headers={"set-cookie": self._parts.cookies.clear()})

    async def logout_everywhere(self, call: Call) -> Answer:
        """End all sessions of the account."""
        account = me(call).account
        await self._desk.write(lambda writing: end_sessions(writing, account), call.act("session.end_all", account))
        self._parts.memory.forget()
        return Answer(status=204, headers={"set-cookie": self._parts.cookies.clear()})

    async def step_up(self, call: Call) -> Answer:
        """Check the password once more. The token is another one afterwards, so that a stolen one gains nothing."""
        body: StepUp = call.body
        who = me(call)
        account = await self.with_password(call, body.password)
        made = tokens.make(tokens.SESSION)

        def renew(writing: Writing) -> Session:
            second = self._second(writing, account.id, body.code, body.recovery_code)
            self._parts.throttle.forget(writing, LOGIN, account.email)
            return self.renew(writing, who.credential, made, second, call.client)

        session = await self._desk.write(renew)
        return self.renewed(call, session, made)

    async def with_password(self, call: Call, password: str) -> Account:
        """Return the caller's account where the password is right. It counts as a try to log in."""
        id = me(call).account
        account = await self._desk.read(lambda reading: reading.get(Account, id=id))
        email = account.email if account is not None else ""
        await self._parts.throttle.count(LOGIN, client=call.client, address=email)
        if not await self._parts.passwords.matches(account.password if account else None, password) or not account:
            raise Refused(403, "The password is wrong.")
        return account

    def renew(self, writing: Writing, id: str, made: tokens.Made, second: str | None, client: str) -> Session:
        """Replace a session by one with another token, that counts as fresh; `second` None keeps what was shown."""
        known = writing.get(Session, id=id)
        if known is None:
            raise Refused(401, "You are not logged in any more: log in again.")
        end_session(writing, id)
        kept = known.second if second is None else second
        return self._begin(writing, made, known.account, kept, client, known.expires_at)

    def renewed(self, call: Call, session: Session, made: tokens.Made) -> Answer:
        """Answer with the new token, in the way in which the old one came."""
        self._parts.memory.forget()
        return self._opened(session, made.token, by_cookie="authorization" not in call.headers)

    async def list(self, call: Call) -> Answer:
        """List the account's sessions, the newest first."""
        who = me(call)

        def work(reading: Reading) -> list[SessionView]:
            found = reading.find(Session, account=who.account, order=("created_at", "id"), newest=True)
            return [
                session_view(each, current=each.id == who.credential, last_seen=self._seen(reading, each))
                for each in found
                if each.expires_at > call.at
            ]

        return Answer(body=Sessions(items=await self._desk.read(work)))

    def _seen(self, reading: Reading, session: Session) -> Micros:
        use = reading.get(Use, credential=session.id)
        return max(use.at if use is not None else session.created_at, self._parts.credentials.used.get(session.id, 0))

    async def end(self, call: Call) -> Answer:
        """End one of the account's sessions."""
        account, id = me(call).account, call.params["session"]

        def work(writing: Writing) -> None:
            session = writing.get(Session, id=id)
            if session is None or session.account != account:
                raise Refused(404, "There is no such session.")
            end_session(writing, id)

        await self._desk.write(work, call.act("session.end", account))
        self._parts.memory.forget()
        return Answer(status=204)


_NOT_KEPT = {"cache-control": "no-store"}


def account_by_email(reading: Reading, email: str) -> Account | None:
    """Return the account with this address, which is written as `texts.address` writes it."""
    found = reading.find(Account, email=email, limit=1)
    return found[0] if found else None


def end_session(writing: Writing, id: str) -> None:
    """End a session: its token is worth nothing from now on."""
    if writing.drop(Session, id=id):
        writing.drop(Use, credential=id)
        rise(writing)


def end_sessions(writing: Writing, account: str) -> None:
    """End all sessions of an account."""
    for session in writing.find(Session, account=account):
        end_session(writing, session.id)
