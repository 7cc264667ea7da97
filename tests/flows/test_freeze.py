"""Freezes: declared and lifted by role, once, with an audit entry; what they do to requests."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.change_request import Start
from bot.domain.freeze import FreezeClass
from bot.domain.refusal import Refusal
from bot.flows import freeze
from tests.flows.freezing import declare, lift, refused, told, waiting
from tests.flows.policy_text import ONE_SEAT, policy_of
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

MAY_FREEZE = ("  outside_windows: prohibit\n", "  outside_windows: prohibit\n  may_freeze: platform-lead\n")
MAY_LIFT = ("  outside_windows: prohibit\n", "  outside_windows: prohibit\n  may_lift: [release-manager]\n")
OPEN = (
    "    - {name: standard,",
    "    - {name: always, start: '0 0 * * *', until: '24:00'}\n    - {name: standard,",
)
"""Production is open at every hour but on weekends and at peak trading."""


# Declaring


@pytest.mark.requirement("P6")
async def test_what_is_declared_now_is_recorded_audited_in_force_and_told_once(world: World) -> None:
    now = world.clock.now()
    made = await declare(world, ends_at=now + 4 * HOUR)
    assert (made.id, made.begins_at, made.ends_at, made.declared_by.person) == (
        "FRZ-1",
        now,
        now + 4 * HOUR,
        "lin",
    )
    (entry,) = await world.entries("freeze/FRZ-1")
    assert (entry["type"], entry["by"]["person"]) == ("freeze.declared", "lin")
    assert world.timers_set() == {("freeze", "FRZ-1/end")}
    await world.run_timers()
    assert await told(world) == [("FRZ-1", "begun")]


@pytest.mark.requirement("P6")
async def test_it_is_told_when_declared_a_day_before_when_it_begins_and_when_it_ends(world: World) -> None:
    now = world.clock.now()
    await declare(world, begins_at=now + 3 * DAY, ends_at=now + 4 * DAY)
    assert await told(world) == [("FRZ-1", "declared")]
    for later, code in ((2 * DAY, "day-before"), (3 * DAY, "begun"), (4 * DAY, "over")):
        await world.pass_until(now + later - SECOND)
        assert await told(world) == []
        await world.pass_until(now + later)
        assert await told(world) == [("FRZ-1", code)]
    await world.pass_time(9 * DAY)
    assert await told(world) == []
    assert world.timers_set() == set()


async def test_a_day_before_that_is_past_is_not_told(world: World) -> None:
    await declare(world, begins_at=world.clock.now() + 4 * HOUR)
    assert world.timers_set() == {("freeze", "FRZ-1/begin")}
    await world.pass_time(DAY)
    assert await told(world) == [("FRZ-1", "declared"), ("FRZ-1", "begun")]


@pytest.mark.parametrize("back", [timedelta(0), SECOND, 5 * MINUTE])
async def test_a_beginning_a_few_minutes_ago_means_now(back: timedelta, world: World) -> None:
    made = await declare(world, begins_at=world.clock.now() - back)
    assert made.begins_at == world.clock.now()
    assert await told(world) == [("FRZ-1", "begun")]


REFUSED = [
    ({"environments": ["prodution"]}, "unknown-environment"),
    ({"services": ["chekout"]}, "unknown-service"),
    ({"reason": None}, "no-reason"),
    ({"reason": " \n "}, "no-reason"),
    ({"reason": "x" * 1001}, "reason-too-long"),
    ({"begins_at": -6 * MINUTE}, "freeze-begins-in-the-past"),
    ({"begins_at": 400 * DAY + SECOND}, "freeze-begins-too-late"),
    ({"ends_at": timedelta(0)}, "freeze-ends-in-the-past"),
    ({"ends_at": -HOUR}, "freeze-ends-in-the-past"),
    ({"begins_at": 2 * HOUR, "ends_at": HOUR}, "freeze-ends-first"),
    ({"begins_at": 2 * HOUR, "ends_at": 2 * HOUR}, "freeze-ends-first"),
    ({"ends_at": 400 * DAY + SECOND}, "freeze-ends-too-late"),
    ({"begins_at": DAY, "ends_at": 402 * DAY}, "freeze-ends-too-late"),
]


@pytest.mark.parametrize(("changes", "code"), REFUSED)
async def test_what_cannot_be_meant_is_refused_and_leaves_nothing(
    changes: dict[str, Any], code: str, world: World
) -> None:
    before = await world.everything()
    now = world.clock.now()
    meant = {k: now + v if isinstance(v, timedelta) else v for k, v in changes.items()}
    assert await refused(declare(world, **meant)) == code
    assert await world.everything() == before


async def test_a_slip_in_a_name_is_asked_about(world: World) -> None:
    with pytest.raises(Refusal) as caught:
        await declare(world, environments=["prodution"])
    assert caught.value.facts["meant"] == "production"


async def test_a_click_that_slack_sends_twice_declares_once(world: World) -> None:
    one, two = await asyncio.gather(declare(world, key="view:1"), declare(world, key="view:1"))
    assert (one.id, two.id) == ("FRZ-1", "FRZ-1")
    assert await told(world) == [("FRZ-1", "begun")]
    assert await world.types("freeze/FRZ-1") == ["freeze.declared"]


async def test_the_very_same_freeze_is_not_declared_a_second_time(world: World) -> None:
    await declare(world)
    world.clock.advance(SECOND)
    assert await refused(declare(world, "bo")) == "frozen-already"
    assert (await declare(world, "bo", strength=FreezeClass.SOFT)).id == "FRZ-2"
    await lift(world)
    assert (await declare(world)).id == "FRZ-3"


async def test_a_name_that_is_said_twice_counts_once(world: World) -> None:
    made = await declare(world, environments=["staging", "production", "staging"])
    assert made.environments == ("production", "staging")


# Who may


@pytest.mark.requirement("P7")
async def test_everybody_of_the_directory_may_freeze_and_strangers_may_not(world: World) -> None:
    await declare(world, "lin")
    assert await refused(declare(world, "eve")) == "unknown-person"


@pytest.mark.requirement("P7")
async def test_where_the_policy_names_roles_only_they_may_freeze(world: World) -> None:
    world.policy = policy_of(MAY_FREEZE)
    before = await world.everything()
    assert await refused(declare(world, "lin")) == "may-not-freeze"
    assert await refused(freeze.declarable(world.ledger, world.policy, world.asker("bo"))) == "may-not-freeze"
    assert await world.everything() == before
    await freeze.declarable(world.ledger, world.policy, world.asker("ada"))
    assert (await declare(world, "ada")).id == "FRZ-1"


LIFTERS = [
    (["production"], "lin", True),  # declared it
    (["production"], "ada", True),  # platform-lead
    (["production"], "bo", True),  # release-manager
    (["production"], "cy", True),  # on call
    ([], "ada", True),  # all environments: those that ask for nobody have no say
    (["production", "staging"], "bo", True),
    (["staging"], "ada", False),  # nobody's approval is asked for there: whoever declared it lifts it
    (["staging"], "lin", True),
]


@pytest.mark.requirement("P7")
@pytest.mark.parametrize(("environments", "person", "may"), LIFTERS)
async def test_it_is_lifted_by_whoever_declared_it_and_by_whoever_could_fill_a_seat_wherever_it_holds(
    environments: list[str], person: str, may: bool, world: World
) -> None:
    await declare(world, "lin", environments=environments)
    if may:
        assert (await lift(world, person)).lifted_by.person == person  # type: ignore[union-attr]
    else:
        assert await refused(lift(world, person)) == "may-not-lift"


@pytest.mark.requirement("P7")
async def test_an_engineer_does_not_lift_what_somebody_else_declared(world: World) -> None:
    world.policy = policy_of(ONE_SEAT)  # no seat for whoever is on call
    await declare(world, "ada")
    await told(world)
    before = await world.everything()
    with pytest.raises(Refusal) as caught:
        await lift(world, "lin")
    assert caught.value.code == "may-not-lift"
    assert caught.value.facts["by"] == "ada"
    assert caught.value.facts["roles"] == ["platform-lead", "release-manager"]
    assert await refused(lift(world, "eve")) == "unknown-person"
    assert await world.everything() == before


@pytest.mark.requirement("P7")
async def test_where_the_policy_names_roles_for_lifting_they_alone_may(world: World) -> None:
    world.policy = policy_of(MAY_LIFT)
    await declare(world, "lin")
    assert await refused(lift(world, "lin")) == "may-not-lift"
    assert await refused(lift(world, "ada")) == "may-not-lift"
    assert (await lift(world, "sam")).lifted_at is not None


async def test_whoever_is_excluded_from_approving_lifts_nothing(world: World) -> None:
    world.policy = policy_of(("exclude: [requester, commit-authors]", "exclude: [requester, vic]"))
    await declare(world, "lin")
    assert await refused(lift(world, "vic")) == "may-not-lift"


# Lifting


async def test_lifting_needs_a_reason_and_happens_once(world: World) -> None:
    await declare(world)
    await told(world)
    assert await refused(lift(world, reason=" ")) == "no-reason"
    assert await refused(lift(world, reason="x" * 1001)) == "reason-too-long"
    done = await lift(world, "ada", key="view:2")
    assert (await lift(world, "ada", key="view:2")) == done
    assert await refused(lift(world, "bo")) == "lifted-already"
    assert await world.types("freeze/FRZ-1") == ["freeze.declared", "freeze.lifted"]
    assert await told(world) == [("FRZ-1", "lifted")]


async def test_two_who_lift_at_once_lift_once(world: World) -> None:
    await declare(world)
    codes = await asyncio.gather(lift(world, "ada"), lift(world, "bo"), return_exceptions=True)
    assert sorted(type(c).__name__ for c in codes) == ["Freeze", "Refusal"]


@pytest.mark.parametrize(
    ("freeze_id", "code"), [("FRZ-9", "unknown-freeze"), ("peak-trading", "freeze-of-policy")]
)
async def test_what_was_not_declared_is_not_lifted(freeze_id: str, code: str, world: World) -> None:
    assert await refused(lift(world, freeze_id=freeze_id)) == code


async def test_what_is_over_is_not_lifted(world: World) -> None:
    await declare(world, ends_at=world.clock.now() + HOUR)
    world.clock.advance(HOUR)
    assert await refused(lift(world)) == "freeze-over"


@pytest.mark.requirement("P6")
async def test_what_is_lifted_before_its_end_is_not_told_to_end(world: World) -> None:
    await declare(world, ends_at=world.clock.now() + HOUR)
    await lift(world)
    await world.pass_time(DAY)
    assert await told(world) == [("FRZ-1", "begun"), ("FRZ-1", "lifted")]
    assert world.timers_set() == set()


async def test_what_is_called_off_never_begins(world: World) -> None:
    await declare(world, begins_at=world.clock.now() + 3 * DAY)
    await lift(world)
    await world.pass_time(9 * DAY)
    assert await told(world) == [("FRZ-1", "declared"), ("FRZ-1", "called-off")]
    assert await world.types("freeze/FRZ-1") == ["freeze.declared", "freeze.called-off"]


# What it does to requests


@pytest.mark.requirement("P6")
async def test_a_freeze_closes_the_gate_and_at_next_starts_by_itself_when_it_is_lifted(world: World) -> None:
    world.policy = policy_of(OPEN)
    await waiting(world, start=Start(mode="next"))
    await declare(world, "bo", ends_at=world.clock.now() + 3 * HOUR)
    await world.run_timers()
    assert await world.outcome("calendar") == ("waiting", "prohibited")
    await world.approve("ada", "cy")
    assert await world.state_of() == "approved"
    assert world.deployer.started == []
    await lift(world, "bo")
    await world.run_timers()
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_at_next_starts_by_itself_when_the_freeze_ends(world: World) -> None:
    world.policy = policy_of(OPEN)
    await waiting(world, start=Start(mode="next"))
    await declare(world, "bo", ends_at=world.clock.now() + 3 * HOUR)
    await world.run_timers()
    await world.approve("ada", "cy")
    await world.pass_time(3 * HOUR - SECOND)
    assert world.deployer.started == []
    await world.pass_time(SECOND)
    assert await world.state_of() == "live"


@pytest.mark.requirement("P9")
async def test_lifting_starts_nothing_that_nobody_approved(world: World) -> None:
    world.policy = policy_of(OPEN)
    await waiting(world, start=Start(mode="next"))
    await declare(world, "bo", ends_at=world.clock.now() + 3 * HOUR)
    await world.run_timers()
    await lift(world, "bo")
    await world.run_timers()
    assert await world.state_of() == "awaiting-approval"
    assert world.deployer.started == []


@pytest.mark.requirement("P9")
async def test_lifting_starts_nothing_that_said_no_instant_but_its_requester_is_told(world: World) -> None:
    world.policy = policy_of(OPEN)
    await waiting(world)
    await declare(world, "bo", ends_at=world.clock.now() + 3 * HOUR)
    await world.run_timers()
    await world.approve("ada", "cy")
    await world.deliveries()
    await lift(world, "bo")
    await world.run_timers()
    assert await world.state_of() == "approved"
    assert await world.told("request-answer", "lin") == ["ready-to-start"]


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("ends", "code"),
    [(None, "frozen"), (400 * DAY, "prohibited")],
)
async def test_what_is_frozen_waits_and_is_never_refused(
    ends: timedelta | None, code: str, world: World
) -> None:
    world.policy = policy_of(OPEN)
    await declare(world, "bo", ends_at=None if ends is None else world.clock.now() + ends)
    await waiting(world, start=Start(mode="next"))
    assert await world.outcome("calendar") == ("waiting", code)
    assert await world.state_of() == "awaiting-approval"
    await world.approve("ada", "cy")
    assert await world.state_of() == "approved"
    assert world.deployer.started == []
    await lift(world, "bo")
    await world.run_timers()
    assert await world.state_of() == "live"


async def test_a_freeze_elsewhere_holds_nothing_here(world: World) -> None:
    world.policy = policy_of(OPEN)
    await waiting(world)
    await declare(world, "bo", environments=["staging"])
    await declare(world, "bo", services=["pages"])
    await world.run_timers()
    await world.approve("ada", "cy")
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_a_soft_freeze_needs_a_reason(world: World) -> None:
    world.policy = policy_of(OPEN)
    await declare(world, "bo", strength=FreezeClass.SOFT)
    await waiting(world)
    assert await world.state_of() == "refused"
    await world.ask(reason="The tax rates change tonight")
    await world.run_timers()
    await world.approve("ada", "cy", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "live"


@pytest.mark.requirement("P6")
async def test_a_freeze_that_nothing_would_ask_for_is_refused_with_the_environment(world: World) -> None:
    with pytest.raises(Refusal) as caught:
        await declare(world, environments=["production", "dev"])
    assert (caught.value.code, caught.value.facts) == ("freeze-not-asked", {"environments": ["dev"]})
    assert (await declare(world, environments=[])).environments == ()  # everything: those that ask are enough
