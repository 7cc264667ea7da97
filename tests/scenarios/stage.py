"""A whole workplace for one journey: the sandbox workspace, the sample world and the bot, each on a socket of its own.

The bot runs in this process as `portcullis run` puts it together, or as the command itself, which can be killed.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from pydantic import SecretStr
from ruamel.yaml import YAML
from sqlalchemy import func, select

from bot.adapters.seal import KeySeal
from bot.adapters.totp import Totp
from bot.domain.audit import Entry
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.environment import Colour, Reading
from bot.flows.colours import stale_after
from bot.flows.enroll import enroll_totp
from bot.flows.observe import Watched, observe
from bot.flows.reload_policy import load_policy
from bot.policy import Policy
from bot.ports import Transaction
from bot.settings import Settings
from bot.wiring import Portcullis
from examples.readiness.builds import Build
from examples.readiness.world import World, begin, build_app, publish
from sandbox.client import SandboxClient
from sandbox.manifest import read_manifest
from sandbox.server import Sandbox
from sandbox.workspace import Workspace
from storage import tables
from storage.instants import to_micros
from storage.ledger import Ledger
from storage.owed import DeliveryTable
from storage.verification import verify
from tests.scenarios.hands import EVE, Hands
from tests.scenarios.props import DEPLOYER, EXAMPLE, ROOT, ShiftedClock, policy_text

T = TypeVar("T")
GOOD, BAD = "b81e6f0", "bad5eed"  # builds of the sample world's catalogue


@dataclass
class Stage(Hands):
    """Everything of one journey, and hands for everybody in it."""

    folder: Path
    database_url: str
    socket_mode: bool = False
    clock: ShiftedClock = field(default_factory=ShiftedClock)
    factors: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    bot: Portcullis | None = None
    process: asyncio.subprocess.Process | None = None
    codes_used: dict[str, int] = field(default_factory=dict)
    bot_url: str = ""
    world_url: str = ""
    registry_open: asyncio.Event = field(default_factory=asyncio.Event)

    sandbox: Sandbox = field(init=False)
    people: SandboxClient = field(init=False)
    world: World = field(init=False)
    ledger: Ledger = field(init=False)
    _closing: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    # Setting up and taking down

    async def open(self, *edits: tuple[str, str], enrolled: tuple[str, ...] = ("ada", "bo", "vic")) -> None:
        """Everything but the bot."""
        token = secrets.token_hex(16)
        self._make_secrets(token)
        self.registry_open.set()
        self.world = World(bot="", token=token, factors={}, now=self.clock.now)
        self.world_url = await self._serve_world()
        (self.folder / "deployer.sh").write_text(DEPLOYER, encoding="utf-8")
        (self.folder / "policy.yaml").write_text(policy_text(self.world_url, *edits), encoding="utf-8")
        for name in ("staging", "dev"):
            self.status_file(name, "GREEN\n")
        await self._start_sandbox()
        self.ledger = Ledger(self.database_url, self.clock)
        self._closing.push_async_callback(self.ledger.close)
        await self._enroll(enrolled)
        await self.see_green()

    def _make_secrets(self, token: str) -> None:
        self.environment = {
            "SLACK_BOT_TOKEN": "xoxb-" + secrets.token_hex(12),
            "SLACK_SIGNING_SECRET": secrets.token_hex(16),
            "PORTCULLIS_DATABASE_URL": self.database_url,
            "PORTCULLIS_POLICY": str(self.folder / "policy.yaml"),
            "PORTCULLIS_HTTP_PORT": "0",
            "PORTCULLIS_SECRET_KEY": secrets.token_urlsafe(32),
            "PORTCULLIS_API_TOKENS": f"ci={token}",
        }
        if self.socket_mode:
            self.environment["SLACK_APP_TOKEN"] = "xapp-" + secrets.token_hex(12)

    async def _serve_world(self) -> str:
        """The sample world; its registry answers while `registry_open` is set."""

        @web.middleware
        async def patient(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
            if request.path.startswith("/v2/"):
                await self.registry_open.wait()
            answer: web.StreamResponse = await handler(request)
            return answer

        app = build_app(self.world)
        app.middlewares.append(patient)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _start_sandbox(self) -> None:
        cast: dict[str, Any] = YAML(typ="safe", pure=True).load(EXAMPLE / "workspace.yaml")
        cast["people"].append({"id": EVE, "name": "eve", "real_name": "Eve Stray", "tz": "Europe/Berlin"})
        manifest = read_manifest(ROOT / "manifest.yml")
        manifest["settings"]["socket_mode_enabled"] = self.socket_mode
        self.sandbox = Sandbox(
            Workspace.from_mapping(cast),
            signing_secret=self.environment["SLACK_SIGNING_SECRET"],
            bot_token=self.environment["SLACK_BOT_TOKEN"],
            app_token=self.environment.get("SLACK_APP_TOKEN", "xapp-unused"),
            manifest=manifest,
            events_url=None,
        )
        await self.sandbox.start()
        self._closing.push_async_callback(self.sandbox.stop)
        self.environment["PORTCULLIS_SLACK_API_URL"] = self.sandbox.api_url
        self.people = await self._closing.enter_async_context(SandboxClient(self.sandbox.url))

    async def _enroll(self, enrolled: tuple[str, ...]) -> None:
        totp = Totp(KeySeal(SecretStr(self.environment["PORTCULLIS_SECRET_KEY"])))
        for person in enrolled:
            secret = self.factors[person] = totp.new_secret()
            sealed = totp.sealed(secret, person=person)
            await enroll_totp(
                self.ledger, self.policy(), person=person, sealed=sealed, by="test", again=False
            )
        told = DeliveryTable(self.ledger, self.clock)  # long ago, to whoever was there then
        while claimed := await told.claim(limit=100, busy=frozenset()):
            for each in claimed:
                await told.finish(each)

    async def see_green(self) -> None:
        """What the monitors will see in their first second anyway."""
        policy = self.policy()
        for name, environment in policy.environments.items():
            for monitor in environment.monitors:
                reading = Reading(colour=Colour.GREEN, code="ok", at=self.clock.now())
                for _ in range(monitor.pass_after):
                    await observe(self.ledger, policy, name, monitor, reading, Watched())

    async def advance(self, by: timedelta) -> None:
        """Put the clock forward, with monitors that have gone on reading meanwhile. What the bot read before is older
        now than a reading may be: it has to be in the ledger before anything is judged by what was read since."""
        self.clock.advance(by)
        since = self.clock.now()
        await self.see_green()
        async with asyncio.timeout(60):
            while self.bot is not None and not self._read_since(self.bot, since, by):
                await asyncio.sleep(0.02)

    def _read_since(self, bot: Portcullis, instant: datetime, ahead: timedelta) -> bool:
        """Whether the bot wrote a reading down of every monitor whose readings of before are too old by now."""
        environments = self.policy().environments
        old = {(e, m.name) for e, a in environments.items() for m in a.monitors if stale_after(m) <= ahead}
        watched = [each for key, each in bot.loops.watch._watched.items() if key in old]
        return all(each.kept_at is not None and each.kept_at >= instant for each in watched)

    async def close(self) -> None:
        """Stop everything."""
        self.registry_open.set()
        (self.folder / "hold").unlink(missing_ok=True)
        await self.stop()
        await self.kill()
        await self._closing.aclose()

    # The bot

    def policy(self) -> Policy:
        """The policy file as it is now."""
        return load_policy(self.folder / "policy.yaml")

    async def start(self) -> None:
        """The bot, in this process."""
        named = {k if k.startswith("PORTCULLIS_") else k.lower(): v for k, v in self.environment.items()}
        settings = Settings(**named)  # type: ignore[arg-type]  # pydantic reads them as it reads the environment
        self.bot = Portcullis(settings, self.policy(), clock=self.clock)
        await self.bot.start()
        self._reachable_at(self.bot.url)
        if self.bot.socket_mode is not None:
            mode = self.bot.socket_mode
            await self.people.wait_for(lambda: mode.connected() == 2, what="two sockets")

    async def stop(self) -> None:
        """Stop it in order."""
        bot, self.bot = self.bot, None
        if bot is not None:
            await bot.stop()

    async def start_process(self) -> None:
        """The bot, as its own process."""
        inherited = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TZ") if k in os.environ}
        with (self.folder / "bot.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "run"),
                env=inherited | self.environment | {"PYTHONPATH": str(ROOT)},
                cwd=self.folder,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            line = (await self.process.stdout.readline()).decode()
        ready = re.search(r"http://\S+", line)
        assert ready, f"the bot did not start: {(self.folder / 'bot.log').read_text()[-2000:]}"
        self._reachable_at(ready[0])

    async def kill(self) -> None:
        """End its process as a power cut would."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.communicate()

    def _reachable_at(self, url: str) -> None:
        self.bot_url = self.world.bot = url
        self.sandbox.events_url = url + "/slack/events"

    async def begin(self) -> None:
        """The story of the sample world up to now: a version in production, newer ones in staging."""
        await begin(self.world)

    async def publish(self, service: str = "catalogue", **about: Any) -> str:
        """CI builds something; gives its tag."""
        build = Build(service=service, tag=secrets.token_hex(4)[:7], **{"soaked": timedelta(hours=2)} | about)
        await publish(self.world, build)
        return build.tag

    # What is so

    def status_file(self, environment: str, content: str) -> None:
        """Write an environment's status file as whoever keeps it does: in one go."""
        folder = self.folder / "deployment" / "status"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "half").write_text(content, encoding="utf-8")
        (folder / "half").replace(folder / f"{environment}.status")

    async def request(self, request: str) -> ChangeRequest:
        """The request as the ledger has it."""
        found = await self.ledger.read(lambda tx: tx.requests.get(request))
        assert found is not None, f"there is no {request}"
        return found

    async def until(self, request: str, state: RequestState) -> ChangeRequest:
        """Wait until the request is in this state."""

        async def there() -> ChangeRequest | None:
            found = await self.request(request)
            return found if found.state is state else None

        return await self.wait(there, what=f"{request} to be {state.value}", timeout=25)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """A query on the ledger."""
        return await self.ledger.read(query)

    async def entries(self, kind: str = "") -> list[dict[str, Any]]:
        """The audit entries whose type begins so, as the auditor gets them."""
        told: list[dict[str, Any]] = []
        after = 0
        while page := await self.ledger.read(partial(_entries_after, after)):
            told += [json.loads(entry.body) for entry in page]
            after = page[-1].seq
        return [one for one in told if one["type"].startswith(kind)]

    async def written(self) -> Mapping[str, Any]:
        """How many rows stand in each table that a command could write, and where the audit trail ends."""
        kept = (
            tables.requests, tables.approvals, tables.runs, tables.incidents, tables.evidence, tables.received,
            tables.timers, tables.deliveries, tables.places, tables.credentials, tables.factor_failures,
            tables.audit_entries,
        )  # fmt: skip

        def count(connection: Any) -> dict[str, Any]:
            found = {t.name: connection.execute(select(func.count()).select_from(t)).scalar() for t in kept}
            return found | {"head": connection.execute(select(tables.audit_head.c.hash)).scalar()}

        return await self.ledger.look(count)

    async def settled(self) -> bool:
        """Whether every delivery was sent and no timer is due."""
        now = to_micros(self.clock.now())
        timers, deliveries = tables.timers.c, tables.deliveries.c

        def owed(connection: Any) -> int:
            pending = select(func.count()).where(deliveries.state == "pending")
            due = select(func.count()).where(timers.due_at <= now)
            return int(connection.execute(pending).scalar()) + int(connection.execute(due).scalar())

        return await self.ledger.look(owed) == 0

    async def quiet(self) -> None:
        """Wait until nothing is owed."""
        await self.wait(self.settled, what="everything owed to be sent", timeout=25)

    async def intact(self) -> None:
        """The auditor verifies the trail."""
        report = await verify(self.ledger)
        assert report.problems == []
        assert report.entries > 0

    def calls(self, verb: str = "start") -> list[str]:
        """The calls that the platform got."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if line.startswith(verb)]

    async def api(self, path: str, **query: str) -> Any:
        """Ask the bot over HTTP, as a pipeline does."""
        headers = {"Authorization": f"Bearer {self.world.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(self.bot_url + path, params=query) as answer,
        ):
            return await answer.json()

    async def health(self, health: str) -> None:
        """Turn what production's health page says."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.world_url + "/health", json={"health": health}) as answer,
        ):
            assert answer.status == 200


def _entries_after(after: int, tx: Transaction) -> list[Entry]:
    return list(tx.trail.entries(after=after))
