"""`/deploy state`: what it tells, what it takes, and how a change of the project's state reads wherever it is shown."""

from dataclasses import replace

import pytest

from bot.domain.artifact import Artifact
from bot.domain.change_request import ChangeRequest, Closing, Kind, RequestState, Start
from bot.flows.project_state import ProjectState
from bot.flows.reload_policy import PolicyHolder, put_in_force
from bot.flows.state_change import Asked, Standing
from handlers.slack import answers, details, request_card, state
from handlers.slack.context import SlackContext
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts
from handlers.wording.notes import POLICY_NOTICES, REQUEST_NOTES, note
from handlers.wording.requests import ending, refused_because, stands, what
from handlers.wording.told import project_state
from storage.ledger import Ledger
from tests.handlers.slack.conftest import People
from tests.handlers.slack.examples import (
    MINUTE,
    NOW,
    POLICY,
    READY,
    accepted_by_slack,
    buttons_of,
    make_policy,
    request,
    text_of,
    view,
)
from tests.handlers.slack.test_answers import delivery
from tests.handlers.slack.workspace import ADA, LIN, STRANGER, requests, shown

WITH_SECTION = POLICY.replace(
    "organization: acme\n",
    "organization: acme\nstate: pre-production\nstate_change: {environment: production, "
    "gates: {calendar: {}}, approval: {seats: [{role: platform-lead}]}}\n",
)


def change(state: RequestState = RequestState.AWAITING_APPROVAL, **changes: object) -> ChangeRequest:
    usual: dict[str, object] = {
        "kind": Kind.CONFIGURATION,
        "service": "project",
        "artifact": Artifact("production", "sha256:" + "ab" * 32),
        "start": Start(mode="next"),
        "state": state,
        "readiness": READY,
        "rollback_target": None,
        "ticket": None,
        "reason": "The launch <!channel>",
    }
    return request(**(usual | changes))


LIVE = change(
    RequestState.LIVE, approved_at=NOW, closing=Closing(code="state-entered", by=change().requester, at=NOW)
)
HELD = ProjectState(
    state="production", since=NOW - 5 * MINUTE, before="pre-production", request="DEP-42", by="lin"
)


@pytest.fixture
async def with_section(context: SlackContext, ledger: Ledger) -> SlackContext:
    assert isinstance(context.in_force, PolicyHolder)
    context.in_force.policy = make_policy(WITH_SECTION)
    await put_in_force(ledger, context.policy)
    return context


# --- the command, signed, at the real app -----------------------------------------------------------------------------


@pytest.mark.requirement("K1")
async def test_it_tells_the_state_and_takes_the_wish_for_another(
    people: People, with_section: SlackContext, ledger: Ledger
) -> None:
    said = shown((await people.command(LIN, "state")).body)
    assert "*The project is in pre-production* since" in said
    assert "`/deploy state production [ticket=CHG-1] because…`" in said
    said = shown((await people.command(LIN, "state Production ticket=CHG-7 because “we launch”")).body)
    assert "◷ *DEP-1: project state `pre-production` → `production`*" in said
    assert "Asking 1 gate; the answer comes here in a moment." in said
    (made,) = await requests(ledger)
    assert (made.artifact.tag, made.ticket, made.reason) == ("production", "CHG-7", "because “we launch”")
    said = shown((await people.command(ADA, "state")).body)
    assert "DEP-1 is being checked: project state `pre-production` → `production`, asked by Lin" in said
    assert "To ask for the other" not in said


async def test_the_same_command_sent_again_asks_once(people: People, with_section: SlackContext) -> None:
    first = await people.command(LIN, "state production go", trigger="9.same")
    again = await people.command(LIN, "state production go", trigger="9.same")
    assert "DEP-1" in shown(first.body)
    assert "DEP-1 was asked for already" in shown(again.body)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("state pre-production because", "The project is in pre-production since"),
        ("state prodution because", "“prodution” is no state of the project. Did you mean production?"),
        ("state x because", "It is pre-production or production."),
        ("state production", "Give a reason"),
        ("state production ticket= because", "“ticket=” has nothing after it"),
        ("state production ticket=a ticket=b because", "“ticket=” stands twice"),
        ("state production " + "x" * 1001, "The reason has 1001 characters"),
        ("state production go ticket=" + "C" * 65, "The ticket has 65 characters"),
    ],
)
async def test_bad_input_gets_one_sentence_and_leaves_nothing(
    text: str, said: str, people: People, with_section: SlackContext, ledger: Ledger
) -> None:
    assert said in shown((await people.command(LIN, text)).body)
    assert await requests(ledger) == []


async def test_where_nobody_approves_it_the_file_says_it_and_so_does_the_answer(
    people: People, ledger: Ledger
) -> None:
    said = shown((await people.command(LIN, "state pre-production because")).body)
    assert "The policy does not say who approves a change of the project's state" in said
    assert "now production" in said
    assert "The policy file says it" in shown((await people.command(LIN, "state")).body)
    assert await requests(ledger) == []


@pytest.mark.parametrize("text", ["state", "state production because"])
async def test_a_stranger_is_told_nothing(people: People, with_section: SlackContext, text: str) -> None:
    said = shown((await people.command(STRANGER, text)).body)
    assert "stands for nobody in the policy" in said
    assert "pre-production" not in said


# --- how it reads -----------------------------------------------------------------------------------------------------


def test_what_holds_names_what_brought_it_and_why() -> None:
    now = Standing(now=HELD, state="production", by_approval=True, brought_by=LIVE)
    told = state.told(now, Voice(make_policy(), NOW))
    accepted_by_slack(told)
    text = text_of(told)
    assert "(5 min ago); before it, pre-production" in text
    assert "By DEP-42, asked by Lin: “The launch &lt;!channel&gt;”" in text
    assert "`/deploy state pre-production [ticket=CHG-1] because…`" in text


def test_the_first_answer_says_what_will_hold() -> None:
    told = state.said(Asked(request=change(), gates=2, repeated=False))
    accepted_by_slack(told)
    assert "Once it is approved the rules of production hold for everything, at once" in text_of(told)


@pytest.mark.requirement("K1")
def test_its_message_is_that_of_a_request_and_never_speaks_of_a_deployment() -> None:
    card = request_card.render(view(change()), make_policy())
    accepted_by_slack(card)
    text = text_of(card)
    assert "Approve project state `pre-production` → `production`?" in text
    assert "configuration change" in text
    assert "Takes effect at once with the last approval" in text
    assert "Fingerprint" in text
    assert buttons_of(card)[:2] == [request_card.APPROVE, request_card.REJECT]
    for word in ("deploy ", "project `production`", "rolls out"):
        assert word not in text


def test_once_it_is_in_force_every_place_says_so() -> None:
    text = text_of(request_card.render(view(LIVE), make_policy()))
    assert "*✓ In force: project state `pre-production` → `production`*" in text
    told = text_of(answers.to_requester(delivery("request-answer", code="live"), view(LIVE), make_policy()))
    assert "In force: project state" in told
    assert (what(LIVE), stands(LIVE)) == ("project state pre-production → production", "took effect")
    assert details.title(LIVE) == "project state `pre-production` → `production`"


def test_why_it_was_refused_where_no_gate_did() -> None:
    assert "no state_change any more" in refused_because("no-state-change")
    assert refused_because("in-that-state") == "the project is in that state already"
    closing = Closing(code="in-that-state", by=change().requester, at=NOW)
    gone = replace(change(RequestState.REFUSED), closing=closing)
    assert "already" in ending(gone, when=lambda at: at.isoformat(), names=str)


def test_the_announcement_names_the_change_where_one_brought_it() -> None:
    facts = {"code": "project-state", "from": "a", "to": "b", "policy": "sha256:" + "ab" * 32}
    assert "brought it" not in project_state(Facts(facts))
    told = note(POLICY_NOTICES, {**facts, "request": "DEP-42", "by": "lin"}, str.title)
    assert told.endswith("DEP-42, asked by Lin and approved, brought it.")
    thread = note(REQUEST_NOTES, {"code": "state-entered", "state": "production"}, str)
    assert thread.startswith("In force: the project is in production from here on")
