"""Slack is down, and people are paged all the same; when it is back, it is told (promises 3 and 6)."""

from datetime import timedelta

import pytest

from bot.domain.page import PageState
from storage.verification import verify
from tests.flows.paging_world import red
from tests.handlers.paging.outside import outside

pytestmark = pytest.mark.requirement("F14")
MINUTE = timedelta(minutes=1)


async def test_while_slack_answers_500_pagerduty_mail_and_webhook_get_the_page_within_seconds(
    sqlite_url: str,
) -> None:
    async with outside(sqlite_url) as o:
        o.slack.down = True

        await red(o.world)

        await o.until(lambda: bool(o.pagerduty.events), "PagerDuty to be told")
        await o.until(lambda: bool(o.mail.received), "the mail")
        await o.until(lambda: bool(o.posted), "the webhook")
        await o.until(lambda: o.slack.refused > 0, "Slack to be tried")
        assert o.pagerduty.incidents.open(o.key) is not None
        assert o.mail.received[0].recipients == ("ada@acme.example",)

        async def reached() -> bool:
            return (await o.page("ada")).state is PageState.REACHED

        await o.until(reached, "the page of Ada to be reached by mail alone")
        assert (await o.page("cy")).state is PageState.OWED  # she has nothing but Slack
        assert (await verify(o.world.ledger)).problems == []


async def test_when_slack_is_back_it_is_told_what_is_still_so(sqlite_url: str) -> None:
    async with outside(sqlite_url) as o:
        o.slack.down = True
        await red(o.world)
        await o.until(lambda: bool(o.mail.received) and o.slack.refused > 0)

        o.slack.down = False

        async def told() -> bool:
            reached = (await o.page("cy")).state is PageState.REACHED
            return reached and bool(o.slack.texts("incidents"))

        await o.in_time(told, "Slack to be told")
        assert any("RED" in text and "INC-1" in text for text in o.slack.texts("U03CY"))
        assert len(o.mail.received) == 1  # nobody is told twice of one step


async def test_whoever_answers_by_pagerduty_while_slack_is_down_is_not_paged_again_there(
    sqlite_url: str,
) -> None:
    async with outside(sqlite_url) as o:
        cy = o.pagerduty.add_user("Ada Lovelace", "ada@acme.example")
        o.pagerduty.subscribe(f"{o.bot_url}/pagerduty/webhooks", "hook-secret-0123456789")
        o.slack.down = True
        await red(o.world)
        await o.until(lambda: o.pagerduty.incidents.open(o.key) is not None)

        status, _ = await o.pagerduty.answer(o.key, "acknowledged", user=cy)

        assert status == 200
        assert (await o.world.incident()).acknowledged_by == "ada"
        o.slack.down = False
        await o.in_time(lambda: bool(o.slack.texts("incidents")), "the card")
        for _ in range(20):
            await o.pass_time(MINUTE)
        assert o.slack.texts("U03CY") == []  # her page was called off
        assert [e["event_action"] for e in o.pagerduty.events].count("trigger") == 1
