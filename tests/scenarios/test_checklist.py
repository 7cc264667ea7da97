"""A checklist from Slack: nothing starts before it is ticked, and each item is ticked by whoever may."""

import asyncio
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, LIN
from tests.scenarios.stage import GOOD, Stage

GATE = (
    '      ticket:             {pattern: "^CHG-[0-9]+$", emergency_pattern: "^INC-[0-9]+$"}\n',
    '      ticket:             {pattern: "^CHG-[0-9]+$", emergency_pattern: "^INC-[0-9]+$"}\n      checklist:          {name: pre-deployment}\n',
)
ITEMS = (
    "severities: {P0: 5m",
    """\
checklists:
  pre-deployment:
    - {item: On-call team briefed, attest: on-call-sre}
    - {item: Monitoring dashboards ready, attest: engineer}
severities: {P0: 5m""",
)
BRIEFED, READY = "On-call team briefed", "Monitoring dashboards ready"


async def shown(stage: Stage, user: str, request: str) -> Any:
    """Type `/deploy checklist` and see the list."""
    await stage.deploy(user, f"checklist {request}")

    async def find() -> Any:
        seen = await stage.people.ephemerals(user)
        return next((m for m in reversed(seen) if "Checklist pre-deployment" in str(m)), None)

    return await stage.wait(find, what="the list")


async def press(stage: Stage, user: str, seen: Any, item: str) -> None:
    """Press the button beside an item of the list."""
    found = next(b["accessory"] for b in seen["blocks"] if "accessory" in b and item in b["text"]["text"])
    delivered = await stage.people.click(
        user, channel=seen["channel"], ts=seen["ts"], action_id=found["action_id"], value=found["value"]
    )
    assert delivered.acknowledged, delivered


@pytest.mark.requirement("P18")
@pytest.mark.requirement("F3")
async def test_a_checklist_is_ticked_by_the_right_people_and_then_it_starts(make_stage: Make) -> None:
    stage = await make_stage(GATE, ITEMS)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, "checklist 0 of 2", f"{BRIEFED} (on-call-sre)", f"{READY} (engineer)")
    await press(stage, ADA, await shown(stage, ADA, request), BRIEFED)
    await stage.told(ADA, "takes somebody who is on-call-sre, and you are not", "Cy")
    assert (await stage.request(request)).attested == ()
    mine = await shown(stage, CY, request)
    await press(stage, CY, mine, BRIEFED)
    await stage.told(CY, "1 of 2 ticked", f"✓ ticked {BRIEFED}".replace("✓ ticked", "✓ *ticked*"))
    card = await stage.card(request, "checklist 1 of 2", f"open: {READY} (engineer)")
    await stage.message(DEPLOYMENTS, f"Cy ticked “{BRIEFED}”: checklist 1 of 2.", thread_of=card["ts"])
    await stage.press(LIN, "Checklist", card)
    seen = await stage.told(LIN, "1 of 2 ticked", "Cy, as on-call-sre")
    assert READY in seen
    await press(stage, LIN, await shown(stage, LIN, request), READY)
    await stage.card(request, "checklist 2 of 2")
    assert stage.calls() == []
    await stage.approve("bo", request)
    await stage.until(request, RequestState.LIVE)
    assert len(stage.calls()) == 1
    types = [e["type"] for e in await stage.entries("request.ticked")]
    assert len(types) == 2
    await stage.quiet()
    await stage.intact()


@pytest.mark.requirement("P18")
async def test_approved_and_asked_to_start_by_itself_it_starts_with_the_last_tick(make_stage: Make) -> None:
    stage = await make_stage(GATE, ITEMS)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 at=next")
    await stage.card(request, "checklist 0 of 2", "Starts by itself once its checklist is ticked")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    await press(stage, CY, await shown(stage, CY, request), BRIEFED)
    await stage.card(request, "checklist 1 of 2")
    assert stage.calls() == []
    lists = [(user, await shown(stage, user, request)) for user in (LIN, BO)]
    await asyncio.gather(*(press(stage, user, seen, READY) for user, seen in lists))
    await stage.until(request, RequestState.LIVE)
    assert len(await stage.entries("request.ticked")) == 2
    assert len(stage.calls()) == 1
    await stage.quiet()
    await stage.intact()
