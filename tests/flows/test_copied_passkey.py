"""A passkey that somebody copied raises the alarm wherever it answers: also where it is to prove an enrolment."""

import pytest

from bot.domain.refusal import Refusal
from tests.flows.enrolling import PASSKEYS_TOO, Desk
from tests.flows.test_stolen_factors import desk_of
from tests.flows.world import World


@pytest.mark.requirement("P8")
async def test_a_copied_passkey_that_is_to_prove_an_enrolment_is_told_in_the_channel(world: World) -> None:
    desk: Desk = await desk_of(world, PASSKEYS_TOO)
    await desk.enrolled("ada", "old")
    (held,) = await desk.held("ada")
    await world.ledger.write(lambda tx: tx.credentials.accept_counter(held.id, 70))
    desk.keys["old"].counter = 60
    await world.deliveries()
    link = await desk.begin("ada")
    with pytest.raises(Refusal) as refused:
        await desk.by_factor(link, "old", browser="own")
    assert (refused.value.code, refused.value.facts["left"]) == ("passkey-copied", 4)
    told = [d for d in await world.deliveries("policy-notice") if d.facts["code"] == "passkey-copied"]
    assert [(d.destination, d.facts["person"], d.facts["counter"]) for d in told] == [
        ("slack:channel:incidents", "ada", 61)
    ]
    assert told[0].facts["credential"] == held.id
    assert (await world.types("person/ada"))[-2:] == ["factor.counter", "factor.failed"]
    with pytest.raises(Refusal, match="not-proved"):
        await desk.passkey(link, "another", browser="own")
