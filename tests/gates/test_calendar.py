"""P6 and P12: the calendar delays until its next opening, warns, or lets pass; a rollback it never holds."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from bot.domain.calendar import (
    ActiveRule,
    Calendar,
    CalendarVerdict,
    Effect,
    Fixed,
    Rule,
    RuleKind,
    Scope,
    Span,
    Verdict,
)
from bot.domain.change_request import Kind
from bot.domain.outcome import Status
from bot.domain.snapshot import Snapshot
from bot.gates.calendar import Parameters, decide
from tests.gates.conftest import HOUR, NOW, TICK, request, snapshot

pytestmark = [pytest.mark.requirement("P6"), pytest.mark.requirement("P12")]

FREEZE = ActiveRule(
    name="black-friday",
    kind=RuleKind.FREEZE,
    effect=Effect.PROHIBIT,
    until=NOW + HOUR,
    reason="Peak trading",
)
SAID = CalendarVerdict(
    at=NOW,
    environment="production",
    service="checkout",
    verdict=Verdict.ALLOWED,
    break_glass=True,
    rules=(FREEZE,),
    next_change=None,
    next_allowed=NOW,
    next_preferred=None,
)


class Says(Calendar):
    """A calendar that says what it is told to, and keeps what it was asked."""

    def __init__(self, verdict: CalendarVerdict) -> None:
        super().__init__((), Effect.ALLOW)
        self.verdict = verdict
        self.asked: list[tuple[datetime, str, str | None]] = []

    def at(self, instant: datetime, *, environment: str, service: str | None = None) -> CalendarVerdict:
        self.asked.append((instant, environment, service))
        return self.verdict


def told(verdict: Verdict, next_allowed: datetime | None = None, kind: Kind = Kind.PROMOTION) -> Snapshot:
    said = replace(SAID, verdict=verdict, next_allowed=next_allowed)
    return snapshot(asked=request(kind=kind), calendar=Says(said))


CASES = {
    "preferred": (told(Verdict.PREFERRED, NOW), Status.PASSED, "preferred", None),
    "allowed": (told(Verdict.ALLOWED, NOW), Status.PASSED, "allowed", None),
    "discouraged": (told(Verdict.DISCOURAGED, NOW + HOUR), Status.WARNED, "discouraged", None),
    "prohibited": (told(Verdict.PROHIBITED, NOW + HOUR), Status.WAITING, "prohibited", NOW + HOUR),
    "never opens": (told(Verdict.PROHIBITED), Status.BLOCKED, "never-opens", None),
    "a rollback while discouraged": (
        told(Verdict.DISCOURAGED, kind=Kind.ROLLBACK),
        Status.PASSED,
        "rollback",
        None,
    ),
    "a rollback while prohibited": (
        told(Verdict.PROHIBITED, kind=Kind.ROLLBACK),
        Status.PASSED,
        "rollback",
        None,
    ),
    "an emergency is held all the same": (
        told(Verdict.PROHIBITED, NOW + HOUR, Kind.EMERGENCY),
        Status.WAITING,
        "prohibited",
        NOW + HOUR,
    ),
}


@pytest.mark.parametrize(("facts", "expected", "code", "until"), CASES.values(), ids=CASES.keys())
def test_calendar(facts: Snapshot, expected: Status, code: str, until: datetime | None) -> None:
    outcome = decide(facts, Parameters(), NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("calendar", expected, code)
    assert outcome.until == until


def test_it_is_asked_about_this_service_and_environment_at_this_instant() -> None:
    calendar = Says(SAID)
    decide(snapshot(calendar=calendar), Parameters(), NOW)
    assert calendar.asked == [(NOW, "production", "checkout")]


def test_every_active_rule_is_told_with_its_end_and_reason() -> None:
    facts = decide(told(Verdict.PROHIBITED, NOW + HOUR), Parameters(), NOW).facts
    assert facts["rules"] == [
        {
            "name": "black-friday",
            "kind": "freeze",
            "effect": "prohibit",
            "until": "2026-11-10T16:00:00+00:00",
            "reason": "Peak trading",
        }
    ]
    assert facts["verdict"] == "prohibited"
    assert facts["next_allowed"] == "2026-11-10T16:00:00+00:00"
    assert facts["break_glass"] is True


def test_instants_are_told_in_utc_whatever_zone_the_calendar_used() -> None:
    there = (NOW + HOUR).astimezone(timezone(timedelta(hours=-5)))
    facts = decide(told(Verdict.PROHIBITED, there), Parameters(), NOW).facts
    assert facts["next_allowed"] == "2026-11-10T16:00:00+00:00"


def test_a_real_freeze_waits_until_the_instant_it_ends() -> None:
    freeze = Rule(
        name="peak",
        kind=RuleKind.FREEZE,
        effect=Effect.PROHIBIT,
        source=Fixed((Span(NOW - HOUR, NOW + HOUR),)),
        scope=Scope(environments=frozenset({"production"})),
    )
    facts = snapshot(calendar=Calendar((freeze,), Effect.ALLOW))
    assert decide(facts, Parameters(), NOW).until == NOW + HOUR
    assert decide(facts, Parameters(), NOW + HOUR - TICK).status is Status.WAITING
    assert decide(facts, Parameters(), NOW + HOUR).status is Status.PASSED
    assert decide(facts, Parameters(), NOW - timedelta(days=1)).status is Status.PASSED
