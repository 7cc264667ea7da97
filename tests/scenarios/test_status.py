"""What people see of the state of everything, in the browser and in Slack, while the bot runs for real."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.hands import BO, CY, INCIDENTS, LIN
from tests.scenarios.stage import Stage


async def page(stage: Stage, **headers: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(stage.bot_url + "/status") as answer,
    ):
        return answer.status, await answer.text(), answer.headers.get("ETag", "")


async def shows(stage: Stage, *texts: str) -> str:
    """The page, once it says all of this."""
    async with asyncio.timeout(20):
        while True:
            _, html, _ = await page(stage)
            if all(text in html for text in texts):
                return html
            await asyncio.sleep(0.1)


@pytest.mark.requirement("F14")
@pytest.mark.requirement("K6")
async def test_red_is_on_the_page_and_in_slack_and_so_is_that_it_is_over(stage: Stage) -> None:
    await shows(stage, "All environments are GREEN")
    await stage.health("error")
    await stage.message(INCIDENTS, "RED", "production", "P0", f"<@{CY}>")
    html = await shows(stage, "Fix first: production", "INC-1 open, nobody has it yet")
    assert "<script" not in html
    said = await stage.deploy(LIN, "next", command="/env")
    assert "Fix first: production" in said
    assert "INC-1 is open, nobody has it yet" in said
    await stage.health("ok")
    await shows(stage, "All environments are GREEN", "over after")
    assert "All environments are GREEN" in await stage.deploy(LIN, "next", command="/env")
    assert "1 incident" in await stage.deploy(LIN, "history", command="/env")


async def test_what_the_sample_world_says_is_believed_after_its_clock_went_forward_with_the_bots(
    stage: Stage,
) -> None:
    await shows(stage, "All environments are GREEN")
    await stage.advance(timedelta(hours=1))
    read = len(stage.world.readings)

    async def read_since() -> bool:
        return len(stage.world.readings) >= read + 4

    await stage.wait(read_since, what="four answers of production", timeout=30)
    await stage.quiet()
    await shows(stage, "All environments are GREEN")


UNSAID = ("status_page: {readers: public}", "# status_page: {readers: public}")


async def test_where_nobody_said_who_may_see_it_the_page_takes_a_token_also_from_here(
    make_stage: Make,
) -> None:
    """Slack posts to this bot, so a proxy may stand in front of it, and everybody seems to ask from here."""
    stage = await make_stage(UNSAID)
    assert (await page(stage, **{"X-Forwarded-For": "203.0.113.9"}))[0] == 401
    assert (await page(stage))[0] == 401
    token = {"Authorization": f"Bearer {stage.environment['PORTCULLIS_API_TOKENS'].partition('=')[2]}"}
    status, _, tag = await page(stage, **token)
    assert status == 200
    assert (await page(stage, **{"If-None-Match": tag, **token}))[0] in (200, 304)


@pytest.mark.requirement("F9")
async def test_a_person_declares_an_incident_and_the_channel_hears_of_it(stage: Stage) -> None:
    said = await stage.deploy(BO, "incident staging severity=P1 Refunds fail", command="/env")
    assert "INC-1 is open: staging, P1" in said
    await stage.message(INCIDENTS, "INC-1", "staging", "P1")
    await shows(stage, "INC-1", "declared by a person")
    assert "“Refunds fail”" in await stage.deploy(LIN, "history staging", command="/env")
