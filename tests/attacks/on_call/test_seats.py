"""On-call carries a seat in approvals: a click in Slack must not hand that seat to somebody whom no policy named."""

import pytest

from bot.flows import overrides
from bot.flows.overrides import Wanted
from tests.flows.policy_text import ON_CALL_SEAT, policy_of
from tests.flows.world import HOUR, World

pytestmark = [pytest.mark.requirement("P7"), pytest.mark.requirement("P8")]


async def override(world: World, asker: str, person: str) -> None:
    wanted = Wanted(rotation="primary", person=person, ends_at=world.clock.now() + 4 * HOUR)
    await overrides.declare(world.ledger, world.policy, world.asker(asker), [wanted], key=world.key())


async def test_a_stolen_slack_session_of_whoever_is_on_call_hands_no_seat_to_an_accomplice(
    world: World,
) -> None:
    """Cy's Slack session is stolen, Cy's second factor is not; Lin stands in no role that the seat asks for."""
    world.policy = policy_of(ON_CALL_SEAT)
    await world.ready()
    await world.enroll("lin")
    request = await world.ask("bo")
    await world.run_timers()
    assert await world.refusal_of_signing("lin", request) == "no-seat"
    await override(world, "cy", "lin")
    assert await world.refusal_of_signing("lin", request) == "no-seat"
