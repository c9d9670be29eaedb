"""Some deliveries as one mail."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from stratumd.plugin import Delivery, Micros, to_datetime
from stratumd_email.wording import html, subject, text


def message(deliveries: Sequence[Delivery], sender: str, to: Sequence[str], now: Micros) -> EmailMessage:
    """Return the mail. The same deliveries always have the same `Message-ID`, so a repeat can be told."""
    signals = [delivery.signal for delivery in deliveries]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject(signals)
    mail["Date"] = format_datetime(to_datetime(now))
    mail["Message-ID"] = f"<{_id([delivery.id for delivery in deliveries])}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    mail.set_content(text(signals), cte="quoted-printable")
    mail.add_alternative(html(signals), subtype="html", cte="quoted-printable")
    return mail


def _id(ids: Sequence[str]) -> str:
    """Return the delivery's own id. Several are hashed: by one of theirs, another batch would pass for a repeat."""
    return ids[0] if len(ids) == 1 else hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32]
