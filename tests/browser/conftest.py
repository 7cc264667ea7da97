"""A real browser in front of a real bot: Chromium with virtual authenticators, and the stage of the journeys."""

import base64
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

from bot.domain.audit import Fact
from bot.domain.second_factor import Credential, Passkey
from bot.jobs.deliveries import Pace
from bot.wiring import loops as wired_loops
from tests.sandbox.test_page import CHROMIUM, FLAGS
from tests.scenarios.hands import PEOPLE
from tests.scenarios.stage import GOOD, Stage
from tests.soft_authenticator import b64

ALL_METHODS = ("second_factor: {methods: [totp]", "second_factor: {methods: [passkey, totp]")
LINK = re.compile(r"http://localhost:\d+/mfa/[A-Za-z0-9_-]{43}")
Open = Callable[..., Awaitable[Page]]


@dataclass
class VirtualKey:
    """One passkey: what an authenticator of the browser holds of it."""

    name: str
    id: bytes
    key: ec.EllipticCurvePrivateKey

    @property
    def passkey(self) -> Passkey:
        """What the bot keeps of it."""
        point = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
        return Passkey(credential_id=b64(self.id), public_key=b64(cose), transports=("internal",))

    def held(self, counter: int = 0) -> dict[str, Any]:
        """What the browser's authenticator is given."""
        private = self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "credentialId": base64.b64encode(self.id).decode(),
            "isResidentCredential": True,
            "rpId": "localhost",
            "userHandle": base64.b64encode(self.name.encode()).decode(),
            "privateKey": base64.b64encode(private).decode(),
            "signCount": counter,
        }


def new_key(name: str) -> VirtualKey:
    """A passkey that nobody has yet."""
    return VirtualKey(name, b"key-of-" + name.encode(), ec.generate_private_key(ec.SECP256R1()))


@dataclass
class Authenticator:
    """The virtual authenticator of one page."""

    cdp: CDPSession
    id: str

    async def hold(self, key: VirtualKey, counter: int = 0) -> None:
        await self.cdp.send(
            "WebAuthn.addCredential", {"authenticatorId": self.id, "credential": key.held(counter)}
        )

    async def verified(self, yes: bool) -> None:
        """Whether the person's finger is the right one."""
        await self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": yes})


async def authenticator(page: Page, *, verifies: bool = True) -> Authenticator:
    """Plug one in; it stays with the page."""
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("WebAuthn.enable", {"enableUI": False})
    made = await cdp.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": verifies,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return Authenticator(cdp, made["authenticatorId"])


@dataclass
class PageStage(Stage):
    """A stage whose bot has pages of its own, at http://localhost:PORT."""

    @property
    def origin(self) -> str:
        return self.environment["PORTCULLIS_PUBLIC_URL"]

    async def give(self, person: str, key: VirtualKey, **changes: Any) -> None:
        """Enrol a passkey for somebody, as the pages of enrolment do."""
        usual: dict[str, Any] = {
            "id": f"passkey-{key.name}",
            "person": person,
            "method": "passkey",
            "sealed": "",
            "enrolled_at": self.clock.now(),
            "enrolled_by": "test",
            "passkey": key.passkey,
            "name": "Laptop",
        }
        credential = Credential(**(usual | changes))
        await self.ledger.write(lambda tx: tx.credentials.put(credential, Fact(type="credential.enrolled")))

    async def asked(self, **more: str) -> str:
        """A request of Lin that waits for approval."""
        words = " ".join(f"{k}={v}" for k, v in ({"ticket": "CHG-1"} | more).items())
        request = await self.ask(f"catalogue {GOOD} {words} Retry card captures on timeouts")
        await self.card(request, "Approve")
        return request

    async def link(self, person: str, request: str) -> str:
        """Press Approve in Slack, and take the link that it answers with."""
        before = len(await self.people.ephemerals(PEOPLE[person]))
        await self.press(PEOPLE[person], "Approve", await self.card(request, "Approve"))

        async def find() -> str | None:
            seen = (await self.people.ephemerals(PEOPLE[person]))[before:]
            found = [LINK.search(str(m)) for m in seen]
            return next((f[0] for f in found if f), None)

        return await self.wait(find, what=f"a link for {person}")


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wired_loops, "Pace", lambda: Pace(every=0.001))


def free_port() -> int:
    """A port that nobody listens at now: an origin has to be known before the bot starts."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
async def stage(tmp_path: Path, sqlite_url: str) -> AsyncIterator[PageStage]:
    """The example's world, whose production takes passkeys and codes."""
    stage = PageStage(folder=tmp_path, database_url=sqlite_url)
    try:
        await stage.open(ALL_METHODS, enrolled=("bo",))
        port = free_port()
        stage.environment |= {
            "PORTCULLIS_HTTP_PORT": str(port),
            "PORTCULLIS_PUBLIC_URL": f"http://localhost:{port}",
        }
        await stage.start()
        await stage.begin()
        yield stage
    finally:
        await stage.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Open]:
    """A page in a browser of its own; whatever it says to the console as an error fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def open_page(url: str, *, quiet: bool = True, **options: Any) -> Page:
        context = await browser.new_context(**({"viewport": {"width": 900, "height": 1000}} | options))
        contexts.append(context)
        page = await context.new_page()
        if quiet:
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        await page.goto(url)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert [e for e in errors if "status of 4" not in e] == []
