"""Signed payloads at the real Bolt app, with the real flows on a real ledger; what is written, and what is answered."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.approval import ApprovalState
from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.environment import Colour
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.incident import IncidentState
from bot.domain.second_factor import Credential
from bot.flows.evaluate import evaluate
from handlers.slack import listeners
from handlers.slack.context import SlackContext
from storage.ledger import Ledger
from tests.handlers.slack.conftest import (
    DIGEST,
    NOW,
    ClockOf,
    People,
    Stub,
    incident,
    monitor,
    request,
    until,
)

LIN, ADA, BO, CY, STRANGER = "U01LIN", "U02ADA", "U03BO", "U04CY", "U99EVE"


async def requests(ledger: Ledger) -> list[Any]:
    return await ledger.read(lambda tx: tx.requests.newest(limit=50))


async def waiting(ledger: Ledger, **changes: Any) -> None:
    """DEP-42, asked for by lin, waits for ada and bo, who have a second factor."""

    def step(tx: Any) -> None:
        tx.requests.put(request(**changes), Fact(type="request.submitted"))
        for person in ("lin", "ada", "bo"):
            credential = Credential(
                id=f"totp-{person}",
                person=person,
                method="totp",
                sealed="x",
                enrolled_at=NOW,
                enrolled_by="host:root",
            )
            tx.credentials.put(credential, Fact(type="credential.enrolled"))

    await ledger.write(step)


def shown(body: Any) -> str:
    assert isinstance(body, dict)
    assert body["response_type"] == "ephemeral"
    return "\n".join(b["text"]["text"] for b in body["blocks"] if b["type"] == "section")


# /deploy


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
    ("freeze", "/deploy freeze is not available in this version."),
    ("rollback checkout production", "/deploy rollback is not available in this version."),
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


# The form


async def form(people: People, stub: Stub) -> dict[str, Any]:
    answer = await people.command(LIN, "request")
    assert "The form opens now" in shown(answer.body)
    opened = await until(lambda: stub.of("views.open"))
    view: dict[str, Any] = opened[0]["view"]
    return view


FILLED = {
    "service": "checkout",
    "artifact": "7a3f9c2",
    "environment": "production",
    "ticket": "CHG-1",
    "reason": "",
}


async def test_the_form_asks_like_the_command(people: People, ledger: Ledger, stub: Stub) -> None:
    answer = await people.submit(LIN, await form(people, stub), FILLED)
    assert answer.body == ""
    (made,) = await requests(ledger)
    assert (made.service, made.environment, made.ticket, made.reason) == (
        "checkout",
        "production",
        "CHG-1",
        None,
    )
    assert "DEP-1" in shown((await until(lambda: stub.replies))[0])
    reply = await ledger.read(lambda tx: tx.place("DEP-1", "reply"))
    assert reply is not None
    assert reply["user"] == LIN
    assert str(reply["response_url"]).endswith("/response/1")


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"artifact": "no tag"}, "artifact", "is no image tag"),
        ({"artifact": ""}, "artifact", "is no image tag"),
        ({"ticket": "C" * 70}, "ticket", "The ticket has 70 characters"),
        ({"reason": "x" * 1001}, "reason", "The reason has 1001 characters"),
        ({"service": "gone"}, "service", "There is no service “gone”"),
    ],
)
async def test_what_a_field_is_refused_for_stands_beside_it(
    changed: dict[str, str], field: str, said: str, people: People, ledger: Ledger, stub: Stub
) -> None:
    answer = await people.submit(LIN, await form(people, stub), FILLED | changed)
    assert answer.body["response_action"] == "errors"
    assert said in answer.body["errors"][field]
    assert await requests(ledger) == []


async def test_the_same_form_sent_twice_asks_once(people: People, ledger: Ledger, stub: Stub) -> None:
    opened = await form(people, stub)
    await people.submit(LIN, opened, FILLED, view_id="V1")
    await people.submit(LIN, opened, FILLED, view_id="V1")
    assert len(await requests(ledger)) == 1


async def test_a_form_that_cannot_open_says_so(people: People, stub: Stub) -> None:
    stub.fail("expired_trigger_id")
    await people.command(LIN, "request")
    assert "Slack did not take the answer (expired_trigger_id)" in shown(
        (await until(lambda: stub.replies))[0]
    )


# Approve and reject


async def approve_modal(people: People, stub: Stub, user: str = ADA) -> dict[str, Any]:
    answer = await people.press(user, "request_approve", "DEP-42")
    assert (answer.status, answer.body) == (200, "")
    opened = await until(lambda: stub.of("views.open"))
    view: dict[str, Any] = opened[-1]["view"]
    return view


@pytest.mark.requirement("P8")
async def test_an_approval_needs_a_second_factor_and_is_bound_to_what_was_shown(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    assert json.loads(opened["private_metadata"])["fingerprint"] == request().fingerprint
    answer = await people.submit(ADA, opened, {"code": "999 999"})
    assert answer.body["response_action"] == "update"
    assert "Recorded: you signed DEP-42." in answer.body["view"]["blocks"][0]["text"]["text"]
    (signature,) = await ledger.read(lambda tx: tx.approvals.of("DEP-42"))
    assert (signature.person, signature.state, signature.fingerprint) == (
        "ada",
        ApprovalState.SIGNED,
        request().fingerprint,
    )


async def test_a_wrong_code_stands_beside_its_field_and_is_counted(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    answer = await people.submit(ADA, opened, {"code": "000000"})
    assert answer.body["errors"] == {
        "code": "That code is wrong. 4 tries are left. Codes change every 30 seconds."
    }
    for _ in range(3):
        await people.submit(ADA, opened, {"code": "000000"})
    last = await people.submit(ADA, opened, {"code": "000000"})
    assert "approving is locked for you for 15 minutes" in last.body["errors"]["code"]
    locked = await people.submit(ADA, opened, {"code": "999999"})
    assert "Too many wrong codes" in locked.body["view"]["blocks"][0]["text"]["text"]
    assert await ledger.read(lambda tx: tx.approvals.of("DEP-42")) == []


async def test_the_same_approval_sent_twice_signs_once(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    for _ in range(2):
        answer = await people.submit(ADA, opened, {"code": "999999"}, view_id="V9")
        assert answer.body["response_action"] == "update"
    assert len(await ledger.read(lambda tx: tx.approvals.of("DEP-42"))) == 1


async def test_what_changed_while_it_was_read_is_not_approved(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    await ledger.write(lambda tx: tx.requests.put(request(revision=2, fingerprint="sha256:" + "cd" * 32), Fact(type="request.revised")))  # fmt: skip
    answer = await people.submit(ADA, opened, {"code": "999999"})
    assert "changed while you read it" in answer.body["view"]["blocks"][0]["text"]["text"]
    assert await ledger.read(lambda tx: tx.approvals.of("DEP-42")) == []


@pytest.mark.parametrize(
    ("user", "action", "said"),
    [
        (LIN, "request_approve", "nobody approves their own change"),
        (
            CY,
            "request_approve",
            "This takes somebody who is platform-lead or release-manager, and you are not.",
        ),
        (STRANGER, "request_approve", "Your Slack account stands for nobody"),
        (LIN, "request_reject", "nobody approves their own change"),
        (CY, "request_reject", "and you are not"),
        (CY, "request_start", "DEP-42 cannot start: it waits for approval."),
    ],
)
async def test_whoever_may_not_is_told_why_and_alone(
    user: str, action: str, said: str, people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    assert (await people.press(user, action, "DEP-42")).status == 200
    (reply,) = await until(lambda: stub.replies)
    assert said in shown(reply)
    assert not stub.calls


async def test_whoever_has_no_second_factor_learns_how_to_get_one(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await ledger.write(lambda tx: tx.requests.put(request(), Fact(type="request.submitted")))
    await people.press(ADA, "request_approve", "DEP-42")
    assert "You have no second factor here yet" in shown((await until(lambda: stub.replies))[0])


@pytest.mark.requirement("P10")
async def test_a_rejection_keeps_its_reason(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger)
    await people.press(BO, "request_reject", "DEP-42")
    opened = (await until(lambda: stub.of("views.open")))[0]["view"]
    empty = await people.submit(BO, opened, {"reason": "   "})
    assert empty.body["errors"]["reason"].startswith("Give a reason")
    assert (await people.submit(BO, opened, {"reason": "Not before the sale ends"})).body == ""
    (made,) = await requests(ledger)
    assert made.state is RequestState.REJECTED
    assert (made.closing.by.person, made.closing.reason) == ("bo", "Not before the sale ends")


async def test_details_are_for_whoever_asks_alone(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger)
    await people.press(CY, "request_details", "DEP-42")
    (reply,) = await until(lambda: stub.replies)
    assert shown(reply).startswith("*DEP-42 waits for approval: ")


# Incidents and environments


async def test_an_incident_is_acknowledged_once_and_by_name(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await ledger.write(lambda tx: tx.incidents.put(incident(), Fact(type="incident.opened")))
    await people.press(CY, "incident_acknowledge", "INC-7")
    assert "INC-7 is yours." in shown((await until(lambda: stub.replies))[0])
    await people.press(ADA, "incident_acknowledge", "INC-7", ts="2.2")
    assert "cy has INC-7 already." in shown((await until(lambda: stub.replies[1:]))[0])
    await people.press(CY, "incident_resolve", "INC-7", ts="3.3")
    assert "INC-7 is resolved." in shown((await until(lambda: stub.replies[2:]))[0])
    await people.press(CY, "incident_resolve", "INC-7", ts="4.4")
    assert "INC-7 is over: cy closed it." in shown((await until(lambda: stub.replies[3:]))[0])
    kept = await ledger.read(lambda tx: tx.incidents.get("INC-7"))
    assert kept is not None
    assert (kept.state, kept.acknowledged_by, kept.resolved_by) == (IncidentState.RESOLVED, "cy", "cy")


@pytest.mark.parametrize("text", ["", "status"])
async def test_env_shows_every_environment(text: str, people: People) -> None:
    lines = shown((await people.command(LIN, text, name="/env")).body).split("\n")
    assert lines[0] == "*Fix first: production*"
    assert (
        lines[1]
        == "⚪ *production* UNKNOWN · never verified · nobody watches it: the policy names no monitor"
    )
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [("check", "/env check is not available in this version."), ("sttus", "Did you mean /env status?")],
)
async def test_env_names_what_it_does_not_have(text: str, said: str, people: People) -> None:
    assert said in shown((await people.command(LIN, text, name="/env")).body)


# Bugs, and what nobody listens to


class Broken:
    """A ledger whose disk is full; the exception's text must reach nobody."""

    async def write(self, step: object) -> None:
        raise OSError("secret path /var/lib/x")

    async def read(self, query: object) -> None:
        raise OSError("secret path /var/lib/x")


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, event: str, **facts: object) -> None:
        self.lines.append(f"{event} {facts}")


async def test_a_bug_is_one_honest_sentence_with_an_id_that_the_log_has(
    people: People, context: SlackContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    monkeypatch.setattr(listeners, "log", log)
    monkeypatch.setattr(type(context.ledger), "write", Broken.write)
    answer = await people.command(LIN, "request checkout 7a3f9c2 hush-hush")
    said = shown(answer.body)
    assert "Something broke here" in said
    (logged,) = log.lines
    assert said.split("as ")[-1].rstrip(".") in logged
    assert "OSError" in logged
    assert "secret path" not in said + logged
    assert "hush-hush" not in logged


async def test_a_bug_after_the_ack_is_told_too(people: People, stub: Stub, context: SlackContext, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(type(context.ledger), "read", Broken.read)
    assert (await people.press(ADA, "request_details", "DEP-42")).status == 200
    assert "Something broke here" in shown((await until(lambda: stub.replies))[0])


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "block_actions", "actions": [{"action_id": "request_approve"}]},
        {
            "type": "block_actions",
            "actions": [{"action_id": "request_approve", "type": "button"}],
            "user": {"id": 5},
        },
        {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "deploy_approve", "private_metadata": "no json"},
        },
        {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "deploy_approve", "id": "V", "state": {"values": {}}},
        },
        {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "deploy_reject", "id": "V", "state": {"values": 7}},
        },
    ],
)
async def test_a_malformed_payload_is_answered_and_changes_nothing(
    payload: dict[str, Any], people: People, ledger: Ledger
) -> None:
    await waiting(ledger)
    before = await ledger.read(lambda tx: len(tx.trail.entries()))
    assert (await people.interact({"team": {"id": "T0ACME"}, "user": {"id": ADA}} | payload)).status == 200
    assert await ledger.read(lambda tx: len(tx.trail.entries())) == before


async def test_what_nobody_listens_to_is_404(people: People) -> None:
    assert (await people.command(LIN, "x", name="/other")).status == 404


async def test_a_menu_that_searches_gets_names(people: People) -> None:
    asked = {"type": "block_suggestion", "action_id": "service", "block_id": "service", "value": "pay"}
    answer = await people.interact({"team": {"id": "T0ACME"}, "user": {"id": LIN}} | asked)
    assert [o["value"] for o in answer.body["options"]] == ["payments"]


# The whole way


@pytest.mark.requirement("K5")
async def test_red_refuses_new_work_and_lets_the_fix_through_to_approval(
    people: People, ledger: Ledger, context: SlackContext, clock: ClockOf
) -> None:
    from bot.flows.reload_policy import PolicyHolder
    from tests.handlers.slack.conftest import POLICY, make_policy

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
