"""Escalation: step by step until somebody answers, by deadlines; whoever cannot be told holds nobody up."""

import pytest

from bot.domain.board import answered
from bot.domain.change_request import Actor
from bot.domain.refusal import Refusal
from bot.flows import paging
from bot.flows.answer_incident import acknowledge_as, resolve
from bot.flows.escalate import escalate, raise_now
from bot.flows.inquire import incident_view
from bot.flows.timeline import account
from handlers.wording.postmortem import moment
from tests.flows.paging_world import (
    CHAIN,
    NO_WAY_TO_CY,
    NOBODY_ON_CALL,
    Post,
    chain,
    escalates_at,
    green,
    red,
    states,
    take,
)
from tests.flows.world import MINUTE, SECOND, World

NO_CHAIN = ("escalation:\n  - {notify: [on_call: primary], within: 5m}\n", "")
CONTACTS = ("severities:", "contacts: {primary: bo, backup: vic, escalation: bo}\nseverities:")


@pytest.fixture
async def world(world: World) -> World:
    await world.reload(CHAIN)
    await world.green()
    await world.deliveries()
    return world


async def alarms(world: World) -> list[object]:
    return [d.facts["code"] for d in await world.deliveries("incident-alarm")]


@pytest.mark.requirement("F7")
async def test_step_after_step_is_told_at_its_deadline_until_the_rounds_are_over(world: World) -> None:
    post = Post(world)
    await red(world)
    opened = world.clock.now()
    told = [(0, await post.deliver())]
    while (due := escalates_at(world)) is not None:
        await world.pass_until(due)
        if went := await post.deliver():
            told.append(((due - opened) // MINUTE, went))
    ada, vic, cy = "slack:user:U01ADA", "slack:user:U04VIC", "slack:user:U03CY"
    second = [ada, "slack:channel:incidents", "email:ada"]
    third = [ada, "pagerduty:default", "slack:user:U04VIC", "webhook:siren", "email:ada"]
    assert [(at, sorted(went)) for at, went in told] == [
        (0, [cy]),
        (5, sorted(second)),
        (10, sorted(third)),
        (20, [cy]),
        (25, sorted(second)),
        (30, sorted(third)),
    ]
    assert vic in third
    assert (await chain(world)).exhausted
    assert world.clock.now() == opened + 40 * MINUTE
    assert (await world.types("incident/INC-1"))[-1] == "incident.unanswered"


@pytest.mark.requirement("F7")
async def test_after_the_last_round_everybody_in_the_channel_hears_that_nobody_answered(world: World) -> None:
    await red(world)
    await world.pass_time(39 * MINUTE)
    assert await alarms(world) == []
    await world.pass_time(2 * MINUTE)
    assert await alarms(world) == ["unanswered"]
    await world.pass_time(600 * MINUTE)
    assert await alarms(world) == []


@pytest.mark.requirement("F7")
@pytest.mark.parametrize(("severity", "within"), [("P0", 5), ("P1", 15), ("P2", 60), ("P3", 1440)])
async def test_a_step_that_says_no_time_waits_as_long_as_the_severity_has(
    world: World, severity: str, within: int
) -> None:
    await world.reload(CHAIN, (", within: 5m}\n  - {notify: [person: ada", "}\n  - {notify: [person: ada"), ("    severity: P0\n", f"    severity: {severity}\n"))  # fmt: skip
    await red(world)
    assert escalates_at(world) == world.clock.now() + within * MINUTE


@pytest.mark.requirement("C10")
async def test_without_an_escalation_whoever_is_on_call_is_told_and_then_the_contacts(world: World) -> None:
    await world.reload(NO_CHAIN, CONTACTS)
    post = Post(world)
    await red(world)
    assert await post.deliver() == ["slack:user:U03CY"]
    await world.pass_time(5 * MINUTE)
    assert await post.deliver() == ["slack:user:U02BO"]
    await world.pass_time(5 * MINUTE)
    assert await post.deliver() == ["slack:user:U04VIC"]
    assert len((await chain(world)).steps) == 3, "a contact who stands there twice is told once a round"


async def test_a_policy_that_names_nobody_says_so_at_once(world: World) -> None:
    await world.reload(NO_CHAIN, ('on_call:\n  primary: {rotation: {people: [cy, bo, ada], handoff: "0 9 * * MON", starts: "2026-11-09"}}\n', ""), ("  on-call-sre:     {on_call: primary}\n", ""), ("[platform-lead, on-call-sre]", "[platform-lead]"))  # fmt: skip
    await red(world)
    assert await alarms(world) == ["nobody-to-tell"]
    assert ("escalate", "INC-1") not in world.timers_set()


@pytest.mark.requirement("F7")
@pytest.mark.parametrize("trouble", [NOBODY_ON_CALL, NO_WAY_TO_CY], ids=["empty rotation", "no way"])
async def test_an_empty_rotation_or_a_person_without_a_way_escalates_at_once_and_says_so(
    world: World, trouble: tuple[str, str]
) -> None:
    await world.reload(CHAIN, trouble)
    await red(world)
    notes = [d.facts for d in await world.deliveries() if d.facts.get("code") == "told"]
    assert [n["step"] for n in notes] == [1, 2]
    assert notes[0]["empty"] or notes[0]["wayless"]
    assert notes[1]["people"] == ["ada"]
    assert (await chain(world)).told == 2
    assert escalates_at(world) == world.clock.now() + 5 * MINUTE


async def test_where_a_whole_round_reaches_nobody_everybody_hears_it_now_and_the_next_round_comes(
    world: World,
) -> None:
    await world.reload(NOBODY_ON_CALL)
    await red(world)
    assert await alarms(world) == ["nobody-reached"]
    assert escalates_at(world) == world.clock.now() + 5 * MINUTE
    await world.pass_time(5 * MINUTE)
    assert (await chain(world)).told == 2


async def test_a_page_that_fails_by_all_its_ways_makes_the_chain_go_on_at_once(world: World) -> None:
    post = Post(world, failing={"slack:user:U03CY"})
    await red(world)
    assert await post.deliver() == []
    assert (await states(world))["1/cy"] == "failed"
    assert (await chain(world)).told == 2
    assert "slack:user:U01ADA" in await post.deliver()


async def test_a_page_whose_other_way_works_has_not_failed(world: World) -> None:
    post = Post(world, failing={"slack:user:U01ADA", "slack:channel"})
    await red(world)
    await world.pass_time(5 * MINUTE)
    assert "email:ada" in await post.deliver()
    found = await states(world)
    assert (found["2/ada"], found["2/slack:channel:incidents"]) == ("reached", "failed")
    assert (await chain(world)).told == 3, "the channel that cannot be told has made the chain go on"


@pytest.mark.requirement("F7")
async def test_acknowledging_cancels_the_timer_and_what_is_still_owed_in_its_own_transaction(
    world: World,
) -> None:
    post = Post(world)
    await red(world)
    await take(world, "lin")
    assert await states(world) == {"1/cy": "cancelled"}
    assert ("escalate", "INC-1") not in world.timers_set()
    assert await post.deliver() == []
    await world.pass_time(300 * MINUTE)
    assert await post.deliver() == []
    assert await states(world) == {"1/cy": "cancelled"}


async def test_a_timer_that_fires_beside_the_acknowledgement_tells_nobody(world: World) -> None:
    await red(world)
    await take(world)
    world.clock.advance(5 * MINUTE)
    await escalate(world.ledger, world.policy, "INC-1")
    assert (await chain(world)).told == 1


async def test_a_timer_that_fires_too_early_tells_nobody_and_is_set_again(world: World) -> None:
    await red(world)
    world.clock.advance(MINUTE)
    await escalate(world.ledger, world.policy, "INC-1")
    assert (await chain(world)).told == 1
    assert escalates_at(world) == world.clock.now() + 4 * MINUTE


@pytest.mark.parametrize("how", ["resolve", "green"])
async def test_what_is_over_pages_nobody_any_more(world: World, how: str) -> None:
    post = Post(world)
    await red(world)
    if how == "green":
        await green(world)
    else:
        await resolve(world.ledger, world.policy, world.asker("lin"), "INC-1")
    assert await post.deliver() == []
    assert await states(world) == {"1/cy": "cancelled"}
    assert ("escalate", "INC-1") not in world.timers_set()


async def test_escalate_tells_the_next_step_now_and_its_deadline_counts_from_now(world: World) -> None:
    post = Post(world)
    await red(world)
    await post.deliver()
    world.clock.advance(MINUTE)
    for _ in range(2):
        await raise_now(world.ledger, world.policy, world.asker("cy"), "INC-1", key="press-1")
    assert "slack:user:U01ADA" in await post.deliver()
    assert (await chain(world)).told == 2
    assert escalates_at(world) == world.clock.now() + 5 * MINUTE


async def test_whoever_has_it_and_needs_help_escalates_and_is_answered_by_somebody_else(world: World) -> None:
    post = Post(world)
    await red(world)
    await take(world, "cy")
    await post.deliver()
    await raise_now(world.ledger, world.policy, world.asker("cy"), "INC-1", key="press-1")
    assert "slack:user:U01ADA" in await post.deliver()
    await take(world, "ada")
    assert (await world.incident()).acknowledged_by == "ada"


@pytest.mark.requirement("F7")
async def test_to_call_for_more_people_keeps_when_it_was_answered_first_and_stands_in_the_timeline(
    world: World,
) -> None:
    await red(world)
    world.clock.advance(42 * SECOND)
    await take(world, "cy")
    for n in range(2):
        world.clock.advance(20 * SECOND)
        await raise_now(world.ledger, world.policy, world.asker("cy"), "INC-1", key=f"press-{n}")
        assert (await world.incident()).acknowledged_at is None
        world.clock.advance(11 * SECOND)
        await take(world, "cy")
    incident = await world.incident()
    found = await account(world.ledger, world.policy, "INC-1")
    assert found.times.answer.took == 42 * SECOND
    assert answered([incident], world.clock.now()).to_acknowledge == 42 * SECOND
    told = [moment(each, str) for each in found.moments if each.code == "raised"]
    assert told == ["cy pressed Escalate: the next step was told, and nobody had it."] * 2


@pytest.mark.requirement("F7")
async def test_whoever_is_asked_now_and_until_when_is_what_the_last_step_says(world: World) -> None:
    await red(world)
    first = await incident_view(world.ledger, world.policy, "INC-1")
    assert (first.asked, first.answer_by) == (("cy",), world.clock.now() + 5 * MINUTE)
    await world.pass_time(5 * MINUTE)
    second = await incident_view(world.ledger, world.policy, "INC-1")
    assert "ada" in second.asked
    assert "cy" not in second.asked
    assert second.answer_by == escalates_at(world)


async def test_beyond_the_last_round_escalate_says_that_nobody_is_left(world: World) -> None:
    await red(world)
    await world.pass_time(60 * MINUTE)
    with pytest.raises(Refusal, match="nobody-left"):
        await raise_now(world.ledger, world.policy, world.asker("cy"), "INC-1", key="press-1")


@pytest.mark.requirement("P21")
async def test_whoever_was_paged_outside_slack_hears_who_has_it_and_that_it_is_over(world: World) -> None:
    post = Post(world)
    await red(world)
    await world.pass_time(10 * MINUTE)
    await post.deliver()
    await acknowledge_as(world.ledger, world.policy, Actor(via="pagerduty"), "INC-1")
    news = await world.deliveries("incident-news")
    assert {(d.destination, d.facts["code"], d.facts["person"]) for d in news} == {
        (way, "acknowledged", "pagerduty") for way in ("email:ada", "pagerduty:default", "webhook:siren")
    }
    await green(world)
    assert {d.facts["code"] for d in await world.deliveries("incident-news")} == {"resolved"}


async def test_pagerduty_hears_of_the_answer_even_while_its_page_is_on_its_way(world: World) -> None:
    await red(world)
    await world.pass_time(10 * MINUTE)
    await world.deliveries()  # claimed, and not accepted yet
    await take(world)
    news = await world.deliveries("incident-news")
    assert [d.destination for d in news] == ["pagerduty:default"]


async def test_a_later_policy_changes_nothing_of_a_chain_that_has_begun(world: World) -> None:
    post = Post(world)
    await red(world)
    await post.deliver()
    await world.reload()
    await world.pass_time(5 * MINUTE)
    assert "slack:user:U01ADA" in await post.deliver()


@pytest.mark.requirement("P21")
async def test_what_hears_of_every_incident_is_told_beside_the_chain_and_its_failure_moves_nothing(
    world: World,
) -> None:
    await world.reload((CHAIN[0], CHAIN[1].replace("rounds: 2", "rounds: 2, pages: [default]")))
    post = Post(world, failing={"webhook:", "pagerduty:"})
    await red(world)
    await post.deliver()
    assert (await states(world))["0/default"] == "failed"
    assert (await chain(world)).told == 1


async def test_a_person_by_two_targets_of_a_step_is_paged_once(world: World) -> None:
    await world.reload((CHAIN[0], CHAIN[1].replace("[on_call: primary]", "[on_call: primary, person: cy]")))
    post = Post(world)
    await red(world)
    assert await post.deliver() == ["slack:user:U03CY"]


async def test_after_a_restart_a_step_that_is_overdue_is_told_once(world: World) -> None:
    post = Post(world)
    await red(world)
    await post.deliver()
    await world.restart()
    world.clock.advance(30 * MINUTE)
    await world.run_timers()
    assert (await chain(world)).told == 2
    world.clock.advance(SECOND)
    await world.run_timers()
    assert (await chain(world)).told == 2


@pytest.mark.requirement("F7")
async def test_of_a_name_tried_as_both_kinds_only_the_one_that_is_set_up_has_failed(world: World) -> None:
    await world.reload(CHAIN, ("incidents: {rounds: 2}", "incidents: {rounds: 2, pages: [default]}"))
    await red(world)
    codes = {"pagerduty": "refused", "webhook": "not-configured"}
    for delivery in await world.deliveries("page"):
        code = codes.get(delivery.destination.partition(":")[0])
        if code is not None:
            await paging.failed(world.ledger, world.policy, delivery, code)
    found = await account(world.ledger, world.policy, "INC-1")
    assert [m.facts["way"] for m in found.moments if m.code == "way-failed"] == ["pagerduty:default"]
