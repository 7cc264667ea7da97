from dataclasses import replace

import pytest

from bot.domain.change_request import RequestState
from bot.domain.environment import Colour
from bot.domain.escalation import Escalation, EscalationStep, Target, TargetKind
from bot.domain.incident import Cause, IncidentState, Judged
from bot.domain.page import Page, PageState
from bot.flows.inquire import IncidentView
from bot.flows.suspects import Alike
from bot.policy import Policy
from handlers.slack.incident_card import render
from tests.handlers.slack.examples import (
    MINUTE,
    NOW,
    accepted_by_slack,
    buttons_of,
    incident,
    incident_view,
    lines_of,
    status,
    text_of,
)

STEPS = (EscalationStep((Target(TargetKind.ON_CALL, "primary"),), 5 * MINUTE),) * 2
CHAIN = Escalation(steps=STEPS, rounds=1)
LIVE = incident_view().changed[0]
ALIKE = (Alike("staging", Colour.GREEN), Alike("dev", Colour.UNKNOWN))
TAKEN = incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="ada", acknowledged_at=NOW - MINUTE)
OVER = incident(state=IncidentState.RESOLVED, resolved_at=NOW)
VIEWS = {
    "open": incident_view(),
    "taken": incident_view(TAKEN),
    "over": incident_view(OVER, status=status("production", Colour.GREEN)),
    "resolved by a person": incident_view(replace(OVER, resolved_by="cy")),
    "overdue": incident_view(incident(respond_by=NOW - MINUTE)),
    "nobody on call": incident_view(incident(on_call=None, respond_by=None)),
    "environment gone": incident_view(status=None, others=(), changed=()),
    "suspected": incident_view(incident(suspect=LIVE.id), suspect=LIVE, alike=ALIKE),
    "cleared": incident_view(
        incident(suspect=LIVE.id, judged=(Judged(request=LIVE.id, related=False, by="lin", at=NOW),)),
        suspect=LIVE,
        alike=ALIKE,
    ),
    "rolling back": incident_view(
        replace(TAKEN, suspect=LIVE.id, rolled_back_by="DEP-43", ticket="acme/x#7"), suspect=LIVE
    ),
    "exhausted": incident_view(incident(escalation=replace(CHAIN, told=2))),
    "second step": incident_view(incident(escalation=replace(CHAIN, told=2, next_at=NOW))),
    "muted": incident_view(incident(environment="staging", muted_by="production")),
    "leads": replace(
        incident_view(incident(group="INC-7")), waiting=(incident(group="INC-7"), incident(id="INC-8"))
    ),
    "led": incident_view(incident(id="INC-8", group="INC-7")),
    "declared": incident_view(
        incident(cause=Cause.DECLARED, title="<!channel> Cards refused", declared_by="lin", causes=())
    ),
    "deployment": incident_view(incident(cause=Cause.DEPLOYMENT, suspect=LIVE.id, causes=()), suspect=LIVE),
    "blindness": incident_view(
        incident(cause=Cause.BLINDNESS, causes=()),
        status=status("production", Colour.UNKNOWN, "we-are-blind"),
    ),
    "sighted": incident_view(
        incident(cause=Cause.BLINDNESS, causes=(), state=IncidentState.RESOLVED, resolved_at=NOW)
    ),
    "blind": incident_view(status=status("production", Colour.UNKNOWN, "stale")),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_state_fits_a_phone_and_slack(name: str, policy: Policy) -> None:
    shown = render(VIEWS[name], policy)
    accepted_by_slack(shown)
    assert len(lines_of(shown)) <= 12


@pytest.mark.requirement("K5")
def test_red_calls_the_person_on_call_with_a_deadline_and_the_cause(policy: Policy) -> None:
    lines = lines_of(render(VIEWS["open"], policy))
    assert lines[0].startswith("*🔴 RED · production · P0* · INC-7 since <!date^")
    assert lines[1].startswith("<@U04CY> you are on call: answer by <!date^")
    assert lines[2].startswith("api answered 503, not 200 · last good <!date^")
    assert lines[4] == "Elsewhere: 🟢 staging GREEN · ⚪ dev UNKNOWN"
    assert lines[5].endswith("fixes=production`")


def test_what_changed_before_is_told_and_not_blamed(policy: Policy) -> None:
    line = lines_of(render(VIEWS["open"], policy))[3]
    assert line == "Changed shortly before: DEP-42 checkout `7a3f9c2` by Lin, live 4 min before"
    assert "Nothing changed there" in text_of(render(incident_view(changed=()), policy))


@pytest.mark.parametrize(
    ("recipients", "begins"),
    [
        (("lin",), "<@U01LIN> you are asked now: answer by <!date^"),
        (("cy", "lin"), "<@U04CY> you are on call, <@U01LIN> you are asked as well: answer by <!date^"),
        (("pagerduty:default",), "PagerDuty default heard of it last: answer by <!date^"),
    ],
)
def test_whoever_the_last_step_asked_is_called_with_the_time_of_that_step(
    recipients: tuple[str, ...], begins: str, policy: Policy
) -> None:
    due = NOW + 9 * MINUTE
    sent = tuple(
        Page(incident="INC-7", step=2, recipient=each, ways=(), paged_at=NOW, state=PageState.REACHED)
        for each in recipients
    )
    late = incident(respond_by=NOW - MINUTE, escalation=replace(CHAIN, told=2, next_at=due))
    shown = lines_of(render(incident_view(late, pages=sent), policy))[1]
    assert shown.startswith(begins)
    assert f"answer by <!date^{int(due.timestamp())}" in shown
    assert "overdue since" in shown
    assert shown.endswith("step 2 of 2 told")


def test_what_never_passed_has_no_last_good_by_another_monitor(policy: Policy) -> None:
    seen = status("production", Colour.RED, "refused")
    never = replace(seen.monitors[0], good_at=None)
    passing = replace(never, name="api-2", colour=Colour.GREEN, good_at=NOW)
    view = incident_view(status=replace(seen, monitors=(never, passing)))
    assert "last good" not in text_of(render(view, policy))


def test_a_second_answer_leaves_the_time_of_the_first(policy: Policy) -> None:
    again = replace(TAKEN, acknowledged_at=NOW, first_answered_at=TAKEN.opened_at + MINUTE)
    assert "has it (first answered after 60 s)" in text_of(render(incident_view(again), policy))


@pytest.mark.parametrize("name", ["taken", "over", "resolved by a person"])
def test_nobody_is_called_once_somebody_has_it(name: str, policy: Policy) -> None:
    assert "<@" not in text_of(render(VIEWS[name], policy))


@pytest.mark.parametrize(
    ("name", "buttons"),
    [
        ("open", ["incident_acknowledge", "incident_escalate", "incident_resolve"]),
        (
            "suspected",
            [
                "incident_acknowledge",
                "incident_roll_back",
                "incident_not_this",
                "incident_was_this",
                "incident_escalate",
                "incident_resolve",
            ],
        ),
        ("cleared", ["incident_acknowledge", "incident_was_this", "incident_escalate", "incident_resolve"]),
        ("rolling back", ["incident_not_this", "incident_was_this", "incident_escalate", "incident_resolve"]),
        ("exhausted", ["incident_acknowledge", "incident_resolve"]),
        ("taken", ["incident_escalate", "incident_resolve"]),
        ("over", []),
    ],
)
def test_the_buttons_follow_the_state(name: str, buttons: list[str], policy: Policy) -> None:
    assert buttons_of(render(VIEWS[name], policy)) == buttons


def test_nobody_on_call_is_said_to_everybody(policy: Policy) -> None:
    assert "Nobody is on call by the policy" in text_of(render(VIEWS["nobody on call"], policy))


def test_a_cause_of_any_length_keeps_the_limits(policy: Policy) -> None:
    seen = status("production", Colour.RED, "<!channel>" * 500)
    shown = render(IncidentView(**{**_fields(VIEWS["open"]), "status": seen}), policy)
    accepted_by_slack(shown)
    assert "<!channel>" not in text_of(shown)


def _fields(view: IncidentView) -> dict[str, object]:
    return {name: getattr(view, name) for name in ("incident", "status", "others", "changed", "place", "now")}


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("suspected", 4, "The same version elsewhere: 🟢 staging GREEN · ⚪ dev UNKNOWN"),
        ("cleared", 3, "(Lin: it was not this)"),
        ("rolling back", -3, "Rollback: DEP-43 · Ticket: acme/x#7"),
        (
            "exhausted",
            1,
            "Nobody answered, and nobody else is paged: whoever reads this, press *Acknowledge*",
        ),
        ("second step", 1, "step 2 of 2 told"),
        ("muted", 1, "Nobody is paged for this: production comes first, and is in trouble as well"),
        ("leads", 1, "its page tells of 1 other, and *Acknowledge* takes them all"),
        ("led", 1, "Nobody has it yet; the page of INC-7 tells of it as well"),
        ("declared", 0, "&lt;!channel&gt; Cards refused · production · P0* · INC-7"),
        ("blindness", 0, "*‼ MONITORING IS BLIND · production · P0* · INC-7"),
        ("sighted", 1, "Monitoring sees again"),
        ("deployment", 0, "*‼ DEPLOYMENT WENT WRONG · production · P0* · INC-7"),
    ],
)
def test_each_state_says_what_is_so(name: str, line: int, words: str, policy: Policy) -> None:
    assert words in lines_of(render(VIEWS[name], policy))[line]


@pytest.mark.requirement("P21")
def test_what_failed_there_is_told_with_how_it_ended_and_can_be_taken_back(policy: Policy) -> None:
    failed = replace(LIVE, state=RequestState.FAILED)
    view = incident_view(incident(suspect=failed.id), suspect=failed, changed=(failed,))
    shown = text_of(render(view, policy))
    assert "DEP-42 checkout `7a3f9c2` by Lin, failed 4 min before" in shown
    assert "[Roll back]" in shown
    assert "[Roll back]" not in text_of(render(replace(view, reached=False), policy))
    lost = replace(failed, state=RequestState.UNRESOLVED)
    assert "ended, nobody knows how, 4 min before" in text_of(
        render(replace(view, suspect=lost, changed=(lost,)), policy)
    )
