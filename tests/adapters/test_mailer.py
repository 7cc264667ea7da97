"""Mail over a real socket: encrypted where it can be, logged in, threaded, and impossible to smuggle a header into."""

import email
import ipaddress
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.adapters.mailer import SmtpMailer
from bot.ports import Later, Mail, Undeliverable
from sandbox.mail import MailServer
from tests.adapters.conftest import StoppedClock, Talk

SENDER = "portcullis@acme.example"
PASSWORD = "p@ss word/0123"
ANY_TLS = ssl.create_default_context()
pytestmark = pytest.mark.requirement("F14")
Start = Callable[..., Awaitable[MailServer]]
Raw = Callable[[Talk], Awaitable[str]]


def mail(**changes: Any) -> Mail:
    usual: dict[str, Any] = {
        "to": "ada@acme.example",
        "subject": "INC-7 · production · P0: the monitors say RED",
        "text": "production is RED: api answered 503\nSince 10:00\n.\n..dots",
        "id": "acme/page:INC-7/1/ada",
        "thread": "acme/INC-7",
        "urgent": True,
    }
    return Mail(**(usual | changes))


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[MailServer] = []

    async def made(**how: Any) -> MailServer:
        server = MailServer(**how)
        servers.append(server)
        await server.start()
        return server

    yield made
    for server in servers:
        await server.stop()


@pytest.fixture
def make(clock: StoppedClock) -> Any:
    mailers: list[SmtpMailer] = []

    def made(
        port: int, *, scheme: str = "smtp", login: str = "", host: str = "127.0.0.1", **how: Any
    ) -> SmtpMailer:
        mailer = SmtpMailer(SecretStr(f"{scheme}://{login}{host}:{port}"), SENDER, clock, **how)
        mailers.append(mailer)
        return mailer

    yield made
    for mailer in mailers:
        mailer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file; it vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return path


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def client_side(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def failure(mailer: SmtpMailer, **changes: Any) -> tuple[str, str]:
    try:
        await mailer.send(mail(**changes))
    except Later as later:
        return "later", later.code
    except Undeliverable as never:
        return "never", never.code
    return "sent", ""


async def test_a_page_arrives_as_plain_text_that_no_robot_answers(start: Start, make: Any) -> None:
    server = await start()
    await make(server.port).send(mail())
    (got,) = server.received
    assert (got.sender, got.recipients) == (SENDER, ("ada@acme.example",))
    message = got.message
    assert message["Subject"] == "INC-7 · production · P0: the monitors say RED"
    assert message.get_content().splitlines()[:4] == mail().text.splitlines()
    assert message.get_content_type() == "text/plain"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert message["Importance"] == "high"


async def test_all_of_one_incident_is_one_conversation(start: Start, make: Any) -> None:
    server = await start()
    mailer = make(server.port)
    await mailer.send(mail())
    await mailer.send(mail(id="acme/page:INC-7/2/ada", urgent=False))
    await mailer.send(mail())
    await mailer.send(mail(id="acme/page:INC-8/1/ada", thread="acme/INC-8"))
    first, second, again, other = (got.message for got in server.received)
    assert first["References"] == second["References"] == first["In-Reply-To"] != other["References"]
    assert first["Message-ID"] == again["Message-ID"] != second["Message-ID"]
    assert second["Importance"] is None


async def test_starttls_and_login_are_used_where_the_server_has_them(
    start: Start, make: Any, server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    server = await start(tls=server_side, login=("bot", PASSWORD))
    await make(server.port, login="bot:p%40ss%20word%2F0123@", context=client_side).send(mail())
    assert (server.received[0].encrypted, server.received[0].user) == (True, "bot")


async def test_smtps_is_encrypted_from_the_first_byte(
    start: Start, make: Any, server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    server = await start(tls=server_side, encrypted=True)
    await make(server.port, scheme="smtps", context=client_side).send(mail())
    assert server.received[0].encrypted


@pytest.mark.parametrize("encrypted", [True, False])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    start: Start, make: Any, server_side: ssl.SSLContext, encrypted: bool
) -> None:
    server = await start(tls=server_side, encrypted=encrypted)
    assert await failure(make(server.port, scheme="smtps" if encrypted else "smtp")) == ("later", "tls")
    assert server.received == []


async def test_a_login_is_told_to_no_server_in_the_clear(
    start: Start, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start(login=("bot", PASSWORD))
    assert await failure(make(server.port, login="bot:p%40ss%20word%2F0123@")) == ("sent", "")  # this machine
    monkeypatch.setattr("bot.adapters.mailer.is_loopback", lambda _: False)
    assert await failure(make(server.port, login="bot:p%40ss%20word%2F0123@")) == ("later", "no-tls")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("command", "answer", "expected"),
    [
        ("CONNECT", "554 go away", ("later", "smtp-554")),
        ("CONNECT", "drop", ("later", "disconnected")),
        ("EHLO", "drop", ("later", "disconnected")),
        ("MAIL", "550 no", ("never", "sender-refused")),
        ("MAIL", "451 later", ("later", "sender-refused")),
        ("RCPT", "550 nobody here by that name", ("never", "recipient-refused")),
        ("RCPT", "450 busy", ("later", "recipient-refused")),
        ("DATA", "554 no", ("never", "smtp-554")),
        ("END", "552 too much", ("never", "smtp-552")),
        ("END", "451 later", ("later", "smtp-451")),
        ("END", "drop", ("later", "disconnected")),
        ("QUIT", "drop", ("sent", "")),
    ],
)
async def test_what_the_server_says(
    start: Start, make: Any, command: str, answer: str, expected: tuple[str, str]
) -> None:
    server = await start()
    server.faults[command] = answer
    assert await failure(make(server.port)) == expected


async def test_a_wrong_password_is_for_an_operator_to_mend(start: Start, make: Any) -> None:
    server = await start(login=("bot", PASSWORD))
    with pytest.raises(Later) as raised:
        await make(server.port, login="bot:wrong@").send(mail())
    assert (raised.value.code, raised.value.after_seconds) == ("login-refused", 60.0)


async def test_nobody_listens(make: Any) -> None:
    assert await failure(make(1)) == ("later", "refused")


async def test_a_server_that_hangs_is_let_go(start: Start, make: Any) -> None:
    server = await start()
    server.faults["DATA"] = "hang"
    began = time.monotonic()
    assert await failure(make(server.port, limit=0.3)) == ("later", "timeout")
    assert time.monotonic() - began < 2


async def test_a_server_that_trickles_is_let_go_and_its_thread_is_free_again(raw: Raw, make: Any) -> None:
    import asyncio

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"2")
            await writer.drain()
            await asyncio.sleep(0.02)

    mailer = make(int((await raw(talk)).rpartition(":")[2]), limit=0.2)
    for _ in range(10):  # more than it has threads
        assert await failure(mailer) == ("later", "timeout")


@pytest.mark.parametrize(
    "to",
    [
        "ada",
        "ada@acme.example\r\nBcc: eve@evil.example",
        "ada@acme.example, eve@evil.example",
        "<x>@y",
        "a b@c.d",
        "",
    ],
)
async def test_what_is_no_address_is_sent_to_nobody(start: Start, make: Any, to: str) -> None:
    server = await start()
    assert await failure(make(server.port), to=to) == ("never", "bad-address")
    assert server.connections == 0


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it(start: Start, make: Any) -> None:
    server = await start()
    assert await failure(make(server.port), to="jürgen@acme.example") == ("never", "smtp-not-supported")


async def test_no_address_reaches_a_log_or_an_error(
    start: Start, make: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = await start()
    server.faults["RCPT"] = "550 ada@acme.example is not here"
    with pytest.raises(Undeliverable) as raised:
        await make(server.port).send(mail())
    said = "".join((*capfd.readouterr(), caplog.text, repr(raised.value), repr(raised.value.__cause__)))
    assert "ada@" not in said


TEXT = st.text(max_size=300) | st.sampled_from(
    [
        "x\r\nBcc: eve@evil.example",
        "x\nX-Evil: 1",
        "x\u2028Bcc: a@b.c",
        "x\x00\x0b\x85Bcc: a@b.c",
        "ü" * 300,
        "\ud800",
        "a" * 2000,
    ]
)
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "Importance",
    "X-Priority", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
}  # fmt: skip


@given(subject=TEXT, text=TEXT, own=TEXT, thread=TEXT)
def test_no_text_of_ours_can_begin_another_header(subject: str, text: str, own: str, thread: str) -> None:
    mailer = SmtpMailer(SecretStr("smtp://localhost"), SENDER, StoppedClock(), context=ANY_TLS)
    made = mailer._message(mail(subject=subject, text=text, id=own, thread=thread))
    read = email.message_from_bytes(made.as_bytes(), policy=SMTP)
    assert set(read.keys()) <= HEADERS
    assert [a.addr_spec for a in read["To"].addresses] == ["ada@acme.example"]
    assert len(read["Subject"]) <= 200
    assert max(len(line) for line in made.as_bytes().splitlines()) <= 998
    mailer.close()


@given(
    user=st.text("abcdefghijklmnopqrstuvwxyz0123456789._+-", min_size=1, max_size=64),
    labels=st.lists(st.text("abcdefghijklmnop", min_size=1, max_size=60), min_size=1, max_size=3),
)
def test_a_long_address_arrives_whole(user: str, labels: list[str]) -> None:
    to = f"{user}@{'.'.join(labels)}"
    mailer = SmtpMailer(
        SecretStr("smtp://localhost"), f"portcullis@{'.'.join(labels)}", StoppedClock(), context=ANY_TLS
    )
    read = email.message_from_bytes(mailer._message(mail(to=to)).as_bytes(), policy=SMTP)
    assert [a.addr_spec.replace('"', "") for a in read["To"].addresses] == [to]
    assert len(read["Message-ID"]) < 76
    mailer.close()
