"""The HTTP application over a real ledger on SQLite and the real policy, on a loopback socket."""

import asyncio
import io
import json
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot import logs
from bot.adapters.deployers import PolicyDeployers
from bot.cli.policy import load_policy
from bot.domain.api_token import ApiToken
from bot.domain.artifact import RegistryAnswer, RegistryWord
from bot.domain.environment import Colour, MonitorState
from bot.domain.health import Health
from bot.flows.collect import Collector
from bot.policy import Policy
from bot.ports import Transaction
from handlers.http.app import build_http
from handlers.http.context import HttpContext
from storage import schema
from storage.ledger import Ledger
from tests.handlers.http.mfa_site import Site, open_site

TOKEN = "ci-token-0123456789abcdef"
POLICY = Path(__file__).resolve().parents[3] / "examples" / "readiness" / "policy.yaml"
WEDNESDAY = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)  # 11:00 in New York, inside the preferred window
NEW, OLD = "7a3f9c2", "1b2c3d4"
DIGESTS = {NEW: "sha256:" + "7a" * 32, OLD: "sha256:" + "1b" * 32}


@dataclass
class StoppedClock:
    """Implements ports.Clock; moves only when told."""

    at: datetime = WEDNESDAY

    def now(self) -> datetime:
        return self.at


@dataclass
class FakeRegistry:
    """Implements ports.Registry: tags and the digests they stand for."""

    clock: StoppedClock
    digests: dict[str, str] = field(default_factory=lambda: dict(DIGESTS))

    async def resolve(self, image: str, reference: str) -> RegistryAnswer:
        digest = reference if reference in self.digests.values() else self.digests.get(reference)
        word = RegistryWord.MISSING if digest is None else RegistryWord.FOUND
        return RegistryAnswer(word=word, asked_at=self.clock.now(), digest=digest)


@dataclass
class InForce:
    """Implements ports.PolicyInForce."""

    policy: Policy


@dataclass(kw_only=True)
class Served:
    """The application as a client sees it, and what stands behind it."""

    url: str
    port: int
    session: aiohttp.ClientSession
    ledger: Ledger
    collector: Collector
    clock: StoppedClock
    registry: FakeRegistry
    in_force: InForce
    context: HttpContext

    async def get(self, path: str, *, token: str | None = TOKEN) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def post(
        self,
        body: Any,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
        path: str = "/api/v1/evidence",
    ) -> tuple[int, Any]:
        """Post `body`: bytes and async iterators as they are, anything else as JSON."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) or hasattr(body, "__aiter__") else json.dumps(body).encode()
        if isinstance(content, bytes):
            content = io.BytesIO(content)
        async with self.session.post(self.url + path, data=content, headers=sent) as answer:
            return answer.status, await answer.json()

    async def entries(self) -> int:
        """How many audit entries there are."""
        return len(await self.ledger.read(lambda tx: tx.trail.entries()))

    async def pass_all_gates(self, *, without: str = "") -> None:
        """State whatever the gates want to hear; `without` leaves one thing out."""
        for name, said in evidence_for_all_gates(self.clock.now()).items():
            if name != without:
                status, answer = await self.post(said)
                assert status == 201, answer
        await self.turn_green()

    async def turn_green(self) -> None:
        """Have every monitor read GREEN just now."""
        now, environments = self.clock.now(), self.in_force.policy.environments

        def step(tx: Transaction) -> None:
            for name, environment in environments.items():
                for m in environment.monitors:
                    state = MonitorState(
                        environment=name, name=m.name, component=m.component, since=now, read_at=now
                    )
                    tx.environments.keep(replace(state, colour=Colour.GREEN, good_at=now, code="ok"))

        await self.ledger.write(step)


def evidence_for_all_gates(now: datetime) -> dict[str, dict[str, Any]]:
    """Every statement that a promotion of NEW to production needs, by a name."""
    hour = timedelta(hours=1)
    about = {"service": "checkout", "artifact": NEW, "digest": DIGESTS[NEW], "outcome": "passed"}
    return {
        "build": {**about, "kind": "build", "at": f"{now - 5 * hour:%Y-%m-%dT%H:%M:%SZ}"},
        "staging": {
            **about,
            "kind": "deployment",
            "environment": "staging",
            "at": f"{now - 4 * hour:%Y-%m-%dT%H:%M:%SZ}",
        },
        "verification": {
            **about,
            "kind": "verification",
            "environment": "staging",
            "at": f"{now - 2 * hour:%Y-%m-%dT%H:%M:%SZ}",
        },
        "scan": {
            **about,
            "kind": "scan",
            "counts": {"critical": 0, "high": 0},
            "at": f"{now - 3 * hour:%Y-%m-%dT%H:%M:%SZ}",
        },
        "way-back": {
            **about,
            "kind": "deployment",
            "artifact": OLD,
            "digest": DIGESTS[OLD],
            "environment": "production",
            "at": f"{now - 48 * hour:%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def statement(**changed: Any) -> dict[str, Any]:
    """A good statement, changed."""
    return {
        "kind": "scan",
        "service": "checkout",
        "artifact": NEW,
        "digest": DIGESTS[NEW],
        "outcome": "passed",
        "at": "2026-03-04T15:00:00Z",
        "counts": {"critical": 0, "high": 2},
        **changed,
    }


async def _well() -> Health:
    return Health(checks={"database": True})


@pytest.fixture
def context_changes() -> dict[str, Any]:
    """What a test wants of the HttpContext; override it with a parametrized fixture of the same name."""
    return {}


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: migrating one for every test would take most of its time."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    asyncio.run(schema.ensure(f"sqlite:///{path}"))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
async def served(
    tmp_path: Path, empty_ledger: Path, context_changes: dict[str, Any]
) -> AsyncIterator[Served]:
    """The application, listening."""
    url = f"sqlite:///{shutil.copy(empty_ledger, tmp_path / 'ledger.db')}"
    clock, in_force = StoppedClock(), InForce(load_policy(POLICY))
    ledger, registry = Ledger(url, clock), FakeRegistry(clock)
    collector = Collector(ledger, registry, PolicyDeployers(in_force, environ={}), clock)
    context = HttpContext(
        ledger=ledger,
        in_force=in_force,
        collector=collector,
        clock=clock,
        tokens=(
            ApiToken(name="other", secret=SecretStr("other-0123456789abcdef")),
            ApiToken(name="ci", secret=SecretStr(TOKEN)),
        ),
        health=_well,
        metrics=lambda: b"",
    )
    context = replace(context, **context_changes)
    runner = web.AppRunner(build_http(context, None), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            yield Served(
                url=f"http://127.0.0.1:{port}",
                port=port,
                session=session,
                ledger=ledger,
                collector=collector,
                clock=clock,
                registry=registry,
                in_force=in_force,
                context=context,
            )
    finally:
        await runner.cleanup()
        await ledger.close()


@pytest.fixture
def good() -> Any:
    """Makes a good statement, changed."""
    return statement


@pytest.fixture
def database(tmp_path: Path, empty_ledger: Path) -> str:
    """The address of a ledger in which nothing has happened yet."""
    return f"sqlite:///{shutil.copy(empty_ledger, tmp_path / 'ledger.db')}"


@pytest.fixture
async def site(database: str) -> AsyncIterator[Site]:
    """Our pages over that ledger."""
    site = await open_site(database)
    yield site
    await site.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the product logs, as it would stand on standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
