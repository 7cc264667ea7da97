"""Monitors that are read: programs that tell secrets, files that nobody can have written, clocks that were wrong."""

import asyncio
import contextlib
import os
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.address_guard import GuardedResolver
from bot.adapters.command_monitor import CommandReader
from bot.adapters.file_monitor import FileReader
from bot.adapters.http_monitor import HttpReader
from bot.domain.environment import Colour, MonitorState
from bot.jobs.self_check import memory_mb
from bot.policy.monitors import CommandMonitor, FileMonitor, HttpMonitor
from tests.adapters.conftest import StoppedClock

OURS = {
    "PATH": os.environ["PATH"],
    "PORTCULLIS_API_TOKENS": "ci=made-up-first,other=made-up-second",
    "PORTCULLIS_PAGERDUTY_KEYS": "default=made-up-routing-key",
    "PORTCULLIS_AUDIT_KEY": "made-up-signing-key",
    "PORTCULLIS_ALIVE_URL": "https://alive.example/made-up-path",
    "PORTCULLIS_WEBHOOKS": "siren=https://hooks.example/made-up-hook",
    "PORTCULLIS_SMTP_URL": "smtp://bot:made%2Dup@mail.example",
}
"""What a program reads in /proc/$PPID/environ, for it runs as the same user."""
TOLD = {
    "one of the API tokens": "made-up-second",
    "a routing key of PagerDuty": "made-up-routing-key",
    "the key that signs the trail": "made-up-signing-key",
    "the address of the dead-man's switch": "https://alive.example/made-up-path",
    "the address of a webhook": "https://hooks.example/made-up-hook",
    "the password of the mail server": "made-up",
}
FORMS = {
    "GitHub, old": "remote: invalid ghp_" + "x" * 36,
    "GitHub, new": "remote: invalid github_pat_" + "x" * 22,
    "GitLab": "denied for glpat-" + "x" * 20,
    "AWS": "InvalidClientTokenId AKIA" + "X" * 16,
    "a JWT": "rejected eyJhbGciOiJub25lIn0." + "x" * 30 + "." + "x" * 20,
}


@pytest.mark.parametrize("what", TOLD)
async def test_a_program_that_prints_our_own_secrets_tells_nobody(
    clock: StoppedClock, tmp_path: Path, what: str
) -> None:
    found = await CommandReader(clock, OURS).read(echo(f"could not log in with {TOLD[what]}"), tmp_path)
    assert TOLD[what] not in str(found.facts["last_line"])


@pytest.mark.parametrize("what", FORMS)
async def test_what_looks_like_anybodys_token_is_not_repeated(
    clock: StoppedClock, tmp_path: Path, what: str
) -> None:
    found = await CommandReader(clock, {"PATH": os.environ["PATH"]}).read(echo(FORMS[what]), tmp_path)
    assert FORMS[what].split()[-1] not in str(found.facts["last_line"])


def echo(line: str) -> CommandMonitor:
    said = {
        "name": "verify",
        "command": ("sh", "-c", f"echo '{line}'; exit 1"),
        "timeout": timedelta(seconds=10),
    }
    return CommandMonitor.model_validate(said)


@pytest.mark.parametrize("verified", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
async def test_a_status_file_of_the_first_or_last_day_is_a_reading_too(
    clock: StoppedClock, tmp_path: Path, verified: str
) -> None:
    """Whoever reads "never raises" counts on it: what raises is no reading, and the colour before it stays."""
    (tmp_path / "production.status").write_text(f"GREEN\nLast Verified: {verified}\n", encoding="utf-8")
    reader = FileReader(clock)
    try:
        found = await reader.read(FileMonitor(name="status", file="production.status"), tmp_path)
    finally:
        await reader.close()
    assert found.colour is Colour.UNKNOWN


def test_what_was_read_in_the_future_is_not_believed_until_then(clock: StoppedClock) -> None:
    """The clock was a year ahead for a moment: nobody who fell silent since is GREEN for a year."""
    ahead = clock.at + timedelta(days=365)
    state = MonitorState(
        environment="production",
        name="alerts",
        component=None,
        colour=Colour.GREEN,
        since=ahead,
        read_at=ahead,
    )
    assert state.at(clock.at + timedelta(days=1), timedelta(hours=4)).colour is Colour.UNKNOWN


async def test_names_of_a_dead_name_server_hold_up_no_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """One zone's name server is gone (or belongs to somebody who answers nothing): what asks for names in it waits for
    half a minute each, long after its monitor gave up, and everybody else's monitors would say RED: `timeout`."""
    released = threading.Event()

    def answers(host: str, port: int, **_: object) -> list[object]:
        if host.endswith(".dead.example"):
            released.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    resolver = GuardedResolver(allow_private=True)
    waiting = [asyncio.create_task(resolver.resolve(f"h{n}.dead.example", 443)) for n in range(40)]
    try:
        await asyncio.sleep(0.1)
        async with asyncio.timeout(2):
            assert [each["host"] for each in await resolver.resolve("well.example", 443)] == ["192.0.2.1"]
    finally:
        released.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        await resolver.close()


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0177.0.0.1", "0x7f000001", "0x7f.1", "127.000.000.1", "[::ffff:7f00:1]", "[::127.0.0.1]",
             "\u2460\u2461\u2466.0.0.1", "127.0.0.1.", "0", "[::]", "[64:ff9b::7f00:1]", "localhost"],
)  # fmt: skip
async def test_no_spelling_of_our_own_address_is_read_over_http(clock: StoppedClock, host: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped, full-width: whichever it is, it is nobody's public address."""
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader = HttpReader(clock)
    try:
        probe = {"url": f"http://{host}:{port}/"}
        monitor = HttpMonitor.model_validate({"name": "m", "http": probe, "timeout": timedelta(seconds=5)})
        found = await reader.read(monitor)
    finally:
        await reader.close()
        server.close()
        await server.wait_closed()
    assert (found.colour, found.code in {"address-refused", "bad-url"}) == (Colour.UNKNOWN, True)
    assert asked == []


FLOODS = {
    "headers without end": (b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
    "one header without end": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 65_536),
    "a status line without end": (b"HTTP/1.1 200 ", b"a" * 65_536),
    "interim answers without end": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 500),
    "a chunk extension without end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"a" * 65_536,
    ),
    "chunks of one byte": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 5_000),
    "trailers without end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X-A: " + b"a" * 1000 + b"\r\n",
    ),
}


@pytest.mark.parametrize("what", FLOODS)
async def test_an_answer_without_an_end_takes_neither_memory_nor_more_than_its_time(
    clock: StoppedClock, what: str
) -> None:
    first, more = FLOODS[what]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(first)
            while not writer.is_closing():
                writer.write(more)
                await writer.drain()
                await asyncio.sleep(0)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, before, began = HttpReader(clock), memory_mb(), time.monotonic()
    probe = {"url": f"http://127.0.0.1:{port}/", "allow_private": True, "contract": True}
    monitor = HttpMonitor.model_validate({"name": "m", "http": probe, "timeout": timedelta(seconds=2)})
    try:
        found = await reader.read(monitor)
    finally:
        await reader.close()
        server.close()
    assert found.colour is Colour.RED
    assert time.monotonic() - began < 4
    assert memory_mb() - before < 64
