"""Some deliveries as one mail."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from stratumd.plugin import Delivery, Micros, Notice, Severity, to_datetime
from stratumd_email.wording import heading, html, subject, text


def message(deliveries: Sequence[Delivery], sender: str, to: Sequence[str], now: Micros) -> EmailMessage:
    """Return the mail. The same deliveries always have the same `Message-ID`, so a repeat can be told."""
    signals = [delivery.signal for delivery in deliveries]
    mail = _headed(subject(signals), _id([delivery.id for delivery in deliveries]), sender, to, now)
    mail.set_content(text(signals), cte="quoted-printable")
    mail.add_alternative(html(signals), subtype="html", cte="quoted-printable")
    return mail


def announcement(notice: Notice, sender: str, to: Sequence[str], now: Micros) -> EmailMessage:
    """Return the mail of a notice, with a `Message-ID` that it always has. The subject says how much it matters."""
    quiet = notice.resolved or notice.severity is Severity.INFO
    about = notice.title if quiet else f"[{notice.severity}] {notice.title}"
    id = hashlib.sha256(f"notice {notice.id}".encode()).hexdigest()[:32]
    mail = _headed(heading(about), id, sender, to, now)
    mail.set_content(notice.text.rstrip() + "\n", cte="quoted-printable")
    return mail


def _headed(subject: str, id: str, sender: str, to: Sequence[str], now: Micros) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(to_datetime(now))
    mail["Message-ID"] = f"<{id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    return mail


def _id(ids: Sequence[str]) -> str:
    """Return the delivery's own id. Several are hashed: by one of theirs, another batch would pass for a repeat."""
    return ids[0] if len(ids) == 1 else hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32]
