"""The http monitor and certificates: good for long, ending soon, over, and over by our clock alone."""

import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from bot.adapters.clock import SystemClock
from bot.adapters.http_monitor import HttpReader
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import HttpMonitor, HttpProbe
from tests.adapters.conftest import StoppedClock

LOOPBACK = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
Secured = Callable[[timedelta], Awaitable[str]]


def certificate(folder: Path, good_for: timedelta) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    until = datetime.now(UTC) + good_for
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, until - timedelta(days=90), until)
        .add_extension(LOOPBACK, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    pem = folder / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return pem


@pytest.fixture
async def secured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Secured]:
    """Starts a healthy service over TLS whose certificate is good for so long; this system trusts it."""

    async def health(_: web.Request) -> web.Response:
        stamp = datetime.now(UTC).isoformat()
        return web.Response(text=json.dumps({"status": "ok", "checks": {}, "timestamp": stamp}))

    async with AsyncExitStack() as stack:

        async def start(good_for: timedelta) -> str:
            pem = certificate(tmp_path, good_for)
            monkeypatch.setenv("SSL_CERT_FILE", str(pem))
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(pem)
            app = web.Application()
            app.router.add_get("/health", health)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            return f"https://127.0.0.1:{runner.addresses[0][1]}/health"

        yield start


async def read(url: str, clock: SystemClock | StoppedClock | None = None, **more: object) -> Reading:
    reader = HttpReader(clock or SystemClock())
    probe = HttpProbe.model_validate({"url": url, "allow_private": True, "contract": True, **more})
    try:
        return await reader.read(HttpMonitor(name="api", http=probe))
    finally:
        await reader.close()


@pytest.mark.parametrize(
    ("days", "colour", "code"),
    [(60, Colour.GREEN, "ok"), (15, Colour.GREEN, "ok"), (13, Colour.YELLOW, "tls-expires")],
)
async def test_a_certificate_that_ends_soon_is_a_warning(
    secured: Secured, days: int, colour: Colour, code: str
) -> None:
    reading = await read(await secured(timedelta(days=days)), tls_expires_within=timedelta(days=14))

    assert (reading.colour, reading.code) == (colour, code)
    assert ("certificate_until" in reading.facts) is (colour is Colour.YELLOW)


async def test_where_the_policy_does_not_ask_the_end_of_a_certificate_is_no_warning(secured: Secured) -> None:
    assert (await read(await secured(timedelta(days=1)))).colour is Colour.GREEN


async def test_a_certificate_that_is_over_is_red(secured: Secured) -> None:
    reading = await read(await secured(timedelta(days=-1)))

    assert (reading.colour, reading.code) == (Colour.RED, "tls-expired")


async def test_a_certificate_that_is_over_by_our_clock_is_red(secured: Secured) -> None:
    later = StoppedClock(datetime.now(UTC) + timedelta(days=61))

    reading = await read(await secured(timedelta(days=60)), later, contract=False)

    assert (reading.colour, reading.code) == (Colour.RED, "tls-expired")


async def test_an_ending_certificate_hides_nothing_that_is_worse(secured: Secured) -> None:
    url = await secured(timedelta(days=1))
    soon = {"tls_expires_within": timedelta(days=14)}

    red = await read(url, **soon, requires=("database",))
    slow = await read(url, **soon, slower_than=timedelta(microseconds=1))

    assert (red.colour, red.code) == (Colour.RED, "check-missing")
    assert "certificate_until" in red.facts
    assert (slow.colour, slow.code) == (Colour.YELLOW, "tls-expires")
    assert "limit_ms" in slow.facts


@pytest.mark.parametrize(
    "found",
    [
        {"url": "http://a.example/", "tls_expires_within": timedelta(days=1)},
        {"url": "http://a.example/", "requires": ("database",)},
        {"url": "http://a.example/", "contract": True, "requires": ("errors",)},
    ],
)
def test_what_makes_no_sense_is_refused_by_the_policy(found: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HttpProbe.model_validate(found)
