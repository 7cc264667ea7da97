"""What `/deploy whoami` says, to people of the directory and to strangers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.authority import Word
from bot.domain.identity import Identity, Provider
from bot.domain.second_factor import Credential
from bot.flows.roles import Basis
from bot.flows.whoami import RoleStanding, Whoami
from bot.policy import Policy
from handlers.slack.voice import Voice
from handlers.slack.whoami import render
from tests.handlers.slack.conftest import People, Stub, until
from tests.handlers.slack.examples import HOUR, NOW, accepted_by_slack, text_of
from tests.handlers.slack.workspace import ADA, STRANGER, shown

TEAM = Basis("github_team acme/approvers", Word.YES)
ME = Whoami(
    user="U02ADA",
    person="ada",
    now=NOW,
    links=(
        Identity(
            provider=Provider.GITHUB,
            subject="101",
            person="ada",
            label="ada-l",
            linked_at=NOW - 48 * HOUR,
            linked_by="x",
        ),
    ),
    written=((Provider.SLACK, "U02ADA"),),
    roles=(
        RoleStanding(name="lead", word=Word.YES, bases=(TEAM,)),
        RoleStanding(name="manager", word=Word.NO, bases=(replace(TEAM, word=Word.NO),), only_for=("scheduled",)),
        RoleStanding(
            name="vp",
            word=Word.UNANSWERED,
            bases=(Basis("slack_usergroup S0VP", Word.UNANSWERED, code="no-groups-on-this-plan"),),
        ),
        RoleStanding(
            name="sre", word=Word.UNANSWERED, bases=(Basis("oidc_role Sre", Word.UNANSWERED, code="timeout"),)
        ),
    ),
    factors=(
        Credential(id="1", person="ada", method="passkey", sealed="", enrolled_at=NOW - HOUR, enrolled_by="x",
                   usable_from=NOW + 23 * HOUR, name="laptop"),
        Credential(id="2", person="ada", method="totp", sealed="", enrolled_at=NOW - HOUR, enrolled_by="x", pending=True),
    ),
    cool_off_matters=True,
)  # fmt: skip


def said(found: Whoami, policy: Policy) -> str:
    message = render(found, Voice(policy, found.now))
    accepted_by_slack(message)
    return text_of(message)


@pytest.mark.requirement("P7")
def test_accounts_roles_and_factors_each_say_why(policy: Policy) -> None:
    text = said(ME, policy)
    assert "*You are ada*" in text
    assert "✓ *linked* · GitHub: ada-l, since" in text
    assert "○ *not linked* · Slack: U02ADA, as the policy says" in text
    assert "✓ *held* · lead: by the GitHub team acme/approvers" in text
    assert (
        "– *not held* · manager: not in the GitHub team acme/approvers; has a say only for scheduled" in text
    )
    assert (
        "? *not known* · vp: the Slack user group S0VP could not tell (this Slack workspace is on a plan"
        in text
    )
    assert "? *not known* · sre: the login role Sre did not answer (timed out)" in text
    assert "counts for production from" in text
    assert "waits for an administrator to confirm it" in text


def test_what_is_locked_says_what_is_not(policy: Policy) -> None:
    text = said(replace(ME, locked_for=timedelta(minutes=15)), policy)
    assert "is locked for you for 15 min at most. Rejecting, holding and cancelling still work." in text


def test_an_account_of_somebody_else_is_said_first(policy: Policy) -> None:
    assert "*But this Slack account is linked to bo:* it approves nothing" in said(
        replace(ME, of_another="bo"), policy
    )


def test_without_factors_the_way_to_one_is_named(policy: Policy) -> None:
    assert "○ *none yet* · `/deploy enroll`" in said(replace(ME, factors=()), policy)


@pytest.mark.requirement("P7")
def test_a_stranger_learns_what_to_ask_for_and_whom(policy: Policy) -> None:
    text = said(Whoami(user="U99X", person=None, now=NOW, able=("ada", "bo")), policy)
    assert "stands for nobody in the policy" in text
    assert "`slack: U99X`, by whoever keeps the policy file; ada or bo may know who that is." in text


def test_free_text_of_accounts_arrives_as_text(policy: Policy) -> None:
    evil = replace(ME.links[0], label="<!channel>\u202e")
    assert "GitHub: &lt;!channel&gt;, since" in said(replace(ME, links=(evil,)), policy)


async def test_the_answer_follows_the_ack(people: People, stub: Stub) -> None:
    answer = await people.command(ADA, "whoami")
    assert "Asking who you are here" in shown(answer.body)
    await until(lambda: bool(stub.replies))
    assert "You are ada" in str(stub.replies[0])


async def test_strangers_are_answered_too(people: People, stub: Stub) -> None:
    await people.command(STRANGER, "whoami")
    await until(lambda: bool(stub.replies))
    assert "stands for nobody in the policy" in str(stub.replies[0])
