"""From RED to the person on call, and what may still be deployed meanwhile."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.hands import BO, CY, DEPLOYMENTS, INCIDENTS, LIN
from tests.scenarios.stage import GOOD, Stage


async def red(stage: Stage) -> dict[str, object]:
    await stage.health("error")
    return await stage.message(INCIDENTS, "RED", "production", "P0", f"<@{CY}>")


@pytest.mark.requirement("K5")
@pytest.mark.requirement("D6")
async def test_red_opens_one_incident_and_refuses_everything_but_a_fix(stage: Stage) -> None:
    newer = await stage.publish()
    card = await red(stage)
    assert len(await stage.entries("incident.opened")) == 1
    refused = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.until(refused, RequestState.REFUSED)
    await stage.told(LIN, refused, "Not yet", "production is RED", "INC-1 is open", "fixes=production")
    assert await stage.people.messages(DEPLOYMENTS) == []
    fix = await stage.ask(f"catalogue {newer} ticket=CHG-2 fixes=production Put it right")
    await stage.card(fix, "Approve", "a fix for")
    await stage.approve("ada", fix)
    await stage.until(fix, RequestState.LIVE)
    await stage.health("ok")
    await stage.message(INCIDENTS, "RESOLVED", "production", "GREEN")
    await stage.message(INCIDENTS, "GREEN again", thread_of=str(card["ts"]))
    assert len(await stage.entries("incident.opened")) == 1
    again = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 now")
    await stage.card(again, "Approve")
    await stage.intact()


@pytest.mark.requirement("K5")
async def test_a_fix_for_another_environment_is_no_fix_for_this_one(stage: Stage) -> None:
    await red(stage)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 fixes=staging Wrong place")
    await stage.until(request, RequestState.REFUSED)
    await stage.told(LIN, request, "INC-1 is open in production", "fixes=production")


@pytest.mark.requirement("K5")
async def test_red_holds_what_waits_for_approval_and_green_lets_it_go(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    await red(stage)
    await stage.card(request, "Held by 2 gates")
    await stage.health("ok")
    await stage.card(request, "Approve catalogue")


@pytest.mark.requirement("K5")
async def test_what_was_approved_before_red_does_not_start_in_red_and_starts_after_it(stage: Stage) -> None:
    soon = timedelta(seconds=20)
    at = (stage.clock.now() + soon).isoformat(timespec="seconds")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 at={at}")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    await red(stage)
    stage.clock.advance(soon)
    await stage.card(request, "blocked", "INC-1 is open")
    assert stage.calls() == []
    await stage.health("ok")
    await stage.until(request, RequestState.LIVE)
    assert len(stage.calls()) == 1


async def test_an_incident_is_acknowledged_once_and_then_calls_nobody(stage: Stage) -> None:
    card = await red(stage)
    await asyncio.gather(stage.press(CY, "Acknowledge", card), stage.press(CY, "Acknowledge", card))
    said = await stage.message(INCIDENTS, "Cy has it", "RED")
    assert len(await stage.entries("incident.acknowledged")) == 1
    assert f"<@{CY}>" not in str(said)


async def test_two_people_who_acknowledge_at_once_are_told_which_of_them_has_it(stage: Stage) -> None:
    card = await red(stage)
    await asyncio.gather(stage.press(CY, "Acknowledge", card), stage.press(BO, "Acknowledge", card))
    (taken,) = await stage.entries("incident.acknowledged")
    first, second = ("Cy", BO) if taken["by"]["person"] == "cy" else ("Bo", CY)
    await stage.told(second, f"{first} has INC-1 already")


async def test_resolved_by_a_person_the_colour_stays_what_is_seen(stage: Stage) -> None:
    card = await red(stage)
    await stage.press(CY, "Resolve", card)
    await stage.message(INCIDENTS, "RESOLVED", "Resolved by Cy")
    assert "*production* RED" in await raw_env(stage)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.until(request, RequestState.REFUSED)
    await stage.told(LIN, request, "production is RED")
    assert len(await stage.entries("incident.opened")) == 1


async def raw_env(stage: Stage) -> str:
    return await stage.deploy(LIN, "status", command="/env")


@pytest.mark.requirement("K2")
@pytest.mark.requirement("D6")
async def test_env_status_tells_every_environment_in_its_order_with_colour_age_and_cause(
    stage: Stage,
) -> None:
    green = await raw_env(stage)
    assert green.splitlines()[0] == "*All environments are GREEN*"
    stage.status_file("dev", "YELLOW\n")
    await stage.health("error")
    await stage.message(INCIDENTS, "RED")

    async def seen() -> str | None:
        text = await raw_env(stage)
        return text if "YELLOW" in text and "RED" in text else None

    text = await stage.wait(seen, what="both colours")
    first, *lines = text.splitlines()
    assert first == "*Fix first: production*"
    assert [line.split("*")[1] for line in lines] == ["production", "staging", "dev"]
    for line, colour in zip(lines, ("RED", "GREEN", "YELLOW"), strict=True):
        assert colour in line
        assert "verified" in line
    assert "503" in lines[0]
    assert "INC-1 open, nobody has it yet" in lines[0]


@pytest.mark.requirement("D3")
@pytest.mark.requirement("D6")
async def test_a_warning_is_yellow_and_opens_no_incident(stage: Stage) -> None:
    await stage.health("warning")

    async def yellow() -> bool:
        return "*production* YELLOW" in await raw_env(stage)

    await stage.wait(yellow, what="YELLOW")
    assert await stage.people.messages(INCIDENTS) == []
    assert await stage.entries("incident.") == []


@pytest.mark.requirement("K3")
@pytest.mark.parametrize("content", ["", "GRE", "GREEN?\n", "\udcff\udcfe", "Status:"])
async def test_a_half_written_status_file_is_unknown_and_never_green(stage: Stage, content: str) -> None:
    file = stage.folder / "deployment" / "status" / "staging.status"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))

    async def unknown() -> bool:
        return "*staging* UNKNOWN" in await raw_env(stage)

    await stage.wait(unknown, what="UNKNOWN")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")

    async def held() -> bool:
        kept = await stage.request(request)
        return kept.readiness is not None and not kept.readiness.may_be_approved

    await stage.wait(held, what="the gate to see it")
    assert await stage.people.messages(DEPLOYMENTS) == []
    file.write_text("GREEN\n")
    await stage.card(request, "Approve")
