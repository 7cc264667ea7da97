"""What was enrolled with the host's help waits for an administrator, who is somebody else and steps up."""

from dataclasses import replace

import pytest

from bot.domain.audit import Fact
from bot.domain.identity import Identity, Provider
from bot.domain.second_factor import Method
from bot.flows import confirm, step_up
from bot.flows.enroll import enroll_totp
from tests.flows.enrolling import ADMINISTRATORS, HOME, ISSUER, NAMED, PASSKEYS_TOO, Desk
from tests.flows.policy_text import policy_of
from tests.flows.world import DAY, HOUR, SECOND, World

pytestmark = pytest.mark.requirement("P8")


@pytest.fixture
async def desk(world: World) -> Desk:
    """Ada is an administrator with a factor of long ago; Bo's waits."""
    world.policy = policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO)
    made = Desk(world)
    await made.administrator("ada")
    world.clock.advance(2 * DAY)
    await made.enrolled("bo")
    return made


async def test_an_administrator_confirms_and_the_cool_off_counts_from_there(desk: Desk) -> None:
    desk.world.clock.advance(HOUR)
    await desk.world.deliveries()
    await desk.confirm("bo", by="ada")
    (held,) = await desk.held("bo")
    assert (held.pending, held.confirmed_by) == (False, "ada")
    assert held.usable_from == desk.world.clock.now() + DAY
    told = await desk.world.deliveries("factor-note")
    assert {(d.destination, d.facts["code"]) for d in told} == {
        ("slack:user:U02BO", "confirmed"),
        ("slack:channel:deployments", "confirmed"),
    }
    (entry,) = [e for e in await desk.world.entries(f"credential/{held.id}") if "confirmed" in e["type"]]
    assert (entry["by"]["person"], entry["facts"]["method"]) == ("ada", "passkey")
    assert entry["facts"]["evidence"]["signature"]


@pytest.mark.parametrize(
    ("by", "person", "why"),
    [
        ("cy", "bo", "not-an-administrator"),
        ("bo", "bo", "not-an-administrator"),
        ("ada", "ada", "own-factor"),
        ("ada", "cy", "nothing-to-confirm"),
        ("vic", "bo", "not-enrolled"),
        ("ada", "mallory", "unknown-person-name"),
        ("nobody", "bo", "unknown-person"),
    ],
)
async def test_who_may_not_confirm_what(desk: Desk, by: str, person: str, why: str) -> None:
    assert await desk.why_not(desk.confirm(person, by=by)) == why
    assert [c.pending for c in await desk.held("bo")] == [True]


async def test_without_administrators_there_is_nothing_to_confirm(desk: Desk) -> None:
    desk.world.policy = policy_of(NAMED, PASSKEYS_TOO)
    assert await desk.why_not(desk.confirm("bo", by="ada")) == "no-administrators"


async def test_the_click_alone_confirms_nothing(desk: Desk) -> None:
    await confirm.begin_confirmation(desk.world.ledger, desk.world.policy, desk.world.asker("ada"), "bo")
    assert [c.pending for c in await desk.held("bo")] == [True]


async def test_a_link_confirms_the_very_factor_that_it_was_opened_for(desk: Desk) -> None:
    """While the administrator reads, somebody enrols another one with a new code: that one is not confirmed."""
    world = desk.world
    begun = await confirm.begin_confirmation(world.ledger, world.policy, world.asker("ada"), "bo")
    code = await desk.issue("bo", again=True)
    world.clock.advance(SECOND)
    token = await desk.begin("bo")
    await desk.by_code(token, code)
    await desk.passkey(token, "thief")
    assert await desk.why_not(desk.signs(begun.token, "ada")) == "nothing-to-confirm"
    assert [c.pending for c in await desk.held("bo")] == [True]


async def test_a_newer_enrolment_takes_the_place_of_the_one_that_waits(desk: Desk) -> None:
    world = desk.world
    code = await desk.issue("cy")
    first = await enroll_totp(world.ledger, world.policy, person="cy", sealed="x", by="root", again=False)
    token = await desk.begin("cy")
    await desk.by_code(token, code)
    second = await desk.passkey(token, "cy")
    assert (first.pending, second.pending) == (True, True)
    assert [c.id for c in await desk.held("cy")] == [second.id]


async def test_confirming_is_once(desk: Desk) -> None:
    world = desk.world
    twice = [
        await confirm.begin_confirmation(world.ledger, world.policy, world.asker("ada"), "bo")
        for _ in range(2)
    ]
    await desk.signs(twice[0].token, "ada")
    assert await desk.why_not(desk.signs(twice[0].token, "ada")) == "link-used"
    assert await desk.why_not(desk.signs(twice[1].token, "ada")) == "nothing-to-confirm"


async def test_an_administrators_own_factor_in_its_cool_off_confirms_nothing(desk: Desk) -> None:
    token = await desk.begin("ada")
    await desk.by_factor(token, "ada")
    await desk.passkey(token, "fresh")
    world = desk.world
    begun = await confirm.begin_confirmation(world.ledger, world.policy, world.asker("ada"), "bo")
    assert await desk.why_not(desk.signs_with(begun.token, "fresh")) == "cooling-off"
    await desk.signs(begun.token, "ada")


async def test_a_login_that_was_linked_just_now_confirms_nothing_yet(desk: Desk) -> None:
    world = desk.world
    subject = f"{ISSUER} sub-ada"
    link = Identity(
        provider=Provider.OIDC,
        subject=subject,
        person="ada",
        label="ada",
        linked_at=world.clock.now(),
        linked_by="test",
    )
    await world.ledger.write(lambda tx: tx.identities.put(link, Fact(type="identity.linked")))
    begun = await confirm.begin_confirmation(world.ledger, world.policy, world.asker("ada"), "bo")
    asked = await step_up.challenge(world.ledger, world.policy, begun.token, Method.OIDC, address=HOME)
    doing = step_up.by_login(
        world.ledger,
        world.policy,
        begun.token,
        asked.challenge.id,
        desk.logged_in(subject),
        address=HOME,
    )
    assert await desk.why_not(doing) == "cooling-off"


async def test_a_role_that_was_lost_meanwhile_confirms_nothing(desk: Desk) -> None:
    world = desk.world
    begun = await confirm.begin_confirmation(world.ledger, world.policy, world.asker("ada"), "bo")
    lead = world.policy.roles["platform-lead"]
    roles = {**world.policy.roles, "platform-lead": lead.model_copy(update={"people": ("vic",)})}
    world.policy = replace(world.policy, roles=roles)
    assert await desk.why_not(desk.signs(begun.token, "ada")) == "not-an-administrator"


async def test_what_waits_approves_nothing(desk: Desk) -> None:
    world = desk.world
    await world.green()
    await world.runs_already()
    await world.prove()
    await world.ask()
    await world.run_timers()
    assert await world.refusal_of_signing("bo") == "not-confirmed"
