"""A seat by rotation follows overrides at once: given and taken, before the approval and before the start (P7).

Vic is one of the rotation's people here, or a lead gives it to somebody who is not: an override by whoever is on call
to anybody else moves the pages and no seat (a stolen Slack session must not hand out approvals)."""

import pytest

from bot.domain.change_request import RequestState
from bot.flows import overrides
from bot.flows.on_duty import called, on_duty, rostered
from bot.flows.overrides import Wanted
from bot.flows.roles import roles_of
from bot.ports import Transaction
from tests.flows.policy_text import ON_CALL_SEAT, policy_of
from tests.flows.world import HOUR, World

VIC_TAKES_TURNS = ("people: [cy, bo, ada], handoff", "people: [cy, bo, ada, vic], handoff")
VIC_LEADS = ('starts: "2026-11-09"}}', 'starts: "2026-11-09"}, leads: platform-lead}')


async def override(world: World, asker: str, person: str, *, hours: int = 4) -> None:
    ends = world.clock.now() + hours * HOUR
    wanted = Wanted(rotation="primary", person=person, ends_at=ends)
    await overrides.declare(world.ledger, world.policy, world.asker(asker), [wanted], key=world.key())


@pytest.fixture
async def waiting(world: World) -> str:
    """A request that waits for the seat of whoever is on call, which is cy."""
    world.policy = policy_of(ON_CALL_SEAT, VIC_TAKES_TURNS)
    await world.ready()
    request = await world.ask()
    await world.run_timers()
    assert await world.state_of(request) == "awaiting-approval"
    return request


@pytest.mark.requirement("P7")
async def test_whoever_took_the_duty_fills_the_seat_and_whoever_gave_it_does_not(
    world: World, waiting: str
) -> None:
    await override(world, "cy", "vic")
    assert await world.refusal_of_signing("cy", waiting) == "no-seat"
    await world.approve("vic", request_id=waiting)
    assert (await world.request(waiting)).state in (RequestState.STARTING, RequestState.LIVE)


@pytest.mark.requirement("P7")
async def test_a_duty_given_away_before_the_decision_takes_the_seat_with_it(
    world: World, waiting: str
) -> None:
    await world.sign("cy", waiting)
    await override(world, "cy", "vic")
    await world.run_timers()
    assert await world.state_of(waiting) == "awaiting-approval"
    assert (await world.standing(waiting))["cy"][0] == "refused"


@pytest.mark.requirement("P7")
async def test_given_back_it_is_the_first_one_s_again(world: World, waiting: str) -> None:
    await override(world, "cy", "vic")
    await overrides.cancel(world.ledger, world.policy, world.asker("vic"), "OVR-1", key=world.key())
    assert await world.refusal_of_signing("vic", waiting) == "no-seat"
    await world.approve("cy", request_id=waiting)
    assert (await world.request(waiting)).state in (RequestState.STARTING, RequestState.LIVE)


async def who_is_paged(world: World) -> str | None:
    return await world.ledger.read(lambda tx: on_duty(tx, world.policy, "primary", tx.now))


async def signers(world: World, *, paged: bool) -> set[str]:
    """Who holds the role of the rotation: for a seat, or for a page."""
    ask = called if paged else rostered

    def query(tx: Transaction) -> set[str]:
        policy = ask(tx, world.policy)
        return {p for p in policy.people if "on-call-sre" in roles_of(policy, p, tx.now).roles}

    return await world.ledger.read(query)


@pytest.mark.requirement("P8")
async def test_given_to_somebody_outside_the_rotation_the_pages_go_and_the_seat_stays(
    world: World, waiting: str
) -> None:
    await override(world, "cy", "lin")
    assert await who_is_paged(world) == "lin"
    assert await signers(world, paged=True) == {"lin"}
    assert await signers(world, paged=False) == {"cy"}
    told = [d.facts["seats_stay"] for d in await world.deliveries("override-note")]
    assert told
    assert set(told) == {True}
    await world.approve("cy", request_id=waiting)
    assert (await world.request(waiting)).state in (RequestState.STARTING, RequestState.LIVE)


@pytest.mark.requirement("P8")
async def test_a_seat_stays_with_the_last_override_that_may_move_it(world: World, waiting: str) -> None:
    await override(world, "cy", "vic")
    await override(world, "vic", "lin")
    assert (await who_is_paged(world), await signers(world, paged=False)) == ("lin", {"vic"})


@pytest.mark.requirement("P8")
async def test_a_lead_gives_the_duty_with_its_seat_to_anybody(world: World) -> None:
    world.policy = policy_of(ON_CALL_SEAT, VIC_LEADS)
    await world.ready()
    await override(world, "vic", "lin")
    assert (await who_is_paged(world), await signers(world, paged=False)) == ("lin", {"lin"})
    assert {d.facts["seats_stay"] for d in await world.deliveries("override-note")} == {False}


@pytest.mark.requirement("P8")
async def test_who_leaves_the_rotation_s_people_leaves_the_seat(world: World, waiting: str) -> None:
    """What counts is the policy of the moment, not that of the declaration."""
    await override(world, "cy", "vic")
    world.policy = policy_of(ON_CALL_SEAT)
    assert (await who_is_paged(world), await signers(world, paged=False)) == ("vic", {"cy"})


async def test_another_policy_sets_the_hand_offs_anew(world: World) -> None:
    await world.reload()
    await world.run_timers()
    assert ("handoff", "primary") in world.timers_set()
