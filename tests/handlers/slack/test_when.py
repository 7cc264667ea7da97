"""`/deploy when`: the answer comes after the ack, says the instant first, then what stands before it, then the command."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.change_request import Start
from bot.domain.outcome import GateOutcome, Readiness, Status
from bot.flows.when import When
from bot.gates import Earliest
from bot.policy import Policy
from handlers.slack.ask import start
from handlers.slack.when import render
from tests.handlers.slack.conftest import People, Stub, until
from tests.handlers.slack.examples import (
    DIGEST,
    HOUR,
    NOW,
    PASSED,
    RED_GATE,
    accepted_by_slack,
    gate,
    lines_of,
    make_policy,
    text_of,
)
from tests.handlers.slack.workspace import LIN, shown

pytestmark = [pytest.mark.requirement("P6"), pytest.mark.requirement("P12")]

SOAKING = gate(
    "soak",
    "soaking",
    Status.WAITING,
    until=NOW + HOUR,
    environment="staging",
    ran_seconds=60,
    required_seconds=3660,
)
CLOSED = gate(
    "calendar",
    "prohibited",
    Status.WAITING,
    until=NOW + 24 * HOUR,
    rules=[{"name": "outside-windows", "kind": "outside-windows", "effect": "prohibit"}],
)
FROZEN = GateOutcome(
    gate="calendar",
    status=Status.WAITING,
    code="frozen",
    awaits="FRZ-3",
    facts={
        "awaits": ["FRZ-3"],
        "may_lift": ["Ada", "Bo"],
        "rules": [{"name": "FRZ-3", "kind": "freeze", "effect": "prohibit", "reason": "Peak trading"}],
    },
)
STALE = gate("vulnerabilities", "scan-stale", Status.UNKNOWN, scanned_at=NOW.isoformat(), limit_seconds=86400)


def judged(*outcomes: GateOutcome, at: datetime = NOW) -> Readiness:
    return Readiness(outcomes=(*PASSED[:3], *outcomes), judged_at=at, policy_digest=DIGEST)


def answer(earliest: Earliest, **changes: Any) -> When:
    usual: dict[str, Any] = {
        "service": "checkout",
        "environment": "production",
        "artifact": "7a3f9c2",
        "found_in": "staging",
        "found_at": NOW - HOUR,
        "looked_in": None,
        "earliest": earliest,
        "wants_ticket": True,
        "now": NOW,
    }
    return When(**(usual | changes))


def found(asked: Readiness, then: Readiness | None = None, *steps: Readiness, **changes: Any) -> Earliest:
    last = then or asked
    at = last.judged_at if last.may_start else None
    return Earliest(at=at, readiness=last, asked=asked, steps=steps, **changes)


TOMORROW = NOW + 24 * HOUR
ANSWERS: dict[str, When] = {
    "now": answer(found(judged())),
    "waits": answer(found(judged(SOAKING, CLOSED), judged(at=TOMORROW))),
    "waits twice": answer(
        found(judged(SOAKING), judged(at=TOMORROW), judged(CLOSED, at=NOW + HOUR), ages=(STALE,))
    ),
    "frozen": answer(found(judged(FROZEN))),
    "red": answer(found(judged(RED_GATE, CLOSED), judged(RED_GATE, at=TOMORROW))),
    "no version": answer(
        found(judged(CLOSED), judged(at=TOMORROW)), artifact=None, found_in=None, looked_in="staging"
    ),
    "nothing asked": answer(
        found(Readiness(outcomes=(), judged_at=NOW, policy_digest=DIGEST)), artifact=None, found_in=None
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_taken_by_slack(name: str, policy: Policy) -> None:
    accepted_by_slack(render(ANSWERS[name], policy))


def test_what_waits_says_the_instant_first_and_the_command_last(policy: Policy) -> None:
    lines = lines_of(render(ANSWERS["waits"], policy))
    assert lines[0].startswith("*◷ checkout `7a3f9c2` → production: earliest start <!date^")
    assert "/ 09:22 EST (in 1 d)*" in lines[0]
    assert lines[1] == "The newest version in staging, deployed there 1 h ago."
    assert [line[:14] for line in lines[2:4]] == ["◷ soak: soaked", "◷ calendar: no"]
    assert lines[-2:] == [
        "`/deploy request checkout 7a3f9c2 production at=next`",
        "The policy wants a ticket with it: add ticket=…",
    ]


def test_each_step_on_the_way_is_told_and_what_is_too_old_by_then(policy: Policy) -> None:
    text = text_of(render(ANSWERS["waits twice"], policy))
    assert "Then, <!date^" in text
    assert text.index("soak:") < text.index("Then, ") < text.index("calendar: no window is open")
    assert "⚠ by then too old unless it is stated again: the scan is" in text


def test_what_may_start_now_is_asked_for_without_an_instant(policy: Policy) -> None:
    lines = lines_of(render(ANSWERS["now"], policy))
    assert lines[0] == "*✓ checkout `7a3f9c2` → production: everything known passes now*"
    assert "`/deploy request checkout 7a3f9c2 production`" in lines


@pytest.mark.requirement("P6")
def test_what_is_frozen_says_by_what_and_who_may_lift_it(policy: Policy) -> None:
    text = text_of(render(ANSWERS["frozen"], policy))
    assert "nobody knows when, it waits until FRZ-3 is lifted" in text
    assert "frozen by FRZ-3 (Peak trading) until somebody lifts it" in text
    assert "; Ada or Bo may: /deploy unfreeze FRZ-3" in text


def test_what_time_does_not_cure_is_told_with_what_does(policy: Policy) -> None:
    text = text_of(render(ANSWERS["red"], policy))
    assert "*✗ checkout `7a3f9c2` → production: time alone does not get it there*" in text
    assert "*Time alone does not cure:*\n✗ environments-green: production is RED" in text
    assert "→ Only a fix may go" in text
    assert "With that mended, not before <!date^" in text


def test_without_a_version_that_is_said_and_no_command_is_offered(policy: Policy) -> None:
    text = text_of(render(ANSWERS["no version"], policy))
    assert "Nothing of checkout is known to run in staging." in text
    assert "/deploy request" not in text


# --- typed ----------------------------------------------------------------------------------------------------------


async def test_it_is_answered_at_once_and_told_after_the_ack(people: People, stub: Stub) -> None:
    acked = await people.command(LIN, "when checkout production 7a3f9c2")
    assert shown(acked.body).startswith("Looking for the earliest start of checkout `7a3f9c2` in production")
    await until(lambda: bool(stub.replies))
    assert "/deploy request checkout 7a3f9c2 production" in str(stub.replies[-1]["blocks"])


BAD = [
    ("when", "The service is missing. Write /deploy when SERVICE ENVIRONMENT [ARTIFACT]"),
    ("when checkout", "The environment is missing."),
    ("when chekout production", "Did you mean “checkout”?"),
    ("when checkout prodution", "Did you mean “production”?"),
    ("when checkout production sha256:abc", "is no image tag"),
    ("when checkout production 7a3f9c2 please", "“please” is one word too many."),
    ("when <!channel> production", "There is no service"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
async def test_bad_input_gets_one_clear_sentence(text: str, said: str, people: People) -> None:
    assert said in shown((await people.command(LIN, text)).body)


async def test_a_request_for_a_closed_instant_is_told_so_at_once(
    people: People, context: Any, stub: Stub
) -> None:
    context.in_force.policy = make_policy(
        POLICY_WITH_CALENDAR
    )  # the holder is the same; the policy in it is another
    acked = await people.command(LIN, "request checkout 7a3f9c2 production ticket=CHG-1 at=2026-11-14T12:00")
    text = shown(acked.body)
    assert "⚠ The calendar is closed at <!date^" in text
    assert "/ 12:00 EST; it opens <!date^" in text
    assert "/ 00:00 EST, and it starts no earlier." in text


POLICY_WITH_CALENDAR = """
version: 1
organization: acme
timezone: America/New_York
slack:
  channels: {approvals: deployments, incidents: incidents, announcements: releases}
people:
  lin: {slack: U01LIN, name: Lin}
services:
  checkout: {image: registry.acme.example/checkout}
environments:
  production:
    gates: {calendar: {}}
    approval: {seats: [], minimum: 0}
    severity: P0
calendar:
  restrictions:
    - {name: weekend, start: "0 0 * * SAT", until: "MON 00:00", effect: prohibit}
"""


# --- at= where the clocks change ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        # On 14 March 2027 New York's clock goes from 02:00 to 03:00: the first instant after the gap.
        ("02:30", "2027-03-14T05:00:00+00:00", "2027-03-14T07:00:00+00:00"),
        ("2027-03-14T02:30", "2027-03-13T12:00:00+00:00", "2027-03-14T07:00:00+00:00"),
        # On 1 November 2026 it shows 01:30 twice: the first; and the second once the first is over.
        ("01:30", "2026-11-01T04:00:00+00:00", "2026-11-01T05:30:00+00:00"),
        ("01:30", "2026-11-01T05:30:00+00:00", "2026-11-01T06:30:00+00:00"),
        ("01:30", "2026-11-01T06:15:00+00:00", "2026-11-01T06:30:00+00:00"),
        ("01:30", "2026-11-01T06:30:00+00:00", "2026-11-02T06:30:00+00:00"),
        ("2026-11-01T01:30", "2026-10-31T12:00:00+00:00", "2026-11-01T05:30:00+00:00"),
    ],
)
def test_a_wall_clock_start_is_an_instant_also_where_the_clocks_change(
    text: str, now: str, expected: str
) -> None:
    at = datetime.fromisoformat(expected)
    asked = start(text, make_policy(), datetime.fromisoformat(now).astimezone(UTC))
    assert asked == Start(mode="at", at=at)
    assert at - datetime.fromisoformat(now) > timedelta(0)
