"""The sink `email`."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage

import anyio
from anyio import to_thread

from stratumd.errors import DeliveryError
from stratumd.plugin import Delivery, Notice, Sink
from stratumd_email.message import announcement, message
from stratumd_email.options import Options, is_address
from stratumd_email.sending import Sending

DEADLINE = 25.0
"""Seconds for everything from the connection to the server's word that it has the mail."""


class EmailSink(Sink):
    """Sends what is due as one mail."""

    name, config = "email", Options
    batch = 50
    expires = True
    notices = addresses = True
    options: Options

    async def deliver(self, deliveries: Sequence[Delivery]) -> str:
        """Send one mail and return its Message-ID. A mail that one recipient got counts as delivered."""
        mail = message(deliveries, self.options.sender, self.options.to, self.context.clock.now())
        await self._send(mail, self.options.to)
        return str(mail["Message-ID"])

    async def notify(self, notice: Notice) -> None:
        """Send a notice to whom it is for, or where the signals go."""
        if notice.to is not None and not is_address(notice.to):
            raise DeliveryError("the notice is for somebody whose mail address is none", permanent=True)
        to = self.options.to if notice.to is None else (notice.to,)
        await self._send(announcement(notice, self.options.sender, to, self.context.clock.now()), to)

    async def _send(self, mail: EmailMessage, to: Sequence[str]) -> None:
        sending = Sending(self.options, to)
        try:
            with anyio.fail_after(DEADLINE):
                refused = await to_thread.run_sync(sending.run, mail, abandon_on_cancel=True)
        except TimeoutError:
            raise DeliveryError(f"the mail server did not take the mail within {DEADLINE:g} s") from None
        finally:
            sending.abort()
        for recipient, (code, reply) in refused.items():
            self.context.log.warning(
                "recipient refused", recipient=recipient, code=code, reply=reply.decode("utf-8", "replace")
            )
