"""The tcp monitor against ports that are taken, free, slow, and where nobody may look."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from pydantic import ValidationError

from bot.adapters.tcp_monitor import TcpReader
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import TcpMonitor, TcpPort
from tests.adapters.conftest import StoppedClock, Talk

Raw = Callable[[Talk], Awaitable[str]]


@pytest.fixture
async def reader(clock: StoppedClock) -> AsyncIterator[TcpReader]:
    made = TcpReader(clock)
    yield made
    await made.close()


def at(address: str, *, timeout: float = 5, **more: object) -> TcpMonitor:
    host, _, port = address.rpartition(":")
    target = TcpPort.model_validate({"host": host, "port": int(port), "allow_private": True, **more})
    return TcpMonitor(name="db", tcp=target, timeout=timedelta(seconds=timeout))


def seen(reading: Reading) -> tuple[Colour, str]:
    return reading.colour, reading.code


async def silent(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await stream.read()


@pytest.fixture
def full_queue() -> object:
    """A port whose queue of connections is full: the handshake is never answered."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
            waiting.append(one)
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        for one in waiting:
            one.close()


async def test_a_port_that_takes_a_connection_is_green_and_hears_not_a_byte(
    reader: TcpReader, raw: Raw
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await stream.read())

    reading = await reader.read(at(await raw(listen)))

    assert seen(reading) == (Colour.GREEN, "ok")
    assert reading.at == StoppedClock().at
    assert await asyncio.wait_for(heard.get(), 5) == b""


async def test_nobody_listening_is_red(reader: TcpReader, closed_port: str) -> None:
    assert seen(await reader.read(at(closed_port))) == (Colour.RED, "refused")


async def test_a_handshake_that_nobody_answers_ends_at_the_time_limit(
    reader: TcpReader, full_queue: str
) -> None:
    began = time.monotonic()

    reading = await reader.read(at(full_queue, timeout=0.3))

    assert seen(reading) == (Colour.RED, "timeout")
    assert reading.facts == {"limit_ms": 300}
    assert time.monotonic() - began < 2


async def test_a_connection_slower_than_agreed_is_yellow(reader: TcpReader, raw: Raw) -> None:
    reading = await reader.read(at(await raw(silent), slower_than=timedelta(microseconds=1)))

    assert seen(reading) == (Colour.YELLOW, "slow")


@pytest.mark.parametrize(
    ("errno", "colour", "code"),
    [(socket.EAI_NONAME, Colour.RED, "dns"), (socket.EAI_AGAIN, Colour.UNKNOWN, "dns-unavailable")],
)
async def test_a_missing_name_is_red_and_a_missing_name_server_is_our_blindness(
    reader: TcpReader, monkeypatch: pytest.MonkeyPatch, errno: int, colour: Colour, code: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(errno, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert seen(await reader.read(at("db.acme.example:5432"))) == (colour, code)


async def test_a_name_that_no_resolver_takes_is_said_and_not_raised(reader: TcpReader) -> None:
    assert (await reader.read(at(f"{'a' * 70}.example:1"))).colour is not Colour.GREEN


async def test_a_name_is_tried_address_by_address(
    reader: TcpReader, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int((await raw(silent)).rpartition(":")[2])

    def two(*_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),  # nobody listens there
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two)

    assert seen(await reader.read(at(f"db.acme.example:{port}"))) == (Colour.GREEN, "ok")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"])
async def test_our_own_network_is_not_reached_unless_the_policy_allows_it(
    reader: TcpReader, raw: Raw, host: str
) -> None:
    port = (await raw(silent)).rpartition(":")[2]

    reading = await reader.read(at(f"{host}:{port}", allow_private=False))

    assert seen(reading) == (Colour.UNKNOWN, "address-refused")


@pytest.mark.parametrize("host", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0"])
async def test_metadata_is_never_reached(reader: TcpReader, host: str) -> None:
    assert seen(await reader.read(at(f"{host}:80"))) == (Colour.UNKNOWN, "address-refused")


@pytest.mark.parametrize("host", ["a b", "http://x", "user@host", "", "host/path"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    with pytest.raises(ValidationError):
        TcpPort(host=host, port=1)


async def test_a_reference_is_reached_or_not_and_nothing_is_raised(
    reader: TcpReader, raw: Raw, closed_port: str
) -> None:
    host, _, port = (await raw(silent)).rpartition(":")

    assert await reader.accepts(host, int(port), 2.0)
    assert not await reader.accepts(host, int(closed_port.rpartition(":")[2]), 2.0)
    assert not await reader.accepts("169.254.169.254", 80, 2.0)
    assert not await reader.accepts(host, 99_999, 2.0)
