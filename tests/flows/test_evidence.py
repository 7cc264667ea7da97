"""Evidence: accepted once, for what the policy knows, and never from the future."""

from datetime import timedelta

import pytest

from bot.domain.refusal import Refusal
from tests.flows.world import MINUTE, SECOND, World

BAD: dict[str, tuple[dict[str, object], str]] = {
    "an unknown service": ({"service": "chekout"}, "unknown-service"),
    "an unknown environment": ({"environment": "prod"}, "unknown-environment"),
    "from the future": ({"ago": -(2 * MINUTE + SECOND)}, "from-the-future"),
    "a number that no hash can hold": ({"details": {"rows": 2**60}}, "not-exact"),
    "half a character": ({"details": {"note": "\ud83d"}}, "not-exact"),
}


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(("changes", "code"), BAD.values(), ids=BAD.keys())
async def test_bad_evidence_is_refused_by_name_and_leaves_nothing(
    world: World, changes: dict[str, object], code: str
) -> None:
    before = await world.everything()
    with pytest.raises(Refusal) as refused:
        await world.state("scan", **changes)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert await world.everything() == before


async def test_the_same_statement_twice_is_one(world: World) -> None:
    first = await world.state("scan", counts={"critical": 0})
    before = await world.everything()
    again = await world.state("scan", counts={"critical": 0})
    assert (first.repeated, again.repeated, again.id) == (False, True, first.id)
    assert await world.everything() == before


async def test_a_clock_that_is_slightly_ahead_is_forgiven(world: World) -> None:
    assert not (await world.state("scan", timedelta(minutes=-2))).repeated


async def test_a_statement_names_who_made_it(world: World) -> None:
    said = await world.state("scan", source="ci-main")
    (entry,) = await world.entries(f"evidence/{said.id}")
    assert entry["by"] == {"via": "token:ci-main", "person": None}


async def test_what_is_stated_about_an_open_request_has_it_judged_again(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.state("tests", 5 * MINUTE, artifact="another")
    assert await world.run_timers() == 0
    await world.state("tests", 5 * MINUTE)
    assert await world.run_timers() == 1
