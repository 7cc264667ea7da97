"""Who somebody is here: their accounts, what they hold and why not, and their second factors; strangers included."""

from datetime import timedelta

import pytest

from bot.domain.authority import Word
from bot.domain.identity import Provider
from bot.flows.asking import Asker
from bot.flows.whoami import RoleStanding, Whoami, whoami
from tests.flows.live import LEADS_BY_TEAM, LiveWorld

ADMINISTRATORS = ("severities:", "second_factors: {administrators: [release-manager]}\nseverities:")


@pytest.fixture
def world(live_world: LiveWorld) -> LiveWorld:
    return live_world


async def asked(world: LiveWorld, person: str) -> Whoami:
    return await whoami(world.ledger, world.policy, world.authority, world.asker(person))


def role(found: Whoami, name: str) -> RoleStanding:
    return next(each for each in found.roles if each.name == name)


@pytest.mark.requirement("P7")
async def test_every_role_of_the_policy_is_told_with_what_it_rests_on(world: LiveWorld) -> None:
    found = await asked(world, "ada")
    assert {each.name: each.word for each in found.roles} == {
        "engineer": Word.YES,
        "platform-lead": Word.YES,
        "release-manager": Word.NO,
        "on-call-sre": Word.NO,
    }
    (basis,) = role(found, "platform-lead").bases
    assert (basis.source, basis.word) == ("github_team acme/production-approvers", Word.YES)


async def test_a_source_that_is_silent_is_told_with_its_code(world: LiveWorld) -> None:
    world.hub.fails["team"] = "rate-limited"
    standing = role(await asked(world, "ada"), "platform-lead")
    assert (standing.word, standing.bases[0].code) == (Word.UNANSWERED, "rate-limited")


async def test_without_a_connection_that_is_told(world: LiveWorld) -> None:
    found = await whoami(world.ledger, world.policy, None, world.asker("ada"))
    assert role(found, "platform-lead").bases[0].code == "not-connected"


async def test_code_ownership_depends_on_the_change(world: LiveWorld) -> None:
    await world.reload((LEADS_BY_TEAM[0], "platform-lead: {codeowners: true}"))
    standing = role(await asked(world, "ada"), "platform-lead")
    assert (standing.word, standing.bases[0].code) == (Word.UNANSWERED, "by-change")


async def test_the_kinds_that_a_role_has_a_say_in_are_told(world: LiveWorld) -> None:
    await world.reload((LEADS_BY_TEAM[0], "platform-lead: {people: [ada, vic], only_for: [scheduled]}"))
    assert role(await asked(world, "ada"), "platform-lead").only_for == ("scheduled",)


async def test_linked_accounts_and_those_that_the_policy_names_are_told_apart(world: LiveWorld) -> None:
    await world.link("ada", Provider.GITHUB, "101", label="ada-l")
    found = await asked(world, "ada")
    assert [(link.provider, link.label) for link in found.links] == [(Provider.GITHUB, "ada-l")]
    assert found.written == ((Provider.SLACK, "U01ADA"),)


async def test_an_account_that_is_linked_to_somebody_else_is_told(world: LiveWorld) -> None:
    await world.link("bo", Provider.SLACK, "T1/U01ADA")
    assert (await asked(world, "ada")).of_another == "bo"


async def test_second_factors_and_locks_are_told(world: LiveWorld) -> None:
    await world.enroll("ada")
    found = await asked(world, "ada")
    assert ([each.method for each in found.factors], found.locked_for) == (["totp"], None)
    now = world.clock.now()
    for _ in range(5):
        await world.ledger.write(lambda tx: tx.credentials.note_failure("ada", now))
    assert (await asked(world, "ada")).locked_for == timedelta(minutes=15)
    assert (await asked(world, "bo")).locked_for is None


async def test_a_stranger_is_told_who_may_know(world: LiveWorld) -> None:
    await world.reload(LEADS_BY_TEAM, ADMINISTRATORS)
    stranger = Asker(team="T1", user="U99NOBODY")
    world.hub.asked.clear()
    found = await whoami(world.ledger, world.policy, world.authority, stranger)
    assert (found.person, found.able) == (None, ("bo", "sam"))
    assert world.hub.asked == []
