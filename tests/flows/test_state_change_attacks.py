"""Every way around the approval of a change of state that we could think of, and what becomes of each."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.flows import challenges
from bot.flows.evaluate import evaluate
from bot.flows.reload_policy import put_in_force
from tests.flows.changing_state import OTHER_SEATS, RULES, SECTION, Project, a_project
from tests.flows.policy_text import REWORDED, policy_of
from tests.flows.stepping_up import Pages
from tests.flows.world import DAY
from tests.soft_authenticator import b64


@pytest.fixture
async def project(sqlite_url: str) -> AsyncIterator[Project]:
    made = await a_project(sqlite_url)
    yield made
    await made.close()


# --- attacks ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("K1")
@pytest.mark.requirement("P8")
async def test_the_requester_cannot_approve_and_nor_can_a_stranger_to_the_seats_or_an_excluded_person(
    project: Project,
) -> None:
    await project.wish(person="bo")  # a release manager, who could approve another's
    said = {person: await project.refusal_of_signing(person) for person in ("bo", "ada", "lin", "cy")}
    assert said == {"bo": "own-request", "ada": "no-seat", "lin": "excluded", "cy": "no-seat"}
    assert (await project.now()).state == "pre-production"


async def test_what_was_signed_for_one_direction_counts_for_no_other(project: Project) -> None:
    await project.wish()
    seen = await project.request()
    signature = {"revision": seen.revision, "fingerprint": seen.fingerprint}
    await project.approve("bo")
    back = await project.wish("pre-production")
    assert await project.refusal_of_signing("sam", back, **signature) == "changed-since"
    forth = await project.refused("production")
    assert forth.code == "in-that-state"
    assert (await project.request(back)).artifact.digest != seen.artifact.digest


async def test_another_policy_meanwhile_opens_a_new_revision_and_voids_the_approval(project: Project) -> None:
    project.clock.at = project.clock.now() + (5 - project.clock.now().weekday()) * DAY
    await project.green()
    await project.wish()
    await project.approve("bo")
    assert await project.state_of() == "approved"
    before = await project.request()
    await project.reload(OTHER_SEATS)
    await project.run_timers()
    after = await project.request()
    assert (after.state.value, after.revision) == ("awaiting-approval", 2)
    assert (after.fingerprint, after.artifact.digest) != (before.fingerprint, before.artifact.digest)
    assert (await project.standing())["bo"][0] == "void"
    assert await project.refusal_of_signing("bo") == "no-seat"
    await project.pass_time(2 * DAY)
    assert (await project.now()).state == "pre-production"


async def test_the_section_goes_while_it_waits_so_it_is_refused_and_never_deployed(project: Project) -> None:
    """Not even by a policy in which a service has the name that it goes by."""
    await project.wish()
    bare = policy_of(
        RULES,
        ("organization: acme", "organization: acme\nstate: pre-production"),
        ("  pages: {}\n", "  project: {deployer: {command: {start: [./deploy.sh]}}}\n"),
    )
    project.policy = bare
    await put_in_force(project.ledger, bare)
    await project.run_timers()
    request = await project.request()
    assert (request.state.value, request.closing and request.closing.code) == ("refused", "no-state-change")
    assert project.deployer.started == []


async def test_two_at_once_are_one(project: Project) -> None:
    await project.wish(key="once")
    assert await project.wish(key="once") == "DEP-1"  # Slack sent the command again
    refusal = await project.refused(person="cy")
    assert (refusal.code, refusal.facts["request"]) == ("already-asked", "DEP-1")


async def test_one_that_the_file_made_needless_is_refused_as_such(project: Project) -> None:
    await project.wish()
    plain = ("state: pre-production\nstate_change:", "state: production\nstate_change:")
    bare = policy_of(RULES, ("organization: acme", "organization: acme\nstate: production"))
    await put_in_force(project.ledger, bare)
    project.policy = policy_of(SECTION, RULES, plain)
    await put_in_force(project.ledger, project.policy)
    await project.run_timers()
    request = await project.request()
    assert (request.state.value, request.closing and request.closing.code) == ("refused", "in-that-state")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "pre-production"}, "in-that-state"),
        ({"state": "prodution"}, "unknown-state"),
        ({"reason": "  "}, "no-reason"),
        ({"reason": "x" * 1001}, "reason-too-long"),
        ({"ticket": "C" * 65}, "too-long"),
        ({"person": "eve"}, "unknown-person"),
    ],
)
async def test_what_cannot_be_is_refused_at_once_and_leaves_nothing(
    project: Project, changes: dict[str, Any], code: str
) -> None:
    assert (await project.refused(**changes)).code == code


async def test_who_may_ask_is_what_the_environment_says(project: Project) -> None:
    await project.reload(("    severity: P0\n", "    severity: P0\n    access: {request: [platform-lead]}\n"))
    assert (await project.refused(person="cy")).code == "may-not-request"
    assert await project.wish(person="ada") == "DEP-1"


async def test_a_request_of_a_policy_that_was_replaced_meanwhile_is_not_taken(project: Project) -> None:
    await put_in_force(project.ledger, policy_of(SECTION, RULES, REWORDED))
    assert (await project.refused()).code == "policy-moved"


async def test_the_second_factor_is_the_sections_and_not_the_environments(project: Project) -> None:
    await project.reload(
        ("lin], second_factor: {methods: [totp]}", "lin], second_factor: {methods: [passkey]}")
    )
    await project.wish()
    assert await project.refusal_of_signing("bo") == "method-forbidden"


async def test_no_glass_breaks_for_it_and_starting_by_hand_opens_no_gate(project: Project) -> None:
    project.clock.at = project.clock.now() + (5 - project.clock.now().weekday()) * DAY
    await project.green()
    await project.wish()
    await project.approve("bo")
    await project.press_start("ada")
    await project.run_timers()
    assert (await project.state_of(), (await project.now()).state) == ("approved", "pre-production")


async def test_an_evaluation_that_was_under_way_by_the_old_rules_decides_nothing(project: Project) -> None:
    """The snapshot was taken, then the state changed: the transaction that decides sees it."""
    change = await project.wish()
    asked = await project.ask("cy")
    stale = project.policy
    await project.sign("bo", change)
    await evaluate(project.ledger, project.collector, stale, change)
    await evaluate(project.ledger, project.collector, stale, asked)
    assert (await project.now()).state == "production"
    readiness = (await project.request(asked)).readiness
    assert readiness is None or readiness.policy_digest != stale.digest


async def test_what_is_digested_is_from_where_to_where_and_by_which_rules(project: Project) -> None:
    one = await project.request(await project.wish())
    await project.cancel("ada")
    await project.reload(REWORDED)
    two = await project.request(await project.wish())
    assert one.artifact.digest != two.artifact.digest
    assert json.loads(json.dumps(two.bound))["digest"] == two.artifact.digest


# --- on our own page -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("K1")
@pytest.mark.requirement("P8")
async def test_a_passkey_on_our_page_approves_it_where_its_section_wants_one_and_a_code_does_not(
    project: Project,
) -> None:
    """Production itself takes codes alone."""
    await project.reload(
        ("lin], second_factor: {methods: [totp]}", "lin], second_factor: {methods: [passkey]}")
    )
    pages = Pages(project)
    await pages.give("bo")
    await project.wish()
    token = await pages.press("bo")
    assert (await pages.refusal(pages.code(token, pages.good("bo")))).code == "method-forbidden"
    shown = await challenges.shown(project.ledger, project.policy, token)
    assert [method.value for method in shown.held.methods] == ["passkey"]
    assert shown.view is not None
    assert [seat.roles for seat in shown.view.quorum.seats] == [("release-manager",)]
    await pages.passkey(token, "bo")
    await project.run_timers()
    assert (await project.now()).state == "production"


@pytest.mark.requirement("K1")
async def test_a_link_to_approve_it_is_worth_nothing_once_another_policy_or_state_is_in_force(
    project: Project,
) -> None:
    await project.reload(
        ("lin], second_factor: {methods: [totp]}", "lin], second_factor: {methods: [passkey]}")
    )
    pages = Pages(project)
    await pages.give("bo")
    await pages.give("sam")
    await project.wish()
    late, token = await pages.press("sam"), await pages.press("bo")
    stale, asked = project.policy, await pages.ask(late)
    await pages.passkey(token, "bo")
    await project.run_timers()
    answer = pages.keys["sam"].get({"challenge": b64(asked.signed)})
    assert (await pages.refusal(pages.answer(late, asked, answer))).code == "not-awaiting-approval"
    back = await project.wish("pre-production")
    again = await pages.press("sam", back)
    project.policy = stale  # a process that has not looked yet
    assert (await pages.refusal(pages.passkey(again, "sam"))).code == "policy-changed"
    await project.follow()
    assert ((await project.now()).state, await project.approvals(back)) == ("production", {})
