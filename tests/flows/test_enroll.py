"""Enrolling a second factor from the host: for people of the directory, one at a time, audited."""

import pytest

from bot.domain.refusal import Refusal
from bot.flows.enroll import enroll_totp
from tests.flows.world import World


async def enroll(world: World, person: str = "ada", *, again: bool = False) -> str:
    made = await enroll_totp(
        world.ledger, world.policy, person=person, sealed="sealed", by="root", again=again
    )
    return made.id


@pytest.mark.requirement("P8")
async def test_an_enrolment_is_recorded_with_who_did_it(world: World) -> None:
    credential = await enroll(world)
    (entry,) = await world.entries(f"credential/{credential}")
    assert (entry["type"], entry["by"]["via"]) == ("credential.enrolled", "host:root")


async def test_a_second_one_needs_to_be_meant_and_revokes_the_first(world: World) -> None:
    first = await enroll(world)
    with pytest.raises(Refusal, match="enrolled-already"):
        await enroll(world)
    second = await enroll(world, again=True)
    held = await world.ledger.read(lambda tx: tx.credentials.of("ada"))
    assert [c.id for c in held] == [second]
    assert await world.types(f"credential/{first}") == ["credential.enrolled", "credential.revoked"]


async def test_a_revoked_factor_signs_nothing(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    (old,) = await world.ledger.read(lambda tx: tx.credentials.of("ada"))
    await enroll(world, again=True)
    await world.sign("ada")
    assert (await world.approvals())["ada"].factor.credential != old.id


async def test_nobody_outside_the_directory_is_enrolled(world: World) -> None:
    before = await world.everything()
    with pytest.raises(Refusal, match="unknown-person-name"):
        await enroll(world, "mallory")
    assert await world.everything() == before
