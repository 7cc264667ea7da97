"""The pretend mail server speaks enough SMTP for the standard library's client, and says what it is told to."""

import asyncio
import smtplib
from collections.abc import AsyncIterator

import pytest

from sandbox.mail import MailServer


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    made = MailServer()
    await made.start()
    yield made
    await made.stop()


def send(port: int, text: str = "Subject: hello\n\n.\n..\nbye\n") -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="test", timeout=5) as client:
        return client.sendmail("a@acme.example", ["b@acme.example", "c@acme.example"], text)


async def test_what_is_handed_over_is_kept_byte_by_byte(server: MailServer) -> None:
    await asyncio.to_thread(send, server.port)
    (got,) = server.received
    assert (got.sender, got.recipients) == ("a@acme.example", ("b@acme.example", "c@acme.example"))
    assert got.content == b"Subject: hello\r\n\r\n.\r\n..\r\nbye\r\n"
    assert got.message["Subject"] == "hello"
    assert (got.encrypted, got.user) == (False, None)


async def test_a_fault_is_the_answer_to_its_command(server: MailServer) -> None:
    server.faults["RCPT"] = "550 nobody"
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await asyncio.to_thread(send, server.port)
    server.faults = {"CONNECT": "drop"}
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        await asyncio.to_thread(send, server.port)
    assert server.received == []
