"""The own account: what it is, its password, its second factor."""

from __future__ import annotations

from collections.abc import Sequence

from stratumd.plugin import iso
from stratumd.plugin.desk import Reading, Writing
from stratumd.plugin.partners import API, WEB, Plan
from stratumd.plugin.routes import Answer, Call, Endpoint, Refused
from stratumd_accounts import second, tokens
from stratumd_accounts.parts import OWN, TAG, Parts, me, require_fresh
from stratumd_accounts.passwords import check_password
from stratumd_accounts.rights import rights_of
from stratumd_accounts.rows import Account, Entitlement, Recovery, Session
from stratumd_accounts.sessions import LOGIN, SessionEndpoints
from stratumd_accounts.signup import set_password
from stratumd_accounts.views import (
    AccountView,
    Codes,
    EntitlementView,
    OneCode,
    PasswordChange,
    SessionView,
    TotpView,
    moment,
)

SECOND = "second"
"""What the throttle counts."""


class OwnEndpoints:
    """What the owner of an account sees and changes."""

    def __init__(self, parts: Parts, sessions: SessionEndpoints) -> None:
        self._parts = parts
        self._desk = parts.context.desk
        self._sessions = sessions

    def endpoints(self) -> Sequence[Endpoint]:
        """Return them."""
        account, totp = "/api/v1/account", "/api/v1/account/totp"
        return [
            Endpoint(
                method="GET", path=account, call=self.show, name="get_account", tag=TAG, summary="The own account",
                access=OWN, answers={200: AccountView},
            ),
            Endpoint(
                method="POST", path=f"{account}/password", call=self.change_password, name="change_password", tag=TAG,
                summary="Change the password", access=OWN, body=PasswordChange, answers={201: SessionView},
                description="Ends all other sessions; this one goes on under a new token.",
            ),
            Endpoint(
                method="POST", path=totp, call=self.begin_totp, name="begin_totp", tag=TAG, access=OWN,
                summary="Begin with a second factor: its secret is shown once", answers={201: TotpView},
            ),
            Endpoint(
                method="POST", path=f"{totp}/confirmation", call=self.confirm_totp, name="confirm_totp", tag=TAG,
                summary="Turn the second factor on, by its first code", access=OWN, body=OneCode, answers={201: Codes},
            ),
            Endpoint(
                method="DELETE", path=totp, call=self.remove_totp, name="remove_totp", tag=TAG,
                summary="Turn the second factor off", access=OWN, answers={204: None},
            ),
            Endpoint(
                method="POST", path=f"{account}/recovery-codes", call=self.renew_codes, name="renew_recovery_codes",
                tag=TAG, summary="Replace the recovery codes", access=OWN, answers={201: Codes},
            ),
        ]  # fmt: skip

    async def show(self, call: Call) -> Answer:
        """Show the account."""
        id = me(call).account
        view = await self._desk.read(lambda reading: account_view(self._parts, reading, id))
        if view is None:
            raise Refused(404, "There is no such account any more.")
        return Answer(body=view, headers={"cache-control": "no-store"})

    async def change_password(self, call: Call) -> Answer:
        """Set another password."""
        body: PasswordChange = call.body
        account = await self._sessions.with_password(call, body.current)
        check_password(body.new, account.email, self._parts.options.password_length)
        hash, made, id = await self._parts.passwords.hash(body.new), tokens.make(tokens.SESSION), me(call).credential

        def work(writing: Writing) -> Session:
            known = writing.get(Account, id=account.id)
            if known is None or known.password != account.password:
                raise Refused(409, "The password was changed meanwhile: log in again.")
            self._parts.throttle.forget(writing, LOGIN, account.email)
            session = self._sessions.renew(writing, id, made, None, call.client)
            writing.drop(Session, id=session.id)
            set_password(writing, known, hash)
            writing.put(session)
            return session

        session = await self._desk.write(work, call.act("accounts.change_password", account.id))
        await self._parts.mail.changed(account.email, "Your password was changed.")
        return self._sessions.renewed(call, session, made)

    # ---- the second factor

    async def begin_totp(self, call: Call) -> Answer:
        """Make a secret. It asks nothing of anybody until it is confirmed."""
        require_fresh(call)
        id, secret = me(call).account, second.new_secret()

        def work(writing: Writing) -> str:
            account = writing.get(Account, id=id)
            if account is None or self._parts.second.is_on(writing, id):
                raise Refused(409, "There is a second factor already: turn it off first.")
            self._parts.second.begin(writing, id, secret)
            return account.email

        email = await self._desk.write(work, call.act("accounts.begin_totp", id))
        view = TotpView(secret=secret, uri=second.uri(secret, email, self._issuer()))
        return Answer(status=201, body=view, headers={"cache-control": "no-store"})

    def _issuer(self) -> str:
        return self._parts.options.public_url.partition("://")[2]

    async def confirm_totp(self, call: Call) -> Answer:
        """Turn it on."""
        body: OneCode = call.body
        id, codes = me(call).account, second.new_codes()
        await self._parts.throttle.count(SECOND, client=call.client, address=id)

        def work(writing: Writing) -> str:
            account = writing.get(Account, id=id)
            if account is None or self._parts.second.is_on(writing, id):
                raise Refused(409, "The second factor is on already.")
            if not self._parts.second.confirm(writing, id, body.code):
                raise Refused(422, "The code is wrong: take the newest one, and check the phone's clock.")
            self._parts.throttle.forget(writing, SECOND, id)
            self._parts.second.renew_recovery(writing, id, codes)
            return account.email

        email = await self._desk.write(work, call.act("accounts.confirm_totp", id))
        await self._parts.mail.changed(email, "A second factor was turned on.")
        return Answer(status=201, body=Codes(recovery_codes=codes), headers={"cache-control": "no-store"})

    async def remove_totp(self, call: Call) -> Answer:
        """Turn it off."""
        require_fresh(call)
        id = me(call).account

        def work(writing: Writing) -> str:
            account = writing.get(Account, id=id)
            if account is None or not self._parts.second.remove(writing, id):
                raise Refused(404, "There is no second factor.")
            return account.email

        email = await self._desk.write(work, call.act("accounts.remove_totp", id))
        await self._parts.mail.changed(email, "Your second factor was turned off.")
        return Answer(status=204)

    async def renew_codes(self, call: Call) -> Answer:
        """Replace the recovery codes."""
        require_fresh(call)
        id, codes = me(call).account, second.new_codes()

        def work(writing: Writing) -> None:
            if not self._parts.second.is_on(writing, id):
                raise Refused(409, "There is no second factor: begin with one first.")
            self._parts.second.renew_recovery(writing, id, codes)

        await self._desk.write(work, call.act("accounts.renew_recovery_codes", id))
        return Answer(status=201, body=Codes(recovery_codes=codes), headers={"cache-control": "no-store"})


def account_view(parts: Parts, reading: Reading, id: str) -> AccountView | None:
    """Return an account as it is shown to its owner and to staff."""
    account = reading.get(Account, id=id)
    rights = rights_of(reading, id, parts.plans, parts.context.clock.now())
    if account is None or rights is None:
        return None
    return AccountView(
        id=id,
        email=account.email,
        role=account.role,
        created_at=iso(account.created_at),
        second_factor=parts.second.is_on(reading, id),
        recovery_codes=reading.count(Recovery, account=id),
        web=_entitlement(reading, id, WEB, rights.web),
        api=_entitlement(reading, id, API, rights.api) if rights.api is not None else None,
    )


def _entitlement(reading: Reading, account: str, kind: str, plan: Plan) -> EntitlementView:
    row = reading.get(Entitlement, account=account, kind=kind)
    until = row.until if row is not None and row.plan == plan.name else None
    return EntitlementView(plan=plan.name, title=plan.title, until=moment(until))
