"""A lock is told: to the person, with until when and who can help, and to the channel of incidents; once a lock."""

import pytest

from bot.domain.owed import Delivery
from bot.flows.factor_notes import NOTE
from bot.flows.lock_notes import CODE
from tests.flows.stepping_up import Pages
from tests.flows.test_locks import CAFE, OFFICE, fail
from tests.flows.world import MINUTE, SECOND

pytestmark = pytest.mark.requirement("P8")


async def told(pages: Pages) -> list[Delivery]:
    await pages.world.run_timers()
    return [d for d in await pages.world.deliveries(NOTE) if d.facts.get("code") == CODE]


async def test_nobody_is_told_of_four_failures(pages: Pages) -> None:
    await fail(pages, "ada", 4)
    assert await told(pages) == []


async def test_whoever_is_locked_is_told_and_so_is_the_channel_with_until_when_and_who_can_help(
    pages: Pages,
) -> None:
    began = pages.world.clock.now()
    await fail(pages, "ada", 5)
    own, all_ = sorted(await told(pages), key=lambda d: d.destination, reverse=True)
    assert (own.destination, all_.destination) == ("slack:user:U01ADA", "slack:channel:incidents")
    assert own.subject == all_.subject == "ada"
    until = (began + 15 * MINUTE).isoformat()
    assert own.facts["until"] == all_.facts["until"] == until
    assert (own.facts["failures"], own.facts["what"]) == (5, ["person", "address"])
    assert own.facts["address"] == CAFE
    assert isinstance(own.facts["able"], list)
    assert "ada" not in own.facts["able"]


async def test_a_lock_is_told_once_however_often_somebody_tries_on(pages: Pages) -> None:
    await fail(pages, "ada", 5)
    assert len(await told(pages)) == 2
    for _ in range(20):
        assert await pages.why_not(pages.press("ada")) == "locked-out"
    pages.world.clock.advance(15 * MINUTE - SECOND)
    assert await pages.why_not(pages.press("ada")) == "locked-out"
    assert await told(pages) == []


async def test_a_lock_that_begins_again_as_the_first_failures_fade_is_the_same_one(pages: Pages) -> None:
    await fail(pages, "ada", 1)
    pages.world.clock.advance(10 * MINUTE)
    await fail(pages, "ada", 4)
    assert len(await told(pages)) == 2
    pages.world.clock.advance(5 * MINUTE + SECOND)
    await fail(pages, "ada", 1)  # the fifth of the last quarter of an hour, again
    assert await pages.why_not(pages.press("ada")) == "locked-out"
    assert await told(pages) == []
    pages.world.clock.advance(16 * MINUTE)
    await fail(pages, "ada", 5)
    assert len(await told(pages)) == 2


async def test_an_address_that_is_locked_by_several_is_told_without_locking_anybody(pages: Pages) -> None:
    await fail(pages, "ada", 3)
    await fail(pages, "vic", 2)
    own, all_ = sorted(await told(pages), key=lambda d: d.destination, reverse=True)
    assert (own.destination, all_.destination) == ("slack:user:U04VIC", "slack:channel:incidents")
    assert (own.facts["what"], own.facts["address"]) == (["address"], CAFE)


async def test_of_an_address_that_changes_with_each_try_the_person_alone_is_told(pages: Pages) -> None:
    token = await pages.press("ada")
    for n in range(5):
        await pages.refusal(pages.code(token, "000000", f"203.0.113.{n}"))
    own, _ = sorted(await told(pages), key=lambda d: d.destination, reverse=True)
    assert own.facts["what"] == ["person"]


async def test_whoever_slack_cannot_reach_is_told_of_in_the_channel(pages: Pages) -> None:
    await fail(pages, "ada", 5, OFFICE)
    world = pages.world
    await world.reload(("ada: {slack: U01ADA, github: ada-l", "ada: {github: ada-l"))
    assert [d.destination for d in await told(pages)] == ["slack:channel:incidents"]
