"""Webhooks over a real socket: signed so that the receiver can tell, and never led where nobody should look."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.webhooks import MOST_BYTES, SignedWebhooks
from bot.ports import Later, Undeliverable
from tests.adapters.conftest import Serve, StoppedClock

SECRET = "siren-secret-0123456789"
pytestmark = pytest.mark.requirement("F14")


class Receiver:
    """Keeps what it is sent; answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answer: Any = lambda: web.Response(status=202)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        found = self.answer()
        return await found if hasattr(found, "__await__") else found


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def hooks(serve: Serve, receiver: Receiver, clock: StoppedClock) -> AsyncIterator[SignedWebhooks]:
    app = web.Application(client_max_size=2 * MOST_BYTES)
    app.router.add_post("/siren", receiver.__call__)
    addresses = {
        "siren": f"http://{await serve(app)}/siren",
        "inside": "https://10.1.2.3/",
        "metadata": "https://169.254.169.254/",
    }
    made = SignedWebhooks(
        {name: SecretStr(url) for name, url in addresses.items()},
        dict.fromkeys(addresses, SecretStr(SECRET)),
        clock,
        limit=0.5,
    )
    yield made
    await made.close()


async def failure(hooks: SignedWebhooks, name: str = "siren", **body: Any) -> tuple[str, str]:
    try:
        await hooks.post(name, body, id="page:1")
    except Later as later:
        return "later", later.code
    except Undeliverable as never:
        return "never", never.code
    return "sent", ""


async def test_the_receiver_can_tell_that_it_is_ours_and_when(
    hooks: SignedWebhooks, receiver: Receiver, clock: StoppedClock
) -> None:
    await hooks.post("siren", {"type": "incident.page", "text": ["für alle"]}, id="page:INC-1/1/ada")
    headers, body = receiver.got[0]
    parts = dict(part.split("=") for part in headers["X-Portcullis-Signature"].split(","))
    assert parts["t"] == str(int(clock.now().timestamp()))
    signed = parts["t"].encode() + b"." + body
    assert parts["v1"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert json.loads(body) == {"id": "page:INC-1/1/ada", "type": "incident.page", "text": ["für alle"]}


async def test_posted_again_it_has_the_same_id(
    hooks: SignedWebhooks, receiver: Receiver, clock: StoppedClock
) -> None:
    for _ in range(2):
        await hooks.post("siren", {}, id="page:1")
        clock.pass_seconds(60)
    assert json.loads(receiver.got[0][1])["id"] == json.loads(receiver.got[1][1])["id"]
    assert receiver.got[0][0]["X-Portcullis-Id"] == receiver.got[1][0]["X-Portcullis-Id"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, ("sent", "")),
        (204, ("sent", "")),
        (307, ("never", "redirect-refused")),
        (401, ("never", "http-401")),
        (410, ("never", "http-410")),
        (429, ("later", "rate-limited")),
        (502, ("later", "http-502")),
    ],
)
async def test_what_an_answer_means(
    hooks: SignedWebhooks, receiver: Receiver, status: int, expected: tuple[str, str]
) -> None:
    receiver.answer = lambda: web.Response(status=status, headers={"Location": "/elsewhere"})
    assert await failure(hooks) == expected
    assert len(receiver.got) == 1


@pytest.mark.parametrize("name", ["inside", "metadata"])
async def test_our_own_network_is_not_posted_to(hooks: SignedWebhooks, name: str) -> None:
    assert await failure(hooks, name) == ("never", "address-refused")


async def test_one_that_nobody_configured(hooks: SignedWebhooks) -> None:
    assert await failure(hooks, "default") == ("never", "not-configured")


async def test_more_than_the_cap_is_not_posted(hooks: SignedWebhooks, receiver: Receiver) -> None:
    assert await failure(hooks, text="x" * MOST_BYTES) == ("never", "too-large")
    assert receiver.got == []


async def test_an_answer_without_end_holds_nobody_up(
    hooks: SignedWebhooks, receiver: Receiver, serve: Serve
) -> None:
    async def endless(_: Any = None) -> web.StreamResponse:
        return web.Response(body=b"x" * 10_000_000)

    receiver.answer = endless
    assert await failure(hooks) == ("sent", "")  # the status is all that counts


async def test_one_that_hangs_is_let_go(hooks: SignedWebhooks, receiver: Receiver) -> None:
    import asyncio

    async def silence() -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    receiver.answer = silence
    assert await failure(hooks) == ("later", "timeout")


async def test_no_secret_reaches_an_error(hooks: SignedWebhooks, receiver: Receiver) -> None:
    receiver.answer = lambda: web.Response(status=500)
    with pytest.raises(Later) as raised:
        await hooks.post("siren", {}, id="1")
    assert raised.value.__cause__ is None
    assert SECRET not in repr(raised.value)
