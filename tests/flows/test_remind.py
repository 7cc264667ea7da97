"""Reminders: to whoever could fill an empty seat, seldom, and never to people who cannot approve (P10)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.audit import Fact
from bot.domain.authority import Answers, Membership
from bot.domain.second_factor import Credential
from bot.flows import remind, shown
from bot.flows.withdraw import Wanted, withdraw
from tests.flows.policy_text import AUTHORS_MAY, NO_SEATS, ONE_SEAT
from tests.flows.rolling import hold
from tests.flows.world import DAY, HOUR, MINUTE, World

pytestmark = pytest.mark.requirement("P10")
LATE = timedelta(hours=20)  # a sixth of a day before it expires


async def waiting(
    world: World, *changes: tuple[str, str], enrolled: tuple[str, ...] = ("ada", "bo", "cy", "vic", "sam")
) -> None:
    """DEP-1 waits for approval since this moment; nothing is owed."""
    await world.reload(*changes)
    await world.green()
    await world.runs_already()
    await world.prove()
    await world.enroll(*enrolled)
    await world.ask()
    await world.run_timers()
    await world.deliveries()


async def reminded(world: World) -> dict[str, str]:
    """Who is told what since it was asked last."""
    users = {entry.slack: person for person, entry in world.policy.people.items()}
    found = await world.deliveries("reminder-note")
    return {str(users[d.destination.removeprefix("slack:user:")]): str(d.facts["code"]) for d in found}


async def test_whoever_could_fill_an_empty_seat_is_reminded_after_an_hour_and_a_sixth_before_the_end(
    world: World,
) -> None:
    await waiting(world)
    await world.pass_time(HOUR - MINUTE)
    assert await reminded(world) == {}
    await world.pass_time(MINUTE)
    everybody = dict.fromkeys(["ada", "bo", "cy", "vic"], "sign")  # sam wrote it, lin asked for it
    assert await reminded(world) == everybody
    await world.pass_time(LATE - HOUR - MINUTE)
    assert await reminded(world) == {}
    await world.pass_time(MINUTE)
    assert await reminded(world) == everybody
    await world.pass_time(DAY)
    assert await reminded(world) == {}


async def test_whoever_signed_is_not_reminded_nor_whoever_fills_no_seat_that_is_left(world: World) -> None:
    await waiting(world)
    await world.sign("bo")  # the first seat; the second takes the platform lead or whoever is on call
    await world.run_timers()
    await world.deliveries()
    await world.pass_time(HOUR)
    assert await reminded(world) == dict.fromkeys(["ada", "cy", "vic"], "sign")


async def test_the_excluded_are_not_reminded(world: World) -> None:
    await waiting(
        world,
        (
            "exclude: [requester, commit-authors]",
            "exclude: [requester, commit-authors, vic, release-manager]",
        ),
    )
    await world.pass_time(HOUR)
    assert await reminded(world) == dict.fromkeys(["ada", "cy"], "sign")


async def test_authors_are_reminded_where_the_policy_lets_them_approve(world: World) -> None:
    await waiting(world, AUTHORS_MAY)
    await world.pass_time(HOUR)
    assert "sam" in await reminded(world)


async def test_who_has_no_factor_is_told_how_to_enrol_and_comes_last(world: World) -> None:
    await waiting(world, enrolled=("ada",))
    await world.pass_time(HOUR)
    found = await reminded(world)
    assert found == {"ada": "sign", "bo": "enrol", "cy": "enrol", "vic": "enrol"}


async def test_whoever_cannot_use_their_factor_yet_is_left_alone(world: World) -> None:
    await waiting(world, ONE_SEAT, enrolled=("ada", "bo"))
    ada = (await world.ledger.read(lambda tx: tx.credentials.of("ada")))[0]
    cooling: Credential = replace(ada, usable_from=world.clock.now() + DAY)
    await world.ledger.write(lambda tx: tx.credentials.put(cooling, Fact(type="test")))
    await world.enroll("vic")
    vic = (await world.ledger.read(lambda tx: tx.credentials.of("vic")))[0]
    pending = replace(vic, pending=True)
    await world.ledger.write(lambda tx: tx.credentials.put(pending, Fact(type="test")))
    await world.pass_time(HOUR)
    assert await reminded(world) == {"bo": "sign"}


async def test_nobody_is_reminded_once_it_is_approved_or_over(world: World) -> None:
    await waiting(world, ONE_SEAT)
    await world.reject("bo")
    await world.pass_time(DAY)
    assert await reminded(world) == {}


async def test_a_reminder_that_fires_after_the_approval_says_nothing(world: World) -> None:
    world.clock.advance(4 * DAY)  # Saturday: approved, it waits for Monday
    await waiting(world, ONE_SEAT)
    await world.approve("ada")
    assert await world.state_of() == "approved"
    await remind.remind(world.ledger, world.policy, "DEP-1")
    assert await reminded(world) == {}


async def test_who_took_an_approval_back_is_reminded_again(world: World) -> None:
    world.clock.advance(4 * DAY)
    await waiting(world, ONE_SEAT)
    await world.approve("ada")
    await withdraw(
        world.ledger, world.policy, Wanted(asker=world.asker("ada"), key=world.key(), request="DEP-1")
    )
    await world.run_timers()
    await world.deliveries()
    await world.pass_time(HOUR)
    assert set(await reminded(world)) == {"ada", "bo", "vic"}


async def test_what_somebody_holds_reminds_nobody(world: World) -> None:
    await waiting(world)
    await hold(world, "lin")
    await world.pass_time(2 * HOUR)
    assert await reminded(world) == {}


async def test_nobody_hears_twice_within_an_hour_however_often_it_opens(world: World) -> None:
    await waiting(world)
    await world.pass_time(HOUR)
    assert await reminded(world)
    for _ in range(5):  # what is asked for changes: it opens anew
        world.clock.advance(5 * MINUTE)
        await world.state("scan", counts={"critical": 0, "high": 0, "medium": world.clock.now().minute})
        await world.run_timers()
        await remind.remind(world.ledger, world.policy, "DEP-1")
    assert await reminded(world) == {}
    await world.pass_time(2 * HOUR)
    assert await reminded(world)


async def test_a_timer_that_is_late_reminds_once(world: World) -> None:
    await waiting(world)
    world.clock.advance(LATE + HOUR)  # the bot was away for both
    await world.run_timers()
    assert [d.kind for d in await world.deliveries("reminder-note")] == ["reminder-note"] * 4


async def test_where_nobody_can_the_requester_is_told_once(world: World) -> None:
    await waiting(world, ONE_SEAT, ("seats: [{role: [platform-lead, release-manager]}]", "seats: [{role: nobody}]"),
                  ("roles:\n", "roles:\n  nobody: {people: [lin]}\n"))  # fmt: skip
    await world.pass_time(HOUR)
    assert await reminded(world) == {"lin": "nobody"}
    await world.pass_time(DAY)
    assert await reminded(world) == {}


async def test_ten_at_most_are_reminded(world: World) -> None:
    crowd = "".join(f"  p{n}: {{slack: U9{n:02}P, github: p-{n}}}\n" for n in range(20))
    await waiting(
        world,
        ONE_SEAT,
        ("people:\n  ada:", f"people:\n{crowd}  ada:"),
        ("platform-lead:   {people: [ada, vic]}", 'platform-lead:   {people: "*"}'),
        enrolled=("bo", "vic"),
    )
    await world.pass_time(HOUR)
    found = await reminded(world)
    assert len(found) == remind.MOST == 10
    assert {p for p, code in found.items() if code == "sign"} == {"bo", "vic"}


async def test_where_nobody_has_to_agree_nobody_is_reminded(world: World) -> None:
    await waiting(world, NO_SEATS)
    assert await world.state_of() == "live"
    assert ("remind", "DEP-1") not in world.timers_set()


@pytest.mark.requirement("P8")
async def test_of_live_roles_those_are_reminded_whom_the_source_named_last(world: World) -> None:
    """What a source did not answer is no yes: nobody is called who may not be able to."""
    await waiting(
        world,
        ONE_SEAT,
        ("platform-lead:   {people: [ada, vic]}", "platform-lead:   {github_team: acme/leads}"),
    )
    said = Membership(
        source="github_team acme/leads",
        asked_at=world.clock.now(),
        members=frozenset({"vic"}),
        silent={"ada": "timeout"},
    )

    def keep(tx: Any) -> None:
        shown.keep(tx, tx.requests.get("DEP-1"), Answers({said.source: said}))

    await world.ledger.write(keep)
    await world.fire("remind", "DEP-1")
    assert await reminded(world) == {"bo": "sign", "vic": "sign"}
