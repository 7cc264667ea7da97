"""Sends mail by SMTP: plain text, encrypted wherever the server can, and bounded in time. No address is ever logged."""

import asyncio
import contextlib
import hashlib
import re
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from bot.adapters.failures import code_of
from bot.adapters.oci_names import is_loopback
from bot.ports import Clock, Later, Mail, Undeliverable

LIMIT: Final = 30.0  # seconds for one message
STEP_LIMIT: Final = 10.0  # seconds for one answer of the server
AT_ONCE: Final = 8  # a server that hangs holds its threads, and no others
MOST_SUBJECT: Final = 200
MOST_TEXT: Final = 100_000
_LONGEST_DOMAIN: Final = 40
_MEND: Final = 60.0  # seconds: an operator has to mend it
_PORTS: Final = {"smtp": 587, "smtps": 465}
_READY, _PERMANENT = 220, 500
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS: Final = re.compile(
    r"[^@\s<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[^@\s<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,255}"
)


@dataclass(frozen=True, slots=True)
class _Server:
    """Where mail is handed over, by PORTCULLIS_SMTP_URL."""

    host: str
    port: int
    encrypted: bool
    user: str | None
    password: SecretStr | None

    @classmethod
    def of(cls, url: SecretStr) -> "_Server":
        parts = urlsplit(url.get_secret_value())
        return cls(
            host=parts.hostname or "",
            port=parts.port or _PORTS[parts.scheme],
            encrypted=parts.scheme == "smtps",
            user=unquote(parts.username) if parts.username else None,
            password=SecretStr(unquote(parts.password)) if parts.password else None,
        )


@dataclass(slots=True)
class _Sending:
    """One message on its way in a thread; `abort` makes whatever it waits for fail."""

    client: smtplib.SMTP | None = None
    aborted: bool = field(default=False)

    def holds(self, client: smtplib.SMTP) -> smtplib.SMTP:
        """The client, known from now on."""
        self.client = client
        if self.aborted:
            raise TimeoutError
        return client

    def abort(self) -> None:
        """Not `close`: that waits for the very thread that is to be woken."""
        self.aborted = True
        socket_ = None if self.client is None else self.client.sock
        if socket_ is not None:
            with contextlib.suppress(OSError, ValueError):
                socket_.shutdown(socket.SHUT_RDWR)


class SmtpMailer:
    """Implements ports.Mailer.

    STARTTLS is used where the server offers it, and its certificate has to be good; a login is never told to a server
    in the clear, unless that is this machine.
    """

    def __init__(
        self,
        url: SecretStr,
        sender: str,
        clock: Clock,
        *,
        context: ssl.SSLContext | None = None,
        limit: float = LIMIT,
        step_limit: float = STEP_LIMIT,
    ) -> None:
        """`url`: smtp:// or smtps://. `limit`: seconds for a whole message, `step_limit` for each answer."""
        self._server = _Server.of(url)
        self._sender = sender
        self._domain = _domain(sender)
        self._clock = clock
        self._context = context or ssl.create_default_context()
        self._limit = limit
        self._step_limit = step_limit
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mail")

    async def send(self, mail: Mail) -> None:
        """Hand a message to the server. Raises Later or Undeliverable."""
        message = self._message(mail)
        sending = _Sending()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limit):
                await loop.run_in_executor(self._pool, self._hand_over, sending, message, mail.to)
        except smtplib.SMTPException as error:
            raise _verdict(error) from None
        except (OSError, ValueError) as error:
            raise Later(code_of(error)) from None
        finally:
            sending.abort()  # ends what a cancelled wait has left in its thread

    def close(self) -> None:
        """Send no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _message(self, mail: Mail) -> EmailMessage:
        """The message, in which no text of ours can begin another header."""
        if not _ADDRESS.fullmatch(mail.to):
            raise Undeliverable("bad-address")
        user, _, domain = mail.to.rpartition("@")
        message = EmailMessage(policy=SMTP)
        message["From"] = Address("Portcullis", *_halves(self._sender))
        message["To"] = Address("", user, domain)
        message["Subject"] = _line(mail.subject)
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = own = self._id(mail.id)
        if mail.thread is not None and (thread := self._id(mail.thread)) != own:
            message["In-Reply-To"] = thread
            message["References"] = thread
        message["Auto-Submitted"] = "auto-generated"
        if mail.urgent:
            message["Importance"] = "high"
            message["X-Priority"] = "1"
        message.set_content(_plain(mail.text), cte="quoted-printable")
        return message

    def _id(self, name: str) -> str:
        """The same for the same name, and short: a long one would be folded in ways that not everybody reads."""
        return f"<{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:24]}@{self._domain}>"

    def _hand_over(self, sending: _Sending, message: EmailMessage, to: str) -> None:
        """Runs in a thread. Raises what smtplib and the system raise."""
        client = sending.holds(self._client())
        try:
            status, _ = client.connect(self._server.host, self._server.port)
            if status != _READY:
                raise smtplib.SMTPConnectError(status, b"")
            client.ehlo_or_helo_if_needed()
            self._secure(client)
            if self._server.user is not None:
                password = self._server.password
                client.login(self._server.user, password.get_secret_value() if password else "")
            client.send_message(message, self._sender, [to])
            _say_goodbye(client)
        finally:
            client.close()

    def _client(self) -> smtplib.SMTP:
        """Not connected yet, so that it can be closed while it connects. It names the sender's domain: what this
        machine is called would have to be looked up, and is nobody's business."""
        name, seconds = self._domain, self._step_limit
        if self._server.encrypted:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                local_hostname=name, timeout=seconds, context=self._context
            )
        else:
            client = smtplib.SMTP(local_hostname=name, timeout=seconds)
        client._host = self._server.host  # type: ignore[attr-defined]  # noqa: SLF001 -- else TLS has no name to check
        return client

    def _secure(self, client: smtplib.SMTP) -> None:
        if self._server.encrypted:
            return
        if client.has_extn("starttls"):
            client.starttls(context=self._context)
            client.ehlo()
        elif self._server.user is not None and not is_loopback(self._server.host):
            raise smtplib.SMTPNotSupportedError("no-tls")


def _say_goodbye(client: smtplib.SMTP) -> None:
    """The message is the server's by now, whatever becomes of the connection."""
    try:
        client.quit()
    except (smtplib.SMTPException, OSError):
        return


def _verdict(error: smtplib.SMTPException) -> Later | Undeliverable:
    """Whether trying again can help. The server's words are dropped: they hold addresses."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return _by_status("recipient-refused", min((s for s, _ in error.recipients.values()), default=0))
        case smtplib.SMTPSenderRefused():
            return _by_status("sender-refused", error.smtp_code)
        case smtplib.SMTPAuthenticationError():
            return Later("login-refused", _MEND)
        case smtplib.SMTPDataError():
            return _by_status(f"smtp-{error.smtp_code}", error.smtp_code)
        case smtplib.SMTPNotSupportedError() if error.args == ("no-tls",):
            return Later("no-tls", _MEND)
        case smtplib.SMTPNotSupportedError():
            return Undeliverable("smtp-not-supported")
        case smtplib.SMTPResponseException():
            return Later(f"smtp-{error.smtp_code}")
    return Later("disconnected")


def _by_status(code: str, status: int) -> Later | Undeliverable:
    return Undeliverable(code) if status >= _PERMANENT else Later(code)


def _halves(address: str) -> tuple[str, str]:
    user, _, domain = address.rpartition("@")
    return user, domain


def _domain(sender: str) -> str:
    """The sender's domain as ids and greetings carry it; a very long one, or one beyond ASCII, is stood in for."""
    domain = _halves(sender)[1]
    return domain if domain.isascii() and len(domain) <= _LONGEST_DOMAIN else "portcullis.invalid"


def _line(text: str) -> str:
    """One line without control characters, of bounded length."""
    line = " ".join(_CONTROLS.sub(" ", _whole(text)).split())
    return line if len(line) <= MOST_SUBJECT else line[: MOST_SUBJECT - 1] + "…"


def _plain(text: str) -> str:
    """Text without control characters other than the ends of lines."""
    lines = _whole(text)[:MOST_TEXT].splitlines()
    return "\n".join(_CONTROLS.sub(" ", line) for line in lines) + "\n"


def _whole(text: str) -> str:
    """Without halves of characters, which no message can hold."""
    return text.encode("utf-8", "replace").decode()
