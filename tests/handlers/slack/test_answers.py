from typing import Any

import pytest

from bot.domain.change_request import RequestState
from bot.domain.deployment import Run, RunState
from bot.domain.environment import Colour
from bot.domain.outcome import Status
from bot.domain.owed import Delivery
from bot.flows.inquire import Why
from bot.flows.request import Submitted
from bot.policy import Policy
from handlers.slack import answers, approve, details, env, help, notes, reject, request_modal  # noqa: A004
from handlers.slack.voice import Voice
from handlers.wording.incidents import NOTES as INCIDENT_NOTES
from handlers.wording.notes import POLICY_NOTICES, REQUEST_NOTES
from tests.handlers.slack.examples import (
    BLOCKED,
    EVERY_STATE,
    HOUR,
    MINUTE,
    NOW,
    WAITING,
    accepted_by_slack,
    buttons_of,
    closed,
    gate,
    lines_of,
    make_policy,
    readiness,
    request,
    status,
    text_of,
    view,
    view_accepted_by_slack,
    view_text,
)

CODES = ["awaiting-approval", "refused", "expired", "asking-again", "not-started", "ready-to-start", "live"]


def delivery(kind: str, code: str, subject: str = "DEP-42", **facts: Any) -> Delivery:
    return Delivery(
        key="k",
        kind=kind,
        destination="slack:user:U01LIN",
        subject=subject,
        due_at=NOW,
        facts={"code": code, "at": NOW.isoformat(), **facts},
    )


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("state", EVERY_STATE)
def test_every_answer_is_true_of_the_state_it_is_sent_in(state: str, code: str, policy: Policy) -> None:
    shown = answers.to_requester(delivery("request-answer", code), view(EVERY_STATE[state]), policy)
    accepted_by_slack(shown)
    assert "DEP-42" in lines_of(shown)[0]
    assert len(lines_of(shown)) <= 12


@pytest.mark.requirement("P23")
def test_a_refusal_says_every_blocker_and_what_unblocks_it(policy: Policy) -> None:
    shown = lines_of(
        answers.to_requester(delivery("request-answer", "refused"), view(EVERY_STATE["refused"]), policy)
    )
    assert shown[0] == "*Not yet: checkout `7a3f9c2` → production has 2 blockers*  DEP-42"
    assert shown[1].startswith("✗ *blocked* 1 critical vulnerability: CVE-2026-1234")
    assert shown[2] == "      → Fixed in openssl 3.0.9: rebuild, then ask again."
    assert shown[3].startswith("✗ *blocked* production is RED since <!date^")
    assert shown[4].startswith("      → Only a fix may go, production first: add fixes=production.")
    assert shown[5:] == ["✓ 6 others passed", "[Why, in detail]"]


def test_a_warning_without_a_reason_asks_for_one(policy: Policy) -> None:
    warned = readiness(
        *WAITING.outcomes[:3],
        gate(
            "calendar",
            "discouraged",
            Status.WARNED,
            rules=[{"name": "friday", "kind": "restriction", "effect": "discourage"}],
        ),
    )
    refused = closed(RequestState.REFUSED, "needs-reason", readiness=warned)
    shown = text_of(answers.to_requester(delivery("request-answer", "refused"), view(refused), policy))
    assert shown.startswith("*Not without a reason: checkout `7a3f9c2` → production has 1 warning*")
    assert "discouraged by the restriction friday" in shown
    assert "It passes with a reason" in shown


def test_an_unanswered_source_is_asked_until_an_instant_that_is_told(policy: Policy) -> None:
    silent = readiness(
        gate("immutable-artifact", "registry-unreachable", Status.UNKNOWN, problem="timeout", retry=True)
    )
    asked = request(state=RequestState.EVALUATING, readiness=silent)
    owed = delivery("request-answer", "asking-again", until=(NOW + 10 * MINUTE).isoformat())
    shown = lines_of(answers.to_requester(owed, view(asked), policy))
    assert shown[1] == "? *unknown* the registry did not answer (timeout)"
    assert shown[2].startswith("I keep asking until <!date^")
    assert shown[2].endswith("(10 min more); then it is refused.")


def test_the_requester_gets_a_start_button_when_everything_passes(policy: Policy) -> None:
    owed = delivery("request-answer", "ready-to-start")
    assert buttons_of(answers.to_requester(owed, view(EVERY_STATE["approved"]), policy))[0] == "request_start"
    late = answers.to_requester(owed, view(EVERY_STATE["approved, closed"]), policy)
    assert "request_start" not in buttons_of(late)


@pytest.mark.parametrize(
    "code", ["commit-author", "authors-unknown", "no-seat", "excluded", "approval-voided", "new"]
)
def test_an_approver_learns_why_a_signature_does_not_count(code: str, policy: Policy) -> None:
    owed = delivery("approver-answer", code, changed=["digest"], roles=["platform-lead"], by=["ada"])
    shown = answers.to_approver(owed, view(), policy)
    accepted_by_slack(shown)
    assert lines_of(shown)[0].startswith("*Your approval of DEP-42 ")


def test_the_first_answer_says_what_was_understood() -> None:
    done = Submitted(request_id="DEP-42", service="checkout", artifact="7a3f9c2", environment="production", gates=9, repeated=False)  # fmt: skip
    assert lines_of(answers.submitted(done)) == [
        "◷ *DEP-42: checkout `7a3f9c2` → production*",
        "Asking 9 gates; the answer comes here in a moment.",
    ]


ALL_NOTES = [
    *[("request-note", code) for code in REQUEST_NOTES],
    *[("incident-note", code) for code in INCIDENT_NOTES],
    *[("policy-notice", code) for code in POLICY_NOTICES],
    ("request-note", "brand-new"),
]


@pytest.mark.parametrize(("kind", "code"), ALL_NOTES)
def test_every_note_is_a_sentence_with_and_without_its_facts(kind: str, code: str, policy: Policy) -> None:
    facts = {
        "person": "bo",
        "reason": "<!channel> " * 300,
        "seconds": 720,
        "run": "DEP-42/1",
        "outcome": "exit-0",
    }
    for given in ({}, facts):
        shown = notes.render(delivery(kind, code, **given), Voice(policy, NOW), alone=True)
        accepted_by_slack(shown)
        assert "<!channel>" not in text_of(shown)
        assert text_of(shown).startswith("*DEP-42*: ")


def test_notes_tell_who_did_what(policy: Policy) -> None:
    voice = Voice(policy, NOW)
    counted = delivery("request-note", "approval-counted", person="lin", method="totp")
    assert text_of(notes.render(counted, voice)) == "Lin approved, with a second factor (totp)."
    rejected = delivery("request-note", "rejected", person="bo", reason="Not now")
    assert text_of(notes.render(rejected, voice)) == "bo rejected it: “Not now”"
    live = delivery("request-note", "live", run="DEP-42/1", outcome="exit-0", seconds=720)
    assert (
        text_of(notes.render(live, voice))
        == "Live 12 min after the approval. Run DEP-42/1: the deployer finished."
    )


def test_what_went_live_is_announced_with_who(policy: Policy) -> None:
    shown = notes.announcement(
        delivery("announcement", "live", seconds=720), view(EVERY_STATE["live"]), policy
    )
    assert lines_of(shown) == [
        "✓ *Live: checkout `7a3f9c2` → production*  DEP-42",
        "Asked by Lin, approved by ada · 12 min after the approval",
    ]


def test_a_digest_that_differs_is_a_security_event(policy: Policy) -> None:
    owed = delivery("security-event", "digest-mismatch", artifact="7a3f9c2", registry_digest="sha256:" + "a" * 64, build_digest="sha256:" + "b" * 64)  # fmt: skip
    shown = notes.security(owed, view(), policy)
    accepted_by_slack(shown)
    assert "SECURITY: the tag 7a3f9c2 is not what CI built. The registry has aaaaaaaaaaaa, CI built bbbbbbbbbbbb." in text_of(shown)  # fmt: skip


def test_why_shows_every_gate_with_its_evidence_within_slacks_limits(policy: Policy) -> None:
    shown = details.render(Why(view=view(), outcomes=BLOCKED.outcomes, fresh=True), policy)
    accepted_by_slack(shown)
    text = text_of(shown)
    assert all(o.gate in text for o in BLOCKED.outcomes)
    assert "_stated by token:ci, 1 h ago_" in text
    many = tuple(
        gate("soak", "never-deployed", Status.UNKNOWN, environment="e" * 190, required_seconds=n)
        for n in range(300)
    )
    accepted_by_slack(details.render(Why(view=view(), outcomes=many, fresh=True), policy))


def test_why_of_what_is_under_way_names_no_start_and_no_cure(policy: Policy) -> None:
    shut = gate("calendar", "prohibited", Status.WAITING, until=NOW + HOUR, rules=[])
    shown = text_of(
        details.render(Why(view=view(EVERY_STATE["starting"]), outcomes=(shut,), fresh=True), policy)
    )
    assert "It has started, so no gate stops it any more. How far it is: `/deploy status DEP-42`" in shown
    assert "Earliest start" not in shown
    assert "→ It passes" not in shown
    assert "waits" in shown


def test_why_of_what_is_over_says_how_old_it_is(policy: Policy) -> None:
    over = Why(view=view(EVERY_STATE["refused"]), outcomes=BLOCKED.outcomes, fresh=False)
    assert "It is over; the gates said this just now:" in text_of(details.render(over, policy))
    never = Why(view=view(closed(RequestState.EXPIRED, readiness=None)), outcomes=(), fresh=False)
    assert "It ended before any gate was asked." in text_of(details.render(never, policy))


def test_the_approve_modal_shows_what_is_signed(policy: Policy) -> None:
    shown = approve.render(view(request(readiness=BLOCKED, reason="<!channel> " * 300)), policy)
    view_accepted_by_slack(shown)
    assert "You sign the fingerprint `JEG5-WMQF`" in view_text(shown)
    assert "CVE-2026-1234" in view_text(shown)


def test_the_other_modals_are_accepted(policy: Policy) -> None:
    view_accepted_by_slack(reject.render(request()))
    view_accepted_by_slack(
        request_modal.render(policy, {"response_url": "https://hooks.slack.com/x", "channel": "C"})
    )


def test_a_policy_with_many_services_gets_a_menu_that_searches() -> None:
    services = "".join(f"  service-{n}: {{}}\n" for n in range(150))
    large = make_policy(
        f"version: 1\ntimezone: UTC\nservices:\n{services}environments: {{production: {{}}}}\n"
    )
    form = request_modal.render(large, {})
    view_accepted_by_slack(form)
    assert form["blocks"][0]["element"]["type"] == "external_select"
    assert len(request_modal.suggestions(large, "service", "")) == 100
    assert [o["value"] for o in request_modal.suggestions(large, "service", "E-14")][:2] == [
        "service-14",
        "service-140",
    ]


@pytest.mark.requirement("K2")
def test_environments_are_shown_in_fix_first_order_with_words(policy: Policy) -> None:
    found = (
        status("production", Colour.YELLOW, "slow"),
        status("staging", Colour.RED, "check-failed", failed=["database"]),
        status("dev", Colour.GREEN),
    )
    assert lines_of(env.render(found, Voice(policy, NOW))) == [
        "*Fix first: staging*",
        "🟡 *production* YELLOW for 3 min · verified 60 s ago · api answers, but slower than allowed",
        "🔴 *staging* RED for 3 min · verified 60 s ago · api reports failing checks (database)",
        "🟢 *dev* GREEN for 3 min · verified 60 s ago · 1 monitor passes",
    ]


@pytest.mark.parametrize("command", ["/deploy", "/env"])
def test_help_names_every_sub_command(command: str) -> None:
    shown = help.render(command)
    accepted_by_slack(shown)
    assert all(f"{command} {name}" in text_of(shown) for name in help.COMMANDS[command])


def test_runs_are_not_needed_to_render(policy: Policy) -> None:
    run = Run(
        id="DEP-42/1", request="DEP-42", service="checkout", environment="production", artifact=request().artifact,
        rollback_target=None, state=RunState.CALLING, intended_at=NOW,
    )  # fmt: skip
    accepted_by_slack(answers.to_requester(delivery("request-answer", "live"), view(runs=(run,)), policy))
