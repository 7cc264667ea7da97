"""Environments that share a page: whoever was told outside Slack hears of its end when the last of them is answered."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from bot.domain.environment import Colour
from bot.domain.page import WayState
from bot.flows.answer_incident import acknowledge, resolve
from bot.flows.escalate import raise_now
from tests.flows.test_together import environments, turn
from tests.handlers.paging.outside import CHAIN, Outside

pytestmark = [pytest.mark.requirement("F9"), pytest.mark.requirement("F14")]
MINUTE = timedelta(minutes=1)
LEADER = "acme/INC-2"


async def grouped(o: Outside) -> None:
    """INC-1 is paged at once; INC-2 leads INC-3 and INC-4, and its page has arrived everywhere."""
    await o.world.reload(CHAIN, environments(4))
    await turn(o.world, [f"feature-{n}" for n in range(4)], Colour.RED)
    await o.pass_time(MINUTE)
    await o.until(lambda: any(e["dedup_key"] == LEADER for e in o.pagerduty.events), "the group's page")
    for recipient in ("webhook:siren", "pagerduty:default", "ada"):
        await o.until(partial(_arrived, o, recipient), recipient)


async def _arrived(o: Outside, recipient: str) -> bool:
    return {way.state for way in (await o.page(recipient, incident="INC-2")).ways} == {WayState.ARRIVED}


async def settled(o: Outside) -> None:
    """Everything that is owed now was sent, or was found not to be true."""

    async def nothing_due() -> bool:
        due: datetime | None = await o.world.outbox.next_due()
        return due is None  # what is on its way is due when its lease ends

    o.world.ledger.ring()
    await o.until(nothing_due, "everything owed to be sent")


def told(o: Outside) -> list[str]:
    """What PagerDuty heard of the group, in order; the webhook and mail have to have heard the very same."""
    heard = [str(e["event_action"]) for e in o.pagerduty.events if e["dedup_key"] == LEADER]
    posted = [str(body["type"]).removeprefix("incident.") for _, body in o.posted if _of_group(body)]
    assert len(posted) == len(heard), (posted, heard)
    assert posted == [
        {"trigger": "page", "acknowledge": "acknowledged", "resolve": "resolved"}[h] for h in heard
    ]
    mails = [m for m in o.mail.received if "INC-2" in str(m.message["Subject"])]
    assert len(mails) == len(heard)
    return heard


def _of_group(body: dict[str, object]) -> bool:
    incident = body["incident"]
    assert isinstance(incident, dict)
    return bool(incident["id"] == "INC-2")


async def answer(o: Outside, *incidents: str, person: str = "cy") -> None:
    o.world.clock.advance(timedelta(seconds=1))
    for incident in incidents:
        await acknowledge(o.world.ledger, o.world.policy, o.world.asker(person), incident)
    await settled(o)


async def over(o: Outside, *incidents: str) -> None:
    for incident in incidents:
        await resolve(o.world.ledger, o.world.policy, o.world.asker("cy"), incident)
    await settled(o)


async def test_nobody_hears_that_it_is_over_while_one_of_the_group_waits(o: Outside) -> None:
    await grouped(o)
    await over(o, "INC-2")
    assert told(o) == ["trigger"]
    await over(o, "INC-3")
    assert told(o) == ["trigger"]
    await over(o, "INC-4")
    assert told(o) == ["trigger", "resolve"]


async def test_that_somebody_has_it_is_told_when_the_last_of_the_group_is_taken(o: Outside) -> None:
    await grouped(o)
    await answer(o, "INC-3")
    await over(o, "INC-2")
    assert told(o) == ["trigger"]
    await answer(o, "INC-4", person="bo")
    assert told(o) == ["trigger", "acknowledge"]
    _, said = o.posted[-1]
    assert (
        said["headline"]
        == "feature-1 (P2, INC-2): over itself; bo has the last of those that were told with it."
    )
    await over(o, "INC-3")
    assert told(o) == ["trigger", "acknowledge"]
    await over(o, "INC-4")
    assert told(o) == ["trigger", "acknowledge", "resolve"]


async def test_that_somebody_has_it_is_told_when_the_last_that_waits_is_over(o: Outside) -> None:
    await grouped(o)
    await answer(o, "INC-3")
    await over(o, "INC-2", "INC-4")
    assert told(o) == ["trigger", "acknowledge"]
    await over(o, "INC-3")
    assert told(o) == ["trigger", "acknowledge", "resolve"]


async def test_whoever_takes_the_leader_takes_all_and_that_is_told_once(o: Outside) -> None:
    await grouped(o)
    await answer(o, "INC-2")
    assert told(o) == ["trigger", "acknowledge"]
    await over(o, "INC-2")
    assert told(o) == ["trigger", "acknowledge"]
    await turn(o.world, ["feature-2", "feature-3"], Colour.GREEN)
    await settled(o)
    assert told(o) == ["trigger", "acknowledge", "resolve"]


async def test_one_that_is_raised_by_itself_leaves_the_others_to_end_without_it(o: Outside) -> None:
    await grouped(o)
    await over(o, "INC-2", "INC-3")
    assert told(o) == ["trigger"]
    world = o.world
    await raise_now(world.ledger, world.policy, world.asker("cy"), "INC-4", key="k")
    await settled(o)
    assert told(o) == ["trigger", "resolve"]
    assert any(e["dedup_key"] == "acme/INC-4" for e in o.pagerduty.events)  # its own page


async def test_one_that_production_mutes_leaves_the_others_to_end_without_it(o: Outside) -> None:
    await grouped(o)
    await over(o, "INC-2", "INC-3")
    o.world.clock.advance(timedelta(seconds=1))
    await o.world.see("production", "db", Colour.RED)
    await settled(o)
    assert (await o.world.incident("INC-4")).muted_by == "production"
    assert told(o) == ["trigger", "resolve"]


async def test_of_what_somebody_took_while_the_mail_server_was_away_no_mail_is_sent(o: Outside) -> None:
    await o.world.reload(CHAIN, environments(4))
    o.mail.faults["MAIL"] = "451 later"
    await turn(o.world, [f"feature-{n}" for n in range(4)], Colour.RED)
    await o.pass_time(MINUTE)
    await o.until(lambda: any(e["dedup_key"] == LEADER for e in o.pagerduty.events), "the group's page")
    await answer_all(o)
    o.mail.faults.clear()
    for _ in range(30):
        await o.pass_time(timedelta(seconds=10))
    await settled(o)
    assert [m.message["Subject"] for m in o.mail.received] == []


async def answer_all(o: Outside) -> None:
    """Everybody is taken, one by one."""
    for incident in ("INC-1", "INC-3", "INC-4", "INC-2"):
        await acknowledge(o.world.ledger, o.world.policy, o.world.asker("cy"), incident)
