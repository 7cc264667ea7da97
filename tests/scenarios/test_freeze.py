"""A freeze from Slack: declared in a form, felt by requests, told at its moments, lifted; each by whoever may."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, DEPLOYMENTS, EVE, LIN, RELEASES, VIC
from tests.scenarios.stage import GOOD, Stage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROLES = (
    "calendar:\n  outside_windows: prohibit\n",
    "calendar:\n  outside_windows: prohibit\n  may_freeze: [platform-lead, release-manager]\n",
)


async def fill_in(stage: Stage, user: str, **values: str | list[str]) -> None:
    """`/deploy freeze`, and the form sent."""
    await stage.deploy(user, "freeze")
    await stage.modal(user, "Declare a freeze")
    usual: dict[str, str | list[str]] = {"environments": ["production"], "reason": "Peak trading"}
    sent = await stage.people.submit(user, usual | values)
    assert (sent.acknowledged, sent.errors) == (True, {}), sent


async def released(stage: Stage, *words: str) -> dict[str, Any]:
    """What is announced."""
    return await stage.message(RELEASES, *words)


async def announced(stage: Stage, name: str) -> list[str]:
    """The first line of each announcement of one freeze."""
    seen = [stage.people.text_of(m) for m in await stage.people.messages(RELEASES)]
    return [text.split("\n")[0] for text in seen if name in text]


@pytest.mark.requirement("P6")
@pytest.mark.requirement("P9")
async def test_a_freeze_holds_a_request_says_why_and_lets_it_go_when_it_is_lifted(stage: Stage) -> None:
    end = str(int((stage.clock.now() + 5 * HOUR).timestamp()))
    await fill_in(stage, BO, to=end, **{"break-glass": ["break-glass"]})
    await released(stage, "Frozen from now on: production", "“Peak trading” · declared by Bo", "FRZ-1")
    await stage.told(BO, "Frozen from now on: production")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 at=next")
    await stage.card(request, "FRZ-1", "Peak trading", "Starts by itself")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    assert stage.calls() == []
    await stage.deploy(BO, "unfreeze")
    await stage.modal(BO, "Lift a freeze", "FRZ-1")
    sent = await stage.people.submit(BO, {"freeze": "FRZ-1", "reason": "It went well"})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await released(stage, "The freeze is lifted: production", "By Bo: “It went well”")
    await stage.until(request, RequestState.LIVE)
    assert len(stage.calls()) == 1
    types = [e["type"] for e in await stage.entries("freeze.")]
    assert types == ["freeze.declared", "freeze.lifted"]
    await stage.quiet()
    await stage.intact()


@pytest.mark.requirement("P6")
async def test_until_lifted_the_request_waits_and_starts_once_it_is(stage: Stage) -> None:
    await stage.deploy(BO, "freeze production The database moves")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 at=next")
    await stage.card(request, "FRZ-1", "The database moves", "Approve")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    await stage.deploy(ADA, "unfreeze FRZ-1 It moved")
    await stage.until(request, RequestState.LIVE)
    await stage.intact()


@pytest.mark.requirement("P6")
@pytest.mark.requirement("P9")
async def test_what_waits_for_approval_when_it_is_lifted_goes_on_waiting(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 at=next")
    await stage.card(request, "Approve")
    await stage.deploy(LIN, "freeze all to=4h Peak trading")
    await stage.card(request, "FRZ-1", "Peak trading")
    await stage.deploy(LIN, "unfreeze FRZ-1 Over")
    await stage.quiet()
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL
    assert "FRZ-1" not in stage.people.text_of(await stage.card(request, "Approve"))
    assert stage.calls() == []


@pytest.mark.requirement("P6")
async def test_it_is_announced_a_day_before_when_it_begins_and_when_it_ends(stage: Stage) -> None:
    answer = await stage.deploy(LIN, "freeze production from=3d to=1d Peak trading")
    assert "Freeze ahead: production" in answer
    await released(stage, "Freeze ahead: production", "FRZ-1")
    await stage.advance(2 * DAY + HOUR)
    await released(stage, "Freeze in 22 h", "FRZ-1")
    await stage.advance(23 * HOUR + timedelta(seconds=30))
    await released(stage, "Frozen from now on: production", "FRZ-1")
    await stage.advance(DAY)
    await released(stage, "The freeze is over: production")
    await stage.quiet()
    assert len(await announced(stage, "FRZ-1")) == 4
    await stage.intact()


@pytest.mark.requirement("P6")
async def test_a_bot_that_was_down_over_the_beginning_tells_what_is_so_now(stage: Stage) -> None:
    await stage.deploy(LIN, "freeze production from=3h to=2d Peak trading")
    await released(stage, "Freeze ahead: production", "FRZ-1")
    await stage.quiet()
    await stage.stop()
    await stage.advance(5 * HOUR)
    await stage.start()
    await released(stage, "Frozen: production, in force since", "FRZ-1")
    await stage.stop()
    await stage.advance(9 * DAY)
    await stage.start()
    await released(stage, "The freeze is over: production", "FRZ-1")
    await stage.quiet()
    assert len(await announced(stage, "FRZ-1")) == 3


@pytest.mark.requirement("P7")
async def test_strangers_and_whoever_lacks_the_role_neither_freeze_nor_lift(make_stage: Make) -> None:
    stage = await make_stage(ROLES)
    before = await stage.written()
    assert "stands for nobody in the policy" in await stage.deploy(EVE, "freeze production x")
    assert "stands for nobody in the policy" in await stage.deploy(EVE, "freeze")
    assert "platform-lead or release-manager" in await stage.deploy(VIC, "freeze production x")
    assert "platform-lead or release-manager" in await stage.deploy(VIC, "freeze")
    assert await stage.people.modal(VIC) is None
    assert await stage.written() == before
    await stage.deploy(ADA, "freeze production Peak trading")
    assert "Ada, who declared it" in await stage.deploy(VIC, "unfreeze FRZ-1 I want to")
    assert "stands for nobody in the policy" in await stage.deploy(EVE, "unfreeze FRZ-1 x")
    assert "stands for nobody in the policy" in await stage.deploy(EVE, "unfreeze")
    assert [e["type"] for e in await stage.entries("freeze.")] == ["freeze.declared"]
    assert "The freeze is lifted" in await stage.deploy(BO, "unfreeze FRZ-1 Over")  # he could fill the seat
    await stage.intact()


@pytest.mark.requirement("P6")
async def test_two_clicks_at_once_freeze_once(stage: Stage) -> None:
    await stage.deploy(LIN, "freeze")
    await stage.modal(LIN, "Declare a freeze")
    values: dict[str, str | list[str]] = {"environments": ["production"], "reason": "Peak trading"}
    await asyncio.gather(
        stage.people.submit(LIN, values), stage.people.submit(LIN, values), return_exceptions=True
    )
    await released(stage, "FRZ-1")
    await stage.quiet()
    assert [e["type"] for e in await stage.entries("freeze.")] == ["freeze.declared"]
    assert len(await announced(stage, "FRZ-")) == 1


async def test_a_reason_that_would_call_everybody_arrives_as_text(stage: Stage) -> None:
    await fill_in(stage, LIN, reason="<!channel> & <@U01ADA> down")
    message = await released(stage, "FRZ-1")
    assert "&lt;!channel&gt; &amp; &lt;@U01ADA&gt; down" in str(message["blocks"])
    assert "<!channel>" not in str(message)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, "FRZ-1")
    assert "<!channel>" not in str(card)
    assert card["channel"] == DEPLOYMENTS


async def test_what_the_form_refuses_stands_beside_its_field(stage: Stage) -> None:
    await stage.deploy(LIN, "freeze")
    await stage.modal(LIN, "Declare a freeze")
    past = str(int((stage.clock.now() - HOUR).timestamp()))
    sent = await stage.people.submit(LIN, {"to": past, "reason": "Peak trading"})
    assert "is past" in sent.errors["to"]
    sent = await stage.people.submit(LIN, {"to": "", "reason": "Peak trading", "class": "soft"})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await released(stage, "Frozen from now on: production", "Soft: what starts needs a reason")
