"""Questions change nothing: how requests stand, why, and what would be decided now."""

import pytest

from bot.domain.change_request import Start
from bot.domain.outcome import Status
from bot.domain.refusal import Refusal
from bot.flows.inquire import incident_view, newest_requests, request_view, why
from bot.flows.preview import Question, preview
from tests.flows.fakes import DIGEST, OLD_TAG, TAG
from tests.flows.world import HOUR, World

NO_CHECKOUT = ("  checkout:\n    image", "  cashier:\n    image")


async def test_why_asks_every_gate_anew_and_writes_nothing(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    world.registry.silent = True
    before = await world.everything()
    answer = await why(world.ledger, world.policy, world.collector, world.clock, "DEP-1")
    assert answer.fresh
    assert {o.gate: o.code for o in answer.outcomes}["immutable-artifact"] == "registry-unreachable"
    assert await world.outcome("immutable-artifact") == ("passed", "same-digest")
    assert await world.everything() == before


@pytest.mark.parametrize("gone", [False, True])
async def test_why_of_what_is_over_or_left_the_policy_tells_the_last_judgement(
    world: World, gone: bool
) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    if gone:
        await world.reload(NO_CHECKOUT)
    else:
        await world.cancel("lin")
    answer = await why(world.ledger, world.policy, world.collector, world.clock, "DEP-1")
    assert not answer.fresh
    assert len(answer.outcomes) == 9


async def test_a_view_shows_signatures_seats_and_runs(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.approve("ada", "cy")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert [a.person for a in view.approvals] == ["ada", "cy"]
    assert {s.person for s in view.quorum.seats} == {"ada", "cy"}
    assert [r.state.value for r in view.runs] == ["succeeded"]
    assert view.could_sign == ()


async def test_what_does_not_exist_is_refused(world: World) -> None:
    with pytest.raises(Refusal, match="unknown-request"):
        await request_view(world.ledger, world.policy, "DEP-1")
    with pytest.raises(Refusal, match="unknown-incident"):
        await incident_view(world.ledger, world.policy, "INC-1")


async def test_the_newest_requests_come_first_page_by_page(world: World) -> None:
    for environment in ("production", "staging", "dev"):
        await world.ask(environment=environment)
    assert [r.id for r in await newest_requests(world.ledger, limit=2)] == ["DEP-3", "DEP-2"]
    assert [r.id for r in await newest_requests(world.ledger, limit=2, before=2)] == ["DEP-1"]


@pytest.mark.requirement("P1")
async def test_a_preview_is_the_decision_that_a_request_would_get_and_writes_nothing(world: World) -> None:
    await world.ready()
    before = await world.everything()
    question = Question(service="checkout", artifact=TAG, environment="production", ticket="CHG-1")
    answer = await preview(world.collector, world.policy, world.clock, question)
    assert (answer.readiness.status, answer.digest) == (Status.PASSED, DIGEST)
    assert answer.running is not None
    assert answer.running.tag == OLD_TAG
    assert await world.everything() == before
    await world.ask(ticket="CHG-1")
    await world.run_timers()
    asked = (await world.request()).readiness
    assert asked is not None
    assert [(o.gate, o.status, o.code) for o in asked.outcomes] == [
        (o.gate, o.status, o.code) for o in answer.readiness.outcomes
    ]


async def test_a_preview_for_an_instant_is_judged_for_it(world: World) -> None:
    await world.ready()
    at = world.clock.now() + 4 * 24 * HOUR  # a Saturday
    question = Question(service="checkout", artifact=TAG, environment="production", at=at, ticket="CHG-1")
    answer = await preview(world.collector, world.policy, world.clock, question)
    assert answer.readiness.status is Status.WAITING


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"service": "chekout"}, "unknown-service"),
        ({"environment": "prod"}, "unknown-environment"),
        ({"artifact": "a b"}, "bad-artifact"),
    ],
)
async def test_a_preview_of_what_is_unknown_is_refused(
    world: World, change: dict[str, str], code: str
) -> None:
    question = {"service": "checkout", "artifact": TAG, "environment": "production"} | change
    with pytest.raises(Refusal, match=code):
        await preview(world.collector, world.policy, world.clock, Question(**question))  # type: ignore[arg-type]


async def test_a_request_for_a_later_instant_says_so_when_asked_why(world: World) -> None:
    await world.ready()
    await world.ask(start=Start(mode="at", at=world.clock.now() + 4 * 24 * HOUR))
    answer = await why(world.ledger, world.policy, world.collector, world.clock, "DEP-1")
    assert {o.gate: o.status for o in answer.outcomes}["calendar"] is Status.WAITING
