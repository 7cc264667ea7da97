"""The gate of P6 and P12: windows, restrictions, holidays and freezes; it waits for the next opening."""

from datetime import UTC, datetime
from functools import partial
from typing import Final

from pydantic import JsonValue

from bot.domain.calendar import CalendarVerdict, Verdict
from bot.domain.change_request import Kind
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.types import Section

NAME: Final = "calendar"


class Parameters(Section):
    """The policy's `calendar` says when; this gate has nothing of its own to set."""


def decide(snapshot: Snapshot, _parameters: Parameters, now: datetime) -> GateOutcome:
    """The calendar's verdict for this service and environment. It never holds a rollback."""
    request = snapshot.request
    verdict = snapshot.calendar.at(now, environment=request.environment, service=request.service)
    facts = _facts(verdict)
    outcome = partial(
        GateOutcome, gate=NAME, facts=facts, cites=(Citation(source="calendar", at=verdict.at),)
    )
    match verdict.verdict:
        case Verdict.PREFERRED | Verdict.ALLOWED:
            return outcome(status=Status.PASSED, code=verdict.verdict.value)
        case _ if request.kind is Kind.ROLLBACK:
            return outcome(status=Status.PASSED, code="rollback")
        case Verdict.DISCOURAGED:
            return outcome(status=Status.WARNED, code="discouraged")
        case Verdict.PROHIBITED if verdict.next_allowed is None:
            return outcome(status=Status.BLOCKED, code="never-opens")
        case Verdict.PROHIBITED:
            return outcome(status=Status.WAITING, code="prohibited", until=verdict.next_allowed)


def _facts(verdict: CalendarVerdict) -> dict[str, JsonValue]:
    return {
        "environment": verdict.environment,
        "service": verdict.service,
        "verdict": verdict.verdict.value,
        "break_glass": verdict.break_glass,
        "rules": [
            {
                "name": rule.name,
                "kind": rule.kind.value,
                "effect": rule.effect.word,
                "until": _instant(rule.until),
                "reason": rule.reason,
            }
            for rule in verdict.rules
        ],
        "next_allowed": _instant(verdict.next_allowed),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
