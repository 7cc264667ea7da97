"""What a broken glass passes (P13): listed gates, while it lasts, where they permit it; and what it demands instead."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import bot.gates
from bot.domain.calendar import Calendar, Effect, Fixed, Rule, RuleKind, Scope, Span
from bot.domain.change_request import BrokenGlass, ChangeRequest, Kind
from bot.domain.feed import FeedStatus
from bot.domain.outcome import GateOutcome, Status
from bot.domain.snapshot import RollbackFacts, Snapshot
from bot.gates import GATES, NEVER_BYPASSED, Gate, earliest, judge
from bot.gates.bypass import NOTIFIED, under_glass
from handlers.wording.gates import ANY_GATE, line
from tests.gates.conftest import ALL_PROVED, HOUR, MINUTE, NOW, TICK, request, snapshot
from tests.gates.test_judge import RULES

pytestmark = pytest.mark.requirement("P13")
DAY = timedelta(days=1)


def glass(*bypasses: str, **changes: Any) -> BrokenGlass:
    usual: dict[str, Any] = {
        "by": request().requester,
        "at": NOW - MINUTE,
        "ticket": "INC-7",
        "reason": "Checkout charges twice",
        "bypasses": bypasses,
        "requires": ("incident-ticket", "rollback-plan"),
        "expires_at": NOW + 4 * HOUR,
        "told": ("cy",),
        "told_at": NOW - MINUTE,
    }
    return BrokenGlass(**(usual | changes))


def emergency(*bypasses: str, **changes: Any) -> ChangeRequest:
    """A request whose glass is broken."""
    return request(kind=Kind.EMERGENCY, emergency="INC-7", break_glass=glass(*bypasses, **changes))


def outcome(gate: str, status: Status, **facts: Any) -> GateOutcome:
    until = NOW + HOUR if status is Status.WAITING else None
    return GateOutcome(gate=gate, status=status, code="said", until=until, facts=facts)


def under(
    broken: BrokenGlass, one: GateOutcome, now: datetime = NOW, *, passable: bool = True
) -> GateOutcome:
    return under_glass(broken, [one], now, lambda _: passable)[0]


CLOSED = {Status.WAITING, Status.UNKNOWN, Status.BLOCKED}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("permits", [True, False])
@pytest.mark.parametrize("lasts", [True, False])
def test_a_gate_counts_as_passed_if_it_is_listed_and_closed_and_permits_it_while_the_glass_lasts(
    status: Status, listed: bool, permits: bool, lasts: bool
) -> None:
    broken = glass(*(["soak"] if listed else []))
    now = broken.expires_at - TICK if lasts else broken.expires_at
    judged = under(broken, outcome("soak", status), now, passable=permits)
    passed = status in CLOSED and listed and permits and lasts
    assert judged.status is status
    assert judged.bypassed is passed
    assert judged.counts_as is (Status.PASSED if passed else status)


def test_a_warning_is_acknowledged_by_the_reason_and_not_bypassed() -> None:
    assert not under(glass("soak"), outcome("soak", Status.WARNED)).bypassed


class Silent(BaseModel):
    """Parameters of a gate that has none."""


def says(status: Status) -> Any:
    def decide(_snapshot: Snapshot, _parameters: Silent, _now: datetime) -> GateOutcome:
        return GateOutcome(
            gate="any", status=status, code="said", until=NOW + HOUR if status is Status.WAITING else None
        )

    return decide


@pytest.mark.parametrize("gate", sorted(NEVER_BYPASSED))
@pytest.mark.parametrize("status", sorted(CLOSED))
def test_the_artifact_and_the_way_back_are_never_bypassed_whatever_a_glass_says(
    gate: str, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide(snapshot: Snapshot, parameters: Silent, now: datetime) -> GateOutcome:
        return replace(says(status)(snapshot, parameters, now), gate=gate)

    monkeypatch.setattr(bot.gates, "GATES", {gate: Gate(gate, Silent, decide, bypassable=False)})
    judged = judge(snapshot(asked=emergency(gate)), {gate: Silent()}, NOW, "p")
    assert judged.bypassed == ()
    assert judged.status is status


@given(
    statuses=st.lists(st.sampled_from(Status), min_size=1, max_size=6),
    listed=st.sets(st.integers(0, 5)),
    told=st.booleans(),
)
def test_it_starts_only_if_all_that_is_not_listed_passes_and_whoever_is_on_call_was_told(
    statuses: Sequence[Status], listed: set[int], told: bool
) -> None:
    broken = glass(*(f"g{n}" for n in listed), told_at=NOW if told else None)
    outcomes = [outcome(f"g{n}", status) for n, status in enumerate(statuses)]
    judged = under_glass(broken, outcomes, NOW, lambda _: True)
    left = {status for n, status in enumerate(statuses) if n not in listed}
    may_start = all(o.counts_as in (Status.PASSED, Status.WARNED) for o in judged)
    assert may_start is (told and left <= {Status.PASSED, Status.WARNED})
    assert [o.status for o in judged[:-1]] == list(statuses)


def test_a_policy_without_gates_passes_nothing_under_a_glass_either() -> None:
    judged = judge(snapshot(asked=emergency("soak")), {}, NOW, "p")
    assert (judged.outcomes, judged.status) == ((), Status.UNKNOWN)


def test_without_a_glass_an_emergency_bypasses_nothing_and_tells_nobody() -> None:
    asked = request(kind=Kind.EMERGENCY, emergency="INC-7")
    judged = judge(snapshot(asked=asked), {"soak": RULES["soak"]}, NOW, "p")
    assert (judged.bypassed, [o.gate for o in judged.outcomes]) == ((), ["soak"])


def test_nothing_starts_before_whoever_is_on_call_was_told() -> None:
    waits = judge(snapshot(*ALL_PROVED, asked=emergency(told_at=None)), RULES, NOW, "p")
    assert (waits.status, waits.awaits, waits.may_be_approved) == (Status.WAITING, (NOTIFIED,), True)
    told = judge(snapshot(*ALL_PROVED, asked=emergency()), RULES, NOW, "p")
    assert told.may_start
    assert told.outcomes[-1].code == "on-call-told"
    nobody = judge(snapshot(*ALL_PROVED, asked=emergency(told=())), RULES, NOW, "p")
    assert nobody.outcomes[-1].code == "others-told"


@pytest.mark.requirement("P14")
@pytest.mark.parametrize(
    ("requires", "status", "code"),
    [
        (("rollback-plan",), Status.BLOCKED, "no-plan"),
        (("incident-ticket",), Status.WARNED, "no-previous-version"),
    ],
)
def test_a_rollback_plan_is_a_way_back_that_passes_and_not_one_that_warns(
    requires: tuple[str, ...], status: Status, code: str
) -> None:
    nothing = RollbackFacts(target=None, registry=None, command=None)
    gate = GATES["rollback-target"].parameters.model_validate({"initial": "warn"})
    asked = emergency("rollback-target", requires=requires)
    judged = judge(snapshot(asked=asked, rollback=nothing), {"rollback-target": gate}, NOW, "p")
    assert (judged.outcomes[0].status, judged.outcomes[0].code) == (status, code)


# The calendar


ALWAYS = Span(NOW - DAY, NOW + DAY)


def closed(name: str, *, break_glass: bool, until: datetime = NOW + DAY) -> Rule:
    return Rule(
        name=name,
        kind=RuleKind.FREEZE,
        effect=Effect.PROHIBIT,
        source=Fixed((Span(NOW - DAY, until),)),
        scope=Scope(environments=None, services=None),
        break_glass=break_glass,
    )


PERMITS, FORBIDS = closed("black-friday", break_glass=True), closed("audit", break_glass=False)
WINDOW = Rule(
    name="night",
    kind=RuleKind.WINDOW,
    effect=Effect.ALLOW,
    source=Fixed((Span(NOW + 2 * DAY, NOW + 3 * DAY),)),
    scope=Scope(environments=None, services=None),
)
CALENDAR: Mapping[str, BaseModel] = {"calendar": RULES["calendar"]}


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        ((PERMITS,), True),
        ((FORBIDS,), False),
        ((PERMITS, FORBIDS), False),
        ((WINDOW,), True),
        ((WINDOW, PERMITS), True),
        ((WINDOW, FORBIDS), False),
    ],
    ids=[
        "permits",
        "forbids",
        "one forbids",
        "outside the windows",
        "outside and permits",
        "outside and forbids",
    ],
)
def test_a_closed_calendar_is_passed_only_if_every_active_prohibition_permits_it(
    rules: tuple[Rule, ...], passes: bool
) -> None:
    facts = snapshot(asked=emergency("calendar"), calendar=Calendar(rules, Effect.PROHIBIT))
    judged = judge(facts, CALENDAR, NOW, "p")
    assert judged.outcomes[0].status is Status.WAITING
    assert (bool(judged.bypassed), judged.may_start) == (passes, passes)
    unlisted = judge(replace(facts, request=emergency("soak")), CALENDAR, NOW, "p")
    assert unlisted.bypassed == ()


@pytest.mark.requirement("P6")
@pytest.mark.parametrize("rules", [(), (PERMITS,)], ids=["nothing known", "a freeze that permits it"])
def test_a_calendar_that_may_hide_a_freeze_is_not_passed(rules: tuple[Rule, ...]) -> None:
    stale = FeedStatus(
        name="company",
        environments=None,
        services=None,
        fetched_at=NOW - DAY,
        stale_after=HOUR,
        problem="timeout",
    )
    facts = replace(
        snapshot(asked=emergency("calendar"), calendar=Calendar(rules, Effect.ALLOW)), feeds=(stale,)
    )
    judged = judge(facts, CALENDAR, NOW, "p")
    assert judged.bypassed == ()
    assert not judged.may_start


@pytest.mark.requirement("P6")
def test_when_its_hours_are_over_what_it_passed_stands_closed_again() -> None:
    facts = snapshot(
        asked=emergency("calendar"), calendar=Calendar((closed("x", break_glass=True),), Effect.ALLOW)
    )
    found = earliest(facts, CALENDAR, NOW, "p")
    assert found.at == NOW
    late = judge(facts, CALENDAR, NOW + 4 * HOUR, "p")
    assert (late.bypassed, late.status) == ((), Status.WAITING)


# How it is said


def test_a_bypassed_gate_says_what_it_itself_says() -> None:
    facts = snapshot(asked=emergency("calendar"), calendar=Calendar((PERMITS,), Effect.ALLOW))
    judged = judge(facts, CALENDAR, NOW, "p").outcomes[0]
    shown = line(judged, now=NOW)
    assert (shown.sign, shown.word, shown.unblocks) == ("⚡", "bypassed", None)
    assert shown.text.startswith("calendar (closed by the freeze black-friday")


@pytest.mark.parametrize("code", ["no-plan", "on-call-untold", "on-call-told", "others-told"])
def test_every_code_of_a_glass_has_words(code: str) -> None:
    assert code in ANY_GATE
