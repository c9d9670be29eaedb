"""Sending a mail with the standard library's client, which blocks: in a thread, with a way to end it."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

from stratumd.errors import DeliveryError
from stratumd_email.options import Options

STEP = 10.0
"""Seconds that the server may be silent at one step."""
_REFUSED_LOGINS = frozenset({530, 534, 535, 538})
"""Replies that ask for a login, or for another one (RFC 4954)."""

Refused = Mapping[str, tuple[int, bytes]]
"""Recipients that the server did not take, each with its reply."""


class Sending:
    """One mail on its way. `run` blocks; `abort` may be called from another thread."""

    def __init__(self, options: Options, to: Sequence[str]) -> None:
        self._options = options
        self._to = to
        self._client: smtplib.SMTP | None = None
        self._aborted = False

    def run(self, mail: EmailMessage) -> Refused:
        """Send `mail` and return the recipients that were refused while others were not. `DeliveryError` else."""
        try:
            return self._run(mail)
        except smtplib.SMTPException as error:
            raise failure(error) from error
        except OSError as error:
            raise DeliveryError(f"the mail server cannot be reached ({error})") from error

    def abort(self) -> None:
        """End `run` wherever it stands, by ending its connection. After its end this does nothing."""
        self._aborted = True
        sock: socket.socket | None = getattr(self._client, "sock", None)
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # beneath TLS, which `run` may be in the midst of

    def _run(self, mail: EmailMessage) -> Refused:
        options = self._options
        client = self._connected()
        try:
            if self._aborted:  # while there was no connection to end
                raise DeliveryError("given up before the mail server answered")
            if options.security == "starttls":
                client.starttls(context=ssl.create_default_context())
            if options.user is not None and options.password is not None:
                client.login(options.user, options.password.reveal())
            refused = client.send_message(mail, options.sender, self._to)
            with suppress(OSError):  # the mail is taken; how the server says goodbye changes nothing
                client.quit()
            return refused
        finally:
            client.close()

    def _connected(self) -> smtplib.SMTP:
        host, port = self._options.host, self._options.server_port
        if self._options.security == "tls":
            return _VisibleTls(self, host, port, timeout=STEP, context=ssl.create_default_context())
        return _Visible(self, host, port, timeout=STEP)

    def see(self, client: smtplib.SMTP) -> None:
        """Remember the client that is about to connect."""
        self._client = client


class _Visible(smtplib.SMTP):
    """Connects while it is built, and by then can be aborted already."""

    def __init__(self, sending: Sending, *arguments: Any, **options: Any) -> None:
        sending.see(self)
        super().__init__(*arguments, **options)


class _VisibleTls(smtplib.SMTP_SSL):
    def __init__(self, sending: Sending, *arguments: Any, **options: Any) -> None:
        sending.see(self)
        super().__init__(*arguments, **options)


def failure(error: smtplib.SMTPException) -> DeliveryError:
    """Say what an error means: replies from 500 on to a mail are final, a refused login needs its operator."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return DeliveryError(f"the mail server lacks what the options ask for ({error})", disable=True)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _nobody_accepted(error.recipients)
    if not isinstance(error, smtplib.SMTPResponseException):
        return DeliveryError(f"the mail server broke off ({error})")
    said = f"{error.smtp_code} {_reply(error.smtp_error)}"
    if error.smtp_code in _REFUSED_LOGINS:
        return DeliveryError(f"the mail server refuses the login ({said})", disable=True)
    about_the_mail = isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
    return DeliveryError(f"the mail server answered {said}", permanent=about_the_mail and error.smtp_code >= 500)


def _nobody_accepted(recipients: Refused) -> DeliveryError:
    codes = [code for code, _ in recipients.values()]
    code, text = next(iter(recipients.values()))
    if all(each in _REFUSED_LOGINS for each in codes):
        return DeliveryError(f"the mail server refuses the login ({code} {_reply(text)})", disable=True)
    message = f"the mail server took none of the recipients ({code} {_reply(text)})"
    return DeliveryError(message, permanent=all(each >= 500 for each in codes))


def _reply(text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(shown.split())[:200]
