"""Everything that somebody enrolled and linked is taken away by two administrators, neither of them the person."""

import pytest

from bot.domain.change_request import RequestState
from bot.flows import reset
from tests.flows.enrolling import ADMINISTRATORS, NAMED, PASSKEYS_TOO, Desk
from tests.flows.policy_text import policy_of
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("P8")
THREE = ("platform-lead:   {people: [ada, vic]}", "platform-lead:   {people: [ada, vic, sam]}")


@pytest.fixture
async def desk(world: World) -> Desk:
    """Ada, Vic and Sam are administrators with settled factors, Bo has one too and linked his accounts."""
    world.policy = policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO, THREE)
    made = Desk(world)
    await made.administrator("ada")
    for person in ("vic", "sam"):
        await made.enrolled(person)
        await made.confirm(person, by="ada")
    token = await made.begin("bo")
    await made.by_login(token)
    await made.passkey(token)
    world.clock.advance(2 * DAY)
    await world.deliveries()
    return made


async def test_one_administrator_takes_nothing_away_and_the_second_one_everything(desk: Desk) -> None:
    await desk.reset("bo", by="ada")
    assert len(await desk.held("bo")) == 1
    told = await desk.world.deliveries("factor-note")
    assert {(d.destination, d.facts["code"]) for d in told} == {
        ("slack:user:U02BO", "reset-asked"),
        ("slack:channel:deployments", "reset-asked"),
    }
    assert {tuple(d.facts["able"]) for d in told} == {("vic", "sam")}  # type: ignore[arg-type]  # a list of names
    await desk.reset("bo", by="vic")
    assert (await desk.held("bo"), await desk.links("bo")) == ([], {})
    told = await desk.world.deliveries("factor-note")
    assert {(d.destination, d.facts["code"]) for d in told} == {
        ("slack:user:U02BO", "reset-done"),
        ("slack:channel:deployments", "reset-done"),
    }
    entries = await desk.world.entries()
    asked = [e for e in entries if e["type"] == "reset.asked"]
    done = [e for e in entries if e["type"] == "credential.revoked"]
    assert [(e["by"]["person"], e["facts"]["reason"]) for e in asked] == [("ada", "Lost")]
    assert [(e["by"]["person"], e["facts"]["first"]) for e in done] == [("vic", "ada")]
    assert all(e["facts"]["evidence"]["signature"] for e in asked + done)


@pytest.mark.parametrize(
    ("by", "person", "why"),
    [
        ("cy", "bo", "not-an-administrator"),
        ("ada", "mallory", "unknown-person-name"),
        ("nobody", "bo", "unknown-person"),
    ],
)
async def test_who_may_not_reset_whom(desk: Desk, by: str, person: str, why: str) -> None:
    assert await desk.why_not(desk.ask_reset(person, by)) == why


async def test_the_same_administrator_does_not_count_twice(desk: Desk) -> None:
    early = await desk.ask_reset("bo", "ada")
    await desk.reset("bo", by="ada")
    assert await desk.why_not(desk.reset("bo", by="ada")) == "needs-another-administrator"
    assert await desk.why_not(desk.signs(early.token, "ada")) == "needs-another-administrator"
    assert len(await desk.held("bo")) == 1


async def test_the_second_word_comes_within_the_hour_or_is_the_first(desk: Desk) -> None:
    await desk.reset("bo", by="ada")
    desk.world.clock.advance(HOUR)
    begun = await desk.ask_reset("bo", "vic")
    assert begun.first is None
    await desk.signs(begun.token, "vic")
    assert len(await desk.held("bo")) == 1
    desk.world.clock.advance(HOUR - SECOND)
    await desk.reset("bo", by="ada")
    assert await desk.held("bo") == []


async def test_a_first_word_of_somebody_who_lost_the_role_does_not_count(desk: Desk) -> None:
    await desk.reset("bo", by="sam")
    desk.world.policy = policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO)  # Sam is none any more
    await desk.reset("bo", by="vic")
    assert len(await desk.held("bo")) == 1


async def test_nobody_resets_themselves_but_anybody_raises_an_alarm_about_themselves(desk: Desk) -> None:
    world = desk.world
    for person in ("ada", "bo"):
        raised = await reset.begin_reset(world.ledger, world.policy, world.asker(person), person, None)
        assert isinstance(raised, reset.Raised)
        assert person not in raised.told
        assert len(await desk.held(person)) == 1
    told = await world.deliveries("factor-note")
    assert {(d.destination, d.subject, d.facts["code"]) for d in told} == {
        ("slack:channel:deployments", "ada", "reset-alarm"),
        ("slack:channel:deployments", "bo", "reset-alarm"),
    }


async def test_a_reason_is_asked_for(desk: Desk) -> None:
    assert await desk.why_not(desk.ask_reset("bo", "ada", reason=None)) == "no-reason"
    assert await desk.why_not(desk.ask_reset("bo", "ada", reason="x" * 1001)) == "reason-too-long"


async def test_without_administrators_the_host_alone_does_it(desk: Desk) -> None:
    desk.world.policy = policy_of(NAMED, PASSKEYS_TOO)
    assert await desk.why_not(desk.ask_reset("bo", "ada")) == "no-administrators"
    await desk.issue("bo", again=True)
    assert (await desk.held("bo"), await desk.links("bo")) == ([], {})


async def waiting(desk: Desk) -> World:
    """A request that Bo has signed."""
    world = desk.world
    await world.green()
    await world.runs_already()
    await world.prove()
    await world.enroll("bo", "cy")
    await desk.confirm("bo", by="ada")
    await desk.confirm("cy", by="ada")
    world.clock.advance(DAY)
    await world.green()
    await world.ask()
    await world.run_timers()
    return world


async def test_what_was_signed_and_waits_is_void(desk: Desk) -> None:
    world = await waiting(desk)
    await world.sign("bo")
    await desk.reset("bo", by="ada")
    await desk.reset("bo", by="vic")
    assert (await world.standing())["bo"] == ("void", "factors-reset")
    await world.run_timers()
    assert await world.state_of() == "awaiting-approval"


async def test_a_request_that_was_approved_by_it_waits_for_approval_again(desk: Desk) -> None:
    world = await waiting(desk)
    world.clock.advance(15 * HOUR)  # it is Saturday by now, so it waits for its window
    await world.approve("bo", "cy")
    assert (await world.request()).state is RequestState.APPROVED
    await desk.reset("bo", by="ada")
    await desk.reset("bo", by="vic")
    assert await world.state_of() == "awaiting-approval"


async def test_a_reset_that_somebody_else_asked_for_does_not_mix_with_another_persons(desk: Desk) -> None:
    await desk.reset("bo", by="ada")
    await desk.reset("sam", by="vic")
    assert len(await desk.held("bo")) == 1
    assert len(await desk.held("sam")) == 1
    desk.world.clock.advance(MINUTE)
    await desk.reset("bo", by="vic")
    assert (len(await desk.held("bo")), len(await desk.held("sam"))) == (0, 1)
