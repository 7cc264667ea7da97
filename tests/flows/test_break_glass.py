"""Break-glass, from the moment it is broken to what it owes: loud, listed, expiring, with whoever is on call told."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.change_request import BrokenGlass, Kind, Start
from bot.domain.refusal import Refusal
from bot.flows import break_glass, loud
from bot.flows.inquire import request_view
from bot.policy import PolicyError
from tests.flows import rolling
from tests.flows.fakes import NEXT_TAG, TUESDAY_TEN
from tests.flows.policy_text import policy_of
from tests.flows.rolling import IN_STEPS, SHIFTS, called, declare, stands
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("P13")

SECTION = """\
    break_glass:
      seats: [{role: vp}]
      bypasses: [calendar, soak, environments-green, no-open-incident]
      review_within: 5d
      expires: 4h
"""
BROKEN = (
    "      expires: 24h\n    monitors:\n      - {name: api",
    f"      expires: 24h\n{SECTION}    monitors:\n      - {{name: api",
)
VP = (
    "  on-call-sre:     {on_call: primary}\n",
    "  on-call-sre:     {on_call: primary}\n  vp:              {people: [vic]}\n",
)
CONTACTS = ("severities: {P0", "contacts: {escalation: vic, backup: bo}\nseverities: {P0")
GLASS = (BROKEN, VP, CONTACTS)
NOBODY_YET = ('starts: "2026-11-09"', 'starts: "2027-11-09"')
SATURDAY = datetime(2026, 11, 14, 15, 0, tzinfo=TUESDAY_TEN.tzinfo)


async def set_up(world: World, *changes: tuple[str, str], closed: bool = True) -> None:
    """The world with break-glass in its policy, everything proved, and a freeze that permits it."""
    await world.reload(*GLASS, *changes)
    await world.ready()
    if closed:
        await declare(world, hours=48, break_glass=True)
    await world.deliveries()


async def emergency(world: World, person: str = "lin", **changes: Any) -> str:
    return await world.ask(person, **({"emergency": "INC-7", "reason": "Checkout charges twice"} | changes))


async def refused(world: World, **changes: Any) -> Refusal:
    before = await world.everything()
    with pytest.raises(Refusal) as found:
        await emergency(world, **changes)
    assert await world.everything() == before
    return found.value


async def notices(world: World) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """The loud messages that are owed, by code: where each goes, and its facts."""
    told: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for owed in await world.deliveries(loud.NOTICE):
        where = owed.destination.removeprefix("slack:")
        told.setdefault(str(owed.facts["code"]), []).append((where, owed.facts))
    return told


async def arrive(world: World) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """Every loud message that is owed arrives."""
    told: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for owed in await world.deliveries(loud.NOTICE):
        told.setdefault(str(owed.facts["code"]), []).append(
            (owed.destination.removeprefix("slack:"), owed.facts)
        )
        await break_glass.told(world.ledger, owed)
    return told


async def glass(world: World, request_id: str = "DEP-1") -> BrokenGlass:
    found = (await world.request(request_id)).break_glass
    assert found is not None
    return found


async def bypassed(world: World) -> list[str]:
    readiness = (await world.request()).readiness
    return [] if readiness is None else [o.gate for o in readiness.bypassed]


LOUD = ["channel:incidents", "channel:releases"]


# What is demanded at once


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": None}, "glass-no-reason"),
        ({"reason": "  "}, "glass-no-reason"),
        ({"emergency": "yes"}, "glass-bad-ticket"),
        ({"emergency": "the shop is down"}, "glass-bad-ticket"),
        ({"emergency": "prod2"}, "glass-bad-ticket"),
        ({"emergency": "https://tickets.example/INC-7"}, "glass-bad-ticket"),
        ({"start": Start(mode="at", at=TUESDAY_TEN + 4 * HOUR)}, "glass-too-late"),
    ],
)
async def test_without_what_the_policy_demands_nothing_is_broken(
    world: World, changes: dict[str, Any], code: str
) -> None:
    await set_up(world)
    assert (await refused(world, **changes)).code == code


@pytest.mark.parametrize("ticket", ["INC-7", "inc-7", "SEC_OPS-12", "INC0012345", "OPS#12", "#12"])
async def test_what_looks_like_a_ticket_breaks_it(world: World, ticket: str) -> None:
    await set_up(world)
    await emergency(world, emergency=ticket)
    assert (await glass(world)).ticket == ticket


async def test_the_form_that_the_policy_gives_incidents_is_the_form_it_takes(world: World) -> None:
    form = (
        'ticket:             {pattern: "^CHG-[0-9]+$"}',
        'ticket: {pattern: "^CHG-[0-9]+$", emergency_pattern: "P[0-9]"}',
    )
    await set_up(world, form)
    found = await refused(world)
    assert (found.code, found.facts["pattern"]) == ("glass-bad-ticket", "P[0-9]")
    await emergency(world, emergency="P1", ticket=None)
    await world.run_timers()
    assert await world.outcome("ticket") == ("passed", "emergency")


async def test_where_no_ticket_is_demanded_any_word_names_the_emergency(world: World) -> None:
    demands = ("      bypasses: [calendar", "      requires: [rollback-plan]\n      bypasses: [calendar")
    await set_up(world, demands)
    await emergency(world, emergency="fire")
    assert (await glass(world)).ticket == "fire"


async def test_it_lists_what_the_policy_lets_it_pass_and_lives_no_longer_than_the_policy_says(
    world: World,
) -> None:
    await set_up(world)
    await emergency(world, start=Start(mode="next"))
    request, broken = await world.request(), await glass(world)
    assert broken.bypasses == ("calendar", "soak", "environments-green", "no-open-incident")
    assert broken.expires_at == request.expires_at == request.requested_at + 4 * HOUR
    await world.run_timers()
    assert (await world.request()).expires_at == broken.expires_at


async def test_without_break_glass_in_the_policy_an_emergency_is_a_kind_and_passes_nothing(
    world: World,
) -> None:
    await world.ready()
    await declare(world, hours=5, break_glass=True)
    done = await world.submit("lin", emergency="yes", reason=None)
    assert (done.emergency, done.glass) == ("yes", None)
    await world.run_timers()
    request = await world.request()
    assert (request.kind, request.break_glass) == (Kind.EMERGENCY, None)
    assert await world.outcome("calendar") == ("waiting", "prohibited")
    assert await bypassed(world) == []
    assert await notices(world) == {}


def test_a_rollback_plan_can_only_be_demanded_where_a_gate_proves_it() -> None:
    gone = ("      rollback-target:    {}\n", "")
    with pytest.raises(PolicyError) as found:
        policy_of(*GLASS, gone)
    assert "a rollback plan is what the gate 'rollback-target' proves" in str(found.value)
    asked = ("      bypasses: [calendar", "      requires: [rollback-plan]\n      bypasses: [calendar")
    with pytest.raises(PolicyError):
        policy_of(*GLASS, gone, asked)
    without = ("      bypasses: [calendar", "      requires: [incident-ticket]\n      bypasses: [calendar")
    assert policy_of(*GLASS, gone, without).environments["production"].break_glass


# Loud, and on call


async def test_breaking_it_is_told_in_both_channels_and_to_whoever_is_on_call(world: World) -> None:
    await set_up(world)
    await emergency(world)
    told = await notices(world)
    assert sorted(where for where, _ in told["broken"]) == LOUD
    assert [where for where, _ in told["on-call"]] == ["user:U03CY"]
    entry = next(e for e in await world.entries("request/DEP-1") if e["type"] == "break-glass.broken")
    assert entry["facts"]["ticket"] == "INC-7"
    assert entry["facts"]["on_call"] == ["cy"]
    assert entry["facts"]["bypasses"] == ["calendar", "soak", "environments-green", "no-open-incident"]


async def test_one_channel_for_both_hears_it_once(world: World) -> None:
    await set_up(world, ("announcements: releases", "announcements: incidents"))
    await emergency(world)
    assert [(where, f.get("notifies")) for where, f in (await notices(world))["broken"]] == [
        ("channel:incidents", True)
    ]


async def test_it_starts_only_after_the_message_to_whoever_is_on_call_arrived(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await world.run_timers()
    await world.approve("vic", "ada")
    assert await world.state_of() == "approved"
    assert await world.runs() == []
    assert await world.outcome("on-call-notified") == ("waiting", "on-call-untold")
    await arrive(world)
    await world.run_timers()
    assert (await glass(world)).told_at == world.clock.now()
    await world.press_start()
    await world.run_timers()
    assert await world.state_of() == "live"


@pytest.mark.parametrize("code", ["broken", "on-call"])
async def test_either_message_tells_whoever_is_on_call_and_the_announcement_does_not(
    world: World, code: str
) -> None:
    await set_up(world)
    await emergency(world)
    owed = await world.deliveries(loud.NOTICE)
    silent = next(d for d in owed if d.destination == "slack:channel:releases")
    await break_glass.told(world.ledger, silent)
    assert (await glass(world)).told_at is None
    telling = next(d for d in owed if d.facts["code"] == code and d.facts.get("notifies"))
    await break_glass.told(world.ledger, telling)
    await break_glass.told(world.ledger, telling)
    assert (await glass(world)).told_at is not None
    assert (await world.types("request/DEP-1")).count("break-glass.told") == 1


async def test_an_empty_rotation_blocks_nothing_the_contact_is_told_instead(world: World) -> None:
    await set_up(world, NOBODY_YET)
    await emergency(world)
    told = await arrive(world)
    assert [where for where, _ in told["on-call"]] == ["user:U04VIC"]
    assert told["on-call"][0][1]["instead"] == ["vic"]
    await world.run_timers()
    assert (await glass(world)).told == ()
    await world.approve("vic", "ada")
    assert await world.state_of() == "live"


async def test_a_message_that_does_not_arrive_is_told_to_the_contact_and_the_requester(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await world.run_timers()
    await world.deliveries()
    await world.pass_time(2 * MINUTE)
    told = await notices(world)
    assert [where for where, _ in told["on-call"]] == ["user:U04VIC"]
    assert [where for where, _ in told["not-told"]] == ["user:U05LIN"]


async def test_once_it_arrived_nobody_is_told_again(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await arrive(world)
    await world.pass_time(10 * MINUTE)
    assert await notices(world) == {}


# Who signs


@pytest.mark.requirement("P7")
async def test_it_takes_the_vp_and_a_second_person_and_never_the_requester(world: World) -> None:
    await set_up(world)
    await emergency(world, "vic")
    await arrive(world)
    await world.run_timers()
    assert await world.refusal_of_signing("vic") == "own-request"
    await world.cancel("vic")
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    view = await request_view(world.ledger, world.policy, "DEP-2")
    assert [seat.roles for seat in view.quorum.seats] == [("vp",)]
    await world.approve("ada", "bo", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "awaiting-approval"
    await world.approve("vic", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "live"


EMERGENCIES_ONLY = ("{on_call: primary}", "{on_call: primary, only_for: [emergency]}")
SCHEDULED_ONLY = ("{people: [bo, sam]}", "{people: [bo, sam], only_for: [scheduled]}")
ONE_OF_THEM = (
    "        - {role: [platform-lead, release-manager]}\n        - {role: [platform-lead, on-call-sre]}\n      minimum: 2\n",
    "        - {role: [release-manager, on-call-sre]}\n      minimum: 1\n",
)


@pytest.mark.requirement("P7")
@pytest.mark.parametrize(
    ("asked", "on_call", "release_manager"),
    [
        ({"emergency": "INC-7", "reason": "Down"}, "signed", "no-seat"),
        ({"start": Start(mode="at", at=TUESDAY_TEN + HOUR)}, "no-seat", "signed"),
        ({}, "no-seat", "no-seat"),
    ],
    ids=["emergency", "scheduled", "neither"],
)
async def test_the_on_call_sre_approves_emergencies_and_the_release_manager_scheduled_ones_by_policy_alone(
    world: World, asked: dict[str, Any], on_call: str, release_manager: str
) -> None:
    await world.reload(EMERGENCIES_ONLY, SCHEDULED_ONLY, ONE_OF_THEM)
    await world.ready()
    await world.ask(**asked)
    await world.run_timers()
    assert await world.refusal_of_signing("cy") == on_call
    assert await world.refusal_of_signing("bo") == release_manager


# What it passes


@pytest.mark.requirement("P6")
async def test_it_passes_a_freeze_that_permits_it_and_its_use_is_recorded_and_told(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    assert await bypassed(world) == ["calendar"]
    await world.approve("vic", "ada")
    assert await world.state_of() == "live"
    used = await glass(world)
    assert used.used_at is not None
    assert used.review_due == used.used_at + 5 * DAY
    assert sorted(where for where, _ in (await notices(world))["used"]) == LOUD
    entry = next(e for e in await world.entries("request/DEP-1") if e["type"] == "break-glass.used")
    passed = entry["facts"]["gates"][0]
    assert (passed["gate"], passed["status"], passed["code"]) == ("calendar", "waiting", "prohibited")
    assert [rule["name"] for rule in passed["facts"]["rules"] if rule["kind"] == "freeze"] == ["FRZ-1"]


@pytest.mark.requirement("P6")
async def test_a_weekend_that_does_not_permit_it_holds_it_and_one_that_does_lets_it_go(world: World) -> None:
    await set_up(world, closed=False)
    world.clock.at = SATURDAY
    await world.ready()
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    assert await world.outcome("calendar") == ("waiting", "prohibited")
    assert await bypassed(world) == []
    await world.reload(
        *GLASS,
        ('until: "MON 00:00", effect: prohibit}', 'until: "MON 00:00", effect: prohibit, break_glass: true}'),
    )
    await world.fire("evaluate", "DEP-1")
    assert await bypassed(world) == ["calendar"]


@pytest.mark.requirement("P6")
async def test_a_freeze_that_does_not_permit_it_holds_it_until_its_hours_are_over(world: World) -> None:
    await set_up(world, closed=False)
    await declare(world, hours=48)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.approve("vic", "ada")
    assert await world.state_of() == "approved"
    assert await world.runs() == []
    await world.pass_time(4 * HOUR - SECOND)
    assert await world.state_of() == "approved"
    await world.pass_time(SECOND)
    assert await world.state_of() == "expired"
    told = await notices(world)
    assert sorted(where for where, _ in told["expired"]) == LOUD
    assert "break-glass.expired" in await world.types("request/DEP-1")


async def test_what_all_gates_let_pass_uses_no_glass_and_owes_no_review(world: World) -> None:
    await set_up(world, closed=False)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.approve("vic", "ada")
    assert await world.state_of() == "live"
    assert ((await glass(world)).used_at, (await glass(world)).review_due) == (None, None)
    await world.pass_time(4 * HOUR)
    assert sorted(await notices(world)) == ["expired"]


async def test_what_the_policy_takes_back_closes_again_and_what_it_adds_is_not_passed(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    assert await bypassed(world) == ["calendar"]
    await world.reload(
        *GLASS,
        (
            "bypasses: [calendar, soak, environments-green",
            "bypasses: [soak, vulnerabilities, environments-green",
        ),
    )
    await world.fire("evaluate", "DEP-1")
    assert await bypassed(world) == []
    await world.state("scan", counts={"critical": 1, "high": 0})
    await world.run_timers()
    assert await bypassed(world) == []


async def test_where_the_section_left_the_policy_nothing_is_passed_and_the_usual_seats_are_back(
    world: World,
) -> None:
    await set_up(world)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.reload(VP, CONTACTS)
    await world.fire("evaluate", "DEP-1")
    assert await bypassed(world) == []
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert len(view.quorum.seats) == 2


async def test_another_rollout_under_way_is_never_bypassed(world: World) -> None:
    await set_up(world, closed=False)
    await world.ask()
    await world.run_timers()
    await world.sign("ada")
    await world.sign("cy")
    await world.fire("evaluate", "DEP-1")
    assert await world.state_of("DEP-1") == "starting"
    await world.prove(NEXT_TAG, world.registry.digests[NEXT_TAG])
    await emergency(world, artifact=NEXT_TAG)
    await arrive(world)
    await world.fire("evaluate", "DEP-2")
    await world.sign("vic", "DEP-2")
    await world.sign("ada", "DEP-2")
    await world.fire("evaluate", "DEP-2")
    assert await world.state_of("DEP-2") == "approved"
    readiness = (await world.request("DEP-2")).readiness
    assert readiness is not None
    assert [(o.gate, o.bypassed) for o in readiness.outcomes if o.gate == "one-at-a-time"] == [
        ("one-at-a-time", False)
    ]


# The rollout


async def under_way(world: World, *, frozen: bool = True) -> None:
    """An emergency in steps: a quarter of the traffic has it."""
    await set_up(world, SHIFTS, IN_STEPS, closed=frozen)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.approve("vic", "ada")
    assert await stands(world) == ("between-steps", 25)
    await world.deliveries()


@pytest.mark.requirement("P6")
async def test_it_passes_the_freeze_at_its_first_call_and_at_each_step_and_is_told_once(world: World) -> None:
    await under_way(world)
    await world.pass_time(10 * MINUTE)
    assert called(world) == [25, 50, 100]
    assert await world.state_of() == "live"
    assert (await world.types("request/DEP-1")).count("break-glass.used") == 1
    assert await notices(world) == {}


@pytest.mark.requirement("P6")
async def test_a_freeze_that_begins_in_the_middle_is_passed_recorded_and_told(world: World) -> None:
    await under_way(world, frozen=False)
    assert (await glass(world)).used_at is None
    await declare(world, "FRZ-9", hours=5, break_glass=True)
    await world.pass_time(5 * MINUTE)
    assert await stands(world) == ("between-steps", 50)
    assert (await glass(world)).used_at == world.clock.now()
    told = await world.deliveries()
    assert {d.facts["code"] for d in told if d.kind == loud.NOTICE} == {"used"}
    assert [d.facts["rules"] for d in told if d.facts.get("code") == "glass-step"] == [["FRZ-9"]]
    await declare(world, "FRZ-10", hours=5, break_glass=True)
    await world.pass_time(5 * MINUTE)
    assert await world.state_of() == "live"
    assert sorted(await notices(world)) == ["passed"]
    assert "break-glass.passed" in await world.types("request/DEP-1")


@pytest.mark.requirement("P6")
async def test_a_hard_freeze_that_does_not_permit_it_holds_its_next_step(world: World) -> None:
    await under_way(world)
    await declare(world, "FRZ-9", hours=1)
    await world.pass_time(30 * MINUTE)
    assert await stands(world) == ("between-steps", 25)
    assert [f.rule for f in (await rolling.run(world)).frozen] == ["FRZ-1", "FRZ-9"]
    await world.pass_time(45 * MINUTE)
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_what_was_called_in_time_finishes_after_its_hours(world: World) -> None:
    await under_way(world)
    await rolling.hold(world, "lin")
    await world.pass_time(5 * HOUR)
    assert await stands(world) == ("between-steps", 25)
    await rolling.resume(world, "lin")
    await world.pass_time(10 * MINUTE)
    assert called(world) == [25, 50, 100]
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_what_nothing_was_called_of_in_time_ends(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await arrive(world)
    await world.run_timers()
    await world.sign("vic")
    await world.sign("ada")
    await world.fire("evaluate", "DEP-1")
    await rolling.hold(world, "lin")
    assert await world.state_of() == "starting"
    await world.pass_time(4 * HOUR)
    assert called(world) == []
    assert await world.state_of() == "failed"
    stopped = next(e for e in await world.entries("run/DEP-1/1") if e["type"] == "run.stopped")
    assert stopped["facts"]["code"] == "break-glass-expired"


async def test_a_repeated_command_breaks_one_glass(world: World) -> None:
    await set_up(world)
    await emergency(world, key="same")
    again = await world.submit("lin", key="same", emergency="INC-7", reason="Checkout charges twice")
    assert again.repeated
    assert len((await notices(world))["broken"]) == 2


async def test_a_restart_in_between_tells_what_was_owed(world: World) -> None:
    await set_up(world)
    await emergency(world)
    await world.restart()
    await arrive(world)
    await world.run_timers()
    assert (await glass(world)).told_at is not None
    await world.pass_time(timedelta(hours=4))
    assert await world.state_of() == "expired"
