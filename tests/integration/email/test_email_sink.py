"""The sink `email` over SMTP: what arrives, and what every reply does to a delivery."""

from __future__ import annotations

import logging
import ssl
import subprocess
import traceback
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from shutil import which
from typing import Any

import anyio
import pytest
from anyio import to_thread
from anyio.from_thread import start_blocking_portal

from stratumd.errors import DeliveryError
from stratumd.plugin import Delivery
from stratumd.runtime.attempts import Target
from stratumd.runtime.delivery import Worker
from stratumd.runtime.states import State, States
from stratumd.testing.conformance import verify_sink
from stratumd.testing.smtp import FakeSmtp
from stratumd_email import sink as sinks
from stratumd_email.options import Options
from stratumd_email.sending import Sending
from stratumd_email.sink import EmailSink
from tests.unit.runtime.delivery_fakes import MemoryContext, MemoryLog, MemoryQueue, StillClock, make_signal

pytestmark = pytest.mark.anyio

PASSWORD = "canary-T0ken"
LOGINS = {"alerts": PASSWORD}


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp() as found:
        yield found


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost, with its key, that only trusts itself."""
    if which("openssl") is None:
        pytest.skip("needs the program openssl to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    key = path.with_suffix(".key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def make_sink(port: int, **options: Any) -> EmailSink:
    plain = {"host": "localhost", "port": port, "security": "none", "sender": "alerts@example.com"}
    checked = Options.model_validate(plain | {"to": ["me@example.com"]} | options)
    return EmailSink(checked, MemoryContext(log=MemoryLog()))


def deliveries(count: int) -> list[Delivery]:
    return [Delivery(f"d{number}", make_signal(f"s{number}", event=f"e{number}")) for number in range(count)]


async def failed(sink: EmailSink) -> DeliveryError:
    with pytest.raises(DeliveryError) as failure:
        await sink.deliver(deliveries(1))
    return failure.value


async def test_sends_what_is_due_as_one_mail(server: FakeSmtp) -> None:
    receipt = await make_sink(server.port, to=["me@example.com", "you@example.org"]).deliver(deliveries(3))
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("alerts@example.com", ("me@example.com", "you@example.org"))
    assert mail.message["Subject"] == "3 signals: 3 MOVE"
    assert mail.message["Message-ID"] == receipt
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert [f"nba · s{number}" in body.get_content() for number in range(3)] == [True] * 3


@pytest.mark.parametrize("implicit", [False, True])
async def test_logs_in_over_tls(tls: ssl.SSLContext, trusted: None, implicit: bool) -> None:
    login = {"user": "alerts", "password": PASSWORD, "security": "tls" if implicit else "starttls"}
    async with FakeSmtp(logins=LOGINS, tls=tls, implicit=implicit) as server:
        await make_sink(server.port, **login).deliver(deliveries(1))
    assert [(mail.user, mail.encrypted) for mail in server.mails] == [("alerts", True)]


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(tls: ssl.SSLContext, implicit: bool) -> None:
    login = {"user": "alerts", "password": PASSWORD, "security": "tls" if implicit else "starttls"}
    async with FakeSmtp(logins=LOGINS, tls=tls, implicit=implicit) as server:
        error = await failed(make_sink(server.port, **login))
    assert "certificate verify failed" in str(error)
    assert (error.permanent, error.disable) == (False, False)
    assert "AUTH" not in server.commands


async def test_a_certificate_of_another_host_gets_no_mail(tls: ssl.SSLContext, trusted: None) -> None:
    async with FakeSmtp(tls=tls) as server:
        error = await failed(make_sink(server.port, host="127.0.0.1", security="starttls"))
    assert "certificate verify failed" in str(error)
    assert server.mails == []


async def test_a_server_without_starttls_is_not_spoken_to_in_the_clear(server: FakeSmtp) -> None:
    error = await failed(make_sink(server.port, security="starttls"))
    assert error.disable
    assert "MAIL" not in server.commands


async def test_a_refused_login_disables(tls: ssl.SSLContext, trusted: None) -> None:
    async with FakeSmtp(logins=LOGINS, tls=tls) as server:
        error = await failed(make_sink(server.port, user="alerts", password="wrong", security="starttls"))
    assert error.disable
    assert "refuses the login (535 5.7.8 wrong user or password)" in str(error)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(("code", "permanent"), [(421, False), (450, False), (451, False), (550, True), (554, True)])
async def test_codes_from_500_on_are_final(server: FakeSmtp, command: str, code: int, permanent: bool) -> None:
    server.reply_next(command, code, "4.0.0 because")
    error = await failed(make_sink(server.port))
    assert (error.permanent, error.disable) == (permanent, False)
    assert f"{code} 4.0.0 because" in str(error)
    assert server.mails == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_server_that_wants_a_login_disables(server: FakeSmtp, command: str) -> None:
    server.reply_next(command, 530, "5.7.0 log in first")
    assert (await failed(make_sink(server.port))).disable


@pytest.mark.parametrize(("command", "code"), [("CONNECT", 421), ("CONNECT", 554), ("EHLO", 421)])
async def test_what_the_server_says_before_it_knows_the_mail_is_not_about_the_mail(
    server: FakeSmtp, command: str, code: int
) -> None:
    server.reply_next(command, code)
    server.reply_next("HELO", code)
    error = await failed(make_sink(server.port))
    assert (error.permanent, error.disable) == (False, False)


async def test_one_recipient_is_enough_and_the_refused_one_is_named(server: FakeSmtp) -> None:
    """A mail that was sent again would come twice to those who have it."""
    sink = make_sink(server.port, to=["gone@example.com", "me@example.com"])
    server.reply_next("RCPT", 550, "no such user")
    await sink.deliver(deliveries(1))
    assert server.mails[0].recipients == ("me@example.com",)
    log: Any = sink.context.log
    assert log.lines == [
        ("warning", "recipient refused", {"recipient": "gone@example.com", "code": 550, "reply": "no such user"})
    ]


async def test_a_recipient_that_may_be_taken_later_keeps_the_mail_alive(server: FakeSmtp) -> None:
    server.reply_next("RCPT", 550)
    server.reply_next("RCPT", 450)
    error = await failed(make_sink(server.port, to=["gone@example.com", "grey@example.com"]))
    assert not error.permanent


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("way", ["hang_at", "drip_at"])
async def test_no_mail_takes_longer_than_its_deadline(
    server: FakeSmtp, monkeypatch: pytest.MonkeyPatch, command: str, way: str
) -> None:
    monkeypatch.setattr(sinks, "DEADLINE", 0.2)
    getattr(server, way)(command)
    with anyio.fail_after(30):
        error = await failed(make_sink(server.port))
    assert "within 0.2 s" in str(error)
    assert (error.permanent, error.disable) == (False, False)


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_broken_connection_is_a_failure_that_passes(server: FakeSmtp, command: str) -> None:
    server.drop_at(command)
    error = await failed(make_sink(server.port))
    assert (error.permanent, error.disable) == (False, False)


@pytest.mark.parametrize("told", ["drop_at", "reply_next"])
async def test_how_the_server_says_goodbye_does_not_matter(server: FakeSmtp, told: str) -> None:
    getattr(server, told)("QUIT", *([500] if told == "reply_next" else []))
    await make_sink(server.port).deliver(deliveries(1))
    assert len(server.mails) == 1


async def test_what_is_given_up_leaves_no_thread_behind(server: FakeSmtp) -> None:
    """Ended from outside, the blocking client returns at once and not after its own patience."""
    server.hang_at("EHLO")
    sending = Sending(make_sink(server.port).options, ["b@example.com"])
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(ended, sending)
            await server.reached("EHLO")
            sending.abort()


async def ended(sending: Sending) -> None:
    with pytest.raises(DeliveryError):
        await to_thread.run_sync(sending.run, EmailMessage())


async def test_what_is_given_up_before_it_is_connected_is_not_sent_later(server: FakeSmtp) -> None:
    sending = Sending(make_sink(server.port).options, ["b@example.com"])
    sending.abort()
    await ended(sending)
    assert "MAIL" not in server.commands


async def test_no_server_at_all_is_a_failure_that_passes() -> None:
    async with FakeSmtp() as server:
        port = server.port
    error = await failed(make_sink(port))
    assert "cannot be reached" in str(error)
    assert (error.permanent, error.disable) == (False, False)


async def test_a_repeat_can_be_told(server: FakeSmtp) -> None:
    """The server took the mail, and its word for it was lost."""
    sink = make_sink(server.port)
    await sink.deliver(deliveries(2))
    await sink.deliver(deliveries(2))
    first, second = server.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]


async def test_dots_and_long_lines_arrive_as_they_were(server: FakeSmtp) -> None:
    signal = make_signal("s0", event="e0")
    await make_sink(server.port).deliver([Delivery("d0", type(signal)(**named(signal, ".", "x" * 3_000)))])
    body = server.mails[0].message.get_body(("plain",))
    assert body is not None
    assert f"{'x' * 3_000} at ." in body.get_content()


def named(signal: Any, home: str, away: str) -> dict[str, Any]:
    return {name: getattr(signal, name) for name in signal.__struct_fields__} | {"home": home, "away": away}


async def test_under_cores_delivery_nothing_is_lost(server: FakeSmtp) -> None:
    sink, queue, clock = make_sink(server.port), MemoryQueue(), StillClock()
    queue.add("mail", *(make_signal(f"s{number}", event=f"e{number}") for number in range(60)))
    states = States(clock.now)
    target = Target("mail", sink, "email", "1")
    worker = Worker(target, queue, states, clock=clock, log=MemoryLog(), chance=lambda: 1.0)
    server.reply_next("MAIL", 451, times=3)
    for _ in range(5):
        clock.advance((await worker.step()).seconds)
    assert queue.states() == ["delivered"] * 60
    assert [mail.message["Subject"] for mail in server.mails] == ["50 signals: 50 MOVE", "10 signals: 10 MOVE"]
    assert states.get("sink", "mail").state is State.OK


async def test_the_password_is_seen_nowhere(
    tls: ssl.SSLContext, trusted: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with FakeSmtp(logins={"alerts": "other"}, tls=tls) as server:
        sink = make_sink(server.port, user="alerts", password=PASSWORD, security="starttls")
        error = await failed(sink)
    seen = [
        "".join(traceback.format_exception(error)),
        repr(sink.options),
        *(each.getMessage() for each in caplog.records),
    ]
    assert not [text for text in seen if PASSWORD in text]


def test_conforms() -> None:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(FakeSmtp()) as server:
        options = {"host": "localhost", "port": server.port, "security": "none", "sender": "a@b.c", "to": ["d@e.f"]}
        assert [verdict for verdict in verify_sink(EmailSink, options) if verdict.problem] == []
        assert len(server.mails) == 5
