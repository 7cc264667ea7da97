"""What reaches people beside the card: a page, one message for many, an alarm, and the lines of the thread."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.escalation import Escalation, EscalationStep, Target, TargetKind
from bot.domain.incident import Incident, IncidentState
from bot.flows.many import ManyView
from bot.policy import Policy
from handlers.slack import incident_page, notes
from handlers.slack.voice import Voice
from handlers.wording.incidents import ALARMS
from tests.handlers.slack.examples import (
    MINUTE,
    NOW,
    accepted_by_slack,
    buttons_of,
    incident,
    incident_view,
    lines_of,
    text_of,
)
from tests.handlers.slack.test_answers import delivery

STATES = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED)


def several(count: int) -> list[Incident]:
    return [
        incident(id=f"INC-{n + 7}", environment=f"feature-{n}", group="INC-7", summary="INC-7")
        for n in range(count)
    ]


def test_a_page_says_what_is_wrong_where_and_how_it_is_answered(policy: Policy) -> None:
    shown = incident_page.page(incident_view(), policy, "cy")
    accepted_by_slack(shown)
    assert lines_of(shown)[0].startswith("*🔴 RED · production · P0* · INC-7")
    assert lines_of(shown)[1].startswith("cy, you are on call: answer by <!date^")
    other = incident_page.page(incident_view(), policy, "lin")
    assert lines_of(other)[1].startswith("Lin, you are asked as well: answer by")
    assert "<@" not in text_of(other)
    step = EscalationStep((Target(TargetKind.ON_CALL, "primary"),), 9 * MINUTE)
    due = NOW + 9 * MINUTE
    stepped = incident(escalation=Escalation(steps=(step,), told=1, next_at=due))
    said = lines_of(incident_page.page(incident_view(stepped), policy, "cy"))[1]
    assert f"answer by <!date^{int(due.timestamp())}" in said  # as the thread's "it goes on at"
    assert buttons_of(shown) == ["incident_acknowledge", "incident_escalate"]
    assert "RED · production · P0 · INC-7" in shown.text
    assert "Its thread and all other buttons stand in #incidents" in lines_of(shown)


def test_a_page_of_many_names_the_first_and_counts_the_rest(policy: Policy) -> None:
    lead, *others = several(2000)
    view = replace(incident_view(lead), waiting=(lead, *others))
    shown = incident_page.page(view, policy, "cy")
    accepted_by_slack(shown)
    assert lines_of(shown)[1].startswith("*and 1999 others within the same minute:* feature-1 (INC-8), ")
    assert lines_of(shown)[1].endswith("and 1987 more")
    assert "[Acknowledge all 2000]" in text_of(shown)


def test_one_message_counts_many_and_takes_each_group_with_one_button(policy: Policy) -> None:
    all_ = [replace(each, state=STATES[n % 3]) for n, each in enumerate(several(1995))]
    view = ManyView(incidents=tuple(all_), place=None, now=NOW)
    shown = incident_page.many(view, policy)
    accepted_by_slack(shown)
    assert lines_of(shown)[0].startswith("*🔴 RED · 1995 more environments within a minute*")
    assert lines_of(shown)[1] == "665 open · 665 acknowledged · 665 resolved"
    assert buttons_of(shown) == ["incident_acknowledge"]
    over = ManyView(
        incidents=tuple(replace(i, state=IncidentState.RESOLVED) for i in all_), place=None, now=NOW
    )
    assert lines_of(incident_page.many(over, policy))[0].startswith("*✓ RESOLVED")
    assert buttons_of(incident_page.many(over, policy)) == []


@pytest.mark.parametrize("code", [*ALARMS, "brand-new"])
def test_an_alarm_is_told_while_it_is_true(code: str, policy: Policy) -> None:
    owed = delivery("incident-alarm", code, rounds=3)
    shown = incident_page.alarm(owed, incident_view(), policy)
    assert shown is not None
    accepted_by_slack(shown)
    assert lines_of(shown)[0].startswith("*‼ INC-7 · production · P0: ")
    assert buttons_of(shown) == ["incident_acknowledge"]
    taken = incident_view(incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="cy"))
    assert incident_page.alarm(owed, taken, policy) is None


def line(policy: Policy, code: str, **facts: object) -> str:
    owed = delivery("incident-note", code, **facts)
    return text_of(notes.render(owed, Voice(policy, NOW)))


def test_the_line_of_a_step_calls_whoever_is_told_and_says_when_it_goes_on(policy: Policy) -> None:
    until = (NOW + timedelta(minutes=5)).isoformat()
    said = line(
        policy,
        "told",
        step=1,
        of=2,
        round=1,
        rounds=3,
        people=["cy"],
        places=["pagerduty:default"],
        until=until,
    )
    assert said.startswith(
        "<@U04CY> Step 1 of 2: told cy and PagerDuty default. Without an answer it goes on <!date^"
    )


def test_the_line_of_a_step_says_whom_nobody_could_tell_and_that_the_next_one_is_told(policy: Policy) -> None:
    said = line(
        policy,
        "told",
        step=1,
        of=2,
        round=2,
        rounds=3,
        wayless=["lin"],
        empty=[{"kind": "on_call", "name": "primary"}, {"kind": "role", "name": "sre"}],
        silent=["github_team acme/sre"],
    )
    assert said == (
        "Step 1 of 2, round 2 of 3: told nobody. No way leads to Lin: neither Slack nor e-mail is in the policy. "
        "Nobody is on call in primary. Nobody holds the role sre. Not asked, so whoever they name is not among them: "
        "github_team acme/sre. So the next step is told at once."
    )


def test_a_suspect_is_a_fact_and_whoever_asked_for_it_is_called(policy: Policy) -> None:
    said = line(policy, "suspect", request="DEP-42", person="cy", seconds=240)
    assert said.startswith("<@U04CY>, DEP-42 is yours and went live 4 min before.")
    failed = line(policy, "suspect", request="DEP-42", person="cy", seconds=240, ended="failed")
    assert failed.startswith("<@U04CY>, DEP-42 is yours and failed 4 min before.")
    gone = line(policy, "suspect", request="DEP-42", person="somebody <else>", seconds=240)
    assert gone.startswith("somebody &lt;else&gt;, DEP-42 is yours")
    nobody = line(policy, "suspect", request="DEP-42", person=None, seconds=240)
    assert nobody.startswith("DEP-42 went live 4 min before. That is no claim")
    assert "no claim" in said


@pytest.mark.requirement("P22")
@pytest.mark.parametrize(
    ("urgent", "words"), [(True, "it stays held while this is P0"), (False, "resume it")]
)
def test_a_held_rollout_says_what_to_do_by_severity(urgent: bool, words: str, policy: Policy) -> None:
    facts = {"request": "DEP-42", "percent": 25, "severity": "P0", "urgent": urgent}
    for kind, code in (("incident-note", "rollout-held"), ("request-note", "held-by-incident")):
        owed = delivery(kind, code, incident="INC-7", **facts)
        said = text_of(notes.render(owed, Voice(policy, NOW)))
        assert "at 25 %" in said
        assert "Is it related? Roll it back." in said
        assert words in said


def test_what_nobody_wrote_down_is_still_a_page_that_can_be_read(policy: Policy) -> None:
    late = incident(respond_by=NOW - MINUTE, on_call=None)
    accepted_by_slack(
        incident_page.page(incident_view(late, status=None, others=(), changed=()), policy, "cy")
    )
