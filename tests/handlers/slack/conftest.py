"""A real ledger, the real app, a small Slack that keeps what it is told, and people who post signed payloads."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, web
from slack_sdk.signature import SignatureVerifier

from bot.domain.artifact import RegistryAnswer, RegistryWord
from bot.domain.second_factor import Credential
from bot.flows.collect import Collector
from bot.flows.reload_policy import PolicyHolder
from bot.policy import Policy
from handlers.slack.app import build_app
from handlers.slack.context import SlackContext, Workspace
from handlers.slack.events import slack_events
from handlers.slack.web_api import SlackApi
from storage.ledger import Ledger
from tests.handlers.slack.examples import DIGEST, NOW, SECRET, TEAM, make_policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    return make_policy()


# A Slack that keeps what it is told


@dataclass
class Stub:
    """Answers the Web API and response URLs; `failures` are answered first, one by one."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    failures: list[web.Response] = field(default_factory=list)
    url: str = ""
    posted: int = 0

    def fail(self, *errors: str) -> None:
        self.failures += [web.json_response({"ok": False, "error": e}) for e in errors]

    def of(self, method: str) -> list[dict[str, Any]]:
        return [body for name, body in self.calls if name == method]

    async def api(self, received: web.Request) -> web.Response:
        self.calls.append((received.match_info["method"], json.loads(await received.text() or "{}")))
        if self.failures:
            return self.failures.pop(0)
        self.posted += 1
        return web.json_response({"ok": True, "channel": "C0DEPLOY", "ts": f"1700000000.{self.posted:06d}"})

    async def reply(self, received: web.Request) -> web.Response:
        self.replies.append(json.loads(await received.text()))
        return self.failures.pop(0) if self.failures else web.Response(text="ok")


async def serve(*routes: web.RouteDef) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.add_routes(list(routes))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    made = Stub()
    runner, made.url = await serve(
        web.post("/api/{method}", made.api), web.post("/response/{key}", made.reply)
    )
    yield made
    await runner.cleanup()


class ClockOf:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class SixNines:
    """Takes 999999 as the code of now, and each later step once."""

    def step(self, credential: Credential, code: str, at: datetime) -> int | None:
        return int(at.timestamp()) // 30 if code.replace(" ", "") == "999999" else None


class NoRegistry:
    async def resolve(self, image: str, reference: str) -> RegistryAnswer:
        return RegistryAnswer(word=RegistryWord.FOUND, asked_at=NOW, digest=DIGEST)


class NoDeployers:
    def of(self, service: str) -> None:
        return None


@pytest.fixture
def clock() -> ClockOf:
    return ClockOf(NOW)


@pytest.fixture
async def ledger(sqlite_url: str, clock: ClockOf) -> AsyncIterator[Ledger]:
    made = Ledger(sqlite_url, clock)
    yield made
    await made.close()


@pytest.fixture
async def context(ledger: Ledger, clock: ClockOf, stub: Stub, policy: Policy) -> AsyncIterator[SlackContext]:
    made = SlackContext(
        ledger=ledger,
        in_force=PolicyHolder(policy),
        collector=Collector(ledger, NoRegistry(), NoDeployers(), clock),
        clock=clock,
        code_check=SixNines(),
        api=SlackApi("xoxb-test", f"{stub.url}/api/"),
        signing_secret=SECRET,
        workspace=Workspace(TEAM),
    )
    yield made
    await made.background.drain()
    await made.api.close()


@dataclass
class Answer:
    status: int
    body: Any


@dataclass
class People:
    """Signed payloads, as Slack would post them for people."""

    url: str
    session: ClientSession
    stub: Stub
    number: int = 0

    async def post(self, body: str, *, secret: str = SECRET, at: int | None = None, **headers: str) -> Answer:
        import time

        stamp = str(int(time.time()) if at is None else at)
        signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body) or ""
        usual = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature,
        }
        async with self.session.post(self.url, data=body.encode(), headers=usual | headers) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text.startswith("{") else text)

    def next(self) -> str:
        self.number += 1
        return f"{self.number}.trigger"

    async def command(
        self, user: str, text: str, *, name: str = "/deploy", trigger: str | None = None, team: str = TEAM
    ) -> Answer:
        form = {
            "command": name,
            "text": text,
            "user_id": user,
            "team_id": team,
            "channel_id": "C0TALK",
            "trigger_id": trigger or self.next(),
            "response_url": f"{self.stub.url}/response/1",
        }
        return await self.post(urlencode(form))

    async def interact(self, payload: dict[str, Any]) -> Answer:
        return await self.post(urlencode({"payload": json.dumps(payload)}))

    async def press(self, user: str, action_id: str, value: str, *, ts: str = "1.1") -> Answer:
        return await self.interact(
            {
                "type": "block_actions",
                "team": {"id": TEAM},
                "user": {"id": user, "team_id": TEAM},
                "trigger_id": self.next(),
                "response_url": f"{self.stub.url}/response/2",
                "actions": [
                    {
                        "type": "button",
                        "action_id": action_id,
                        "block_id": "b",
                        "value": value,
                        "action_ts": ts,
                    }
                ],
            }
        )

    async def submit(
        self, user: str, opened: dict[str, Any], values: dict[str, str], *, view_id: str | None = None
    ) -> Answer:
        state = {
            block: (
                {block: {"type": "static_select", "selected_option": {"value": value}}}
                if block in ("service", "environment")
                else {"value": {"type": "plain_text_input", "value": value}}
            )
            for block, value in values.items()
        }
        return await self.interact(
            {
                "type": "view_submission",
                "team": {"id": TEAM},
                "user": {"id": user, "team_id": TEAM},
                "view": {
                    "id": view_id or f"V{self.next()}",
                    "type": "modal",
                    "callback_id": opened["callback_id"],
                    "private_metadata": opened["private_metadata"],
                    "state": {"values": state},
                },
            }
        )


@pytest.fixture
async def people(context: SlackContext, stub: Stub) -> AsyncIterator[People]:
    runner, url = await serve(web.post("/slack/events", slack_events(build_app(context))))
    async with ClientSession() as session:
        yield People(f"{url}/slack/events", session, stub)
    await runner.cleanup()


async def until(what: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait for something that happens after an ack, with a bound."""
    async with asyncio.timeout(seconds):
        while not (found := what()):
            await asyncio.sleep(0.005)
    return found
