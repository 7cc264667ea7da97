"""A post-mortem is owed by what was grave, in the transaction that ends it; reminded, written, published once (F9, P21)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.audit import Fact
from bot.domain.environment import Colour
from bot.domain.postmortem import PostmortemState
from bot.domain.refusal import Refusal
from bot.flows import postmortem as postmortems
from bot.flows.postmortem import LIMITS, Written, owe_postmortem
from tests.flows.aftermath import CONTACTS, WHYS, WRITTEN, add, draft, found, over, publish, told, write
from tests.flows.policy_text import REWORDED
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("F9")
OF_VIC = ("severities: {P0", "incidents: {postmortems: {owner: vic}}\nseverities: {P0")
OF_ROLE = ("severities: {P0", "incidents: {postmortems: {owner: release-manager}}\nseverities: {P0")
FOR_NONE = ("severities: {P0", "incidents: {postmortems: {severities: []}}\nseverities: {P0")
SOON = ("severities: {P0", "incidents: {postmortems: {within: 6h}}\nseverities: {P0")
NO_SLACK = ("cy:  {slack: U03CY, github: cy-m}", "cy:  {github: cy-m}")


async def notes(world: World) -> list[tuple[str, Any]]:
    """Who is told of it, and what."""
    owed = await world.deliveries(postmortems.NOTE)
    return [(d.destination.removeprefix("slack:"), d.facts["code"]) for d in owed]


async def refused(work: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value


# What is owed, by whom, until when


@pytest.mark.requirement("P21")
async def test_what_was_grave_owes_one_from_the_moment_in_which_it_is_over(world: World) -> None:
    await over(world)
    owed = await draft(world)
    assert (owed.owner, owed.due_at, owed.state) == (
        "cy",
        world.clock.now() + 48 * HOUR,
        PostmortemState.DRAFT,
    )
    assert ("postmortem", "INC-1") in world.timers_set()
    assert await notes(world) == [("user:U03CY", "owed")]
    assert (await world.entries("postmortem/INC-1"))[0]["facts"]["severity"] == "P0"


async def test_an_environment_that_turns_green_by_itself_owes_one_as_well(world: World) -> None:
    await world.ready()
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    assert await found(world) is None
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.GREEN)
    assert (await draft(world)).owner is None  # nobody answered, and the policy names no contact


async def test_what_was_slight_owes_none(world: World) -> None:
    await world.ready()
    world.clock.advance(SECOND)
    await world.see("staging", "status", Colour.RED)
    world.clock.advance(SECOND)
    await world.see("staging", "status", Colour.GREEN)
    assert (await world.incident()).severity == "P2"
    assert await found(world) is None


async def test_a_policy_that_names_no_severity_wants_none(world: World) -> None:
    await over(world, FOR_NONE)
    assert await found(world) is None


@pytest.mark.parametrize(("group", "owes"), [("INC-9", False), ("INC-1", True), (None, True)])
async def test_one_of_many_that_a_single_page_told_of_is_written_up_with_the_one_that_led(
    world: World, group: str | None, owes: bool
) -> None:
    await over(world, FOR_NONE)
    grouped = replace(await world.incident(), group=group)
    await world.reload(REWORDED)

    def step(tx: Any) -> bool:
        tx.incidents.put(grouped, Fact(type="test"))
        return owe_postmortem(tx, world.policy, grouped) is not None

    assert await world.ledger.write(step) is owes


@pytest.mark.parametrize(
    ("changes", "answered", "owner"),
    [
        ((), "lin", "lin"),
        ((), None, None),
        ((CONTACTS,), None, "sam"),
        ((CONTACTS,), "bo", "bo"),
        ((OF_VIC,), "bo", "vic"),
        ((OF_ROLE,), "cy", "bo"),
    ],
)
async def test_its_owner_is_the_policys_else_who_answered_else_the_first_contact(
    world: World, changes: tuple[Any, ...], answered: str | None, owner: str | None
) -> None:
    await over(world, *changes, answered=answered)
    assert (await draft(world)).owner == owner


async def test_to_be_over_twice_owes_one(world: World) -> None:
    await over(world)
    before = await draft(world)
    incident = await world.incident()
    again = await world.ledger.write(lambda tx: owe_postmortem(tx, world.policy, incident))
    assert again == before


async def test_anybody_begins_one_that_nobody_owes_once_it_is_over(world: World) -> None:
    await world.reload(FOR_NONE)
    await world.ready()
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    begin = postmortems.begin
    who = world.asker("lin")
    refusal = await refused(begin(world.ledger, world.policy, who, "INC-1", key=world.key()))
    assert refusal.code == "incident-not-over"
    assert (
        await refused(begin(world.ledger, world.policy, who, "INC-9", key="x"))
    ).code == "unknown-incident"
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.GREEN)
    made = await begin(world.ledger, world.policy, who, "INC-1", key=world.key())
    assert await begin(world.ledger, world.policy, who, "INC-1", key=world.key()) == made


# The reminders


async def test_its_owner_hears_a_day_before_when_due_and_daily_and_the_channel_when_overdue(
    world: World,
) -> None:
    await over(world)
    due = (await draft(world)).due_at
    await world.deliveries()
    heard = []
    for moment in (
        due - 25 * HOUR,
        due - DAY,
        due - SECOND,
        due,
        due + DAY - SECOND,
        due + DAY,
        due + 2 * DAY,
    ):
        await world.pass_until(moment)
        heard.append(await notes(world))
    cy, channel = "user:U03CY", "channel:incidents"
    assert heard == [
        [],
        [(cy, "soon")],
        [],
        [(cy, "due")],
        [],
        [(cy, "overdue"), (channel, "overdue")],
        [(cy, "overdue"), (channel, "overdue")],
    ]


async def test_of_the_days_that_the_bot_was_away_the_last_alone_is_told(world: World) -> None:
    await over(world)
    await world.deliveries()
    world.clock.advance(9 * DAY)
    await world.run_timers()
    await world.fire("postmortem", "INC-1")
    assert await notes(world) == [("user:U03CY", "overdue"), ("channel:incidents", "overdue")]
    assert await world.next_timer() is not None


async def test_one_that_is_due_within_hours_is_reminded_when_it_is_due(world: World) -> None:
    await over(world, SOON)
    await world.deliveries()
    due = (await draft(world)).due_at
    await world.pass_until(due - SECOND)
    assert await notes(world) == []
    await world.pass_until(due)
    assert await notes(world) == [("user:U03CY", "due")]


async def test_where_its_owner_cannot_be_told_the_channel_is(world: World) -> None:
    await over(world, answered="cy")
    await world.deliveries()
    await world.reload(NO_SLACK)
    await world.pass_until((await draft(world)).due_at)
    assert await notes(world) == [("channel:incidents", "soon"), ("channel:incidents", "due")]


async def test_nobody_is_reminded_of_what_is_published(world: World) -> None:
    await over(world)
    await write(world)
    await add(world)
    await publish(world)
    await world.deliveries()
    assert ("postmortem", "INC-1") not in world.timers_set()
    await world.fire("postmortem", "INC-1")
    assert await notes(world) == []


# Writing


async def test_what_is_written_is_kept_with_who_changed_what(world: World) -> None:
    await over(world)
    after = await write(world, "lin", Written(summary="  Short. \n", whys=("one", "  ", "two")))
    assert (after.summary, after.impact, after.whys) == ("Short.", None, ("one", "two"))
    entry = (await world.entries("postmortem/INC-1"))[-1]
    assert (entry["type"], entry["by"]["person"]) == ("postmortem.written", "lin")
    assert entry["facts"]["changed"] == ["summary", "whys"]


async def test_to_write_the_same_again_is_no_change(world: World) -> None:
    await over(world)
    await write(world, key="k")
    before = len(await world.entries())
    await write(world)
    await write(world, key="k", written=Written())  # the same form, sent twice
    assert len(await world.entries()) == before
    assert (await draft(world)).summary == WRITTEN.summary


async def test_what_somebody_else_wrote_meanwhile_is_not_written_over(world: World) -> None:
    await over(world)
    seen = postmortems.version(await draft(world))
    await write(world, "cy")
    refusal = await refused(write(world, "ada", Written(summary="Mine"), seen=seen))
    assert refusal.code == "postmortem-changed"
    assert (await draft(world)).summary == WRITTEN.summary


@pytest.mark.parametrize("field", ["summary", "impact", "why"])
async def test_what_is_too_long_is_refused_by_its_field(world: World, field: str) -> None:
    await over(world)
    text = "x" * (LIMITS[field] + 1)
    written = Written(whys=(text,)) if field == "why" else Written(**{field: text})
    refusal = await refused(write(world, "cy", written))
    assert (refusal.code, refusal.facts["field"]) == ("postmortem-too-long", field)


async def test_a_stranger_writes_nothing(world: World) -> None:
    await over(world)
    assert (await refused(write(world, "nobody"))).code == "unknown-person"
    assert (await refused(publish(world, "nobody"))).code == "unknown-person"


# Publishing


@pytest.mark.requirement("P21")
async def test_publishing_refuses_with_all_that_is_missing(world: World) -> None:
    await over(world)
    refusal = await refused(publish(world))
    assert (refusal.code, refusal.facts["missing"]) == (
        "postmortem-incomplete",
        ["summary", "impact", "whys", "actions"],
    )
    await write(world, "cy", Written(summary="s", impact="i", whys=WHYS[:4]))
    await add(world)
    assert (await refused(publish(world))).facts["missing"] == ["whys"]


async def test_it_is_published_once_and_stays_as_it_is(world: World) -> None:
    await over(world)
    await write(world)
    await add(world)
    await world.deliveries()
    done = await publish(world, "bo", key="k")
    assert (done.state, done.published_at) == (PostmortemState.PUBLISHED, world.clock.now())
    assert await publish(world, "bo", key="k") == done
    assert await notes(world) == [("channel:incidents", "published")]
    assert (await refused(publish(world))).facts["by"] == "bo"
    assert (await refused(write(world))).code == "postmortem-published"
    assert (await world.entries("postmortem/INC-1"))[-1]["facts"]["late"] is False


async def test_what_was_never_owed_cannot_be_published(world: World) -> None:
    await over(world, FOR_NONE)
    refusal = await refused(publish(world))
    assert (refusal.code, refusal.facts["state"]) == ("no-postmortem", "resolved")


# What is known of it


async def test_the_account_tells_what_happened_in_its_order(world: World) -> None:
    await over(world)
    codes = [moment.code for moment in (await told(world)).moments]
    assert codes == ["turned", "opened", "paged", "acknowledged", "resolved"]
    known = await told(world)
    assert [m.at for m in known.moments] == sorted(m.at for m in known.moments)
    assert [course.environment for course in known.courses] == ["production"]


@pytest.mark.requirement("F12")
async def test_the_times_are_counted_from_the_first_reading_that_failed(world: World) -> None:
    await world.ready()
    first = world.clock.now() + SECOND
    for minute in (0, 2, 3.5):
        world.clock.at = first + timedelta(minutes=minute)
        await world.see("production", "api", Colour.RED)
    known = await told(world)
    assert (known.failing_since, known.times.detection.took) == (first, timedelta(minutes=3.5))
    assert not known.times.detection.missed
    assert (known.times.answer.took, known.times.resolution.took) == (None, None)


@pytest.mark.requirement("F12")
async def test_detection_over_five_minutes_and_resolution_over_an_hour_are_missed(world: World) -> None:
    await world.ready()
    start = world.clock.now() + SECOND
    for minute in (0, 3, 6):
        world.clock.at = start + timedelta(minutes=minute)
        await world.see("production", "api", Colour.RED)
    world.clock.advance(HOUR + MINUTE)
    for _ in range(2):
        world.clock.advance(SECOND)
        await world.see("production", "api", Colour.GREEN)
    times = (await told(world)).times
    assert (times.detection.missed, times.resolution.missed) == (True, True)
    assert times.detection.took == timedelta(minutes=6)


async def test_what_nobody_knows_is_not_made_up(world: World) -> None:
    await over(world)
    unknown = await refused(told(world, "INC-9"))
    assert unknown.code == "unknown-incident"
    assert datetime(2026, 1, 1, tzinfo=UTC) < (await told(world)).begins


async def test_what_somebody_notes_down_stands_in_the_timeline_with_their_name(world: World) -> None:
    await over(world)
    await world.deliveries()
    for _ in range(2):
        who = world.asker("lin")
        await postmortems.note_down(world.ledger, world.policy, who, "INC-1", " It hung ", key="k")
    (noted,) = [moment for moment in (await told(world)).moments if moment.code == "noted"]
    assert (noted.person, noted.facts) == ("lin", {"words": "It hung"})
    assert await world.told("incident-note") == ["noted"]
    for incident, words, code in (("INC-9", "x", "unknown-incident"), ("INC-1", " ", "note-no-words")):
        refusal = await refused(
            postmortems.note_down(world.ledger, world.policy, who, incident, words, key=world.key())
        )
        assert refusal.code == code


async def test_the_timeline_counts_the_steps_of_each_round_as_the_thread_does(world: World) -> None:
    await world.ready()
    await world.see("production", "db", Colour.RED)
    for _ in range(60):
        await world.pass_time(5 * MINUTE)
    thread = [d.facts for d in await world.deliveries("incident-note") if d.facts["code"] == "told"]
    paged = [moment.facts for moment in (await told(world)).moments if moment.code == "paged"]
    keys = ("step", "of", "round", "rounds")
    assert {tuple(each[key] for key in keys) for each in paged} == {
        tuple(each[key] for key in keys) for each in thread if each["people"] or each["places"]
    }
    assert max(each["round"] for each in paged) > 1
