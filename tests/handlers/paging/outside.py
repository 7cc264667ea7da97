"""Everybody outside, each on a socket of its own: a Slack that can be down, PagerDuty, a mail server, a webhook; and the
bot's own sending half before them, over a real ledger."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.mailer import SmtpMailer
from bot.adapters.pagerduty import PagerDutyApi
from bot.adapters.webhooks import SignedWebhooks
from bot.domain.page import Page
from bot.flows.answer_incident import acknowledge, resolve
from bot.jobs.deliveries import Pace, delivery_worker
from bot.jobs.lanes import Lanes
from bot.policy import Policy
from handlers.http.pagerduty import PagerDutyHook, add_pagerduty
from handlers.paging.announcer import OutsideAnnouncer
from handlers.slack.announcer import Announcer
from handlers.slack.web_api import SlackApi
from sandbox.mail import MailServer
from sandbox.pagerduty import FakePagerDuty
from tests.flows.policy_text import policy_of
from tests.flows.world import World

ROUTING_KEY = "routing-key-0123456789abcdef"
API_TOKEN = "api-token-0123456789"
HOOK_SECRET, OLD_SECRET = "hook-secret-0123456789", "old-secret-0123456789"
SIREN_SECRET = "siren-secret-0123456789"
NAME = "acme"
PATIENCE = 10.0  # seconds until a test that waits in vain fails
CHAIN = (
    "escalation:\n  - {notify: [on_call: primary], within: 5m}\n",
    """\
escalation:
  - {notify: [on_call: primary, person: ada, pagerduty: default, webhook: siren], within: 5m}
  - {notify: [person: ada, pagerduty: default]}
""",
)


@dataclass
class FakeSlack:
    """Answers every call, or 500 while it is down."""

    down: bool = False
    said: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    async def __call__(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.down:
            self.refused += 1
            return web.Response(status=500, text="no")
        self.said.append(body)
        return web.json_response(
            {"ok": True, "ts": f"1700000000.{len(self.said):06}", "channel": "C01INCIDENTS"}
        )

    def texts(self, channel: str) -> list[str]:
        return [str(one.get("text")) for one in self.said if one.get("channel") == channel]


@dataclass
class InForce:
    """Implements ports.PolicyInForce: the world's policy of now."""

    world: World

    @property
    def policy(self) -> Policy:
        return self.world.policy


@dataclass
class Outside:
    """One installation and its outside."""

    world: World
    slack: FakeSlack
    pagerduty: FakePagerDuty
    mail: MailServer
    posted: list[tuple[dict[str, str], dict[str, Any]]]
    lanes: Lanes
    announcer: OutsideAnnouncer
    bot_url: str
    sirens: list[int] = field(default_factory=list)
    """Statuses that the webhook's receiver answers next, before it accepts again."""

    async def until(self, holds: Callable[[], bool | Awaitable[bool]], what: str = "it") -> None:
        """Look again and again until it holds."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = holds()
                    if found if isinstance(found, bool) else await found:
                        return
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}") from None

    async def pass_time(self, by: timedelta) -> None:
        """Time passes, and whoever waits for an instant looks again."""
        self.world.clock.advance(by)
        await self.world.run_timers()
        self.world.ledger.ring()

    async def in_time(self, holds: Callable[[], bool | Awaitable[bool]], what: str = "it") -> None:
        """Look again and again, a second later each time, until it holds; stop short of the chain's next step."""
        end = self.world.clock.now() + timedelta(minutes=4)

        async def later() -> bool:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return True
            if self.world.clock.now() < end:
                await self.pass_time(timedelta(seconds=1))
            return False

        await self.until(later, what)

    async def page(self, recipient: str, step: int = 1, incident: str = "INC-1") -> Page:
        found = await self.world.ledger.read(lambda tx: tx.pages.get(f"{incident}/{step}/{recipient}"))
        assert found is not None
        return found

    async def acknowledge(self, person: str = "cy") -> None:
        world = self.world
        await acknowledge(world.ledger, world.policy, world.asker(person), "INC-1")

    async def resolve(self, person: str = "cy") -> None:
        world = self.world
        await resolve(world.ledger, world.policy, world.asker(person), "INC-1")

    @property
    def key(self) -> str:
        """What PagerDuty calls the first incident."""
        return f"{NAME}/INC-1"

    def actions(self) -> list[str]:
        """What PagerDuty was told, in order."""
        return [str(event["event_action"]) for event in self.pagerduty.events]


@asynccontextmanager
async def outside(url: str, *changes: tuple[str, str], sending: bool = True) -> AsyncIterator[Outside]:
    """Everything, running; `sending`: the worker sends what is owed."""
    async with AsyncExitStack() as stack:
        world = World(url, policy_of(CHAIN, *changes))
        stack.push_async_callback(world.close)
        slack, posted, sirens = FakeSlack(), list[tuple[dict[str, str], dict[str, Any]]](), list[int]()
        pagerduty = FakePagerDuty(keys={ROUTING_KEY: "default"}, token=API_TOKEN)
        await pagerduty.start()
        stack.push_async_callback(pagerduty.stop)
        mail = MailServer()
        await mail.start()
        stack.push_async_callback(mail.stop)

        async def siren(request: web.Request) -> web.Response:
            raw = await request.read()
            status = sirens.pop(0) if sirens else 200
            if status == 200:
                posted.append((dict(request.headers), json.loads(raw) | {"raw": raw}))
            return web.Response(status=status)

        slack_url = await _serve(stack, "/api/{method}", slack)
        siren_url = await _serve(stack, "/siren", siren)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        api = PagerDutyApi(
            session,
            keys={"default": SecretStr(ROUTING_KEY)},
            api_token=SecretStr(API_TOKEN),
            events_url=pagerduty.url,
            api_url=pagerduty.url,
            clock=world.clock,
        )
        mailer = SmtpMailer(
            SecretStr(f"smtp://127.0.0.1:{mail.port}"), "portcullis@acme.example", world.clock
        )
        stack.callback(mailer.close)
        webhooks = SignedWebhooks(
            {"siren": SecretStr(siren_url + "/siren")}, {"siren": SecretStr(SIREN_SECRET)}, world.clock
        )
        stack.push_async_callback(webhooks.close)
        in_force = InForce(world)
        announcer = OutsideAnnouncer(
            world.ledger,
            in_force,
            pagerduty=api,
            mailer=mailer,
            webhooks=webhooks,
            name=NAME,
            hears_back=True,
        )
        slack_api = SlackApi("xoxb-nothing", slack_url + "/api/")
        stack.push_async_callback(slack_api.close)
        ways = {
            "slack": Announcer(world.ledger, in_force, world.clock, slack_api),
            **dict.fromkeys(("pagerduty", "email", "webhook"), announcer),
        }
        lanes = Lanes(ways, world.ledger, in_force)
        bot_url = await _serve_hook(stack, world, in_force, api)
        if sending:
            worker = delivery_worker(world.outbox, world.clock, lanes, Pace(0.0))
            world.ledger.bells.append(worker.bell)
            task = asyncio.create_task(worker.run())
            stack.push_async_callback(_ended, task)
        yield Outside(world, slack, pagerduty, mail, posted, lanes, announcer, bot_url, sirens)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _serve(
    stack: AsyncExitStack, path: str, handler: Callable[[web.Request], Awaitable[web.Response]]
) -> str:
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app.router.add_post(path, handle)
    return await _run(stack, app)


async def _serve_hook(stack: AsyncExitStack, world: World, in_force: InForce, api: PagerDutyApi) -> str:
    app = web.Application()
    secrets = {"new": SecretStr(HOOK_SECRET), "old": SecretStr(OLD_SECRET)}
    hook = PagerDutyHook(
        ledger=world.ledger, in_force=in_force, secrets=secrets, name=NAME, email_of=api.email_of, limit=3
    )
    add_pagerduty(app, hook)
    return await _run(stack, app)


async def _run(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
