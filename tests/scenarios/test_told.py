"""Monitors that are told, over real sockets: a job that reports trouble, a job that falls silent, an alert that fires."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from tests.scenarios.hands import CY, INCIDENTS
from tests.scenarios.stage import Stage

Make = Callable[..., Awaitable[Stage]]
MONITORS = """\
      - {name: nightly, heartbeat: {every: 1h}}
      - {name: alerts, alertmanager: {matchers: {environment: dev}}}
"""
TOLD = ("    severity: P3\n", f"{MONITORS}    severity: P3\n")


async def post(stage: Stage, path: str, body: Any) -> Any:
    """Tell the bot something, as a job does."""
    headers = {"Authorization": f"Bearer {stage.world.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(stage.bot_url + path, json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


def payload(status: str) -> dict[str, Any]:
    labels = {"alertname": "DiskFull", "environment": "dev", "severity": "critical", "pod": "<!channel>"}
    alert = {"status": status, "labels": labels, "annotations": {}, "fingerprint": "f00d"}
    return {"version": "4", "groupKey": "{}", "receiver": "r", "status": status, "alerts": [alert]}


@pytest.fixture
async def stage(make_stage: Make) -> Stage:
    return await make_stage(TOLD)


@pytest.mark.requirement("F7")
async def test_a_job_that_reports_trouble_opens_an_incident_and_ends_it_when_all_is_well(
    stage: Stage,
) -> None:
    said = await post(stage, "/heartbeat/nightly", {"status": "error", "detail": "disk <!channel> full"})
    assert said["colour"] == "RED"
    card = await stage.message(INCIDENTS, "RED", "dev", "P3", f"<@{CY}>", "reports an error", "disk")
    assert "<!channel>" not in str(card)
    await post(stage, "/heartbeat/dev/nightly", {})
    await stage.message(INCIDENTS, "RESOLVED", "dev", "GREEN")
    await stage.intact()


@pytest.mark.requirement("D1")
async def test_a_job_that_falls_silent_is_noticed_by_the_clock_alone(stage: Stage) -> None:
    await post(stage, "/heartbeat/nightly", {})
    stage.clock.advance(timedelta(hours=1, seconds=1))
    await stage.message(INCIDENTS, "RED", "dev", "nightly has not reported in time")
    await post(stage, "/heartbeat/nightly", {})
    await stage.message(INCIDENTS, "RESOLVED", "dev", "GREEN")


@pytest.mark.requirement("F7")
async def test_an_alert_that_fires_is_an_incident_once_and_over_when_it_is_resolved(stage: Stage) -> None:
    for _ in range(5):
        await post(stage, "/alertmanager", payload("firing"))
    await stage.message(INCIDENTS, "RED", "dev", "alerts reports DiskFull")
    assert len(await stage.entries("incident.opened")) == 1
    await post(stage, "/alertmanager", payload("resolved"))
    await stage.message(INCIDENTS, "RESOLVED", "dev", "GREEN")
    await stage.intact()
