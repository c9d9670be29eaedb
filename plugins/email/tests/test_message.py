"""A mail says what happened, in both its forms, and carries nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import MINUTE, SECOND, Delivery, Signal
from stratumd.testing import samples
from stratumd_email.message import message
from stratumd_email.wording import html, subject, text

START = 1_784_000_000 * SECOND
SENDER, TO = "alerts@example.com", ["me@example.com", "you@example.org"]


def signal(**changes: Any) -> Signal:
    fields = {
        "id": "s1",
        "observed_at": START + 123,
        "commence_at": START + 120 * MINUTE,
        "home": "Bears",
        "away": "Foxes",
    }
    return samples.signal(**fields | changes)


def mail(*signals: Signal) -> Any:
    deliveries = [Delivery(f"d{number}", each) for number, each in enumerate(signals)]
    return message(deliveries, SENDER, TO, START)


def test_the_text_has_a_line_for_the_eye_and_the_rest_below() -> None:
    assert text([signal(expires_at=START + 5 * MINUTE)]) == (
        "MOVE  spreads  Bears ▲ 1  fanduel  strength 75\n"
        "  Foxes at Bears, starts 2026-07-14 05:33:20 UTC\n"
        "  seen 2026-07-14 03:33:20 UTC, worth acting on until 2026-07-14 03:38:20 UTC\n"
        "  books: fanduel\n"
        "  nba · s1\n"
    )


def test_signals_are_parted_by_an_empty_line() -> None:
    assert len(text([signal(), signal(), signal()]).split("\n\n")) == 3


def test_the_subject_of_one_signal_is_what_it_says() -> None:
    assert subject([signal()]) == "MOVE  spreads  Bears ▲ 1  fanduel  strength 75 · Foxes at Bears"


def test_the_subject_of_several_counts_them() -> None:
    assert subject([signal(), signal(type="STEAM"), signal(type="STEAM")]) == "3 signals: 2 STEAM, 1 MOVE"


def test_the_headers_say_who_when_and_that_nobody_need_answer() -> None:
    found = mail(signal())
    assert (found["From"], found["To"]) == (SENDER, "me@example.com, you@example.org")
    assert found["Date"] == "Tue, 14 Jul 2026 03:33:20 +0000"
    assert found["Message-ID"] == "<d0@example.com>"
    assert found["Auto-Submitted"] == "auto-generated"


def test_a_repeated_batch_has_the_same_id_and_another_one_does_not() -> None:
    """A mailbox that drops repeats must not drop a mail with one more signal in it."""
    ids = [mail(*[signal()] * count)["Message-ID"] for count in (1, 2, 3, 3)]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 3


def test_both_forms_say_the_same() -> None:
    found = mail(signal(home="Bären & Söhne"))
    plain, formatted = found.get_body(("plain",)).get_content(), found.get_body(("html",)).get_content()
    assert "Bären & Söhne ▲ 1" in plain
    assert "Bären &amp; Söhne ▲ 1" in formatted


def test_html_holds_no_markup_of_others() -> None:
    shown = html([signal(home="<script>alert(1)</script>", books=('"><img src=x>',))])
    assert "<script" not in shown
    assert "<img" not in shown


NAMES = st.text() | st.sampled_from(["\r\nBcc: x@example.com", "\x00", "\x1b[31m", "‮", "é" * 400, ".\r\n"])


@given(NAMES, NAMES, st.lists(NAMES, max_size=3))
def test_whatever_the_names_are_the_mail_is_one_mail(home: str, away: str, books: list[str]) -> None:
    """No header is added, no line is too long for SMTP, and everything is ASCII on the way."""
    found = mail(signal(home=home, away=away, books=tuple(books), outcome="home"))
    content = found.as_bytes()
    head = content.split(b"\r\n\r\n", 1)[0]
    names = re.findall(rb"^([A-Za-z-]+):", head, re.MULTILINE)
    assert len(names) == len(set(names)) == 8
    assert b"Bcc" not in names
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()


@pytest.mark.parametrize("count", [1, 50])
def test_a_subject_is_short(count: int) -> None:
    signals = [signal(home="x" * 400, type=f"TYPE_{number}") for number in range(count)]
    assert len(subject(signals)) == 150
