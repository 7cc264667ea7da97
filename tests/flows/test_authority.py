"""The live sources of roles: whom they name, by which account, and that every failure denies with its own code."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.authority import Membership, Word
from bot.domain.identity import Provider
from bot.domain.repository import Author, Owners
from bot.flows.authority import sources_for
from tests.flows.fakes import OLD_TAG, TAG
from tests.flows.live import IN_REPOSITORY, LEADS_BY_TEAM, ONE_LEAD, TEAM, LiveWorld
from tests.flows.policy_text import AUTHORS_MAY, NO_SEATS

TEAM_SOURCE = f"github_team {TEAM}"
BY_LOGIN = ("platform-lead:   {people: [ada, vic]}", "platform-lead: {oidc_role: Deploy.Lead}")
BY_GROUP = ("platform-lead:   {people: [ada, vic]}", "platform-lead: {slack_usergroup: S0LEADS}")
BY_OWNERS = ("platform-lead:   {people: [ada, vic]}", "platform-lead: {codeowners: true}")


@pytest.fixture
def world(live_world: LiveWorld) -> LiveWorld:
    return live_world


def words(said: Membership, *people: str) -> dict[str, str]:
    """What it says of each: yes, no, or the code of why it says nothing."""
    return {
        p: said.why_silent(p) or "?" if said.of(p) is Word.UNANSWERED else said.of(p).value for p in people
    }


# GitHub teams, and which account is whose


@pytest.mark.requirement("P7")
@pytest.mark.requirement("P8")
async def test_a_team_names_people_by_numeric_ids(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM)
    said = await world.said(TEAM_SOURCE, "ada", "bo")
    assert words(said, "ada", "bo") == {"ada": "yes", "bo": "no"}


async def test_a_linked_account_wins_over_the_directory_s_login(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM)
    await world.link("bo", Provider.GITHUB, "104")  # the account that the directory calls Vic's
    world.hub.ids |= {"bo-r": "104"}
    said = await world.said(TEAM_SOURCE, "bo")
    assert words(said, "bo") == {"bo": "yes"}


@pytest.mark.requirement("P8")
async def test_a_login_that_somebody_else_has_by_now_denies(world: LiveWorld) -> None:
    """Ada linked 101; the login that the directory names for her is another account today."""
    await world.under(LEADS_BY_TEAM)
    await world.link("ada", Provider.GITHUB, "101")
    world.hub.ids["ada-l"] = "999"
    said = await world.said(TEAM_SOURCE, "ada")
    assert words(said, "ada") == {"ada": "login-changed-hands"}


async def test_a_renamed_account_stays_its_owner_s(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM)
    await world.link("ada", Provider.GITHUB, "101")
    del world.hub.ids["ada-l"]
    assert words(await world.said(TEAM_SOURCE, "ada"), "ada") == {"ada": "yes"}


@pytest.mark.requirement("P8")
@pytest.mark.parametrize("revoked", [False, True], ids=["in force", "revoked"])
async def test_an_account_that_is_somebody_else_s_gives_nobody_a_role(
    world: LiveWorld, revoked: bool
) -> None:
    """The directory names Ada's account as Bo's: it is linked to Ada for good, in force or not."""
    await world.under(LEADS_BY_TEAM)
    at = world.clock.now() if revoked else None
    await world.link("ada", Provider.GITHUB, "101", revoked_at=at)
    world.hub.ids["bo-r"] = "101"
    assert words(await world.said(TEAM_SOURCE, "bo"), "bo") == {"bo": "login-changed-hands"}


@pytest.mark.parametrize("code", ["timeout", "rate-limited", "team-unknown", "forbidden"])
async def test_a_team_that_does_not_answer_names_nobody_and_says_why(world: LiveWorld, code: str) -> None:
    await world.under(LEADS_BY_TEAM)
    world.hub.fails["team"] = code
    said = await world.said(TEAM_SOURCE, "ada")
    assert (said.problem, words(said, "ada")) == (code, {"ada": code})


async def test_a_login_that_cannot_be_looked_up_leaves_only_that_person_unsure(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM)
    world.hub.fails["account ada-l"] = "unavailable"
    said = await world.said(TEAM_SOURCE, "ada", "vic")
    assert words(said, "ada", "vic") == {"ada": "unavailable", "vic": "yes"}


async def test_a_bug_in_an_adapter_denies_and_raises_nothing(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM)
    world.hub.fails["team"] = "bug"
    assert (await world.said(TEAM_SOURCE, "ada")).problem == "failed"


async def test_a_source_that_hangs_is_given_up_after_the_limit_and_delays_no_other(world: LiveWorld) -> None:
    both = (LEADS_BY_TEAM[0], f"platform-lead: {{github_team: {TEAM}, slack_usergroup: S0LEADS}}")
    await world.under(both)
    world.groups.groups["S0LEADS"] = {"U02BO"}
    world.connect(patience=timedelta(seconds=0.2))
    world.hub.hangs.add("team")
    began = time.monotonic()
    asked = await world.authority.ask(world.policy, await world.request(), people=("ada",))
    assert time.monotonic() - began < 5
    assert asked.answers.by_source[TEAM_SOURCE].problem == "timeout"
    assert asked.answers.by_source["slack_usergroup S0LEADS"].members == {"bo"}


async def test_each_source_is_asked_once_however_many_roles_need_it(world: LiveWorld) -> None:
    twice = ("release-manager: {people: [bo, sam]}", f"release-manager: {{github_team: {TEAM}}}")
    await world.under(LEADS_BY_TEAM, twice)
    world.hub.asked.clear()
    await world.said(TEAM_SOURCE, "ada", "vic")
    assert sorted(world.hub.asked) == [("account", "ada-l"), ("account", "vic-e"), ("team", TEAM)]


async def test_what_is_not_connected_says_so(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM)
    world.connect(repositories=None)
    assert (await world.said(TEAM_SOURCE, "ada")).problem == "not-connected"


async def test_without_live_sources_nothing_is_asked_nor_read(world: LiveWorld) -> None:
    await world.under()
    world.hub.asked.clear()
    request = await world.request()
    assert sources_for(world.policy, request) == ()
    assert await world.click("ada", "cy") == {"ada": ("counted", None), "cy": ("counted", None)}
    assert world.hub.asked == []
    assert await world.place("DEP-1", "authority") is None


# Slack user groups


@pytest.mark.requirement("P7")
async def test_a_user_group_names_people_by_member_ids(world: LiveWorld) -> None:
    await world.under(BY_GROUP)
    world.groups.groups["S0LEADS"] = {"U01ADA", "U77STRANGER"}
    said = await world.said("slack_usergroup S0LEADS", "ada", "bo")
    assert words(said, "ada", "bo") == {"ada": "yes", "bo": "no"}
    assert world.groups.asked[-1] == ("S0LEADS", True)


async def test_a_slack_account_that_the_directory_swapped_denies(world: LiveWorld) -> None:
    await world.under(BY_GROUP)
    await world.link("ada", Provider.SLACK, "T1/U44REAL")
    world.groups.groups["S0LEADS"] = {"U44REAL"}
    assert words(await world.said("slack_usergroup S0LEADS", "ada"), "ada") == {"ada": "login-changed-hands"}


@pytest.mark.parametrize("code", ["no-groups-on-this-plan", "group-disabled", "scope-missing"])
async def test_a_plan_without_groups_is_told_as_that(world: LiveWorld, code: str) -> None:
    await world.under(BY_GROUP)
    world.groups.fails = code
    assert words(await world.said("slack_usergroup S0LEADS", "ada"), "ada") == {"ada": code}


# Roles by login


@pytest.mark.requirement("P7")
async def test_a_role_by_login_is_asked_for_each_who_signed_and_the_next_text_is_kept(
    world: LiveWorld,
) -> None:
    await world.under(BY_LOGIN)
    await world.logged_in("ada", "Deploy.Lead")
    await world.logged_in("bo", "Deploy.Reader")
    said = await world.said("oidc_role Deploy.Lead", "ada", "bo", "cy")
    assert words(said, "ada", "bo", "cy", "vic") == {
        "ada": "yes", "bo": "no", "cy": "no-login", "vic": "not-asked",
    }  # fmt: skip
    kept = await world.place("person/ada", "login")
    assert (kept["refresh"], kept["roles"]) == ("sealed-ada+", ["Deploy.Lead"])
    assert words(await world.said("oidc_role Deploy.Lead", "ada"), "ada") == {
        "ada": "yes"
    }  # with the next one


async def test_two_evaluations_at_once_use_no_text_twice(world: LiveWorld) -> None:
    await world.under(BY_LOGIN)
    await world.logged_in("ada", "Deploy.Lead")
    world.logins.slow = 0.02
    said = await asyncio.gather(*(world.said("oidc_role Deploy.Lead", "ada") for _ in range(3)))
    assert [words(each, "ada") for each in said] == [{"ada": "yes"}] * 3
    assert len(set(world.logins.asked)) == 3


async def test_an_answer_that_comes_too_late_is_kept_all_the_same(world: LiveWorld) -> None:
    """The provider has ended the text that was shown to it: without the next one nobody could ask again."""
    await world.under(BY_LOGIN)
    await world.logged_in("ada", "Deploy.Lead")
    world.connect(patience=timedelta(seconds=0.05))
    world.logins.slow = 0.15
    assert words(await world.said("oidc_role Deploy.Lead", "ada"), "ada") == {"ada": "timeout"}
    for _ in range(100):
        if (await world.place("person/ada", "login"))["refresh"] == "sealed-ada+":
            break
        await asyncio.sleep(0.02)
    world.logins.slow = 0
    world.connect()
    assert words(await world.said("oidc_role Deploy.Lead", "ada"), "ada") == {"ada": "yes"}


async def test_a_login_whose_link_was_taken_away_gives_no_role(world: LiveWorld) -> None:
    await world.under(BY_LOGIN)
    await world.logged_in("ada", "Deploy.Lead")
    await world.link("ada", Provider.OIDC, "https://id.example ada", revoked_at=world.clock.now())
    assert words(await world.said("oidc_role Deploy.Lead", "ada"), "ada") == {"ada": "no-login"}


async def test_a_provider_that_refuses_is_quoted_by_its_code(world: LiveWorld) -> None:
    await world.under(BY_LOGIN)
    await world.logged_in("ada", "Deploy.Lead")
    world.logins.fails = "grant-revoked"
    assert words(await world.said("oidc_role Deploy.Lead", "ada"), "ada") == {"ada": "grant-revoked"}


# Code owners and authors


@pytest.mark.requirement("P8")
async def test_code_owners_are_those_of_the_change_since_the_running_version(world: LiveWorld) -> None:
    world.hub.owned = Owners(
        path=".github/CODEOWNERS", logins=frozenset({"bo-r"}), teams=frozenset({TEAM}), unowned=2
    )
    await world.under(BY_OWNERS, IN_REPOSITORY)
    world.hub.asked.clear()
    said = await world.said("codeowners file", "ada", "bo", "cy")
    assert words(said, "ada", "bo", "cy") == {"ada": "yes", "bo": "yes", "cy": "no"}
    assert ("changes", f"{OLD_TAG}..{TAG}") in world.hub.asked
    assert (said.facts["path"], said.facts["files"], said.facts["unowned"]) == (".github/CODEOWNERS", 1, 2)


async def test_an_owner_by_address_is_known_by_the_directory(world: LiveWorld) -> None:
    world.hub.owned = Owners(path="CODEOWNERS", emails=frozenset({"ada@acme.example"}))
    await world.under(BY_OWNERS, IN_REPOSITORY)
    assert words(await world.said("codeowners file", "ada", "bo"), "ada", "bo") == {"ada": "yes", "bo": "no"}


async def test_an_owner_who_cannot_be_looked_up_leaves_the_others_unsure(world: LiveWorld) -> None:
    world.hub.owned = Owners(path="CODEOWNERS", logins=frozenset({"bo-r"}), teams=frozenset({"acme/web"}))
    world.hub.teams["acme/web"] = set()
    await world.under(BY_OWNERS, IN_REPOSITORY)
    world.hub.fails["team acme/web"] = "unavailable"
    said = await world.said("codeowners file", "ada", "bo")
    assert words(said, "ada", "bo") == {"ada": "unavailable", "bo": "yes"}


async def test_an_owner_who_left_github_owns_nothing_and_hides_nobody(world: LiveWorld) -> None:
    world.hub.owned = Owners(
        path="CODEOWNERS", logins=frozenset({"bo-r", "gone"}), teams=frozenset({"acme/no"})
    )
    await world.under(BY_OWNERS, IN_REPOSITORY)
    assert words(await world.said("codeowners file", "ada", "bo"), "ada", "bo") == {"ada": "no", "bo": "yes"}


COMMITS: dict[str, tuple[dict[str, Any], str]] = {
    "CI states something that is no commit": ({"authors": ["sam-k"], "commit": "main"}, "commit-not-stated"),
    "CI states something that is no text": ({"authors": ["sam-k"], "commit": 7}, "commit-not-stated"),
}


@pytest.mark.parametrize(("details", "code"), COMMITS.values(), ids=COMMITS.keys())
async def test_without_a_commit_nobody_owns_the_change(world: LiveWorld, details: Any, code: str) -> None:
    await world.under(BY_OWNERS, IN_REPOSITORY)
    world.clock.advance(timedelta(seconds=1))
    await world.state("build", details=details)
    assert (await world.said("codeowners file", "ada")).problem == code


async def test_what_runs_without_a_known_commit_is_not_taken_for_nothing(world: LiveWorld) -> None:
    """The owners of the whole tree are more people than those of a change."""
    await world.under(BY_OWNERS, IN_REPOSITORY)
    world.clock.advance(timedelta(seconds=1))
    await world.state("build", artifact=OLD_TAG, details={"authors": ["sam-k"], "commit": "?"})
    assert (await world.said("codeowners file", "ada")).problem == "base-not-stated"


async def test_the_tag_is_the_commit_where_ci_states_none(world: LiveWorld) -> None:
    await world.under(BY_OWNERS, IN_REPOSITORY)
    world.clock.advance(timedelta(seconds=1))
    await world.state("build", details={"authors": ["sam-k"]})
    await world.said("codeowners file", "ada")
    assert ("changes", f"{OLD_TAG}..{TAG}") in world.hub.asked


async def test_authors_come_with_the_answers(world: LiveWorld) -> None:
    await world.under(IN_REPOSITORY)
    asked = await world.authority.ask(world.policy, await world.request())
    assert (asked.authors, asked.authors_problem) == ((Author(account="106", login="sam-k"),), None)
    assert asked.answers.by_source["repository acme/checkout"].members == {"sam"}
    world.hub.fails["changes"] = "rate-limited"
    asked = await world.authority.ask(world.policy, await world.request())
    assert (asked.authors, asked.authors_problem) == (None, "rate-limited")


async def test_without_a_token_the_repository_is_not_asked_for_authors(world: LiveWorld) -> None:
    await world.under(IN_REPOSITORY)
    world.connect(repositories=None)
    asked = await world.authority.ask(world.policy, await world.request())
    assert (asked.authors, asked.authors_problem) == (None, None)


async def test_only_what_the_seats_and_exclusions_need_is_asked(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, IN_REPOSITORY)
    request = await world.request()
    assert sources_for(world.policy, request) == (TEAM_SOURCE, "repository acme/checkout")
    await world.reload(LEADS_BY_TEAM, IN_REPOSITORY, AUTHORS_MAY)
    assert sources_for(world.policy, request) == (TEAM_SOURCE,)
    await world.reload(LEADS_BY_TEAM, IN_REPOSITORY, NO_SEATS)
    assert sources_for(world.policy, request) == ()
    await world.reload(LEADS_BY_TEAM, ("exclude: [requester, commit-authors]", "exclude: [platform-lead]"), (
        "role: [platform-lead, release-manager]", "role: release-manager"), (
        "role: [platform-lead, on-call-sre]", "role: on-call-sre"))  # fmt: skip
    assert sources_for(world.policy, request) == (TEAM_SOURCE,)
    assert sources_for(world.policy, replace(request, environment="gone")) == ()


# To be shown


async def test_to_show_who_could_sign_logins_are_looked_up_once_an_hour(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    request = await world.request()
    world.hub.asked.clear()
    for _ in range(3):
        shown = await world.authority.show(world.policy, request, [TEAM_SOURCE])
        assert shown.by_source[TEAM_SOURCE].members == {"ada", "vic"}
    assert {what for what, _ in world.hub.asked} == {"team"}  # the first evaluation looked the logins up
    world.clock.advance(timedelta(hours=1))
    await world.authority.show(world.policy, request, [TEAM_SOURCE])
    assert ("account", "ada-l") in world.hub.asked


async def test_what_whoami_asks_is_about_one_person_and_no_change(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, IN_REPOSITORY)
    answers = await world.authority.about(world.policy, "ada")
    assert words(answers.by_source[TEAM_SOURCE], "ada", "bo") == {"ada": "yes", "bo": "no"}
