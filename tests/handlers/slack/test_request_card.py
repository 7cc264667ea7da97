"""The approval message: twelve lines, words beside every sign, nobody called who cannot act."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.approval import ApprovalState
from bot.domain.artifact import Artifact
from bot.domain.change_request import RequestState, Start
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.fingerprint import short
from bot.domain.outcome import Status
from bot.domain.quorum import Quorum, SeatHeld
from bot.flows.shown import Uncounted
from bot.policy import Policy
from handlers.slack.request_card import render
from tests.handlers.slack.examples import (
    BLOCKED,
    EVERY_STATE,
    HOUR,
    NOW,
    PASSED,
    READY,
    RED_GATE,
    VULNERABLE,
    WAITING,
    accepted_by_slack,
    buttons_of,
    gate,
    lines_of,
    readiness,
    request,
    signed,
    text_of,
    view,
)

SIGNS = {"✓", "⚠", "◷", "?", "✗"}


@pytest.mark.parametrize("name", EVERY_STATE)
def test_every_state_fits_a_phone_and_slack(name: str, policy: Policy) -> None:
    shown = render(view(EVERY_STATE[name]), policy)
    assert len(lines_of(shown)) <= 12
    accepted_by_slack(shown)


@pytest.mark.parametrize("name", EVERY_STATE)
def test_every_state_has_a_word_beside_its_sign(name: str, policy: Policy) -> None:
    for line in lines_of(render(view(EVERY_STATE[name]), policy)):
        if line[0] in SIGNS:
            assert line[1:].lstrip().startswith("*")


@pytest.mark.requirement("P10")
def test_the_approver_sees_what_is_wanted_and_everything_to_decide_by(policy: Policy) -> None:
    shown = text_of(render(view(request(readiness=WAITING)), policy))
    assert shown.startswith("*Approve checkout `7a3f9c2` → production?*  DEP-42 · needs 1 more approval")
    assert " EST> · promotion · CHG-1207 · “Retry card captures on timeouts”" in shown
    assert "Asked by Lin <!date^" in shown, "an instant, for nothing may edit the message any more"
    assert "verified in staging 3 h ago" in shown  # staging results
    assert "all environments green" in shown  # production's stability
    assert "no window is open, opens" in shown  # timing
    assert "digest `9f2c6a019f2c`" in shown
    assert "way back `51be07d`" in shown
    assert buttons_of(render(view(), policy)) == ["request_approve", "request_reject", "request_details"]


@pytest.mark.requirement("P10")
def test_the_source_is_named_as_ci_stated_it_and_as_text(policy: Policy) -> None:
    built = Evidence(
        id="sha256:" + "0" * 64,
        kind=EvidenceKind.BUILD,
        service="checkout",
        artifact="7a3f9c2",
        digest=None,
        environment=None,
        passed=True,
        at=NOW,
        received_at=NOW,
        source="ci",
        details={"commit": "7a3f9c2d41", "authors": ["lin-w", "<!channel>", "sam", "kim", "jo"]},
    )
    shown = text_of(render(replace(view(), build=built), policy))
    assert "Source: commit `7a3f9c2d41` by lin-w, &lt;!channel&gt;, sam and 2 more" in shown


def test_the_fingerprint_can_be_compared(policy: Policy) -> None:
    assert f"Fingerprint `{short('sha256:' + 'ab' * 32)}`" in text_of(render(view(), policy))


def test_seats_say_who_holds_them_and_what_is_empty(policy: Policy) -> None:
    text = text_of(render(view(), policy))
    assert "✓ *1 of 2 signed*  platform-lead: ada\n○ *to sign*  release-manager\n" in text


def test_equal_seats_are_counted_and_held_ones_stand_apart(policy: Policy) -> None:
    roles = ("approver",)
    seats = (SeatHeld(roles, "ada"), SeatHeld(roles), SeatHeld(roles), SeatHeld(("security",)))
    shown = view(
        quorum=Quorum(seats=seats, people=1, minimum=5), could_fill=((), ("bo", "cy"), ("bo", "cy"), ("vic",))
    )
    text = text_of(render(shown, policy))
    assert "✓ *1 of 5 signed*  approver: ada\n○ *to sign*  approver ×2 (bo, cy) · security (vic)\n" in text


def test_a_signature_that_is_being_checked_is_shown_as_that(policy: Policy) -> None:
    shown = text_of(render(view(approvals=(signed("ada"), signed("bo", ApprovalState.SIGNED))), policy))
    assert "◷ bo signed, being checked" in shown


def test_only_those_who_can_act_are_called_and_once(policy: Policy) -> None:
    shown = text_of(render(view(), policy))
    assert shown.count("<@") == 1
    assert "<@U03BO> can approve" in shown
    assert "<@" not in text_of(render(view(EVERY_STATE["live"]), policy))
    assert "<@" not in text_of(render(view(EVERY_STATE["approved"]), policy))


def test_many_who_can_act_are_counted(policy: Policy) -> None:
    shown = text_of(render(view(could_sign=tuple(f"p{n}" for n in range(40))), policy))
    assert "and 34 more can approve" in shown


def test_nobody_who_can_act_is_said(policy: Policy) -> None:
    assert "Nobody whom the policy names can fill what is empty" in text_of(
        render(view(could_sign=()), policy)
    )


@pytest.mark.requirement("P7")
def test_where_different_people_could_fill_the_empty_seats_each_names_its_own(policy: Policy) -> None:
    seats = (SeatHeld(("platform-lead",)), SeatHeld(("release-manager",)))
    shown = view(
        approvals=(),
        quorum=Quorum(seats=seats, people=0, minimum=2),
        could_fill=(("ada",), ("bo", "cy", "p1", "p2", "p3")),
    )
    text = text_of(render(shown, policy))
    assert "○ *to sign*  platform-lead (ada) · release-manager (bo, cy, p1 and 2 more)" in text


def test_a_seat_shows_the_role_by_which_it_is_held(policy: Policy) -> None:
    seats = (SeatHeld(("vp", "platform-lead"), "ada"), SeatHeld(("release-manager",)))
    mine = replace(signed("ada"), roles=("platform-lead",))
    text = text_of(render(view(approvals=(mine,), quorum=Quorum(seats=seats, people=1, minimum=2)), policy))
    assert "✓ *1 of 2 signed*  platform-lead: ada\n" in text


@pytest.mark.requirement("P7")
def test_a_click_that_did_not_count_says_why_and_as_text(policy: Policy) -> None:
    silent = {"silent": [{"source": "github_team acme/<!here>", "code": "timeout"}]}
    clicks = (
        Uncounted(person="bo", code="not-answered", facts=silent),  # type: ignore[arg-type]
        Uncounted(person="cy", code="commit-author", facts={}),
        Uncounted(person="lin", code="no-seat", facts={}),
    )
    text = text_of(render(view(uncounted=clicks), policy))
    assert "Not counted  bo: GitHub did not answer about acme/&lt;!here&gt; (timed out)" in text
    assert "they can press Approve again · cy: wrote commits in it · and 1 more click" in text


def test_a_source_that_is_silent_is_said_where_people_are_called(policy: Policy) -> None:
    silent = (("github_team acme/leads", "timeout"),)
    text = text_of(render(view(silent=silent), policy))
    assert "<@U03BO> can approve · GitHub did not answer about acme/leads (timed out), so others may" in text
    text = text_of(render(view(silent=silent, could_sign=()), policy))
    assert "Nobody is known to be able to approve: GitHub did not answer about acme/leads (timed out)" in text


def test_with_all_that_can_be_said_about_people_it_still_fits(policy: Policy) -> None:
    seats = tuple(SeatHeld((f"role-{n}" * 8,)) for n in range(8))
    clicks = tuple(Uncounted(person="bo" * 30, code="x" * 200, facts={}) for _ in range(9))
    crowded = view(
        request(readiness=BLOCKED, reason="r" * 900),
        quorum=Quorum(seats=seats, people=0, minimum=8),
        could_fill=tuple(tuple(f"{n}-{m}" * 20 for m in range(9)) for n in range(8)),
        could_sign=tuple(f"p{n}" * 30 for n in range(40)),
        silent=(("github_team " + "a" * 39 + "/" + "b" * 90, "timeout"),),
        uncounted=clicks,
    )
    shown = render(crowded, policy)
    accepted_by_slack(shown)
    assert len(lines_of(shown)) <= 12


def test_what_is_blocked_is_held_and_comes_first(policy: Policy) -> None:
    lines = lines_of(render(view(request(readiness=BLOCKED)), policy))
    assert lines[0].startswith("*Held by 2 gates: ")
    assert lines[2].startswith("✗ *blocked* 1 critical vulnerability: CVE-2026-1234 in openssl 3.0.8")
    assert lines[3].startswith("✗ *blocked* production is RED")


def test_more_blockers_than_fit_are_counted(policy: Policy) -> None:
    many = [gate("soak", "never-deployed", Status.UNKNOWN, environment=f"e{n}") for n in range(9)]
    lines = lines_of(render(view(request(readiness=readiness(*PASSED, *many))), policy))
    assert len(lines) <= 12
    assert any(line.endswith("and 6 more, see Details") for line in lines)


@pytest.mark.parametrize(
    ("name", "buttons"),
    [
        ("evaluating", ["request_details"]),
        ("awaiting", ["request_approve", "request_reject", "request_details"]),
        ("approved", ["request_start", "request_reject", "request_hold", "request_details"]),
        ("approved, closed", ["request_reject", "request_hold", "request_details"]),
        ("starting", ["request_details"]),
        ("live", []),
        ("refused", []),
        ("rejected", []),
        ("cancelled", []),
        ("expired", []),
        ("failed", []),
        ("unresolved", []),
    ],
)
def test_the_buttons_follow_the_state(name: str, buttons: list[str], policy: Policy) -> None:
    assert buttons_of(render(view(EVERY_STATE[name]), policy)) == buttons


def test_start_waits_for_the_instant_that_was_asked_for(policy: Policy) -> None:
    asked = request(state=RequestState.APPROVED, readiness=READY, start=Start(mode="at", at=NOW + HOUR))
    assert "request_start" not in buttons_of(render(view(asked), policy))


@pytest.mark.parametrize(
    "reason",
    ["<!channel> wake up", "x" * 3000, "🚀" * 900, "a\nb\nc\n" * 50, "*_`~", "\u202eevil", "<@U01ADA> & co"],
)
def test_a_reason_arrives_as_text_and_breaks_no_limit(reason: str, policy: Policy) -> None:
    shown = render(view(request(reason=reason)), policy)
    accepted_by_slack(shown)
    assert len(lines_of(shown)) <= 12
    assert "<!channel>" not in text_of(shown)
    assert "<!channel>" not in shown.text
    assert text_of(shown).count("<@") == 1


def test_an_emergency_is_loud(policy: Policy) -> None:
    shown = text_of(render(view(request(emergency="INC-7")), policy))
    assert shown.startswith("*EMERGENCY: Approve checkout")
    assert "INC-7" in shown


def test_a_request_whose_environment_left_the_policy_is_still_shown(policy: Policy) -> None:
    shown = render(
        view(request(environment="gone"), quorum=Quorum(seats=(), people=0, minimum=0), could_sign=()), policy
    )
    accepted_by_slack(shown)


names = st.text(alphabet="abcdefghij-", min_size=1, max_size=63)


@settings(max_examples=60)
@given(
    names,
    st.text(max_size=3000),
    st.lists(names, min_size=1, max_size=20),
    st.sampled_from([READY, WAITING, BLOCKED]),
)
def test_long_names_keep_the_limits(name: str, reason: str, roles: list[str], ready: object) -> None:
    from tests.handlers.slack.examples import make_policy

    seats = tuple(SeatHeld((role, role), None) for role in roles)
    asked = replace(
        request(service=name, environment=name, reason=reason, artifact=Artifact("t" * 128)),
        readiness=ready,  # type: ignore[arg-type]
    )
    shown = render(
        view(asked, quorum=Quorum(seats=seats, people=0, minimum=20), could_sign=tuple(roles)), make_policy()
    )
    accepted_by_slack(shown)
    assert len(lines_of(shown)) <= 12


def test_the_worst_is_said_in_the_notification(policy: Policy) -> None:
    shown = render(view(request(readiness=readiness(VULNERABLE, RED_GATE))), policy)
    assert shown.text.startswith("Held by 2 gates: checkout 7a3f9c2 → production  DEP-42")
