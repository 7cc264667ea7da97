"""P6 and P12: the first instant at which everything known passes together, and why where nobody knows one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import bot.gates
from bot.domain.calendar import (
    Calendar,
    Effect,
    Elapsed,
    Fixed,
    Recurring,
    Rule,
    RuleKind,
    Span,
    parse_until,
)
from bot.domain.crons import Cron
from bot.domain.evidence import Evidence
from bot.domain.feed import FeedStatus
from bot.domain.freeze import UNTIL_LIFTED
from bot.domain.outcome import GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.gates import GATES, MOST_STEPS, Gate, earliest
from tests.gates.conftest import (
    ALL_PROVED,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    TICK,
    UNREACHABLE,
    built,
    deployed,
    other,
    scanned,
    snapshot,
    verified,
)

pytestmark = [pytest.mark.requirement("P6"), pytest.mark.requirement("P12")]

ZONE = ZoneInfo("America/New_York")
WRITTEN: dict[str, dict[str, object]] = {
    "staging-verified": {"in": "staging"},
    "soak": {"in": "staging", "for": "1h"},
    "vulnerabilities": {"forbid": ["critical", "high"], "scanned_within": "2d"},
    "calendar": {},
    "ticket": {"pattern": "^CHG-[0-9]+$"},
}
RULES: dict[str, BaseModel] = {
    name: GATES[name].parameters.model_validate(written) for name, written in WRITTEN.items()
}
FRIDAY = datetime(2026, 11, 13, 19, 30, tzinfo=UTC)  # 14:30 in New York
TUESDAY = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)  # 10:00


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def recurring(name: str, cron: str, until: str, effect: Effect = Effect.PROHIBIT) -> Rule:
    kind = RuleKind.WINDOW if effect <= Effect.ALLOW else RuleKind.RESTRICTION
    return Rule(name=name, kind=kind, effect=effect, source=Recurring(Cron(cron), parse_until(until), ZONE))


def freeze(name: str, start: datetime, end: datetime, effect: Effect = Effect.PROHIBIT) -> Rule:
    return Rule(name=name, kind=RuleKind.FREEZE, effect=effect, source=Fixed((Span(start, end),)))


STANDARD = recurring("standard", "0 10 * * TUE-THU", "14:00", Effect.PREFER)
WEEKDAYS = recurring("weekdays", "0 0 * * MON-FRI", "24:00", Effect.ALLOW)
FRIDAY_AFTERNOON = recurring("friday-afternoon", "0 14 * * FRI", "24:00", Effect.DISCOURAGE)
WEEKEND = recurring("weekend", "0 0 * * SAT", "MON 00:00")


def facts(now: datetime, soaked: timedelta, *rules: Rule, **changes: Any) -> Snapshot:
    """Everything passes at `now` but for a soak that began so long before it, and what the rules say."""
    shift = now - NOW
    stated: list[Evidence] = [
        replace(e, at=e.at + shift, received_at=e.at + shift)
        for e in (built(), verified(timedelta(0)), scanned(), deployed(soaked))
    ]
    usual = snapshot(*stated, calendar=Calendar(rules, Effect.PROHIBIT), taken_at=now)
    return replace(usual, **changes)


def test_what_passes_now_may_start_now() -> None:
    found = earliest(facts(FRIDAY, 2 * HOUR, WEEKDAYS), RULES, FRIDAY, "p")
    assert (found.at, found.asked.earliest, found.steps, found.ages) == (FRIDAY, FRIDAY, (), ())
    assert found.asked.begins is None  # nothing has to be waited for


def test_a_soak_that_ends_while_the_window_is_closed_ends_at_its_opening() -> None:
    found = earliest(facts(FRIDAY, HOUR / 2, STANDARD), RULES, FRIDAY, "p")
    assert found.at == found.asked.earliest == TUESDAY
    assert found.readiness.judged_at == TUESDAY
    assert found.asked.judged_at == FRIDAY
    assert [o.gate for o in found.asked.only(Status.WAITING)] == ["soak", "calendar"]


def test_a_window_that_closes_before_the_soak_is_over_is_waited_for_once_more() -> None:
    """Open now, but the soak ends at 15:00 when it is closed: each step says what waits, and until when."""
    thursday = local("2026-11-12T13:30:00")
    found = earliest(facts(thursday, HOUR / 4, STANDARD), RULES, thursday, "p")
    assert found.at == TUESDAY
    (step,) = found.steps
    assert [(o.gate, o.until) for o in step.only(Status.WAITING)] == [("calendar", TUESDAY)]
    assert step.judged_at == thursday + 3 * HOUR / 4


def test_a_warning_is_waited_out_where_nobody_gave_a_reason() -> None:
    rules = (WEEKDAYS, FRIDAY_AFTERNOON, WEEKEND)
    there = facts(FRIDAY, HOUR / 2, *rules)
    assert earliest(there, RULES, FRIDAY, "p").at == FRIDAY + HOUR / 2
    monday = local("2026-11-16T00:00:00")
    assert earliest(there, RULES, FRIDAY, "p", acknowledged=False).at == monday
    soaked = facts(FRIDAY, 2 * HOUR, *rules)
    assert earliest(soaked, RULES, FRIDAY, "p", acknowledged=False).at == monday


def test_a_warning_that_never_ends_by_itself_needs_its_reason() -> None:
    soft = freeze("FRZ-4", FRIDAY - DAY, UNTIL_LIFTED, Effect.DISCOURAGE)
    there = facts(FRIDAY, 2 * HOUR, WEEKDAYS, soft)
    assert earliest(there, RULES, FRIDAY, "p").at == FRIDAY
    assert earliest(there, RULES, FRIDAY, "p", acknowledged=False).at is None


def test_what_awaits_an_event_has_no_instant_and_says_which() -> None:
    there = facts(FRIDAY, HOUR / 2, WEEKDAYS, freeze("FRZ-3", FRIDAY - DAY, UNTIL_LIFTED))
    found = earliest(there, RULES, FRIDAY, "p")
    assert (found.at, found.asked.earliest, found.asked.begins) == (None, None, None)
    assert found.asked.may_be_approved
    assert found.readiness.awaits == ("FRZ-3",)


def test_a_freeze_that_begins_before_the_soak_is_over_is_found() -> None:
    there = facts(FRIDAY, HOUR / 2, WEEKDAYS, freeze("FRZ-3", FRIDAY + 20 * MINUTE, UNTIL_LIFTED))
    found = earliest(there, RULES, FRIDAY, "p")
    assert found.at is None
    assert found.asked.awaits == ()
    assert found.readiness.awaits == ("FRZ-3",)


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"registry": UNREACHABLE}, "staging-verified"),
        ({"evidence": tuple(e for e in ALL_PROVED if e.kind != "scan")}, "vulnerabilities"),
    ],
)
def test_what_is_unknown_is_promised_for_no_instant(changes: dict[str, Any], gate: str) -> None:
    there = facts(FRIDAY, HOUR / 2, STANDARD, **changes)
    found = earliest(there, RULES, FRIDAY, "p")
    assert found.at is None
    assert gate in [o.gate for o in found.readiness.only(Status.UNKNOWN)]
    assert found.readiness.judged_at == TUESDAY  # when time has done its part


def test_what_is_blocked_now_is_promised_for_no_instant() -> None:
    base = facts(FRIDAY, 2 * HOUR, STANDARD)
    replaced = replace(other(0 * HOUR), at=FRIDAY - 90 * MINUTE)
    there = replace(base, evidence=(*base.evidence, replaced))
    found = earliest(there, RULES, FRIDAY, "p")
    assert (found.at, [o.code for o in found.readiness.only(Status.BLOCKED)]) == (
        None,
        ["replaced-in-staging"],
    )


def test_evidence_that_will_be_too_old_by_then_is_told_and_what_is_fetched_by_itself_is_not() -> None:
    feed = FeedStatus(
        name="x", environments=None, services=None, fetched_at=FRIDAY, stale_after=HOUR, problem=None
    )
    found = earliest(facts(FRIDAY, 2 * HOUR, STANDARD, feeds=(feed,)), RULES, FRIDAY, "p")
    assert found.at == TUESDAY
    assert [(o.gate, o.code) for o in found.ages] == [("vulnerabilities", "scan-stale")]
    soon = earliest(facts(FRIDAY, HOUR / 2, WEEKDAYS, feeds=(feed,)), RULES, FRIDAY, "p")
    assert (soon.at, soon.ages) == (FRIDAY + HOUR / 2, ())


def test_no_rules_at_all_pass_at_no_instant() -> None:
    assert earliest(facts(FRIDAY, HOUR), {}, FRIDAY, "p").at is None


class Nothing(BaseModel):
    pass


def test_a_gate_that_always_waits_a_little_longer_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []

    def never(_snapshot: Snapshot, _parameters: Nothing, now: datetime) -> GateOutcome:
        asked.append(now)
        return GateOutcome(gate="soak", status=Status.WAITING, code="later", until=now + MINUTE)

    monkeypatch.setattr(bot.gates, "GATES", {"soak": Gate("soak", Nothing, never)})
    found = earliest(facts(FRIDAY, HOUR), {"soak": Nothing()}, FRIDAY, "p")
    assert found.at is None
    assert len(asked) == MOST_STEPS + 1


def test_a_gate_that_waits_until_the_past_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(_snapshot: Snapshot, _parameters: Nothing, now: datetime) -> GateOutcome:
        return GateOutcome(gate="soak", status=Status.WAITING, code="later", until=now - MINUTE)

    monkeypatch.setattr(bot.gates, "GATES", {"soak": Gate("soak", Nothing, stuck)})
    assert earliest(facts(FRIDAY, HOUR), {"soak": Nothing()}, FRIDAY, "p").at is None


# --- the law: at that instant nothing waits, and just before it something did ---------------------------------------

hours = st.integers(0, 23)
days = st.sampled_from(["*", "MON-FRI", "TUE", "SAT,SUN", "WED-THU"])
effects = st.sampled_from(list(Effect))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    made: list[Rule] = []
    for number in range(draw(st.integers(0, 5))):
        effect = draw(effects)
        kind = RuleKind.WINDOW if effect <= Effect.ALLOW else RuleKind.RESTRICTION
        if kind is RuleKind.RESTRICTION and draw(st.booleans()):
            start = NOW + draw(st.timedeltas(timedelta(days=-3), timedelta(days=9)))
            end = draw(
                st.one_of(st.just(UNTIL_LIFTED), st.just(start + draw(st.sampled_from([HOUR, 3 * DAY]))))
            )
            made.append(freeze(f"FRZ-{number + 1}", start, end, effect))
            continue
        cron = Cron(f"{draw(st.sampled_from([0, 30]))} {draw(hours)} * * {draw(days)}")
        ending = Elapsed(draw(st.sampled_from([HOUR, 5 * HOUR, 30 * HOUR])))
        made.append(Rule(name=f"r{number}", kind=kind, effect=effect, source=Recurring(cron, ending, ZONE)))
    return Calendar(made, draw(st.sampled_from([Effect.ALLOW, Effect.DISCOURAGE, Effect.PROHIBIT])))


@settings(max_examples=150, deadline=None)
@given(
    calendar=calendars(),
    soaked=st.timedeltas(timedelta(0), timedelta(hours=2)),
    required=st.sampled_from(["1h", "3d"]),
    acknowledged=st.booleans(),
)
def test_at_the_earliest_instant_nothing_waits_and_just_before_it_something_did(
    calendar: Calendar, soaked: timedelta, required: str, acknowledged: bool
) -> None:
    rules = RULES | {"soak": GATES["soak"].parameters.model_validate({"in": "staging", "for": required})}
    there = replace(facts(NOW, soaked), calendar=calendar)
    found = earliest(there, rules, NOW, "p", acknowledged=acknowledged)

    def starts(at: datetime) -> bool:
        judged = bot.gates.judge(there, rules, at, "p")
        return judged.may_start and (acknowledged or not judged.only(Status.WARNED))

    if found.at is None:
        assert not starts(NOW)
        assert not starts(found.readiness.judged_at)
        assert found.readiness.awaits or found.readiness.only(Status.BLOCKED, Status.WARNED)
        return
    assert found.at >= NOW
    assert starts(found.at)
    if found.at > NOW:
        assert not starts(found.at - TICK)
        for n in range(1, 24):  # and nowhere in between
            assert not starts(NOW + (found.at - NOW) * n / 24)
    assert found.asked.begins == (None if found.at == NOW else found.at)
