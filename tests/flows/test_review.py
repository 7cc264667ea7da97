"""The review that a used break-glass owes: who may write it, and the reminders that come once a day until it is there."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.change_request import ChangeRequest
from bot.domain.refusal import Refusal
from bot.flows import loud
from bot.flows import review as reviews
from tests.flows.fakes import TUESDAY_TEN
from tests.flows.test_break_glass import GLASS, arrive, emergency, glass, set_up
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("P13")
SERVICE_GONE = ("  checkout:\n", "  till:\n")


@pytest.fixture
async def used(world: World) -> World:
    """DEP-1 went live by break-glass just now; its review is due in five days."""
    await set_up(world)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.approve("vic", "ada")
    assert (await glass(world)).used_at == world.clock.now()
    await world.deliveries()
    return world


async def write(
    world: World, person: str, words: str | None = "The pool was too small", key: str | None = None
) -> ChangeRequest:
    return await reviews.review(
        world.ledger, world.policy, world.asker(person), "DEP-1", words, key=key or world.key()
    )


async def refusal(world: World, person: str, **changes: Any) -> Refusal:
    before = await world.everything()
    with pytest.raises(Refusal) as found:
        await write(world, person, **changes)
    assert await world.everything() == before
    return found.value


async def reminded(world: World) -> dict[str, list[str]]:
    """Who is reminded, by the code."""
    told: dict[str, list[str]] = {}
    for owed in await world.deliveries(loud.NOTICE):
        told.setdefault(str(owed.facts["code"]), []).append(owed.destination.removeprefix("slack:"))
    return {code: sorted(lanes) for code, lanes in told.items()}


# Who may write it


@pytest.mark.parametrize("person", ["lin", "vic", "ada"])
async def test_whoever_asked_for_it_or_signed_it_does_not_review_it(used: World, person: str) -> None:
    found = await refusal(used, person)
    assert (found.code, found.facts["asked"]) == ("not-yours-to-review", person == "lin")


async def test_anybody_else_who_could_fill_a_seat_reviews_it_and_it_is_kept(used: World) -> None:
    await write(used, "bo")
    found = (await glass(used)).review
    assert found is not None
    assert (found.by.person, found.words) == ("bo", "The pool was too small")
    entry = next(e for e in await used.entries("request/DEP-1") if e["type"] == "break-glass.reviewed")
    assert entry["facts"]["words"] == "The pool was too small"
    assert (await reminded(used)) == {"reviewed": ["channel:incidents"]}


async def test_it_says_something(used: World) -> None:
    assert (await refusal(used, "bo", words="  ")).code == "review-no-words"
    assert (await refusal(used, "bo", words=None)).code == "review-no-words"
    assert (await refusal(used, "bo", words="x" * 1001)).code == "reason-too-long"


async def test_it_is_written_once_and_a_repeated_command_writes_it_once(used: World) -> None:
    await write(used, "bo", key="same")
    await write(used, "bo", key="same")
    assert (await used.types("request/DEP-1")).count("break-glass.reviewed") == 1
    assert (await refusal(used, "sam")).code == "reviewed-already"


async def test_who_could_fill_no_seat_does_not_review_it(used: World) -> None:
    await used.reload(*GLASS, ("[bo, sam]", "[sam]"))
    assert (await refusal(used, "bo")).code == "no-seat"


async def test_who_wrote_it_does_not_review_it(used: World) -> None:
    await used.state("build", details={"authors": ["bo-r"]})
    assert (await refusal(used, "bo")).code == "commit-author"


async def test_where_the_service_left_the_policy_anybody_else_reviews_it(used: World) -> None:
    await used.reload(*GLASS, SERVICE_GONE)
    assert (await refusal(used, "lin")).code == "not-yours-to-review"
    await write(used, "sam")
    assert (await glass(used)).review is not None


async def test_what_was_never_broken_or_never_used_owes_none(world: World) -> None:
    await set_up(world)
    await world.ask()
    assert (await refusal(world, "bo")).code == "nothing-to-review"
    await world.cancel("lin")
    await emergency(world)
    with pytest.raises(Refusal) as found:
        await reviews.review(world.ledger, world.policy, world.asker("bo"), "DEP-2", "x", key="k")
    assert (found.value.code, found.value.facts["broken"]) == ("nothing-to-review", True)
    assert await reviews.owed(world.ledger) == ()


async def test_it_is_written_once_the_rollout_is_over(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.sign("vic")
    await world.sign("ada")
    await world.fire("evaluate", "DEP-1")
    assert await world.state_of() == "starting"
    assert (await refusal(world, "bo")).code == "review-too-early"


async def test_what_is_owed_is_listed_until_it_is_written(used: World) -> None:
    assert [r.id for r in await reviews.owed(used.ledger)] == ["DEP-1"]
    await write(used, "bo")
    assert await reviews.owed(used.ledger) == ()


# The reminders


EVERYBODY = ["channel:incidents", "user:U01ADA", "user:U04VIC", "user:U05LIN"]


async def test_it_nags_a_day_before_when_it_is_due_and_daily_until_it_is_written(used: World) -> None:
    seen = []
    for _ in range(8):
        await used.pass_time(DAY)
        seen.append(await reminded(used))
    soon, due, late = {"review-soon": EVERYBODY}, {"review-due": EVERYBODY}, {"review-overdue": EVERYBODY}
    assert seen == [{}, {}, {}, soon, due, late, late, late]
    await write(used, "bo")
    await used.deliveries()
    await used.pass_time(10 * DAY)
    assert await reminded(used) == {}


async def test_a_bot_that_was_away_reminds_once_and_not_for_every_day(used: World) -> None:
    await used.restart()
    used.clock.advance(30 * DAY)
    await used.run_timers()
    assert await reminded(used) == {"review-overdue": EVERYBODY}
    await used.pass_time(DAY - MINUTE)
    assert await reminded(used) == {}
    await used.pass_time(MINUTE)
    assert await reminded(used) == {"review-overdue": EVERYBODY}


async def test_a_timer_that_fires_again_reminds_once(used: World) -> None:
    await used.pass_time(5 * DAY)
    await used.deliveries()
    await used.fire("review", "DEP-1")
    assert await reminded(used) == {}


async def test_a_review_due_within_a_day_is_reminded_of_when_it_is_due(world: World) -> None:
    await set_up(world, ("review_within: 5d", "review_within: 6h"))
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.approve("vic", "ada")
    await world.deliveries()
    await world.pass_time(6 * HOUR - SECOND)
    assert await reminded(world) == {}
    await world.pass_time(SECOND)
    assert list(await reminded(world)) == ["review-due"]


@given(st.integers(-10 * 86400, 100 * 86400))
def test_the_next_moment_is_ahead_and_no_more_than_a_day_off_once_it_begins(seconds: int) -> None:
    due = TUESDAY_TEN
    now = due + timedelta(seconds=seconds)
    found = reviews.next_moment(due, now)
    assert found > now
    assert found >= due - DAY
    assert (found - due) % DAY == timedelta(0)
    assert found - now <= DAY or found == due - DAY
