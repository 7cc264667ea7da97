"""A workspace, a stub app that answers as told, and a client, each on a free loopback port."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from sandbox.client import SandboxClient
from sandbox.server import Sandbox
from sandbox.shapes import Json
from sandbox.workspace import Workspace

SIGNING_SECRET, BOT_TOKEN, APP_TOKEN = "shhh", "xoxb-bot-1", "xapp-app-1"
CAST = {
    "team": {"id": "T01", "name": "Acme", "domain": "acme"},
    "bot": {"user_id": "U0GATE", "bot_id": "B0GATE", "app_id": "A0GATE", "name": "gatekeeper"},
    "people": [
        {
            "id": "U01ADA",
            "name": "ada",
            "real_name": "Ada Lind",
            "tz": "Europe/Berlin",
            "title": "Platform lead",
            "email": "ada@acme.example",
        },
        {"id": "U02BO", "name": "bo", "real_name": "Bo Reyes", "tz": "America/New_York"},
        {"id": "U03CY", "name": "cy", "real_name": "Cy Marsh", "tz": "Asia/Kolkata"},
    ],
    "channels": [
        {"id": "C01DEP", "name": "deployments", "topic": "What goes to production"},
        {"id": "C02INC", "name": "incidents"},
        {"id": "C03QUIET", "name": "quiet", "members": ["ada"]},
    ],
    "usergroups": [{"id": "S0SEC", "handle": "security", "name": "Security", "users": ["cy"]}],
}
MANIFEST = {
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        "slash_commands": [
            {
                "command": "/deploy",
                "description": "Ask for a deployment",
                "usage_hint": "request SERVICE ARTIFACT",
                "should_escape": True,
            },
            {"command": "/raw", "description": "Unescaped", "should_escape": False},
        ],
        "shortcuts": [
            {"name": "Request", "type": "global", "callback_id": "request", "description": "Ask"},
            {"name": "Look into this", "type": "message", "callback_id": "look", "description": "Look"},
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "chat:write",
                "commands",
                "channels:read",
                "channels:history",
                "users:read",
                "app_mentions:read",
            ]
        }
    },
    "settings": {
        "event_subscriptions": {"bot_events": ["app_home_opened", "app_mention"]},
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}


@dataclass
class Received:
    """One delivery as the stub app got it."""

    headers: dict[str, str]
    raw: bytes
    body: Json

    @property
    def kind(self) -> str:
        """A command's name, or the payload's type."""
        return str(self.body.get("command") or self.body.get("event", {}).get("type") or self.body["type"])


Answer = Callable[[Received], Awaitable[web.Response | Json | None]]


@dataclass
class StubApp:
    """Answers each delivery with what the test put under its kind; 200 and nothing otherwise."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)

    def on(self, kind: str) -> Callable[[Answer], Answer]:
        """Register an answer."""

        def register(answer: Answer) -> Answer:
            self.answers[kind] = answer
            return answer

        return register

    async def serve(self, request: web.Request) -> web.Response:
        """Take one delivery."""
        raw = await request.read()
        text = raw.decode()
        if request.content_type == "application/json":
            body = json.loads(text)
        else:
            form = {key: values[0] for key, values in parse_qs(text, keep_blank_values=True).items()}
            body = json.loads(form["payload"]) if "payload" in form else form
        received = Received(headers=dict(request.headers), raw=raw, body=body)
        self.received.append(received)
        answer = self.answers.get(received.kind)
        result = await answer(received) if answer else None
        if isinstance(result, web.Response):
            return result
        return web.json_response(result) if result is not None else web.Response()


@dataclass
class Api:
    """The app's hand: calls the Web API."""

    session: aiohttp.ClientSession
    base: str
    token: str = BOT_TOKEN

    async def __call__(self, method: str, *, token: str | None = None, **args: object) -> Json:
        """Call with a JSON body."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        async with self.session.post(f"{self.base}{method}", json=args, headers=headers) as answer:
            return {**await answer.json(), "_status": answer.status}

    async def respond(self, url: str, **content: object) -> tuple[int, Json]:
        """Use a response URL."""
        async with self.session.post(url, json=content) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def stub() -> AsyncIterator[StubApp]:
    """The app at the other end."""
    app = StubApp()
    application = web.Application()
    application.router.add_post("/slack/events", app.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield app
    await runner.cleanup()


@pytest.fixture
async def sandbox(stub: StubApp, request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A running workspace with little patience, but where a browser takes its time."""
    running = Sandbox(
        Workspace.from_mapping(CAST),
        signing_secret=SIGNING_SECRET,
        bot_token=BOT_TOKEN,
        app_token=APP_TOKEN,
        manifest=MANIFEST,
        events_url=stub.url,
        links=[("Status", "http://127.0.0.1:9/status")],
        deadline=3.0 if request.node.get_closest_marker("browser") else 1.0,
        retry_delays=(0.01, 0.02, 0.03),
    )
    await running.start()
    yield running
    await running.stop()
    await asyncio.sleep(0)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[SandboxClient]:
    """People's hands and eyes."""
    async with SandboxClient(sandbox.url) as one:
        yield one


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[Api]:
    """The app's hand."""
    async with aiohttp.ClientSession() as session:
        yield Api(session, sandbox.api_url)
