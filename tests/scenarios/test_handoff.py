"""Over real sockets: both people and the channel hear of an override, and of every hand-off, once, also over a restart."""

from datetime import timedelta

import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.hands import BO, CY, EVE, INCIDENTS, LIN, VIC
from tests.scenarios.stage import Stage
from tests.scenarios.test_oncall import TURNS, oncall

HOUR = timedelta(hours=1)


async def heard(stage: Stage, user: str, words: str) -> int:
    seen = await stage.people.direct_messages(user)
    return sum(words in stage.people.text_of(m) for m in seen)


@pytest.mark.requirement("P21")
async def test_an_override_and_both_of_its_hand_offs_are_told_once_also_over_a_restart(
    make_stage: Make,
) -> None:
    stage = await make_stage(TURNS)
    await stage.quiet()
    await oncall(stage, CY, "override primary bo from 2h until 3h Dentist")
    await stage.told(BO, "OVR-1: Bo is on call in primary from", "instead of Cy", "“Dentist”")
    await stage.told(CY, "OVR-1: Bo is on call")
    await stage.message(INCIDENTS, "OVR-1: Bo is on call")
    await oncall(stage, CY, "handoff db-2 is slow")
    await stage.stop()
    await stage.advance(2 * HOUR + timedelta(minutes=1))
    await stage.start()
    await stage.told(
        BO, "You are on call in primary from now on until", "after Cy", "No incident is open", "db-2 is slow"
    )
    await stage.told(CY, "You are no longer on call in primary: Bo has it now.")
    await stage.stop()
    await stage.start()
    await stage.quiet()
    assert await heard(stage, BO, "You are on call in primary") == 1
    await stage.advance(3 * HOUR)
    await stage.told(CY, "You are on call in primary from now on until", "after Bo")
    await stage.quiet()
    assert await heard(stage, CY, "You are on call in primary") == 1
    await stage.intact()


async def test_what_is_refused_says_what_why_and_who(make_stage: Make) -> None:
    stage = await make_stage(TURNS)
    before = await stage.written()
    assert "stands for nobody in the policy" in await oncall(stage, EVE, "override primary bo until 4h")
    not_yours = await oncall(stage, VIC, "override primary vic until 4h")
    assert "You are not one of the people of primary" in not_yours
    assert "Cy, who is on call then, can declare it, or somebody who is platform-lead" in not_yours
    assert "is not yours to give" in await oncall(stage, LIN, "override primary bo until 4h")
    assert "Did you mean “primary”?" in await oncall(stage, LIN, "who primry")
    assert "is no time" in await oncall(stage, CY, "override primary bo until soon")
    assert await stage.written() == before
