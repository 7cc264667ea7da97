"""A storm of 10,000 alerts: all are counted in, and meanwhile a person's command is answered as on any other day."""

import asyncio
import io
import json
import time
from typing import Any

import aiohttp
import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.hands import INCIDENTS
from tests.scenarios.stage import GOOD, Stage
from tests.scenarios.test_told import TOLD

ALERTS, GROUPS, SENDERS = 10_000, 1000, 16


def payload(group: int, size: int) -> dict[str, Any]:
    def alert(number: int) -> dict[str, Any]:
        labels = {
            "alertname": f"Down{number % 7}",
            "environment": "dev",
            "severity": "critical",
            "pod": f"{group}-{number}",
        }
        return {"status": "firing", "labels": labels, "fingerprint": f"{group:08x}{number:08x}"}

    return {
        "version": "4",
        "groupKey": f"g{group}",
        "receiver": "r",
        "alerts": [alert(n) for n in range(size)],
    }


async def storm(stage: Stage, bodies: list[bytes]) -> None:
    """Send as Alertmanager does: what was answered with 503 is sent again."""
    headers = {"Authorization": f"Bearer {stage.world.token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        while bodies:
            body = bodies.pop()
            async with session.post(f"{stage.bot_url}/alertmanager", data=io.BytesIO(body)) as answer:
                if answer.status == 503:
                    bodies.append(body)
                    await asyncio.sleep(0.1)
                else:
                    assert answer.status == 200, await answer.text()


async def beats(stage: Stage) -> int:
    """A job that reports as often as it can; gives how often it was counted in."""
    headers = {"Authorization": f"Bearer {stage.world.token}"}
    counted = 0
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            try:
                async with session.post(f"{stage.bot_url}/heartbeat/nightly") as answer:
                    assert answer.status in (200, 429), await answer.text()
                    counted += answer.status == 200
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                return counted


@pytest.mark.requirement("F7")
@pytest.mark.parametrize("size", [ALERTS // GROUPS, ALERTS])
async def test_ten_thousand_alerts_in_a_minute_keep_nobody_waiting(make_stage: Make, size: int) -> None:
    stage = await make_stage(TOLD, started=False)
    await stage.start_process()
    await stage.begin()
    bodies = [json.dumps(payload(group, size)).encode() for group in range(ALERTS // size)]
    bodies *= 1 if size < ALERTS else 10
    began = time.monotonic()
    senders = [asyncio.create_task(storm(stage, bodies)) for _ in range(SENDERS)]
    beating = asyncio.create_task(beats(stage))
    waits: list[float] = []
    while not all(sender.done() for sender in senders):
        asked = time.monotonic()
        await stage.ask(f"catalogue {GOOD} ticket=CHG-{len(waits)}")  # or Slack says that we did not answer
        waits.append(time.monotonic() - asked)
        await asyncio.sleep(0.05)
    await asyncio.gather(*senders)
    took = time.monotonic() - began
    beating.cancel()
    print(
        f"size={size} took={took:.1f} s; {len(waits)} commands, slowest {max(waits):.3f} s, "
        f"median {sorted(waits)[len(waits) // 2]:.3f} s"
    )
    assert await beating > 0
    assert took < 60
    card = await stage.message(INCIDENTS, "RED", "dev", "P3")
    assert card is not None
    await stage.intact()
