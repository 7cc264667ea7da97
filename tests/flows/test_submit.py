"""Asking for a deployment: what is said at once, and that a refused command leaves nothing behind."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.change_request import Kind, Start
from bot.domain.refusal import Refusal
from tests.flows.fakes import NEXT_TAG, TAG, TUESDAY_TEN
from tests.flows.world import DAY, HOUR, MINUTE, World

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "somebody who is not in the directory": ({"person": "mallory"}, "unknown-person"),
    "an unknown service": ({"service": "chekout"}, "unknown-service"),
    "an empty service": ({"service": ""}, "unknown-service"),
    "an unknown environment": ({"environment": "prod"}, "unknown-environment"),
    "an unknown environment to fix": ({"fixes": "prodction"}, "unknown-environment"),
    "a tag with a slash": ({"artifact": "acme/checkout"}, "bad-artifact"),
    "an empty tag": ({"artifact": ""}, "bad-artifact"),
    "a tag that is a mention": ({"artifact": "<!channel>"}, "bad-artifact"),
    "a tag of 129 characters": ({"artifact": "a" * 129}, "bad-artifact"),
    "a reason of 3,000 characters": ({"reason": "r" * 3000}, "reason-too-long"),
    "a ticket that is a novel": ({"ticket": "C" * 65}, "too-long"),
    "an incident that is a novel": ({"emergency": "I" * 65}, "too-long"),
    "a start in the past": ({"start": Start(mode="at", at=TUESDAY_TEN - MINUTE)}, "start-in-the-past"),
    "a start right now": ({"start": Start(mode="at", at=TUESDAY_TEN)}, "start-in-the-past"),
    "a start in four months": ({"start": Start(mode="at", at=TUESDAY_TEN + 120 * DAY)}, "start-too-late"),
}


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(("changes", "code"), BAD.values(), ids=BAD.keys())
async def test_bad_input_is_refused_by_name_and_leaves_nothing(
    world: World, changes: dict[str, Any], code: str
) -> None:
    before = await world.everything()
    with pytest.raises(Refusal) as refused:
        await world.submit(**changes)
    assert refused.value.code == code
    assert await world.everything() == before


async def test_a_misspelt_name_is_answered_with_what_was_meant(world: World) -> None:
    with pytest.raises(Refusal) as refused:
        await world.submit(service="chekout")
    assert refused.value.facts["meant"] == "checkout"


async def test_the_same_request_that_is_open_already_is_refused_and_named(world: World) -> None:
    first = await world.ask()
    before = await world.everything()
    with pytest.raises(Refusal) as refused:
        await world.submit("bo")
    assert refused.value.code == "already-asked"
    assert refused.value.facts["request"] == first
    assert await world.everything() == before


async def test_another_artifact_or_environment_is_another_request(world: World) -> None:
    assert await world.ask() == "DEP-1"
    assert await world.ask(artifact=NEXT_TAG) == "DEP-2"
    assert await world.ask(environment="staging") == "DEP-3"


async def test_a_closed_request_can_be_asked_for_again(world: World) -> None:
    await world.ask()
    await world.cancel("lin")
    assert await world.ask() == "DEP-2"


async def test_the_same_command_twice_is_one_request(world: World) -> None:
    first = await world.submit(key="trigger-1")
    before = await world.everything()
    again = await world.submit(key="trigger-1")
    assert (first.repeated, again.repeated) == (False, True)
    assert again.request_id == first.request_id
    assert await world.everything() == before


@pytest.mark.requirement("K2")
async def test_without_an_environment_it_is_for_the_most_protected_one(world: World) -> None:
    made = await world.submit(environment=None)
    assert made.environment == "production"
    assert made.gates == 9


@pytest.mark.requirement("P1")
async def test_a_request_its_entry_and_its_timer_are_written_together(world: World) -> None:
    request_id = await world.ask(reason="  Retry card captures \ud83d on timeouts ")
    request = await world.request(request_id)
    assert request.state.value == "evaluating"
    assert request.reason == "Retry card captures ? on timeouts"
    assert request.requester.person == "lin"
    assert request.requester.via == "slack:T1/U05LIN"
    assert await world.types(f"request/{request_id}") == ["request.submitted"]
    assert await world.next_timer() == TUESDAY_TEN
    assert await world.ledger.read(lambda tx: tx.place(request_id, "reply")) == world.asker("lin").reply


@pytest.mark.requirement("P9")
async def test_the_first_deployment_is_initial_and_failed_ones_do_not_make_it_a_promotion(
    world: World,
) -> None:
    await world.state("deployment", HOUR, environment="production", passed=False)
    assert (await world.request(await world.ask())).kind is Kind.INITIAL
    await world.runs_already()
    assert (await world.request(await world.ask(artifact=NEXT_TAG))).kind is Kind.PROMOTION


async def test_an_emergency_without_an_incident_is_none(world: World) -> None:
    assert (await world.request(await world.ask(emergency="INC-7"))).kind is Kind.EMERGENCY
    assert (await world.request(await world.ask(artifact=NEXT_TAG, emergency=" "))).kind is Kind.INITIAL


async def test_a_request_lives_as_long_as_the_policy_says_after_it_may_start(world: World) -> None:
    at = TUESDAY_TEN + 3 * DAY
    later = await world.request(await world.ask(start=Start(mode="at", at=at)))
    assert later.expires_at == at + DAY
    now = await world.request(await world.ask(artifact=NEXT_TAG))
    assert now.expires_at == TUESDAY_TEN + DAY


async def test_a_request_for_the_next_opening_does_not_expire_before_it(world: World) -> None:
    world.clock.at = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)  # a Saturday
    request = await world.request(await world.ask(start=Start(mode="next")))
    monday = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)
    assert request.expires_at == monday + timedelta(hours=24)


async def test_what_is_kept_is_what_was_asked(world: World) -> None:
    request = await world.request(await world.ask(fixes="production", emergency="INC-7", ticket=" CHG-9 "))
    assert (request.fixes, request.emergency, request.ticket) == ("production", "INC-7", "CHG-9")
    assert request.artifact.tag == TAG
