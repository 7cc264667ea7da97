"""The protocol's world for its tests: four small services on sockets, a database's port, a WebSocket, a pretend kubectl.

The bot, its policy, the deploy script and the checks are those of the example; only addresses and intervals are edited.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, web

from bot.flows.reload_policy import load_policy
from bot.policy import Policy
from examples.readiness.builds import Build
from examples.readiness.world import World
from storage.ledger import Ledger
from tests.scenarios.stage import ROOT, Stage

EXAMPLE: Final = ROOT / "examples" / "protocol"
SERVICES: Final = ("messaging", "pioneer", "support-ui", "admin-dashboard")
GROUPS: Final = ("Frontend", "Backend", "Databases", "WebSockets", "Integrations")
OLD, NEW = "0a1b2c3", "4d5e6f7"
"""Versions of every service: what runs, and what is to run."""

# A cluster of one node that remembers images. `no-rollout` and `forbidden` make it fail; what it is called with stands
# in `calls`.
KUBECTL: Final = """#!/bin/sh
echo "$@" >> calls
case "$*" in
  *"get nodes"*) cat nodes.json ;;
  *"set image"*)
    [ ! -e forbidden ] || { echo "error: deployments.apps is forbidden for $(cat "$KUBECONFIG")" >&2; exit 1; }
    for last; do :; done
    echo "${last#*=}" > "running-${last%%=*}" ;;
  *"rollout status"*) [ ! -e no-rollout ] || { echo "error: timed out waiting for the condition" >&2; exit 1; } ;;
  *"get deployment/"*) name="${4#deployment/}"; cat "running-$name" ;;
esac
"""
GOOD_NODE: Final = {
    "Ready": "True",
    "MemoryPressure": "False",
    "DiskPressure": "False",
    "PIDPressure": "False",
}


def digest(service: str, tag: str) -> str:
    """The digest of a build of the sample registry."""
    return Build(service=service, tag=tag, soaked=timedelta(0)).digest


@dataclass
class Answer:
    """What one service says of itself: the contract's body with changes, or anything else in its place."""

    status: str = "ok"
    checks: dict[str, Any] = field(default_factory=dict)
    age: timedelta = timedelta(0)
    wait_s: float = 0
    code: int = 200
    raw: bytes | None = None
    broken_by: str | None = None
    """The digest of a version that loses the database."""


@dataclass
class Services:
    """The four services, the database's port and the mail provider, each on a socket of its own."""

    folder: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    answers: dict[str, Answer] = field(
        default_factory=lambda: {name: Answer() for name in (*SERVICES, "mail")}
    )
    ports: dict[str, int] = field(default_factory=dict)
    chat: str = "fine"
    """`fine`, `mute` (no pong), `closed` or `gone` (no WebSocket at all)."""
    _runners: list[web.AppRunner] = field(default_factory=list)
    _database: asyncio.Server | None = None

    async def start(self) -> None:
        """Open every socket."""
        for name in self.answers:
            app = web.Application()
            app.router.add_get("/health", self._health(name))
            app.router.add_get("/", self._health(name))
            app.router.add_get("/ws", self._talk)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._runners.append(runner)
            self.ports[name] = runner.addresses[0][1]
        await self.database(up=True)

    async def stop(self) -> None:
        """Close them."""
        await self.database(up=False)
        for runner in self._runners:
            await runner.cleanup()

    async def database(self, *, up: bool) -> None:
        """Whether it takes connections, always on the same port."""
        if self._database is not None:
            self._database.close()
            await self._database.wait_closed()
        self._database = None
        if up:
            self._database = await asyncio.start_server(_hang_up, "127.0.0.1", self.ports.get("database", 0))
            self.ports["database"] = self._database.sockets[0].getsockname()[1]

    def body(self, name: str) -> dict[str, Any]:
        """What it says now."""
        answer = self.answers[name]
        running = self.folder / f"running-{name}"
        lost = bool(answer.broken_by and running.exists() and answer.broken_by in running.read_text())
        usual = {"database": not lost, "pioneer": True, "websocket": True, "memory": True, "errors": []}
        at = (self.now() - answer.age).isoformat()
        return {
            "status": "error" if lost else answer.status,
            "checks": usual | answer.checks,
            "timestamp": at,
        }

    def _health(self, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            said = self.answers[name]
            await asyncio.sleep(said.wait_s)
            body = json.dumps(self.body(name)).encode() if said.raw is None else said.raw
            return web.Response(body=body, status=said.code, content_type="application/json")

        return answer

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        if self.chat == "gone":
            return web.Response(status=502)
        socket = web.WebSocketResponse(autoping=self.chat == "fine", timeout=0.1)
        await socket.prepare(request)
        await socket.send_str("somebody wrote before you were here")
        if self.chat == "closed":
            await socket.close()
            return socket
        async for _ in socket:
            pass
        return socket

    def __getitem__(self, name: str) -> Answer:
        return self.answers[name]

    # The example with these addresses

    def copied(self, *edits: tuple[str, str]) -> None:
        """The example's files in the folder, everything where it is now; each edit has to find its place."""
        for name in ("deploy.py", "check_health.py", "check_websocket.py"):
            shutil.copyfile(EXAMPLE / name, self.folder / name)
        for name in ("policy.yaml", "production.json"):
            text = (EXAMPLE / name).read_text(encoding="utf-8")
            own = [(old, new) for old, new in (*self.addresses(), *edits) if old in text]
            for old, new in own:
                text = text.replace(old, new)
            assert ".example:" not in text
            (self.folder / name).write_text(text, encoding="utf-8")
        self._cluster()

    def addresses(self) -> list[tuple[str, str]]:
        """What stands in the example, and what is meant here. Slow is slower, for a machine that is busy with tests."""
        here = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        return [
            ("https://messaging.support.example", here["messaging"]),
            ("wss://messaging.support.example", here["messaging"].replace("http", "ws")),
            ("https://pioneer.support.example", here["pioneer"]),
            ("https://support.example", here["support-ui"]),
            ("https://admin.support.example", here["admin-dashboard"]),
            ("https://status.mail-provider.example", here["mail"]),
            ("db.support.example:5432", f"127.0.0.1:{self.ports['database']}"),
            ("host: db.support.example, port: 5432", f"host: 127.0.0.1, port: {self.ports['database']}"),
            ("contract: true", "contract: true, allow_private: true"),
            ("slower_than: 3s", "slower_than: 3s, allow_private: true"),
            ('"1000"', '"4000"'),
            ("slower_than: 1s", "slower_than: 4s"),
            ('"answer_within_ms": 1000', '"answer_within_ms": 4000'),
            ('"settle_s": 120', '"settle_s": 0.3'),
        ]

    def policy(self) -> Policy:
        """The policy of the folder."""
        return load_policy(self.folder / "policy.yaml")

    def _cluster(self) -> None:
        (self.folder / "bin").mkdir(exist_ok=True)
        kubectl = self.folder / "bin" / "kubectl"
        kubectl.write_text(KUBECTL)
        kubectl.chmod(0o755)
        (self.folder / "kubeconfig").write_text("hunter2-of-the-cluster")
        self.nodes(**GOOD_NODE)
        for service in SERVICES:
            self.runs(service, OLD)

    def nodes(self, **conditions: str) -> None:
        """What the cluster says of its only node."""
        stated = [{"type": kind, "status": status} for kind, status in conditions.items()]
        node = {"metadata": {"name": "node-1"}, "status": {"conditions": stated}}
        (self.folder / "nodes.json").write_text(json.dumps({"items": [node]}))

    def runs(self, service: str, tag: str) -> None:
        """The cluster runs this version already."""
        image = f"registry.support.example/{service}@{digest(service, tag)}"
        (self.folder / f"running-{service}").write_text(image + "\n")

    def running(self, service: str) -> str:
        """Which image the cluster runs."""
        return (self.folder / f"running-{service}").read_text().strip()

    def calls(self, words: str = "") -> list[str]:
        """What kubectl was called with."""
        file = self.folder / "calls"
        return [line for line in (file.read_text().splitlines() if file.exists() else []) if words in line]


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@dataclass
class ProtocolStage(Stage):
    """The running bot with the example's policy, the pretend workspace, and the services on their sockets."""

    services: Services = field(init=False)

    async def open(self, *edits: tuple[str, str], enrolled: tuple[str, ...] = ("ada", "bo")) -> None:
        """Everything but the bot."""
        token = "token-of-ci-0123456789"
        self._make_secrets(token)
        self.registry_open.set()
        self.world = World(bot="", token=token, factors={})
        self.world_url = await self._serve_world()
        self.services = Services(self.folder)
        await self.services.start()
        self._closing.push_async_callback(self.services.stop)
        world = self.world_url.removeprefix("http://")
        here = (
            ("image: registry.support.example", f"image: {world}"),
            ("192.0.2.1:53", world),
            ("people: [cy, ada]", "people: [cy]"),  # whatever week it is
            ("every: 15s", "every: 1s, fail_after: 1, pass_after: 1"),
        )
        self.services.copied(*here, *edits)
        await self._start_sandbox()
        self.ledger = Ledger(self.database_url, self.clock)
        self._closing.push_async_callback(self.ledger.close)
        await self._enroll(enrolled)
        await self.see_green()

    async def begin(self) -> None:
        """CI has built two versions of everything; the older one runs in production."""
        for service in SERVICES:
            for tag, soaked in ((OLD, timedelta(days=9)), (NEW, timedelta(hours=3))):
                build = Build(service=service, tag=tag, soaked=soaked)
                self.world.shelf.put(build)
                for statement in build.statements(datetime.now(UTC)):
                    if "environment" not in statement:  # the document knows no staging
                        await self._stated(statement)
            at = (datetime.now(UTC) - timedelta(days=8)).isoformat()
            said = {"kind": "deployment", "environment": "production", "outcome": "passed", "at": at}
            of = {"service": service, "artifact": OLD, "digest": digest(service, OLD)}
            await self._stated(said | of)

    async def _stated(self, statement: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.world.token}"}
        async with (
            self.people_session(headers) as session,
            session.post(self.bot_url + "/api/v1/evidence", json=statement) as answer,
        ):
            assert answer.status in (200, 201), await answer.text()

    @staticmethod
    def people_session(headers: dict[str, str]) -> ClientSession:
        """A session of somebody who is no browser."""
        return ClientSession(headers=headers)

    async def page(self, path: str = "/status") -> str:
        """The status page as a holder of a token sees it."""
        headers = {"Authorization": f"Bearer {self.world.token}"}
        async with self.people_session(headers) as session, session.get(self.bot_url + path) as answer:
            assert answer.status == 200
            return str(await answer.text())

    async def board(self) -> dict[str, Any]:
        """Production as programs see it: its status, and that of each component by its group."""
        said = json.loads(await self.page("/status.json"))["environments"][0]
        parts = {each["group"]: {} for each in said["components"]}
        for each in said["components"]:
            parts[each["group"]][each["name"]] = each["status"]
        return {"status": said["status"], "groups": parts, "detail": said["detail"]}

    async def sees(self, **wanted: str) -> dict[str, Any]:
        """Wait until production is so, and its components are (`mail_provider="YELLOW"`)."""

        async def check() -> dict[str, Any] | None:
            found = await self.board()
            flat = {k: v for group in found["groups"].values() for k, v in group.items()} | {
                "status": found["status"]
            }
            return found if all(flat[k.replace("_", "-")] == v for k, v in wanted.items()) else None

        return await self.wait(check, what=f"production to be {wanted}")

    async def portcullis(self, *words: str) -> tuple[int, str]:
        """The command line, on the bot's own host."""
        inherited = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *words,
            env=inherited | self.environment | {"PYTHONPATH": str(ROOT)}, cwd=self.folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()
