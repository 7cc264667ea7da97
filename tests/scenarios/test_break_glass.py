"""Break-glass over real sockets: an emergency on a frozen weekend, held where a freeze forbids it, loud, and reviewed."""

from datetime import timedelta

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, INCIDENTS, LIN, RELEASES, VIC
from tests.scenarios.stage import GOOD, Stage

pytestmark = pytest.mark.requirement("P13")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEKEND = (
    "  holidays:\n",
    (
        "    - {name: catalogue-weekend, services: [catalogue], environments: [production], "
        'start: "0 0 * * *", until: "24:00", effect: prohibit, break_glass: true}\n  holidays:\n'
    ),
)
NOBODY_YET = ('handoff: "0 9 * * MON"', 'handoff: "0 9 * * MON", starts: "2095-01-03"')
EMERGENCY = f"catalogue {GOOD} emergency=INC-7 Orders are lost <!channel>"


async def heads(stage: Stage, channel: str, word: str) -> list[str]:
    """The first line of each message about break-glass in a channel."""
    seen = [stage.people.text_of(m) for m in await stage.people.messages(channel)]
    return [text.split("\n")[0] for text in seen if word in text.split("\n")[0]]


async def went_live(stage: Stage) -> str:
    """An emergency that passed a freeze and a weekend, signed by the VP and the platform lead."""
    await stage.deploy(BO, "freeze production to=30h break-glass=yes Peak trading")
    request = await stage.ask(EMERGENCY)
    await stage.card(request, "EMERGENCY", "bypassed", "calendar (closed by")
    await stage.message(INCIDENTS, request, "On call: Cy")
    await stage.approve("ada", request)
    assert stage.calls() == []
    await stage.approve("vic", request)
    await stage.until(request, RequestState.LIVE)
    return request


@pytest.mark.requirement("P6")
@pytest.mark.requirement("P7")
async def test_on_a_frozen_weekend_the_vp_and_a_second_person_let_an_emergency_go_and_everybody_hears_of_it(
    make_stage: Make,
) -> None:
    stage = await make_stage(WEEKEND)
    request = await went_live(stage)
    assert len(stage.calls()) == 1
    for channel in (INCIDENTS, RELEASES):
        told = await stage.message(channel, "EMERGENCY, break-glass", request)
        text = stage.people.text_of(told)
        assert "Lin, for INC-7" in text
        assert "FRZ-1" in text
        assert "catalogue-weekend" in text
        assert "It may pass soak" in text
        assert "<!channel>" not in str(told)
        used = stage.people.text_of(await stage.message(channel, "Break-glass used", request))
        assert "bypassed: calendar (closed by" in used
        assert f"/deploy review {request}" in used
    await stage.told(CY, "you are on call", "INC-7")
    types = [e["type"] for e in await stage.entries("break-glass.")]
    assert types == ["break-glass.broken", "break-glass.told", "break-glass.used"]
    await stage.quiet()
    await stage.intact()


async def test_who_asks_is_told_what_it_does_and_what_is_missing(stage: Stage) -> None:
    before = await stage.written()
    assert "takes a reason" in await stage.deploy(LIN, f"request catalogue {GOOD} emergency=INC-7")
    assert "has to have the form" in await stage.deploy(
        LIN, f"request catalogue {GOOD} emergency=now It is down"
    )
    assert await stage.written() == before
    answer = await stage.deploy(LIN, f"request {EMERGENCY}")
    assert "The glass is broken for INC-7" in answer
    assert "Cy is on call and is told now" in answer
    other = await stage.deploy(LIN, f"request catalogue {GOOD} staging emergency=INC-7 It is down")
    assert "the policy has no break-glass for staging" in other


async def test_the_form_asks_for_the_incident_and_says_what_is_missing(stage: Stage) -> None:
    await stage.deploy(LIN, "request")
    await stage.modal(LIN, "Emergency (incident ticket)")
    values: dict[str, str | list[str]] = {
        "service": "catalogue",
        "artifact": GOOD,
        "environment": "production",
    }
    sent = await stage.people.submit(LIN, values | {"emergency": "INC-7"})
    assert "takes a reason" in sent.errors["reason"]
    sent = await stage.people.submit(LIN, values | {"emergency": "soon", "reason": "It is down"})
    assert "no incident ticket" in sent.errors["emergency"]
    sent = await stage.people.submit(LIN, values | {"emergency": "INC-7", "reason": "It is down"})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.message(INCIDENTS, "EMERGENCY, break-glass", "INC-7")


@pytest.mark.requirement("P6")
async def test_a_freeze_that_does_not_permit_it_holds_it_until_the_glass_is_over(stage: Stage) -> None:
    await stage.deploy(BO, "freeze production to=30h The ledger moves")
    request = await stage.ask(EMERGENCY)
    await stage.message(INCIDENTS, request, "and break-glass may not pass it now", "The ledger moves")
    await stage.approve("vic", request)
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    await stage.quiet()
    assert stage.calls() == []
    await stage.advance(4 * HOUR)
    await stage.until(request, RequestState.EXPIRED)
    for channel in (INCIDENTS, RELEASES):
        await stage.message(channel, "Break-glass expired unused", request, "INC-7")
    assert stage.calls() == []
    await stage.quiet()
    await stage.intact()


async def test_with_nobody_on_call_the_contact_is_told_and_it_starts_all_the_same(make_stage: Make) -> None:
    stage = await make_stage(WEEKEND, NOBODY_YET)
    request = await stage.ask(EMERGENCY)
    await stage.message(INCIDENTS, request, "Nobody is on call.", "Vic")
    await stage.told(VIC, "nobody is on call, so you are told")
    await stage.approve("vic", request)
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)


async def test_the_review_is_asked_for_daily_until_somebody_who_took_no_part_writes_it(
    make_stage: Make,
) -> None:
    stage = await make_stage(WEEKEND)
    request = await went_live(stage)
    assert request in await stage.deploy(LIN, "review")
    await stage.advance(4 * DAY)
    await stage.message(INCIDENTS, "due tomorrow", request)
    await stage.told(LIN, "due tomorrow")
    await stage.told(ADA, "due tomorrow")
    await stage.advance(DAY)
    await stage.message(INCIDENTS, "due now", request)
    for day in (1, 2):
        await stage.advance(DAY)
        await stage.message(INCIDENTS, f"overdue by {day} day", request)
    await stage.quiet()
    assert len(await heads(stage, INCIDENTS, "The review of a break-glass")) == 4
    for person in (LIN, VIC):
        assert "does not review it" in await stage.deploy(person, f"review {request} It was the pool")
    assert "what was found" in await stage.deploy(BO, f"review {request}")
    assert "is reviewed" in await stage.deploy(BO, f"review {request} It was the pool")
    await stage.message(INCIDENTS, "Break-glass reviewed", "It was the pool")
    await stage.message(RELEASES, "Break-glass used")
    assert "No review is owed" in await stage.deploy(LIN, "review")
    await stage.advance(3 * DAY)
    await stage.quiet()
    assert len(await heads(stage, INCIDENTS, "The review of a break-glass")) == 4
    card = await stage.card(request, "Live")
    assert card["channel"] == DEPLOYMENTS
    await stage.intact()
