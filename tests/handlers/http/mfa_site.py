"""Our pages on a loopback socket over a real ledger, and a client that behaves as a browser does, or does not."""

import io
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.passkey import Passkeys
from bot.domain.api_token import ApiToken
from bot.domain.health import Health
from bot.policy import Policy
from bot.ports import Factors
from handlers.http.app import build_http
from handlers.http.context import HttpContext
from tests.flows.policy_text import policy_of
from tests.flows.stepping_up import ALL, LOGINS, Pages
from tests.flows.world import World
from tests.soft_authenticator import SoftAuthenticator


@dataclass
class InForce:
    """Implements ports.PolicyInForce: whatever the world has."""

    world: World

    @property
    def policy(self) -> Policy:
        return self.world.policy


class Seen(HTMLParser):
    """A page as it is read: its texts, its forms, what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.texts, self.loads, self.actions = html, list[str](), list[str](), list[str]()
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.loads += [given[name] or "" for name in ("src", "href") if name in given]
        if tag == "form":
            self.actions.append(given.get("action") or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is read, on one line."""
        return re.sub(r"\s+", " ", " ".join(self.texts))


@dataclass(kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def seen(self) -> Seen:
        return Seen(self.body)


@dataclass(kw_only=True)
class Site:
    """The pages, and who visits them."""

    origin: str
    pages: Pages
    session: aiohttp.ClientSession
    runner: web.AppRunner

    @property
    def world(self) -> World:
        return self.pages.world

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.send("GET", path, headers=headers)

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, *, drop: str = "", **headers: str
    ) -> Answer:
        """Send a form as a page of ours does; `headers` change what the browser says, `drop` leaves one out."""
        usual = {
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        said = {k: v for k, v in {**usual, **headers}.items() if k != drop}
        form = io.BytesIO(urlencode(fields or {}).encode())
        return await self.send("POST", path, headers=said, data=form)

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        async with self.session.request(method, self.origin + path, allow_redirects=False, **more) as answer:
            return Answer(status=answer.status, headers=answer.headers, body=await answer.text())

    async def options(self, token: str, **headers: str) -> tuple[int, Any]:
        """What our script asks for."""
        said = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", **headers}
        async with self.session.post(
            f"{self.origin}/mfa/{token}/challenge", json={"method": "passkey"}, headers=said
        ) as answer:
            return answer.status, await answer.json()

    async def give(self, person: str) -> SoftAuthenticator:
        """A passkey for somebody, made for this origin."""
        device = await self.pages.give(person)
        device.origin, device.rp_id = self.origin, "127.0.0.1"
        return device

    async def close(self) -> None:
        await self.session.close()
        await self.runner.cleanup()
        await self.world.close()


async def open_site(url: str, *, public: str | None = None, proxies: tuple[str, ...] = ()) -> Site:
    """DEP-1 of Lin awaits approval. `public`: the origin that the bot believes to have, where it is another one."""
    world = World(url, policy_of(ALL, LOGINS))
    await world.ready()
    await world.ask(reason="Retry card captures")
    await world.run_timers()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    ours = public or origin
    context = HttpContext(
        ledger=world.ledger,
        in_force=InForce(world),
        collector=world.collector,
        clock=world.clock,
        tokens=(ApiToken(name="ci", secret=SecretStr("ci-token-0123456789abcdef")),),
        health=_well,
        metrics=lambda: b"",
        factors=Factors(codes=Digits(world), pages=ours, passkeys=Passkeys(ours, "Portcullis")),
        trusted_proxies=tuple(ip_network(p) for p in proxies),
        body_seconds=1,
    )
    runner = web.AppRunner(build_http(context, None), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    return Site(origin=origin, pages=Pages(world), session=aiohttp.ClientSession(), runner=runner)


async def _well() -> Health:
    return Health(checks={"database": True})


@dataclass
class Digits:
    """Implements ports.CodeCheck: `001077` is code 77 of whoever's name begins with the letter of that number."""

    world: World

    def step(self, credential: Any, code: str, at: Any) -> int | None:
        whose = {"ada": "1", "bo": "2", "vic": "3"}.get(credential.person, "9")
        return int(code[3:]) if code.startswith(f"00{whose}") else None
