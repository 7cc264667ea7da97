"""One decision function: Slack, the HTTP API and the record say the same, whichever way the question comes (P23)."""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from examples.readiness.builds import Build
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, DEPLOYMENTS, LIN
from tests.scenarios.stage import GOOD, Stage

FROZEN = (
    'from: "2026-11-23", to: "2026-12-01", effect: prohibit, break_glass: true, reason: Peak trading',
    'from: "2020-01-01", to: "2099-01-01", effect: prohibit, break_glass: true, reason: Peak trading',
)


async def decision(stage: Stage, artifact: str, service: str = "catalogue", **more: str) -> dict[str, Any]:
    query = {"service": service, "artifact": artifact, "environment": "production", **more}
    answer: dict[str, Any] = await stage.api("/api/v1/decision", **query)
    return answer


def statuses(answer: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {gate["gate"]: (gate["status"], gate["code"]) for gate in answer["gates"]}


async def kept(stage: Stage, request: str) -> dict[str, tuple[str, str]]:
    found: dict[str, Any] = await stage.api(f"/api/v1/requests/{request}")
    assert found["readiness"], found
    return statuses(found["readiness"])


async def judged(stage: Stage, request: str) -> dict[str, tuple[str, str]]:
    """What the gates said of a request, as the API has it, once they were asked."""

    async def there() -> bool:
        return (await stage.request(request)).readiness is not None

    await stage.wait(there, what="a judgement")
    return await kept(stage, request)


async def push(stage: Stage, **about: Any) -> str:
    return await stage.publish("catalogue", **about)


@pytest.mark.requirement("P23")
async def test_what_skipped_staging_is_rejected_whichever_way_it_is_asked(stage: Stage) -> None:
    build = Build(service="catalogue", tag="5c1ed00", soaked=timedelta(0))
    stage.world.shelf.put(build)  # pushed, and never seen by CI or staging
    answer = await decision(stage, build.tag, ticket="CHG-1")
    assert (answer["may_be_approved"], answer["may_start"]) == (False, False)
    asked = statuses(answer)
    assert asked["staging-verified"][0] == asked["soak"][0] == "unknown"
    request = await stage.ask(f"catalogue {build.tag} ticket=CHG-1")
    assert await judged(stage, request) == asked
    assert await stage.people.messages(DEPLOYMENTS) == []
    assert stage.calls() == []


@pytest.mark.requirement("P23")
async def test_what_nobody_approved_does_not_start_whichever_way_it_is_asked(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    answer = await decision(stage, GOOD, ticket="CHG-1")
    assert answer["readiness"] == "passed"
    assert "it waits for approval" in await stage.deploy(LIN, f"start {request}")
    assert "it waits for approval" in await stage.deploy(BO, f"start {request}")
    assert stage.calls() == []
    found = await stage.api(f"/api/v1/requests/{request}")
    assert (found["state"], found["approvals"], found["runs"]) == ("awaiting-approval", [], [])


@pytest.mark.requirement("P23")
@pytest.mark.requirement("P6")
@pytest.mark.requirement("P12")
async def test_what_is_outside_the_calendar_does_not_start_even_when_approved(make_stage: Make) -> None:
    stage = await make_stage(FROZEN)
    tag = "7a3f9c2"
    answer = await decision(stage, tag, "checkout", ticket="CHG-1")
    assert statuses(answer)["calendar"][0] in ("waiting", "blocked")
    assert not answer["may_start"]
    request = await stage.ask(f"checkout {tag} ticket=CHG-1")
    assert (await judged(stage, request)) == statuses(answer)
    if answer["may_be_approved"]:
        await stage.approve("ada", request)
        await stage.until(request, RequestState.APPROVED)
        await stage.deploy(LIN, f"start {request}")
        await stage.told(LIN, "Not started")
    await stage.quiet()
    assert stage.calls() == []
    assert (await stage.request(request)).state is not RequestState.LIVE


@pytest.mark.requirement("P23")
@pytest.mark.requirement("P14")
async def test_what_has_no_way_back_is_rejected_whichever_way_it_is_asked(make_stage: Make) -> None:
    stage = await make_stage(started=False)
    await stage.start()
    tag = await push(stage)  # the first build ever: nothing runs in production
    answer = await decision(stage, tag, ticket="CHG-1")
    assert statuses(answer)["rollback-target"][0] == "blocked"
    request = await stage.ask(f"catalogue {tag} ticket=CHG-1")
    await stage.until(request, RequestState.REFUSED)
    assert await kept(stage, request) == statuses(answer)
    await stage.told(LIN, request, "Not yet")


@pytest.mark.requirement("P2")
@pytest.mark.requirement("P4")
@pytest.mark.requirement("P5")
@pytest.mark.parametrize(
    ("tag", "gate", "status"),
    [("bad5eed", "vulnerabilities", "blocked"), ("latest", "immutable-artifact", "blocked")],
)
async def test_a_blocker_is_the_same_blocker_everywhere(
    stage: Stage, tag: str, gate: str, status: str
) -> None:
    answer = await decision(stage, tag, ticket="CHG-1")
    assert statuses(answer)[gate][0] == status
    request = await stage.ask(f"catalogue {tag} ticket=CHG-1")
    await stage.until(request, RequestState.REFUSED)
    assert await kept(stage, request) == statuses(answer)
    await stage.deploy(ADA, f"why {request}")
    told = await stage.told(ADA, "the gates said this")
    for name in statuses(answer):
        assert name in told


@pytest.mark.requirement("P3")
async def test_what_still_soaks_waits_and_says_until_when(stage: Stage) -> None:
    tag = await push(stage, soaked=timedelta(minutes=20))
    answer = await decision(stage, tag, ticket="CHG-1")
    assert statuses(answer)["soak"][0] == "waiting"
    assert answer["waits_until"] is not None
    request = await stage.ask(f"catalogue {tag} ticket=CHG-1")
    await stage.card(request, "Approve", "waits", "Starts no earlier than")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    assert stage.calls() == []
    assert "gates are asked once more" in await stage.deploy(LIN, f"start {request}")
    await stage.told(LIN, "Not started", "soak")
    assert stage.calls() == []


@pytest.mark.requirement("P5")
async def test_another_image_under_the_tag_is_a_security_event_and_refused(stage: Stage) -> None:
    other = Build(service="catalogue", tag="0ddba11", soaked=timedelta(hours=9))
    stage.world.shelf.builds["catalogue", GOOD] = other
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.until(request, RequestState.REFUSED)
    await stage.message("C02INCID", "SECURITY", GOOD, request)
    assert len(await stage.entries("security.digest-mismatch")) == 1
    assert statuses(await decision(stage, GOOD, ticket="CHG-1")) == await kept(stage, request)


async def test_a_person_can_follow_and_take_back_what_they_asked_for(stage: Stage) -> None:
    assert "Nothing was asked for yet" in await stage.deploy(LIN, "status")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    assert request in await stage.deploy(BO, "status")
    for spelling in (request, request.lower(), request.removeprefix("DEP-"), "DEP01"):
        assert "1 more approval" in await stage.deploy(BO, f"status {spelling}")
    await stage.deploy(BO, f"why {request}")
    why = await stage.told(BO, "Asked just now")
    assert why.count("passed") == 9
    assert "was cancelled" in await stage.deploy(LIN, f"cancel {request}")
    await stage.card(request, "Cancelled")
    for text in (f"cancel {request}", f"start {request}"):
        assert "cancelled" in await stage.deploy(LIN, text)
    found = await stage.api(f"/api/v1/requests/{request}")
    assert (found["state"], found["closed"]["by"]) == ("cancelled", "lin")


async def test_help_names_every_command_and_nothing_stands_for_help(stage: Stage) -> None:
    told = await stage.deploy(LIN, "help")
    for word in ("request", "status", "why", "cancel", "start"):
        assert f"/deploy {word}" in told
    assert await stage.deploy(LIN, "") == told
    assert "/env status" in await stage.deploy(LIN, "help", command="/env")
    for text in ("stauts", "env", "42", "-h", "…", "status status", "🚀"):
        assert await stage.deploy(LIN, text)
