"""Letters to one person: they leave by the daemon's notices, which a sink with `notices: true` sends."""

from __future__ import annotations

from stratumd.plugin import Micros, Notice
from stratumd.plugin.routes import RoutesContext
from stratumd_accounts.options import Options
from stratumd_accounts.rows import OneTime
from stratumd_accounts.tokens import digest, new_id, one_time

_SIGNATURE = "\n\nWho did not ask for this may leave it unread: nothing changes then."


class Mail:
    """Writes the letters."""

    def __init__(self, options: Options, context: RoutesContext) -> None:
        self._url = options.public_url
        self._context = context
        self.reaches_people = options.mail

    async def verification(self, email: str, token: str) -> None:
        """Ask whoever reads an address to confirm it."""
        link = self.link("verify", token)
        await self._send("address_verification", email, "Confirm your address", f"To confirm it, open\n\n{link}")

    async def known_already(self, email: str) -> None:
        """Tell somebody who signs up again that there is an account."""
        text = f"Somebody asked for an account with this address. There is one already: log in at {self._url}"
        await self._send("address_known", email, "You have an account already", text)

    async def reset(self, email: str, token: str) -> None:
        """Send the way to a new password."""
        text = f"To choose a new password, open\n\n{self.link('reset', token)}"
        await self._send("password_reset", email, "A new password", text)

    async def invitation(self, email: str, token: str) -> None:
        """Invite somebody to sign up."""
        text = f"You are invited. To make an account, open\n\n{self.link('sign-up', token)}"
        await self._send("invitation", email, "An invitation", text)

    async def changed(self, email: str, what: str) -> None:
        """Tell the owner of an account what was changed about how they log in."""
        if self.reaches_people:
            text = f"{what} If that was not you, choose a new password at once and write to us."
            await self._send("security", email, "Your account was changed", text, signature="")

    def link(self, page: str, token: str) -> str:
        """Return a link whose token no server's log holds: what follows the # is not sent."""
        return f"{self._url}/{page}#{token}"

    async def _send(self, kind: str, to: str, title: str, text: str, signature: str = _SIGNATURE) -> None:
        at = self._context.clock.now()
        notice = Notice(id=new_id(), kind=kind, title=title, text=text + signature, at=at, to=to)
        await self._context.notify(notice)


def one_time_token(
    purpose: str, *, expires_at: Micros, email: str, account: str = "", password: str = ""
) -> tuple[str, OneTime]:
    """Return a new token and the row that knows it."""
    token = one_time()
    row = OneTime(
        hash=digest(token),
        purpose=purpose,
        account=account,
        email=email,
        password=password,
        expires_at=expires_at,
    )
    return token, row
