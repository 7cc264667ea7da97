"""The http monitor against services that are well, ill, slow, enormous, and against ones that lead elsewhere."""

import asyncio
import gzip
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.adapters.http_monitor import HttpReader
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import HttpMonitor, HttpProbe
from tests.adapters.conftest import Serve, StoppedClock, Talk

Raw = Callable[[Talk], Awaitable[str]]


def home(url: str, **more: object) -> HttpProbe:
    """A probe whose policy allows what the tests need: loopback."""
    return HttpProbe.model_validate({"url": url, "allow_private": True, **more})


@pytest.fixture
async def reader(clock: StoppedClock) -> AsyncIterator[HttpReader]:
    made = HttpReader(clock)
    yield made
    await made.close()


def watching(probe: HttpProbe, timeout: float = 5) -> HttpMonitor:
    return HttpMonitor(name="api", http=probe, timeout=timedelta(seconds=timeout))


def at(address: str, *, contract: bool = True, timeout: float = 5, **more: object) -> HttpMonitor:
    return watching(home(f"http://{address}/health", contract=contract, **more), timeout)


def answering(body: bytes | str, status: int = 200, headers: dict[str, str] | None = None) -> web.Application:
    async def health(_: web.Request) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else body.encode()
        return web.Response(status=status, body=raw, headers=headers)

    app = web.Application()
    app.router.add_get("/health", health)
    return app


def healthy(status: str = "ok", timestamp: str = "2026-03-04T12:00:00Z") -> str:
    return json.dumps({"status": status, "checks": {"database": True}, "timestamp": timestamp})


def seen(reading: Reading) -> tuple[Colour, str]:
    return reading.colour, reading.code


@pytest.mark.requirement("D3")
@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("body", "colour", "code"),
    [
        (healthy(), Colour.GREEN, "ok"),
        (healthy("warning"), Colour.YELLOW, "status-warning"),
        (healthy("error"), Colour.RED, "status-error"),
        (healthy(timestamp="2026-03-04T11:00:00Z"), Colour.YELLOW, "lies-about-time"),
        ("<!doctype html><title>OK</title>", Colour.RED, "contract-broken"),
        ('{"status": "ok", "checks": {"database": "yes"}, "timestamp": 5}', Colour.RED, "contract-broken"),
        ("", Colour.RED, "contract-broken"),
    ],
)
async def test_the_contract_gives_the_colour(
    reader: HttpReader, serve: Serve, body: str, colour: Colour, code: str
) -> None:
    reading = await reader.read(at(await serve(answering(body))))

    assert seen(reading) == (colour, code)
    assert reading.at == StoppedClock().at
    assert not reading.decisive


async def test_without_a_contract_the_status_alone_counts(reader: HttpReader, serve: Serve) -> None:
    address = await serve(answering("<html>hello</html>"))

    assert seen(await reader.read(at(address, contract=False))) == (Colour.GREEN, "ok")


@pytest.mark.requirement("D6")
@pytest.mark.parametrize("status", [204, 400, 401, 404, 429, 500, 503])
async def test_another_status_than_the_healthy_one_is_red(
    reader: HttpReader, serve: Serve, status: int
) -> None:
    reading = await reader.read(at(await serve(answering(healthy(), status))))

    assert seen(reading) == (Colour.RED, f"http-{status}")


async def test_the_policy_says_which_status_is_healthy(reader: HttpReader, serve: Serve) -> None:
    address = await serve(answering("", 418))

    assert seen(await reader.read(at(address, contract=False, status=418))) == (Colour.GREEN, "ok")


@pytest.mark.requirement("D3")
async def test_an_answer_slower_than_agreed_is_yellow(reader: HttpReader, serve: Serve) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response(text=healthy())

    app = web.Application()
    app.router.add_get("/health", slow)

    reading = await reader.read(at(await serve(app), slower_than=timedelta(milliseconds=50)))

    assert seen(reading) == (Colour.YELLOW, "slow")
    assert reading.facts["limit_ms"] == 50


async def test_a_body_of_100_megabytes_is_not_read(reader: HttpReader, serve: Serve) -> None:
    written = 0

    async def enormous(request: web.Request) -> web.StreamResponse:
        nonlocal written
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(1600):
            await answer.write(b" " * 65536)
            written += 65536
        return answer

    app = web.Application()
    app.router.add_get("/health", enormous)
    address = await serve(app)

    assert seen(await reader.read(at(address))) == (Colour.RED, "too-large")
    assert seen(await reader.read(at(address, contract=False))) == (Colour.GREEN, "ok")
    assert written < 2 * 20_000_000


async def test_a_compressed_body_is_not_unpacked(reader: HttpReader, serve: Serve) -> None:
    bomb = gzip.compress(healthy().encode() + b" " * 10_000_000)

    reading = await reader.read(at(await serve(answering(bomb, headers={"Content-Encoding": "gzip"}))))

    assert seen(reading) == (Colour.RED, "contract-broken")


async def test_a_body_of_a_byte_a_second_ends_at_the_time_limit(reader: HttpReader, raw: Raw) -> None:
    async def trickle(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stream.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(1)

    address = await raw(trickle)
    for contract in (True, False):
        began = time.monotonic()
        reading = await reader.read(at(address, contract=contract, timeout=0.5))
        assert seen(reading) == (Colour.RED, "timeout")
        assert reading.facts == {"limit_ms": 500}
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: "])
async def test_a_service_that_hangs_anywhere_ends_at_the_time_limit(
    reader: HttpReader, raw: Raw, first: bytes
) -> None:
    async def hang(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stream.readuntil(b"\r\n\r\n")
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(60)

    assert seen(await reader.read(at(await raw(hang), timeout=0.3))) == (Colour.RED, "timeout")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", "disconnected"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "malformed-response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "malformed-response"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "malformed-response"),
    ],
)
async def test_a_service_that_speaks_no_http_is_red(
    reader: HttpReader, raw: Raw, said: bytes, code: str
) -> None:
    async def babble(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stream.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    assert seen(await reader.read(at(await raw(babble)))) == (Colour.RED, code)


async def test_nobody_listening_is_red(reader: HttpReader, closed_port: str) -> None:
    assert seen(await reader.read(at(closed_port))) == (Colour.RED, "refused")


async def test_a_name_with_two_addresses_where_nobody_listens_is_red(
    reader: HttpReader, closed_port: str
) -> None:
    port = closed_port.rpartition(":")[2]

    assert seen(await reader.read(at(f"localhost:{port}"))) == (Colour.RED, "refused")


@pytest.mark.parametrize(
    ("errno", "colour", "code"),
    [(socket.EAI_NONAME, Colour.RED, "dns"), (socket.EAI_AGAIN, Colour.UNKNOWN, "dns-unavailable")],
)
async def test_a_missing_name_is_red_and_a_missing_name_server_is_our_blindness(
    reader: HttpReader, monkeypatch: pytest.MonkeyPatch, errno: int, colour: Colour, code: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(errno, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert seen(await reader.read(at("checkout.acme.example"))) == (colour, code)


async def test_a_certificate_that_nobody_vouches_for_is_red(reader: HttpReader, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    runner = web.AppRunner(answering(healthy()))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/health"
        reading = await reader.read(watching(home(url)))
    finally:
        await runner.cleanup()

    assert seen(reading) == (Colour.RED, "tls")


async def test_https_to_a_port_that_speaks_plain_http_is_red(reader: HttpReader, serve: Serve) -> None:
    address = await serve(answering(healthy()))

    assert seen(await reader.read(watching(home(f"https://{address}/health")))) == (Colour.RED, "tls")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
async def test_our_own_network_is_not_read_unless_the_policy_allows_it(
    reader: HttpReader, serve: Serve, host: str
) -> None:
    asked = []

    async def health(_: web.Request) -> web.Response:
        asked.append(1)
        return web.Response()

    app = web.Application()
    app.router.add_get("/health", health)
    port = (await serve(app)).rpartition(":")[2]

    reading = await reader.read(watching(HttpProbe(url=f"http://{host}:{port}/health")))

    assert seen(reading) == (Colour.UNKNOWN, "address-refused")
    assert not asked


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_a_disguised_loopback_address_is_not_read(reader: HttpReader, serve: Serve, host: str) -> None:
    port = (await serve(answering(healthy()))).rpartition(":")[2]

    reading = await reader.read(watching(HttpProbe(url=f"http://{host}:{port}/health")))

    assert reading.colour is Colour.UNKNOWN
    assert reading.code in {"address-refused", "bad-url"}


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://0.0.0.0/"]
)
async def test_metadata_is_never_read_even_where_private_is_allowed(reader: HttpReader, url: str) -> None:
    assert seen(await reader.read(watching(home(url)))) == (Colour.UNKNOWN, "address-refused")


async def test_a_name_is_resolved_once_and_what_was_judged_is_what_is_connected_to(
    reader: HttpReader, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int((await serve(answering(healthy()))).rpartition(":")[2])
    asked = []

    def rebinding(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)

    first = await reader.read(at(f"rebinding.example:{port}"))
    second = await reader.read(at(f"rebinding.example:{port}"))

    assert seen(first) == (Colour.GREEN, "ok")
    assert seen(second) == (Colour.UNKNOWN, "address-refused")
    assert len(asked) == 2


def redirecting(location: str, status: int = 302) -> web.Application:
    return answering("", status, {"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_red_and_not_followed_unless_the_policy_allows_it(
    reader: HttpReader, serve: Serve, status: int
) -> None:
    target = await serve(answering(healthy()))
    address = await serve(redirecting(f"http://{target}/health", status))

    strict = await reader.read(at(address))
    lenient = await reader.read(at(address, follow_redirects=True))

    assert seen(strict) == (Colour.RED, "redirected")
    assert seen(lenient) == (Colour.GREEN, "ok")


@pytest.mark.parametrize(
    ("location", "colour", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", Colour.UNKNOWN, "address-refused"),
        ("//169.254.169.254/", Colour.UNKNOWN, "address-refused"),
        ("ftp://files.acme.example/", Colour.RED, "redirected"),
        ("file:///etc/passwd", Colour.RED, "redirected"),
        ("", Colour.RED, "redirected"),
        ("/health", Colour.RED, "redirected"),
    ],
)
async def test_a_followed_redirect_is_judged_like_the_first_address(
    reader: HttpReader, serve: Serve, location: str, colour: Colour, code: str
) -> None:
    reading = await reader.read(at(await serve(redirecting(location)), follow_redirects=True))

    assert seen(reading) == (colour, code)


async def test_what_the_service_says_is_not_repeated_but_its_reported_errors(
    reader: HttpReader, serve: Serve
) -> None:
    secret = "xoxb-token"
    page = await reader.read(at(await serve(answering(f"<html>{secret}</html>", 500, {"X-Secret": secret}))))
    broken = await reader.read(at(await serve(answering(json.dumps({secret: secret, "status": secret})))))

    assert secret not in repr(page)
    assert secret not in repr(broken)


async def test_one_slow_service_delays_no_other(reader: HttpReader, serve: Serve, raw: Raw) -> None:
    async def hang(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    slow, quick = await raw(hang), await serve(answering(healthy()))
    hanging = [asyncio.create_task(reader.read(at(slow, timeout=3))) for _ in range(150)]
    began = time.monotonic()

    assert seen(await reader.read(at(quick))) == (Colour.GREEN, "ok")
    assert time.monotonic() - began < 2
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
