"""What a stolen factor, a phished code or the host's own word still get after their owner noticed: nothing."""

import pytest

from bot.domain.change_request import Start
from bot.flows import confirm
from bot.flows.reload_policy import put_in_force
from tests.flows.enrolling import ADMINISTRATORS, NAMED, PASSKEYS_TOO, Desk
from tests.flows.policy_text import ONE_SEAT, policy_of
from tests.flows.stepping_up import Pages
from tests.flows.world import DAY, HOUR, MINUTE, World

NO_CODES = ("second_factor: {methods: [totp]}", "second_factor: {methods: [passkey, oidc], within: 3m}")


async def desk_of(world: World, *changes: tuple[str, str]) -> Desk:
    world.policy = policy_of(ADMINISTRATORS, NAMED, *changes)
    await put_in_force(world.ledger, world.policy)
    return Desk(world)


async def approved_with_a_stolen_key(desk: Desk) -> str:
    """Ada holds two passkeys; a thief signs a request of the next hour with the old one. Gives the new one's id."""
    world = desk.world
    await desk.enrolled("ada", "old")
    link = await desk.begin("ada")
    await desk.by_factor(link, "old", browser="own")
    second = await desk.passkey(link, "new", browser="own")
    world.clock.advance(DAY + MINUTE)
    await world.green()
    await world.runs_already()
    await world.prove()
    await world.ask(start=Start(mode="at", at=world.clock.now() + HOUR))
    await world.run_timers()
    pages = Pages(world)
    pages.keys = desk.keys
    await desk.signs_with(await pages.press("ada"), "old")
    await world.run_timers()
    assert await world.state_of() == "approved"
    return second.id


@pytest.mark.requirement("P8")
async def test_what_a_factor_signed_is_void_once_its_owner_takes_that_factor_away(world: World) -> None:
    desk = await desk_of(world, PASSKEYS_TOO, ONE_SEAT)
    kept = await approved_with_a_stolen_key(desk)
    mine = await desk.begin("ada")
    await desk.by_factor(mine, "new", browser="own")
    old = next(c for c in await desk.held("ada") if c.id != kept)
    await desk.remove(mine, old.id, browser="own")
    assert await world.state_of() == "awaiting-approval"
    await world.pass_time(2 * HOUR)
    assert await world.state_of() == "awaiting-approval"
    assert world.deployer.started == []


@pytest.mark.requirement("P8")
async def test_taking_another_factor_away_leaves_what_this_one_signed(world: World) -> None:
    desk = await desk_of(world, PASSKEYS_TOO, ONE_SEAT)
    unused = await approved_with_a_stolen_key(desk)
    mine = await desk.begin("ada")
    await desk.by_factor(mine, "old", browser="own")
    await desk.remove(mine, unused, browser="own")
    assert await world.state_of() == "approved"


@pytest.mark.requirement("P8")
async def test_a_code_that_approves_nothing_in_production_makes_no_factor_that_does(world: World) -> None:
    desk = await desk_of(world, NO_CODES)
    await world.enroll("ada")  # an authenticator app
    world.clock.advance(DAY)
    link = await desk.begin("ada")
    assert await desk.why_not(desk.by_app(link, "ada-7")) == "method-forbidden"


@pytest.mark.requirement("P8")
async def test_where_production_takes_no_codes_nobody_confirms_by_one(world: World) -> None:
    desk = await desk_of(world, NO_CODES)
    await world.enroll("ada")
    world.clock.advance(DAY)
    await desk.enrolled("bo")
    asked = confirm.begin_confirmation(world.ledger, world.policy, world.asker("ada"), "bo")
    assert await desk.why_not(asked) == "method-forbidden"


@pytest.mark.requirement("P8")
async def test_the_hosts_word_alone_makes_an_administrator_once(world: World) -> None:
    desk = await desk_of(world, PASSKEYS_TOO)
    first = await desk.administrator("ada")
    assert first.usable_from is None
    world.clock.advance(2 * DAY)
    code = await desk.issue("ada", again=True)
    world.clock.advance(MINUTE)
    link = await desk.begin("ada")
    await desk.by_code(link, code)
    again = await desk.passkey(link, "another")
    assert again.usable_from == world.clock.now() + DAY


@pytest.mark.requirement("P8")
async def test_a_code_that_the_host_gives_out_anew_voids_what_the_old_one_proved(world: World) -> None:
    desk = await desk_of(world, PASSKEYS_TOO)
    await desk.administrator("ada")
    code = await desk.issue("bo")
    link = await desk.begin("bo")
    await desk.by_code(link, code, browser="thief")
    await desk.issue("bo", again=True)
    assert await desk.why_not(desk.passkey(link, "thief", browser="thief")) == "not-proved"
