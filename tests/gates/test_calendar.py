"""P6 and P12: the calendar delays until its next opening, warns, or lets pass; a rollback it never holds."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

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
from bot.domain.feed import FeedStatus
from bot.domain.freeze import UNTIL_LIFTED
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.gates.calendar import Parameters, decide
from tests.gates.conftest import DAY, HOUR, NOW, TICK, request, snapshot

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
    said = replace(SAID, verdict=verdict, next_allowed=next_allowed, next_change=next_allowed)
    return snapshot(asked=request(kind=kind), calendar=Says(said))


CASES = {
    "preferred": (told(Verdict.PREFERRED, NOW), Status.PASSED, "preferred", None),
    "allowed": (told(Verdict.ALLOWED, NOW), Status.PASSED, "allowed", None),
    "discouraged": (told(Verdict.DISCOURAGED, NOW + HOUR), Status.WARNED, "discouraged", NOW + HOUR),
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


def frozen_rule(name: str = "FRZ-3", ends: datetime | None = None, **changes: Any) -> Rule:
    usual: dict[str, Any] = {
        "name": name,
        "kind": RuleKind.FREEZE,
        "effect": Effect.PROHIBIT,
        "source": Fixed((Span(NOW - HOUR, ends or UNTIL_LIFTED),)),
        "reason": "Peak trading",
    }
    return Rule(**(usual | changes))


def of(*rules: Rule, outside: Effect = Effect.ALLOW, **changes: Any) -> Snapshot:
    return replace(snapshot(calendar=Calendar(rules, outside)), **changes)


def names_and_ends(outcome: GateOutcome) -> list[tuple[str, str | None]]:
    rules: Any = outcome.facts["rules"]
    return [(rule["name"], rule["until"]) for rule in rules]


def test_a_freeze_without_an_end_waits_for_the_people_who_lift_it() -> None:
    outcome = decide(of(frozen_rule()), Parameters(), NOW)
    assert (outcome.status, outcome.code, outcome.until) == (Status.WAITING, "frozen", None)
    assert outcome.awaits == "FRZ-3"
    assert outcome.facts["awaits"] == ["FRZ-3"]


def test_several_freezes_without_an_end_are_all_named() -> None:
    outcome = decide(of(frozen_rule("FRZ-9"), frozen_rule("FRZ-3")), Parameters(), NOW)
    assert (outcome.code, outcome.awaits, outcome.facts["awaits"]) == ("frozen", "FRZ-3", ["FRZ-3", "FRZ-9"])


def test_a_freeze_without_an_end_that_follows_another_prohibition_is_what_is_waited_for() -> None:
    later = frozen_rule(source=Fixed((Span(NOW + HOUR, UNTIL_LIFTED),)))
    outcome = decide(of(frozen_rule("audit", NOW + 2 * HOUR), later), Parameters(), NOW)
    assert (outcome.code, outcome.awaits) == ("frozen", "FRZ-3")


def test_what_would_stay_closed_without_the_freeze_as_well_never_opens() -> None:
    window = frozen_rule("once", kind=RuleKind.WINDOW, effect=Effect.ALLOW, source=Fixed(()))
    outcome = decide(of(frozen_rule(), window, outside=Effect.PROHIBIT), Parameters(), NOW)
    assert (outcome.status, outcome.code) == (Status.BLOCKED, "never-opens")


def test_a_freeze_that_ends_beyond_the_horizon_is_no_freeze_without_an_end() -> None:
    outcome = decide(of(frozen_rule(ends=NOW + timedelta(days=900))), Parameters(), NOW)
    assert (outcome.status, outcome.code) == (Status.BLOCKED, "never-opens")


def test_what_leads_into_something_else_names_that_too() -> None:
    later = replace(frozen_rule("later"), source=Fixed((Span(NOW + HOUR, NOW + 3 * HOUR),)))
    outcome = decide(of(frozen_rule("sooner", ends=NOW + HOUR), later), Parameters(), NOW)
    assert (outcome.code, outcome.until) == ("prohibited", NOW + 3 * HOUR)
    assert [rule["name"] for rule in outcome.facts["then"]] == ["later"]  # type: ignore[index,call-overload,union-attr]


def test_it_waits_until_nothing_prohibits_even_if_something_still_discourages_then() -> None:
    soft = frozen_rule("FRZ-4", NOW + 3 * HOUR, effect=Effect.DISCOURAGE)
    outcome = decide(of(frozen_rule(ends=NOW + HOUR), soft), Parameters(), NOW)
    assert (outcome.code, outcome.until) == ("prohibited", NOW + HOUR)
    then = decide(of(frozen_rule(ends=NOW + HOUR), soft), Parameters(), NOW + HOUR)
    assert (then.status, then.until) == (Status.WARNED, NOW + 3 * HOUR)


def test_a_soft_freeze_warns_and_is_named() -> None:
    outcome = decide(of(frozen_rule("FRZ-4", effect=Effect.DISCOURAGE)), Parameters(), NOW)
    assert (outcome.status, outcome.code, outcome.until) == (Status.WARNED, "discouraged", None)
    assert names_and_ends(outcome) == [("FRZ-4", None)]


def test_every_prohibiting_rule_is_named_the_longest_first() -> None:
    rules = (
        frozen_rule("b-short", NOW + HOUR),
        frozen_rule("soft", effect=Effect.DISCOURAGE),
        frozen_rule("a-short", NOW + HOUR),
        frozen_rule("FRZ-3", NOW + 3 * HOUR),
    )
    assert names_and_ends(decide(of(*rules), Parameters(), NOW)) == [
        ("FRZ-3", "2026-11-10T18:00:00+00:00"),
        ("a-short", "2026-11-10T16:00:00+00:00"),
        ("b-short", "2026-11-10T16:00:00+00:00"),
        ("soft", None),
    ]


def feed(fetched: timedelta | None, **changes: Any) -> FeedStatus:
    """The holidays' calendar, read so long ago (None: never); a day is believed."""
    usual: dict[str, Any] = {
        "name": "bank-days",
        "environments": None,
        "services": None,
        "fetched_at": None if fetched is None else NOW - fetched,
        "stale_after": DAY,
        "problem": "http-503",
    }
    return FeedStatus(**(usual | changes))


STALE = feed(2 * DAY)


@pytest.mark.parametrize(
    ("feeds", "kind", "expected"),
    [
        ((feed(DAY),), Kind.PROMOTION, ("passed", "allowed")),
        ((STALE,), Kind.PROMOTION, ("unknown", "feed-stale")),
        ((feed(None),), Kind.PROMOTION, ("unknown", "feed-stale")),
        ((feed(HOUR, readable=False),), Kind.PROMOTION, ("unknown", "feed-stale")),
        ((feed(HOUR), STALE), Kind.EMERGENCY, ("unknown", "feed-stale")),
        ((STALE,), Kind.ROLLBACK, ("passed", "allowed")),
        ((feed(2 * DAY, environments=frozenset({"staging"})),), Kind.PROMOTION, ("passed", "allowed")),
        ((feed(2 * DAY, services=frozenset({"pages"})),), Kind.PROMOTION, ("passed", "allowed")),
    ],
)
def test_a_fetched_calendar_that_is_too_old_closes_the_gate_where_it_applies(
    feeds: tuple[FeedStatus, ...], kind: Kind, expected: tuple[str, str]
) -> None:
    outcome = decide(of(feeds=feeds, request=request(kind=kind)), Parameters(), NOW)
    assert (outcome.status.value, outcome.code) == expected
    assert outcome.retry is (outcome.code == "feed-stale")


def test_a_calendar_that_is_too_old_is_told_with_its_age_and_its_problem() -> None:
    outcome = decide(of(feeds=(feed(HOUR), feed(3 * DAY, name="older"), STALE)), Parameters(), NOW)
    told = {key: outcome.facts[key] for key in ("name", "fetched_at", "stale_after", "problem", "stale")}
    assert told == {
        "name": "older",
        "fetched_at": "2026-11-07T15:00:00+00:00",
        "stale_after": 86400,
        "problem": "http-503",
        "stale": ["older", "bank-days"],
    }
    assert Citation(source="calendar:bank-days", at=NOW - 2 * DAY) in outcome.cites


def test_what_prohibits_anyway_decides_and_names_the_calendar_that_is_too_old() -> None:
    outcome = decide(of(frozen_rule(ends=NOW + HOUR), feeds=(STALE,)), Parameters(), NOW)
    assert (outcome.code, outcome.until, outcome.facts["stale"]) == ("prohibited", NOW + HOUR, ["bank-days"])
    outcome = decide(of(frozen_rule(), feeds=(STALE,)), Parameters(), NOW)
    assert (outcome.code, outcome.facts["stale"]) == ("frozen", ["bank-days"])


def test_judged_for_a_later_instant_a_fetched_calendar_is_as_fresh_as_today() -> None:
    fresh = of(feeds=(feed(HOUR),))
    assert decide(fresh, Parameters(), NOW + 9 * DAY).status is Status.PASSED
    aged = replace(fresh, taken_at=NOW + 9 * DAY)
    assert decide(aged, Parameters(), NOW + 9 * DAY).code == "feed-stale"


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
