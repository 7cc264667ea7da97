"""A small SMTP receiver on loopback: EHLO, STARTTLS, logins, what goes wrong by order, and every message it took."""

import asyncio
import base64
import binascii
import contextlib
import email
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

_LONGEST_LINE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message: its envelope, its bytes, and whether it came encrypted and after a login."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        """The message, read."""
        found = email.message_from_bytes(self.content, policy=SMTP)
        assert isinstance(found, EmailMessage)  # noqa: S101 -- the policy makes it one
        return found


@dataclass(slots=True)
class _Talk:
    """One connection's state."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    encrypted: bool
    user: str | None = None
    sender: str = ""
    recipients: list[str] = field(default_factory=list)

    async def say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()

    async def hear(self) -> str:
        line = await self.reader.readline()
        if not line:
            raise ConnectionError
        return line.decode("utf-8", "replace").rstrip("\r\n")


class MailServer:
    """Takes mail on a free port of loopback.

    `faults` maps a command (CONNECT, EHLO, MAIL, RCPT, DATA, END) to the answer that it gets instead, such as
    `451 later`; `hang` and `drop` are answers, too. `tls` offers STARTTLS or, with `encrypted`, begins with it.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        encrypted: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.received: list[Received] = []
        self.faults: dict[str, str] = {}
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._encrypted = encrypted
        self._login = login
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Listen; on any free port, unless one is named."""
        context = self._tls if self._encrypted else None
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", port, ssl=context, limit=_LONGEST_LINE
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and hang up."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a callback of the server runs in one
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve(_Talk(reader, writer, encrypted=self._encrypted))
        except (OSError, asyncio.CancelledError, ValueError):
            pass  # whoever hung up, or was hung up on
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, talk: _Talk) -> None:
        if not await self._fails(talk, "CONNECT"):
            await talk.say("220 sandbox ready")
        while True:
            verb, _, rest = (await talk.hear()).partition(" ")
            verb = verb.upper()
            if await self._fails(talk, verb):
                continue
            match verb:
                case "EHLO" | "HELO":
                    await self._greet(talk)
                case "STARTTLS" if self._tls is not None:
                    await talk.say("220 go ahead")
                    await talk.writer.start_tls(self._tls)
                    talk.encrypted = True
                case "AUTH" if self._login is not None:
                    await self._admit(talk, rest)
                case "QUIT":
                    await talk.say("221 bye")
                    return
                case _:
                    await self._mail(talk, verb, rest)

    async def _greet(self, talk: _Talk) -> None:
        offers = ["sandbox", "8BITMIME"]
        offers += ["STARTTLS"] if self._tls is not None and not talk.encrypted else []
        offers += ["AUTH PLAIN"] if self._login is not None else []
        for offer in offers[:-1]:
            await talk.say(f"250-{offer}")
        await talk.say(f"250 {offers[-1]}")

    async def _admit(self, talk: _Talk, rest: str) -> None:
        try:
            said = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1:]
        except (binascii.Error, UnicodeDecodeError):
            said = []
        if self._login is not None and said == [*self._login]:
            talk.user = self._login[0]
            await talk.say("235 welcome")
        else:
            await talk.say("535 no")

    async def _mail(self, talk: _Talk, verb: str, rest: str) -> None:
        match verb:
            case "MAIL":
                talk.sender, talk.recipients = _address(rest), []
                await talk.say("250 ok")
            case "RCPT":
                talk.recipients.append(_address(rest))
                await talk.say("250 ok")
            case "DATA":
                await talk.say("354 go ahead")
                content = await _content(talk.reader)
                if not await self._fails(talk, "END"):
                    self._keep(talk, content)
                    await talk.say("250 kept")
            case "RSET" | "NOOP":
                await talk.say("250 ok")
            case _:
                await talk.say("500 what?")

    def _keep(self, talk: _Talk, content: bytes) -> None:
        self.received.append(
            Received(
                sender=talk.sender,
                recipients=tuple(talk.recipients),
                content=content,
                encrypted=talk.encrypted,
                user=talk.user,
            )
        )

    async def _fails(self, talk: _Talk, verb: str) -> bool:
        """Whether this command gets another answer than its own."""
        answer = self.faults.get(verb)
        if answer is None:
            return False
        if answer == "hang":
            await asyncio.Event().wait()
        if answer == "drop":
            raise ConnectionError
        await talk.say(answer)
        return True


async def _content(reader: asyncio.StreamReader) -> bytes:
    """All lines up to the single dot, with the dots that were doubled on the way undone."""
    lines = []
    while (line := await reader.readline()) not in (b".\r\n", b""):
        lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
    return b"".join(lines)


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
