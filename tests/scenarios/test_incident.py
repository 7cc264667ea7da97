"""An incident over real sockets: who is paged and when, how it is answered, what it says of what went live before."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, INCIDENTS, LIN, VIC, action_of
from tests.scenarios.stage import GOOD, Stage

MINUTE = timedelta(minutes=1)
SHIFT = 'shift: [sh, deployer.sh, shift, "{service}", "{environment}", "{digest}", "{percent}"]'
STATUS = "        status: [sh, deployer.sh, status,"
IN_STEPS = (
    ("    severity: P0\n", "    severity: P0\n    rollout: {steps: [25, 100], hold: 5m}\n"),
    (STATUS, f"        {SHIFT}\n{STATUS}"),
)


async def red(stage: Stage) -> dict[str, object]:
    await stage.health("error")
    return await stage.message(INCIDENTS, "RED", "production", "P0", f"<@{CY}>")


async def paged(stage: Stage, user: str, *words: str) -> dict[str, object]:
    """The page in somebody's own direct messages."""

    async def find() -> dict[str, object] | None:
        seen = await stage.people.direct_messages(user)
        return next((m for m in reversed(seen) if all(w in stage.people.text_of(m) for w in words)), None)

    return await stage.wait(find, what=f"{user} to be paged")


async def pages_of(stage: Stage, user: str) -> int:
    seen = await stage.people.direct_messages(user)
    return sum(1 for m in seen if "INC-1" in stage.people.text_of(m))


@pytest.mark.requirement("F7")
@pytest.mark.requirement("C10")
@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket-mode"])
async def test_nobody_answers_and_one_after_the_other_is_paged_until_somebody_does(
    make_stage: Make, socket_mode: bool
) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    card = await red(stage)
    await paged(stage, CY, "RED", "production", "INC-1", "answer by")
    await stage.message(INCIDENTS, f"<@{CY}>", "Step 1 of 4", "told Cy", thread_of=str(card["ts"]))
    assert await pages_of(stage, ADA) == 0
    stage.clock.advance(5 * MINUTE)
    # Cy is the primary contact too: step 2 would tell nobody else, and is passed over
    page = await paged(stage, ADA, "INC-1", "Ada, you are asked as well")
    await stage.message(INCIDENTS, f"<@{ADA}>", "Step 3 of 4", thread_of=str(card["ts"]))
    await stage.press(ADA, "Acknowledge", page)
    await stage.message(INCIDENTS, "INC-1 since", "Ada has it (answered after 5 min)")
    await stage.message(INCIDENTS, "Ada has it. Nobody else is paged.", thread_of=str(card["ts"]))
    for user in (CY, ADA):  # each page says so as well, and has nothing left to press
        answered = await paged(stage, user, "INC-1", "Ada has it (answered after")
        assert "actions" not in {block["type"] for block in answered["blocks"]}
    stage.clock.advance(300 * MINUTE)
    await asyncio.sleep(1.5)  # the timers look every second
    assert await pages_of(stage, VIC) == 0
    assert len(await stage.entries("incident.escalated")) == 2
    await stage.press(ADA, "Resolve", await stage.message(INCIDENTS, "INC-1 since", "Ada has it"))
    await stage.message(INCIDENTS, "RESOLVED", "Resolved by Ada")
    await stage.quiet()
    await stage.intact()


@pytest.mark.requirement("F7")
async def test_escalate_pages_the_next_one_now_and_the_first_one_who_answers_has_it(stage: Stage) -> None:
    card = await red(stage)
    await stage.press(LIN, "Escalate", card)
    await stage.press(LIN, "Escalate", card)
    page = await paged(stage, ADA, "INC-1")
    second = await stage.message(INCIDENTS, "RED", "production", "INC-1")  # whoever it calls by now
    await asyncio.gather(stage.press(ADA, "Acknowledge", page), stage.press(CY, "Acknowledge", second))
    (taken,) = await stage.entries("incident.acknowledged")
    other = CY if taken["by"]["person"] == "ada" else ADA
    await stage.told(other, "has INC-1 already")


@pytest.mark.requirement("P16")
@pytest.mark.requirement("P21")
async def test_roll_back_on_the_card_opens_the_form_with_what_is_suspected(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    card = await red(stage)
    text = stage.people.text_of(card)
    assert f"Changed shortly before: {request} catalogue `{GOOD}` by Lin, live" in text
    assert "The same version elsewhere: 🟢 staging GREEN" in text
    await stage.message(INCIDENTS, f"<@{LIN}>", request, "no claim", thread_of=str(card["ts"]))
    await stage.press(BO, "Roll back", card)
    form = await stage.modal(BO, "Roll back")
    shown = {b["block_id"]: b["element"] for b in form["blocks"] if b["type"] == "input"}
    assert shown["service"]["initial_option"]["value"] == "catalogue"
    assert shown["environment"]["initial_option"]["value"] == "production"
    assert shown["incident"]["initial_value"] == "INC-1"
    sent = await stage.people.submit(
        BO, {"service": "catalogue", "environment": "production", "incident": "INC-1"}
    )
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.message(INCIDENTS, "Rollback: DEP-2")
    await stage.message(INCIDENTS, "Bo asked to go back", thread_of=str(card["ts"]))
    await stage.approve("bo", "DEP-2")
    await stage.until("DEP-2", RequestState.LIVE)
    assert len(await stage.entries("incident.opened")) == 1


@pytest.mark.requirement("P21")
async def test_what_people_say_of_the_suspect_stands_on_the_card(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    card = await red(stage)
    await stage.press(LIN, "Not this deployment", card)
    cleared = await stage.message(INCIDENTS, "(Lin: it was not this)")
    with pytest.raises(AssertionError):
        action_of(cleared, "Roll back")
    await stage.press(CY, "It was this", cleared)
    await stage.message(INCIDENTS, "(Cy: it was this)")


@pytest.mark.requirement("P21")
async def test_a_deployment_that_fails_is_an_incident_of_its_own(stage: Stage) -> None:
    (stage.folder / "fail").touch()
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.FAILED)
    card = await stage.message(INCIDENTS, "DEPLOYMENT WENT WRONG", "production", request, "failed")
    await paged(stage, CY, "DEPLOYMENT WENT WRONG")
    again = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 now")
    await stage.until(again, RequestState.REFUSED)
    await stage.told(LIN, again, "INC-1 is open in production")
    await stage.press(CY, "Resolve", card)
    await stage.message(INCIDENTS, "RESOLVED", "Resolved by Cy")


@pytest.mark.requirement("P22")
async def test_red_while_it_rolls_out_holds_it_and_says_what_to_do(make_stage: Make) -> None:
    stage = await make_stage(*IN_STEPS)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    await stage.card(request, "25 %")
    card = await red(stage)
    held = await stage.card(request, "Held at 25 %", "Portcullis has held it")
    await stage.message(DEPLOYMENTS, "INC-1 (P0) opened here", "Roll it back", thread_of=held["ts"])
    await stage.message(INCIDENTS, f"{request} was rolling out here", thread_of=str(card["ts"]))
    stage.clock.advance(6 * MINUTE)
    await asyncio.sleep(1.5)
    assert stage.calls("shift") == []
