"""Signed commands at the real app, with the real flows on a real ledger."""

from datetime import timedelta

import pytest

from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.environment import Colour
from bot.domain.evidence import Evidence, EvidenceKind
from bot.flows.evaluate import evaluate
from handlers.slack.context import SlackContext
from storage.ledger import Ledger
from tests.handlers.slack.conftest import ClockOf, People, Stub, until
from tests.handlers.slack.examples import DIGEST, NOW, monitor
from tests.handlers.slack.workspace import ADA, CY, LIN, STRANGER, requests, shown, waiting


async def test_a_request_is_durable_when_slack_is_answered(people: People, ledger: Ledger) -> None:
    answer = await people.command(LIN, "request checkout 7a3f9c2 production ticket=CHG-1207 Retry it")
    assert answer.status == 200
    assert shown(answer.body).startswith("◷ *DEP-1: checkout `7a3f9c2` → production*")
    (made,) = await requests(ledger)
    assert (made.service, made.artifact.tag, made.ticket, made.reason) == (
        "checkout",
        "7a3f9c2",
        "CHG-1207",
        "Retry it",
    )
    assert made.requester.person == "lin"


async def test_the_same_command_sent_again_asks_once(people: People, ledger: Ledger) -> None:
    first = await people.command(LIN, "request checkout 7a3f9c2", trigger="9.same")
    again = await people.command(LIN, "request checkout 7a3f9c2", trigger="9.same")
    assert "DEP-1" in shown(first.body)
    assert "DEP-1 was asked for already" in shown(again.body)
    assert len(await requests(ledger)) == 1


BAD_INPUT = [
    ("request chekout 7a3f9c2", "There is no service “chekout” in the policy. Did you mean “checkout”?"),
    ("request checkout sha256:abc", "“sha256:abc” is no image tag"),
    ("request checkout 7a3f9c2 prodution", "There is no environment “prodution” in the policy. Did you mean"),
    ("request checkout 7a3f9c2 tikcet=1", "“tikcet=” is no key of /deploy request. Did you mean ticket=?"),
    ("request checkout 7a3f9c2 production " + "x" * 3000, "The reason has 3000 characters, 1000 are kept."),
    ("request checkout", "The artifact is missing."),
    ("request checkout 7a3f9c2 at=2020-01-01T10:00", "is over. Name a later one"),
    ("request checkout 7a3f9c2 ticket=" + "C" * 65, "The ticket has 65 characters"),
    ("request checkout 7a3f9c2 fixes=moon", "There is no environment “moon”"),
    ("cancel", "Say which request: /deploy cancel ID."),
    ("cancel DEP-404", "There is no request DEP-404."),
    ("why soon", "“soon” is no request."),
    ("start 404", "There is no request DEP-404."),
    ("status 404", "There is no request DEP-404."),
    ("stauts", "/deploy has no “stauts”. Did you mean /deploy status?"),
    ("xyzzy", "/deploy has no “xyzzy”. /deploy help lists what there is."),
    ("stop-all", "/deploy stop-all is not available in this version."),
    ("rollback checkout", "The environment is missing. Write /deploy rollback SERVICE ENVIRONMENT"),
    ("rollback checkout moon INC-9", "There is no environment “moon”"),
    ("rollback checkout production because", "names the incident that it answers"),
    ("rollback checkout production INC-9 to= because", "“to=” has nothing after it"),
    ("rollback checkout production INC-9 to=a to=b", "“to=” stands twice"),
    ("withdraw", "Say which request: /deploy withdraw ID"),
    ("withdraw 404 INC-9", "There is no request DEP-404."),
]


@pytest.mark.parametrize(("text", "said"), BAD_INPUT)
async def test_bad_input_gets_one_clear_sentence_and_leaves_nothing(
    text: str, said: str, people: People, ledger: Ledger
) -> None:
    answer = await people.command(LIN, text)
    assert said in shown(answer.body)
    assert await requests(ledger) == []


async def test_a_reason_that_would_call_everybody_arrives_as_text(people: People, ledger: Ledger) -> None:
    await people.command(LIN, "request checkout 7a3f9c2 production &lt;!channel&gt; 🚀")
    (made,) = await requests(ledger)
    assert made.reason == "<!channel> 🚀"
    answer = await people.command(LIN, "status 1")
    assert "&lt;!channel&gt; 🚀" in shown(answer.body)


async def test_a_slack_account_alone_is_nobody(people: People, ledger: Ledger) -> None:
    answer = await people.command(STRANGER, "request checkout 7a3f9c2")
    assert "Your Slack account stands for nobody in the policy" in shown(answer.body)
    assert await requests(ledger) == []


async def test_another_workspace_is_not_served(people: People, ledger: Ledger) -> None:
    answer = await people.command(LIN, "request checkout 7a3f9c2", team="T0EVIL")
    assert "serves another Slack workspace" in shown(answer.body)
    assert await requests(ledger) == []


@pytest.mark.parametrize("text", ["help freeze", "freeze help", "FREEZE Help"])
async def test_one_command_tells_how_it_is_written(text: str, people: People) -> None:
    told = shown((await people.command(LIN, text)).body)
    assert "/deploy freeze ENVIRONMENT|all" in told
    assert "break-glass=yes" in told
    assert "/deploy request" not in told


async def test_help_about_what_is_no_command_names_the_nearest(people: People) -> None:
    told = shown((await people.command(LIN, "help freze")).body)
    assert "/deploy has no “freze”. Did you mean /deploy freeze?" in told


@pytest.mark.parametrize(
    ("name", "text"), [("/deploy", ""), ("/deploy", "help"), ("/deploy", "HELP"), ("/env", "help")]
)
async def test_help_is_never_far(name: str, text: str, people: People) -> None:
    assert f"What {name} can do" in shown((await people.command(LIN, text, name=name)).body)


async def test_status_lists_the_newest_first(people: People) -> None:
    assert "Nothing was asked for yet" in shown((await people.command(LIN, "status")).body)
    await people.command(LIN, "request checkout 7a3f9c2")
    await people.command(LIN, "request payments 8b4")
    lines = shown((await people.command(ADA, "status")).body).split("\n")
    assert lines[0] == "*The 2 newest requests*"
    assert lines[1].startswith("◷ *DEP-2* payments `8b4` → production is being checked · Lin, asked just now")


async def test_cancel_is_the_requesters_and_ends_it(people: People, ledger: Ledger) -> None:
    await people.command(LIN, "request checkout 7a3f9c2")
    assert "DEP-1 was cancelled" in shown((await people.command(LIN, "cancel dep-1")).body)
    assert (await requests(ledger))[0].state is RequestState.CANCELLED
    assert "DEP-1 is over already: it was cancelled." in shown((await people.command(LIN, "cancel 1")).body)


async def test_somebody_elses_request_cannot_be_cancelled(people: People, ledger: Ledger) -> None:
    await people.command(LIN, "request checkout 7a3f9c2")
    assert "DEP-1 is Lin's." in shown((await people.command(CY, "cancel 1")).body)
    assert (await requests(ledger))[0].state is RequestState.EVALUATING


async def test_start_needs_an_approval(people: People, ledger: Ledger) -> None:
    await waiting(ledger)
    answer = await people.command(LIN, "start 42")
    assert "DEP-42 cannot start: it waits for approval." in shown(answer.body)


async def test_start_asks_the_gates_once_more(people: People, ledger: Ledger) -> None:
    await waiting(ledger, state=RequestState.APPROVED, approved_at=NOW)
    assert "it starts if all of them pass" in shown((await people.command(LIN, "start 42")).body)
    assert (await requests(ledger))[0].asked_to_start.person == "lin"


async def test_why_asks_the_gates_after_the_ack(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger)
    answer = await people.command(ADA, "why 42")
    assert "Asking every gate about DEP-42" in shown(answer.body)
    (reply,) = await until(lambda: stub.replies)
    assert "ticket: ticket CHG-1207" in shown(reply)


@pytest.mark.requirement("K5")
async def test_red_refuses_new_work_and_lets_the_fix_through_to_approval(
    people: People, ledger: Ledger, context: SlackContext, clock: ClockOf
) -> None:
    from bot.flows.reload_policy import PolicyHolder
    from tests.handlers.slack.examples import POLICY, make_policy

    gates = 'gates: {ticket: {pattern: "^CHG-[0-9]+$"}}\n    approval:\n      seats: [{role: platform-lead}, '
    watched = POLICY.replace(
        gates,
        gates.replace("gates: {", "gates: {environments-green: {environments: [production]}, "),
    ).replace(
        "    severity: P0",
        "    monitors: [{name: api, http: {url: 'https://x.example/health'}}]\n    severity: P0",
    )
    assert isinstance(context.in_force, PolicyHolder)
    context.in_force.policy = make_policy(watched)
    red = monitor("production", Colour.RED, "http-503")
    await ledger.write(lambda tx: tx.environments.keep(red))
    built = Evidence(
        id="b", kind=EvidenceKind.BUILD, service="checkout", artifact="7a3f9c2", digest=DIGEST, environment=None,
        passed=True, at=NOW - timedelta(hours=1), received_at=NOW, source="ci", details={"authors": ["sam"]},
    )  # fmt: skip
    await ledger.write(lambda tx: tx.evidence.put(built, Fact(type="evidence.accepted")))
    await people.command(LIN, "request checkout 7a3f9c2 ticket=CHG-1")
    await evaluate(ledger, context.collector, context.policy, "DEP-1")
    assert (await requests(ledger))[0].state is RequestState.REFUSED
    await people.command(LIN, "request checkout 7a3f9c2 ticket=CHG-1 fixes=production")
    await evaluate(ledger, context.collector, context.policy, "DEP-2")
    assert (await requests(ledger))[0].state is RequestState.AWAITING_APPROVAL
