"""Making an account, and getting back into one: sign-up, confirmation of the address, forgotten passwords."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import anyio
import msgspec

from stratumd.errors import StratumError
from stratumd.plugin import Micros, micros
from stratumd.plugin.desk import Act, Reading, Writing
from stratumd.plugin.routes import Answer, Call, Endpoint, Refused
from stratumd_accounts import texts, tokens
from stratumd_accounts.mail import one_time_token
from stratumd_accounts.options import SignUp
from stratumd_accounts.parts import TAG, Parts
from stratumd_accounts.passwords import check_password
from stratumd_accounts.rights import rise
from stratumd_accounts.rows import ACTIVE, INVITE, RESET, VERIFY, Account, OneTime
from stratumd_accounts.sessions import LOGIN, account_by_email, end_sessions
from stratumd_accounts.views import Accepted, OneTimeToken, Reset, ResetRequest
from stratumd_accounts.views import SignUp as SignUpBody

_WAITING = 1_000
"""Requests for a new password that are remembered until they are worked off."""
_USED_UP = "This link was used already, or is too old: ask for another one."
_WRITTEN = "If there is an account with this address, a letter to it is on its way."


class SignUpEndpoints:
    """What somebody does who is not logged in."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk = parts.context.desk
        self._asked: deque[str] = deque()
        self._news = anyio.Event()

    def endpoints(self) -> Sequence[Endpoint]:
        """Return them."""
        account = "/api/v1/account"
        return [
            Endpoint(
                method="POST", path=account, call=self.sign_up, name="sign_up", tag=TAG, summary="Make an account",
                description="201 where it can be used at once, 202 where the address has to be confirmed first.",
                body=SignUpBody, answers={201: Accepted, 202: Accepted},
            ),
            Endpoint(
                method="POST", path=f"{account}/verification", call=self.verify, name="verify_address", tag=TAG,
                summary="Confirm an address, by the token of a letter", body=OneTimeToken, answers={201: Accepted},
            ),
            Endpoint(
                method="POST", path=f"{account}/reset", call=self.ask_reset, name="request_reset", tag=TAG,
                summary="Ask for a letter with the way to a new password", body=ResetRequest, answers={202: Accepted},
                description="The answer is the same whether there is such an account or not.",
            ),
            Endpoint(
                method="PUT", path=f"{account}/reset", call=self.reset, name="reset_password", tag=TAG,
                summary="Set a new password, by the token of a letter", body=Reset, answers={204: None},
                description="Ends all sessions of the account. A second factor stays as it is.",
            ),
        ]  # fmt: skip

    # ---- sign-up

    async def sign_up(self, call: Call) -> Answer:
        """Make an account, or begin to where its address has to be confirmed."""
        body: SignUpBody = call.body
        if self._parts.options.sign_up is SignUp.OFF:
            raise Refused(403, "Accounts are made by whoever runs this service: write to them.")
        email = texts.address(body.email)
        check_password(body.password, email, self._parts.options.password_length)
        await self._parts.throttle.count("sign-up", client=call.client)
        hash = await self._parts.passwords.hash(body.password)
        if self._parts.mail.reaches_people:
            return await self._begin(call, email, hash, body.invitation)
        return await self._make(call, email, hash, body.invitation)

    async def _make(self, call: Call, email: str, hash: str, invitation: str | None) -> Answer:
        id = tokens.new_id()

        def work(writing: Writing) -> None:
            if account_by_email(writing, email) is not None:
                raise Refused(409, "There is an account with this address already: log in.")
            self._admit(writing, email, invitation)
            writing.put(new_account(id, email, hash, writing.at))

        await self._desk.write(work, Act(actor=f"account:{id}", action="accounts.sign_up", request_id=call.request_id))
        return Answer(status=201, body=Accepted(next="Log in."))

    async def _begin(self, call: Call, email: str, hash: str, invitation: str | None) -> Answer:
        """Write a letter in either case, so that the answer tells nobody who has an account."""
        until = call.at + micros(self._parts.options.verify_within)
        token, row = one_time_token(VERIFY, expires_at=until, email=email, password=hash)

        def work(writing: Writing) -> bool:
            self._admit(writing, email, invitation)
            writing.put(row)
            return account_by_email(writing, email) is not None

        if await self._desk.write(work):
            await self._parts.mail.known_already(email)
        else:
            await self._parts.mail.verification(email, token)
        return Answer(status=202, body=Accepted(next="Open the link in the letter that was sent to this address."))

    def _admit(self, writing: Writing, email: str, invitation: str | None) -> None:
        """Use up an invitation where one is needed."""
        if self._parts.options.sign_up is not SignUp.INVITE:
            return
        row = take(writing, invitation or "", INVITE)
        if row is None or row.email not in ("", email):
            raise Refused(403, "Accounts are for those who are invited: send a valid `invitation`.")

    async def verify(self, call: Call) -> Answer:
        """Make the account whose address is confirmed by this."""
        body: OneTimeToken = call.body
        await self._parts.throttle.count("verify", client=call.client)
        id = tokens.new_id()

        def work(writing: Writing) -> None:
            row = take(writing, body.token, VERIFY)
            if row is None or account_by_email(writing, row.email) is not None:
                raise Refused(422, _USED_UP)
            for other in writing.find(OneTime, email=row.email, purpose=VERIFY):
                writing.drop(OneTime, hash=other.hash)
            writing.put(new_account(id, row.email, row.password, writing.at))

        await self._desk.write(work, Act(actor=f"account:{id}", action="accounts.sign_up", request_id=call.request_id))
        return Answer(status=201, body=Accepted(next="Log in."))

    # ---- a forgotten password

    async def ask_reset(self, call: Call) -> Answer:
        """Remember the request; whether there is such an account is looked up later, so that nobody can measure it."""
        body: ResetRequest = call.body
        email = texts.address(body.email)
        await self._parts.throttle.count("reset", client=call.client)
        if len(self._asked) >= _WAITING:
            raise Refused(503, "Too many ask at the same time: try again in a moment.")
        self._asked.append(email)
        self._news.set()
        return Answer(status=202, body=Accepted(next=_WRITTEN))

    async def work_off(self) -> None:
        """Write the letters that were asked for, until cancelled."""
        while True:
            self._news = anyio.Event()
            while self._asked:
                await self._attempt(self._asked.popleft())
            await self._news.wait()

    async def _attempt(self, email: str) -> None:
        try:
            await self._write(email)
        except StratumError as error:
            self._parts.context.log.error("a letter could not be written", error=type(error).__name__)
        except Refused:
            self._parts.context.log.warning("too many letters to one address were asked for")

    async def _write(self, email: str) -> None:
        account = await self._desk.read(lambda reading: account_by_email(reading, email))
        if account is None:
            return
        await self._parts.throttle.count("reset", address=email)
        if not self._parts.mail.reaches_people:
            self._parts.context.log.warning("a password was to be reset, and no letters reach people: see `mail`")
            return
        token = await self.new_reset(account)
        await self._parts.mail.reset(email, token)

    async def new_reset(self, account: Account, act: Act | None = None) -> str:
        """Return a token for a new password, which is kept as a hash alone."""
        until = self._parts.context.clock.now() + micros(self._parts.options.reset_within)
        token, row = one_time_token(RESET, expires_at=until, email=account.email, account=account.id)
        await self._desk.write(lambda writing: writing.put(row), act)
        return token

    async def reset(self, call: Call) -> Answer:
        """Set a password."""
        body: Reset = call.body
        await self._parts.throttle.count("reset-token", client=call.client)
        known = await self._desk.read(lambda reading: find(reading, body.token, RESET, call.at))
        if known is None:
            raise Refused(422, _USED_UP)
        check_password(body.password, known.email, self._parts.options.password_length)
        hash = await self._parts.passwords.hash(body.password)

        def work(writing: Writing) -> None:
            row = take(writing, body.token, RESET)
            account = writing.get(Account, id=row.account) if row is not None else None
            if account is None:
                raise Refused(422, _USED_UP)
            self._parts.throttle.forget(writing, LOGIN, account.email)
            set_password(writing, account, hash)

        act = Act(actor=f"account:{known.account}", action="accounts.reset_password", request_id=call.request_id)
        await self._desk.write(work, act)
        self._parts.memory.forget()
        await self._parts.mail.changed(known.email, "Your password was set anew by a link from a letter.")
        return Answer(status=204)


def new_account(id: str, email: str, password: str, at: Micros, role: str = "") -> Account:
    """Return the row of a new account."""
    return Account(id=id, email=email, password=password, role=role, status=ACTIVE, created_at=at)


def set_password(writing: Writing, account: Account, hash: str) -> None:
    """Set a password: who knew the old one is logged out everywhere, and open links are closed."""
    writing.put(msgspec.structs.replace(account, password=hash))
    for row in writing.find(OneTime, email=account.email, purpose=RESET):
        writing.drop(OneTime, hash=row.hash)
    end_sessions(writing, account.id)
    rise(writing)


def find(reading: Reading, token: str, purpose: str, at: Micros) -> OneTime | None:
    """Return what a one-time token stands for, where it still does."""
    row = reading.get(OneTime, hash=tokens.digest(token))
    return row if row is not None and row.purpose == purpose and row.expires_at > at else None


def take(writing: Writing, token: str, purpose: str) -> OneTime | None:
    """Use up a one-time token."""
    row = find(writing, token, purpose, writing.at)
    if row is not None:
        writing.drop(OneTime, hash=row.hash)
    return row
