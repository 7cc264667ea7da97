"""Action items: added with an owner and a day, reminded when due and then weekly, done once by anybody (F9)."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.refusal import Refusal
from bot.flows import action_items
from bot.flows.action_items import MOST, NOTE, TEXT_LIMIT, WEEK, first_moment, next_moment
from tests.flows.aftermath import add, draft, over, publish, write
from tests.flows.world import DAY, HOUR, SECOND, World

pytestmark = pytest.mark.requirement("F9")
NEW_YORK = ZoneInfo("America/New_York")
NO_SLACK = ("bo:  {slack: U02BO, github: bo-r}", "bo:  {github: bo-r}")


async def refused(work: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value


async def done(world: World, item: str = "INC-1/1", person: str = "lin", key: str | None = None) -> Any:
    key = key or world.key()
    return await action_items.done(world.ledger, world.policy, world.asker(person), item, key=key)


async def drop(world: World, item: str = "INC-1/1", person: str = "lin") -> Any:
    return await action_items.drop(world.ledger, world.policy, world.asker(person), item, key=world.key())


async def heard(world: World) -> list[tuple[str, Any]]:
    owed = await world.deliveries(NOTE)
    return [(d.destination.removeprefix("slack:"), d.facts["code"]) for d in owed]


def today(world: World) -> date:
    return world.clock.now().astimezone(world.policy.zone).date()


async def test_whoever_it_is_given_to_hears_of_it_and_whoever_gives_it_to_themselves_does_not(
    world: World,
) -> None:
    await over(world)
    await world.deliveries()
    made = await add(world, person="cy", owner="bo")
    own = await add(world, person="cy", owner="cy")
    assert [made.id, own.id] == ["INC-1/1", "INC-1/2"]
    assert await heard(world) == [("user:U02BO", "yours")]
    assert {("action", "INC-1/1"), ("action", "INC-1/2")} <= world.timers_set()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": " \n "}, "action-no-text"),
        ({"text": "x" * (TEXT_LIMIT + 1)}, "action-too-long"),
        ({"owner": "eve"}, "unknown-person-name"),
        ({"due": -1}, "action-due-in-the-past"),
        ({"due": 731}, "action-due-too-far"),
        ({"person": "nobody"}, "unknown-person"),
    ],
)
async def test_what_is_no_action_item_is_refused_and_leaves_nothing(
    world: World, changes: dict[str, Any], code: str
) -> None:
    await over(world)
    before = await world.everything()
    due = today(world) + timedelta(days=changes.pop("due", 0))
    assert (await refused(add(world, due, **changes))).code == code
    assert await world.everything() == before


async def test_the_same_form_sent_twice_adds_one_and_there_is_an_end_to_them(world: World) -> None:
    await over(world)
    assert await add(world, key="k") == await add(world, key="k")
    for _ in range(MOST - 1):
        await add(world)
    assert (await refused(add(world))).code == "too-many-actions"


async def test_its_owner_hears_on_the_morning_it_is_due_and_weekly_until_it_is_done(world: World) -> None:
    await over(world)
    due = today(world) + timedelta(days=3)
    await add(world, due)
    await world.deliveries()
    morning = first_moment(due, NEW_YORK)
    heard_at = []
    for moment in (morning - SECOND, morning, morning + 6 * DAY, morning + 7 * DAY, morning + 14 * DAY):
        await world.pass_until(moment)
        heard_at.append([each for each in await heard(world) if each[0] == "user:U02BO"])
    bo = "user:U02BO"
    assert heard_at == [[], [(bo, "due")], [], [(bo, "overdue")], [(bo, "overdue")]]
    await done(world)
    assert ("action", "INC-1/1") not in world.timers_set()
    await world.fire("action", "INC-1/1")
    assert await heard(world) == []


async def test_of_the_weeks_that_the_bot_was_away_the_last_alone_is_told(world: World) -> None:
    await over(world)
    await add(world)
    await world.deliveries()
    world.clock.advance(40 * DAY)
    await world.fire("action", "INC-1/1")
    await world.fire("action", "INC-1/1")
    assert await heard(world) == [("user:U02BO", "overdue")]


async def test_where_its_owner_cannot_be_told_the_channel_is(world: World) -> None:
    await over(world, NO_SLACK)
    await add(world, today(world) + timedelta(days=1))
    await world.deliveries()
    await world.pass_time(25 * HOUR)
    assert ("channel:incidents", "due") in await heard(world)


async def test_anybody_says_that_it_is_done_and_only_once(world: World) -> None:
    await over(world)
    await add(world)
    closed = await done(world, person="vic", key="k")
    assert (closed.item.done_by.person, closed.item.done_at) == ("vic", world.clock.now())
    assert await done(world, person="vic", key="k") == closed
    refusal = await refused(done(world))
    assert (refusal.code, refusal.facts["by"]) == ("action-done-already", "vic")
    assert await action_items.open_items(world.ledger) == []


async def test_what_is_not_there_cannot_be_done(world: World) -> None:
    await over(world)
    for name in ("INC-1/1", "INC-9/1", "INC-1/", "", "1"):
        assert (await refused(done(world, name))).code == "unknown-action"
        assert (await refused(action_items.find(world.ledger, name))).code == "unknown-action"


async def test_what_was_added_in_error_is_dropped_from_a_draft_and_stays_in_what_is_published(
    world: World,
) -> None:
    await over(world)
    await add(world)
    assert await drop(world) == "INC-1/1"
    assert (await draft(world)).actions == ()
    assert ("action", "INC-1/1") not in world.timers_set()
    await world.fire("action", "INC-1/1")
    await write(world)
    await add(world)
    await publish(world)
    assert (await refused(drop(world))).code == "postmortem-published"
    await done(world)
    await add(world)
    assert [item.is_done for item in (await draft(world)).actions] == [True, False]


async def test_what_is_open_is_listed_the_first_due_first(world: World) -> None:
    await over(world)
    for days in (5, 1, 3):
        await add(world, today(world) + timedelta(days=days))
    await done(world, "INC-1/3")
    assert [item.id for item in await action_items.open_items(world.ledger)] == ["INC-1/2", "INC-1/1"]


@given(
    st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 6, 1)),  # noqa: DTZ001 -- its zone is given
    st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia", "UTC"]),
)
def test_the_next_morning_is_the_first_of_its_weeks_that_is_still_to_come(
    due: date, now: datetime, name: str
) -> None:
    zone = ZoneInfo(name)
    instant = now.replace(tzinfo=zone)
    found = next_moment(due, instant, zone)
    assert found > instant
    wall = found.astimezone(zone)
    assert (wall.hour, wall.minute) == (9, 0)
    assert (wall.date() - due) % WEEK == timedelta(0)
    assert found == first_moment(due, zone) or found - instant <= WEEK + 2 * HOUR
