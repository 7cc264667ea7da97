"""What changes between two steps of one decision: the policy, who signed, what a factor is worth, what still exists."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.change_request import Start
from bot.domain.refusal import Refusal
from bot.flows.hold import hold
from bot.flows.inquire import request_view
from bot.flows.reload_policy import put_in_force
from bot.policy import Policy
from storage.ledger import Ledger
from tests.flows.enrolling import ADMINISTRATORS, NAMED, PASSKEYS_TOO, Desk
from tests.flows.fakes import OLD_TAG, TAG
from tests.flows.going_back import RUNS, ask_back, live, proved, withdraw
from tests.flows.live import IN_REPOSITORY, LEADS_BY_TEAM, ONE_LEAD, TEAM, LiveWorld
from tests.flows.policy_text import NO_SEATS, ONE_SEAT, policy_of
from tests.flows.rolling import IN_STEPS, rolling
from tests.flows.stepping_up import ALL, Pages
from tests.flows.world import DAY, HOUR, MINUTE, World

VIC_ALONE = ("platform-lead:   {people: [ada, vic]}", "platform-lead:   {people: [vic]}")
LEADS_ASK = ("    severity: P0\n", "    severity: P0\n    access: {request: [platform-lead]}\n")


@pytest.fixture
async def desk(world: World) -> Desk:
    world.policy = policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO)
    await put_in_force(world.ledger, world.policy)
    return Desk(world)


def without(policy: Policy, environment: str) -> Policy:
    """The policy after somebody took an environment out of it."""
    left = {name: found for name, found in policy.environments.items() if name != environment}
    return replace(policy, environments=left, digest="sha256:" + "1" * 64)


# The policy


@pytest.mark.requirement("P8")
async def test_what_was_looked_up_under_a_policy_that_another_one_replaced_starts_nothing(
    database_url: str,
) -> None:
    """Ada lost her role by a reload that was recorded while the registry was asked."""
    world = World(database_url)
    await world.reload(ONE_SEAT)
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.sign("ada")
    newer = policy_of(ONE_SEAT, VIC_ALONE)

    async def reloaded() -> None:
        await put_in_force(world.ledger, newer)

    world.registry.meanwhile = reloaded
    await world.fire("evaluate", "DEP-1")
    assert await world.state_of() == "awaiting-approval"
    assert await world.runs() == []
    world.policy = newer
    await world.pass_time(MINUTE)
    assert (await world.standing())["ada"] == ("void", "facts-changed")
    assert world.deployer.started == []
    await world.close()


@pytest.mark.parametrize("incident", [None, "INC-9"])
async def test_what_left_the_policy_is_withdrawn_with_words_and_not_with_a_crash(
    world: World, incident: str | None
) -> None:
    await live(world, ONE_SEAT)
    world.policy = without(world.policy, "production")
    with pytest.raises(Refusal, match="no-longer-in-policy"):
        await withdraw(world, "ada", incident=incident)


async def test_an_approval_of_what_left_the_policy_crashes_nothing(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await world.ask(start=Start(mode="at", at=world.clock.now() + 2 * HOUR))
    await world.run_timers()
    await world.approve("ada")
    world.policy = without(world.policy, "production")
    with pytest.raises(Refusal, match="no-longer-in-policy"):
        await withdraw(world, "ada")
    await put_in_force(world.ledger, world.policy)
    await world.pass_time(2 * DAY)
    assert await world.state_of() == "refused"


async def test_a_rollout_ends_although_its_environment_left_the_policy(world: World) -> None:
    """Half a rollout helps nobody."""
    await rolling(world)
    world.policy = without(world.policy, "production")
    await put_in_force(world.ledger, world.policy)
    await world.pass_time(HOUR)
    assert await world.state_of() == "live"


async def test_a_rollback_to_an_environment_that_left_the_policy_is_refused(world: World) -> None:
    await live(world, ONE_SEAT)
    await ask_back(world, "bo")
    world.policy = without(world.policy, "production")
    await put_in_force(world.ledger, world.policy)
    await world.run_timers()
    assert await world.state_of("DEP-2") == "refused"


# Who signed, and what is said of them


@pytest.mark.requirement("P8")
async def test_nobody_counts_by_what_was_remembered_of_them_when_others_were_asked_about(
    live_world: LiveWorld,
) -> None:
    """Vic's login is somebody else's by now. Vic signs in the very instant in which Ada is asked about."""
    world = live_world
    await world.under(LEADS_BY_TEAM)
    world.hub.ids["vic-e"] = "999"

    async def meanwhile() -> None:
        await world.sign_by("vic")

    world.hub.during = meanwhile
    await world.sign_by("ada")
    await world.run_timers()
    await world.pass_time(MINUTE)
    assert await world.standing() == {"ada": ("counted", None), "vic": ("refused", "no-seat")}


@pytest.mark.requirement("F10")
async def test_where_nobody_approves_a_rollback_whoever_asks_for_it_is_asked_about_live(
    live_world: LiveWorld,
) -> None:
    world = live_world
    await world.reload(LEADS_BY_TEAM, NO_SEATS, LEADS_ASK)
    await world.ready()
    await world.state("deployment", environment="production")
    world.deployer.found = RUNS
    await ask_back(world, "lin", key="lin asks")
    await world.run_timers()
    assert await world.state_of("DEP-1") == "refused"
    assert world.deployer.rolled_back == []
    await ask_back(world, "ada", key="ada asks")
    await world.run_timers()
    assert await world.state_of("DEP-2") == "live"


@pytest.mark.requirement("P16")
async def test_a_withdrawal_approves_the_rollback_although_its_approval_was_taken_back_before(
    world: World,
) -> None:
    await live(world, ONE_SEAT)
    await ask_back(world, "bo")
    await world.run_timers()
    await world.sign("ada", "DEP-2")
    await withdraw(world, "ada", "DEP-2")
    assert (await world.standing("DEP-2"))["ada"] == ("withdrawn", None)
    await proved(world)
    await world.run_timers()
    assert await world.state_of("DEP-2") == "live"


@pytest.mark.requirement("F11")
async def test_what_a_withdrawal_was_proved_by_is_kept_where_nothing_has_to_come_back(world: World) -> None:
    """No rollback is filed whose approval would hold it."""
    pages = Pages(world)
    await rolling(world, IN_STEPS, ALL)
    await hold(world.ledger, world.policy, world.asker("lin"), "DEP-1", None, key=world.key())
    await pages.give("ada")
    opened = await withdraw(world, "ada", incident="INC-9")
    assert opened.token is not None
    await pages.passkey(opened.token, "ada")
    assert await world.state_of() == "failed"
    (entry,) = [e for e in await world.entries() if e["type"] == "approval.withdrawn"]
    evidence = entry["facts"]["factor"]["evidence"]
    assert {"signature", "client_data_json", "authenticator_data", "challenge"} <= evidence.keys()


async def test_an_id_that_no_database_can_hold_names_nothing(ledger: Ledger) -> None:
    """A page's form says which challenge, and which factor; on PostgreSQL this one was an error of the server."""
    assert await ledger.write(lambda tx: tx.intents.consume("\0", tx.now)) is None
    assert await ledger.read(lambda tx: tx.intents.challenge("\0")) is None
    assert await ledger.read(lambda tx: tx.credentials.get("\0", lock=True)) is None


# What a factor is worth


async def lost_one(desk: Desk) -> tuple[str, str]:
    """Ada has an old and a new passkey. Whoever has the old one proved it on a link, and then Ada took it away: that
    link, and the id of the new one."""
    await desk.enrolled("ada", "old")
    first = await desk.begin("ada")
    await desk.by_factor(first, "old", browser="hers")
    new = await desk.passkey(first, "new", browser="hers")
    desk.world.clock.advance(2 * DAY)
    theirs = await desk.begin("ada")
    await desk.by_factor(theirs, "old", browser="theirs")
    mine = await desk.begin("ada")
    await desk.by_factor(mine, "new", browser="hers")
    (old,) = [held for held in await desk.held("ada") if held.id != new.id]
    await desk.remove(mine, old.id, browser="hers")
    return theirs, new.id


@pytest.mark.requirement("P8")
async def test_what_a_factor_proved_before_it_was_taken_away_enrols_nothing(desk: Desk) -> None:
    theirs, _ = await lost_one(desk)
    assert await desk.why_not(desk.passkey(theirs, "thief", browser="theirs")) == "not-proved"


@pytest.mark.requirement("P8")
async def test_what_a_factor_proved_before_it_was_taken_away_takes_no_other_away(desk: Desk) -> None:
    theirs, new = await lost_one(desk)
    assert await desk.why_not(desk.remove(theirs, new, browser="theirs")) == "not-proved"
    assert [held.id for held in await desk.held("ada")] == [new]


@pytest.mark.requirement("P8")
async def test_a_reset_voids_what_was_signed_of_a_rollback_that_nobody_judged_yet(world: World) -> None:
    await live(world, ONE_SEAT)
    await proved(world)
    assert (await world.standing("DEP-2"))["ada"] == ("signed", None)
    await world.enroll("ada")  # from the host, anew: what she had is taken away first
    await world.run_timers()
    assert (await world.standing("DEP-2"))["ada"] == ("void", "factors-reset")
    assert world.deployer.rolled_back == []


# Very many


def crowd(count: int) -> str:
    return "\n".join(f"  p{i}: {{slack: U{i:05d}X, github: gh-{i}}}" for i in range(count))


async def test_three_hundred_approvers_are_judged_shown_and_ten_of_them_reminded(world: World) -> None:
    leads = ", ".join(f"p{i}" for i in range(300))
    everybody = (VIC_ALONE[0], f"platform-lead:   {{people: [ada, vic, {leads}]}}")
    world.policy = policy_of(("  ada: {slack", f"{crowd(300)}\n  ada: {{slack"), everybody)
    await put_in_force(world.ledger, world.policy)
    await world.ready()
    await world.ask()
    await world.run_timers()
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert len(view.could_sign) == 304
    await world.deliveries()
    await world.pass_time(2 * HOUR)
    assert len(await world.told("reminder-note")) == 10


async def test_three_hundred_members_and_three_thousand_files_take_few_questions(
    live_world: LiveWorld,
) -> None:
    world = live_world
    await world.reload(
        ("  ada: {slack", f"{crowd(300)}\n  ada: {{slack"), LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY
    )
    world.hub.ids |= {f"gh-{i}": str(5000 + i) for i in range(300)}
    world.hub.teams[TEAM] |= {str(5000 + i) for i in range(300)}
    world.hub.files = tuple(f"src/{i}.py" for i in range(3000))
    await world.ready()
    await world.state("build", details={"authors": ["sam-k"], "commit": TAG})
    await world.state("build", artifact=OLD_TAG, details={"authors": ["sam-k"], "commit": OLD_TAG})
    await world.ask()
    await world.run_timers()
    shown: list[Any] = [about for what, about in world.hub.asked if what == "account"]
    assert len(shown) == 60
    assert await world.click("p299") == {"p299": ("counted", None)}
    assert len(world.hub.asked) < 60 + 10
    (counted,) = [e for e in await world.entries() if e["type"] == "approval.counted"]
    assert TEAM in json.dumps(counted["facts"])
