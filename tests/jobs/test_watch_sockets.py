"""The watch over real sockets and real programs: what is down turns RED and opens one incident, what hangs is nobody
else's trouble, and a network of our own that is down pages nobody."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from bot.adapters.clock import SystemClock
from bot.adapters.probes import Probes
from bot.domain.environment import Colour
from bot.gates import GATES
from bot.jobs.watch import Watch
from bot.policy import Policy
from bot.policy.load import parse
from storage.ledger import Ledger
from tests.jobs.conftest import running, until
from tests.jobs.test_watch import Holder

POLICY = """
version: 1
timezone: UTC
monitoring: {{reference: [{{tcp: "127.0.0.1:{reference}"}}], per_host: 2}}
environments:
  production:
    kind: production
    monitors:
      - name: api
        http: {{url: "http://127.0.0.1:{service}/health", contract: true, requires: [database], allow_private: true}}
        fail_after: 2
        pass_after: 1
      - {{name: port, tcp: {{host: 127.0.0.1, port: {service}, allow_private: true}}, pass_after: 1}}
      - {{name: verify, command: [sh, verify.sh], fail_after: 1, pass_after: 1, warn_exit: 3}}
  staging:
    kind: staging
    monitors:
      - name: hangs
        http: {{url: "http://localhost:{service}/hang", allow_private: true}}
        timeout: 1s
        fail_after: 2
"""


def often(read: Policy) -> Policy:
    """Every monitor five times a second: a policy knows no less than a second."""
    quick = {
        name: each.model_copy(
            update={
                "monitors": tuple(
                    m.model_copy(update={"every": timedelta(milliseconds=200)}) for m in each.monitors
                )
            }
        )
        for name, each in read.environments.items()
    }
    return replace(read, environments=quick)


@dataclass
class Service:
    """A service that does as it is told, and a reference that can go away."""

    folder: Path
    ledger: Ledger
    database: bool = True
    served: int = 0
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def health(self, _: web.Request) -> web.Response:
        self.served += 1
        stamp = datetime.now(UTC).isoformat()
        checks = {"database": self.database}
        return web.Response(text=json.dumps({"status": "ok", "checks": checks, "timestamp": stamp}))

    async def hang(self, _: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async def open(self) -> "Watch":
        app = web.Application()
        app.router.add_get("/health", self.health)
        app.router.add_get("/hang", self.hang)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.reference = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", 0)
        self.stack.callback(self.reference.close)
        self.verify("echo all well")
        gates = {name: gate.parameters for name, gate in GATES.items()}
        text = POLICY.format(
            service=runner.addresses[0][1], reference=self.reference.sockets[0].getsockname()[1]
        )
        holder = Holder(often(parse(text, "policy.yaml", gates, self.folder)))
        probes = Probes(clock=SystemClock(), policy=holder)
        self.stack.push_async_callback(probes.close)
        return Watch(self.ledger, holder, probes, probes.supports, reach=probes)

    def verify(self, script: str) -> None:
        (self.folder / "verify.sh").write_text(script + "\n", encoding="utf-8")

    async def is_(self, environment: str, colour: Colour) -> bool:
        state = await self.ledger.read(lambda tx: tx.environments.get(environment))
        return state is not None and state.colour is colour

    async def becomes(self, environment: str, colour: Colour) -> None:
        await until(lambda: self.is_(environment, colour))

    async def incidents(self, environment: str) -> list[tuple[str, ...]]:
        opened = await self.ledger.read(lambda tx: tx.incidents.open(environment))
        return [each.causes for each in opened]


@pytest.fixture
async def service(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """Ledger and probes go by one clock: what was read in the ledger's future would not be believed."""
    ledger = Ledger(sqlite_url, SystemClock())
    made = Service(tmp_path, ledger)
    async with made.stack:
        yield made
    await ledger.close()


@pytest.mark.requirement("K4")
@pytest.mark.requirement("D3")
@pytest.mark.requirement("D6")
async def test_what_fails_is_red_opens_one_incident_and_is_green_again(service: Service) -> None:
    async with running((await service.open()).run):
        await service.becomes("production", Colour.GREEN)

        service.database = False
        await service.becomes("production", Colour.RED)
        assert await service.incidents("production") == [("api",)]

        service.database = True
        await service.becomes("production", Colour.GREEN)
        assert await service.incidents("production") == []

        service.verify("echo one pod is restarting; exit 3")
        await service.becomes("production", Colour.YELLOW)
        service.verify("echo DB_PASSWORD=not-real; exit 1")
        await service.becomes("production", Colour.RED)
        held = {m.name: m for m in await service.ledger.read(lambda tx: tx.environments.monitors())}

    assert held["verify"].code == "exit-1"
    assert held["verify"].facts["last_line"] == "DB_PASSWORD=[redacted]"
    assert (await service.incidents("production")) == [("verify",)]


async def test_what_hangs_is_red_and_in_nobody_elses_way(service: Service) -> None:
    async with running((await service.open()).run):
        await service.becomes("staging", Colour.RED)
        before = service.served
        await service.becomes("production", Colour.GREEN)
        async with asyncio.timeout(10):
            while service.served < before + 10:
                await asyncio.sleep(0.01)


async def test_while_our_own_network_is_down_nothing_turns_red(service: Service) -> None:
    watching = await service.open()
    service.reference.close()

    async def blind() -> bool:
        held = await service.ledger.read(lambda tx: tx.environments.monitors("staging"))
        return [m.code for m in held] == ["we-are-blind"]

    async with running(watching.run):
        await service.becomes("production", Colour.GREEN)  # what is well is seen to be well all the same
        service.database = False
        await until(blind)
        await service.becomes("production", Colour.UNKNOWN)
        assert watching.blind

    for environment in ("production", "staging"):
        assert not await service.is_(environment, Colour.RED)
        assert await service.incidents(environment) == []
