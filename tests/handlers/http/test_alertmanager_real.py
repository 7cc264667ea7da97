"""Debian's Alertmanager posts at the bot: fires, groups, repeats, resolves, and falls silent."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.flows import observe
from bot.flows.alerts import let_age
from bot.flows.inquire import environments
from tests.handlers.http.told_policy import told_policy

CONFIG = """\
global: {{resolve_timeout: 5m}}
route:
  receiver: portcullis
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 300ms
  repeat_interval: 300ms
receivers:
  - name: portcullis
    webhook_configs:
      - url: {url}/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials: {token}}}}}
"""
TOKEN = "ci-token-0123456789abcdef"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class RealAlertmanager:
    url: str
    session: aiohttp.ClientSession

    async def fire(self, name: str, severity: str, *, ends_in: timedelta = timedelta(minutes=5)) -> None:
        """What Prometheus sends; it is over when its end has passed."""
        labels = {"alertname": name, "severity": severity, "environment": "production"}
        ends = datetime.now(UTC) + ends_in
        alert = {"labels": labels, "annotations": {"summary": "down"}, "endsAt": ends.isoformat()}
        async with self.session.post(f"{self.url}/api/v2/alerts", json=[alert]) as answer:
            assert answer.status == 200, await answer.text()

    async def silence(self, name: str) -> None:
        """Somebody silences an alert for an hour."""
        now = datetime.now(UTC)
        silence = {
            "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "ada",
            "comment": "known",
        }
        async with self.session.post(f"{self.url}/api/v2/silences", json=silence) as answer:
            assert answer.status == 200, await answer.text()

    async def silent(self, name: str) -> bool:
        """Whether it tells nobody of this alert any more."""
        async with self.session.get(f"{self.url}/api/v2/alerts") as answer:
            found = await answer.json()
        return [a["status"]["state"] for a in found if a["labels"]["alertname"] == name] == ["suppressed"]


async def until(check: Callable[[], Awaitable[bool]], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not await check():
            await asyncio.sleep(0.05)


@pytest.fixture
async def told(served: Any) -> Any:
    served.in_force.policy = told_policy()
    return served


@pytest.fixture
async def real(told: Any, tmp_path: Path) -> AsyncIterator[RealAlertmanager]:
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("prometheus-alertmanager is missing")
        pytest.skip("prometheus-alertmanager is missing")
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(url=told.url, token=TOKEN))
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "alertmanager.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={config}",
            f"--storage.path={tmp_path / 'storage'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    made = RealAlertmanager(f"http://{address}", told.session)

    async def ready() -> bool:
        assert process.returncode is None, (tmp_path / "alertmanager.log").read_text()
        try:
            async with told.session.get(f"{made.url}/-/ready") as answer:
                return bool(answer.status == 200)
        except aiohttp.ClientError:
            return False

    try:
        await until(ready)
        yield made
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def colour(told: Any) -> str:
    policy = told.in_force.policy
    found = next(e for e in await environments(told.ledger, policy) if e.name == "production")
    return str(next(m.colour.value for m in found.monitors if m.name == "alerts"))


def turned(told: Any, wanted: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await colour(told) == wanted

    return check


async def incidents(told: Any) -> list[Any]:
    found: list[Any] = await told.ledger.read(lambda tx: tx.incidents.open())
    return found


@pytest.mark.requirement("F7")
async def test_what_the_real_alertmanager_tells_is_understood(told: Any, real: RealAlertmanager) -> None:
    await real.fire("Slow", "warning")
    await until(turned(told, "YELLOW"))
    assert await incidents(told) == []
    await real.fire("Down", "critical")
    await until(turned(told, "RED"))
    (incident,) = await incidents(told)
    entries = await told.entries()
    before = await read_at(told)
    told.clock.at += timedelta(minutes=1)
    await until(lambda: later(told, before))  # it repeats itself
    assert (await told.entries(), [i.id for i in await incidents(told)]) == (entries, [incident.id])
    await real.fire("Down", "critical", ends_in=timedelta(seconds=-1))
    await until(turned(told, "YELLOW"))
    await real.fire("Slow", "warning", ends_in=timedelta(seconds=-1))
    await until(turned(told, "GREEN"))
    told.clock.at += timedelta(hours=5)
    await observe.age(told.ledger, told.in_force.policy)
    assert await colour(told) == "UNKNOWN"  # it says nothing while all is well, unless it has a watchdog


async def test_the_real_watchdog_keeps_it_green(told: Any, real: RealAlertmanager) -> None:
    await real.fire("Watchdog", "none")
    await until(turned(told, "GREEN"))
    told.clock.at += timedelta(hours=5)
    before = await read_at(told)
    await until(lambda: later(told, before))
    await until(turned(told, "GREEN"))


async def read_at(told: Any) -> Any:
    kept = await told.ledger.read(lambda tx: tx.environments.monitors("production"))
    return next(m.read_at for m in kept if m.name == "alerts")


async def later(told: Any, before: Any) -> bool:
    return bool(await read_at(told) > before)


async def test_what_is_silenced_there_is_not_repeated_and_then_nobody_knows(
    told: Any, real: RealAlertmanager
) -> None:
    await real.fire("Down", "critical")
    await until(turned(told, "RED"))
    await real.silence("Down")
    await until(lambda: real.silent("Down"))
    await real.fire("Watchdog", "none")
    told.clock.at += timedelta(hours=5)
    before = await read_at(told)
    await until(lambda: later(told, before))
    assert await colour(told) == "RED"
    await let_age(told.ledger, told.in_force.policy, "production/alerts")
    assert await colour(told) == "UNKNOWN"
