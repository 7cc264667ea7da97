"""The gate of F2 and P13: a change names its ticket; in an emergency the incident may stand in for it."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field, JsonValue

from bot.domain.change_request import Kind
from bot.domain.outcome import GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.types import Section

NAME: Final = "ticket"
LONGEST: Final = 200
"""Characters; a longer text is no ticket and is not even matched."""


def _regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


class Parameters(Section):
    """A ticket must be named, in the form that the policy gives."""

    pattern: Annotated[str, AfterValidator(_regular_expression)] = Field(
        description="A regular expression that the whole ticket must match, such as ^CHG-[0-9]+$.",
        json_schema_extra={"format": "regex"},
    )
    emergency_pattern: Annotated[str, AfterValidator(_regular_expression)] | None = Field(
        default=None,
        description="What an emergency's incident must match to stand in for the ticket; without it, none may.",
        json_schema_extra={"format": "regex"},
    )


def decide(snapshot: Snapshot, parameters: Parameters, _now: datetime) -> GateOutcome:
    """Whether the ticket exists is its own system's business: only its form is judged here."""
    request = snapshot.request
    facts: dict[str, JsonValue] = {"ticket": request.ticket, "pattern": parameters.pattern}
    if _matches(parameters.pattern, request.ticket):
        return GateOutcome(gate=NAME, status=Status.PASSED, code="ticket", facts=facts)
    if request.kind is Kind.EMERGENCY and parameters.emergency_pattern is not None:
        facts |= {"incident": request.emergency, "emergency_pattern": parameters.emergency_pattern}
        if _matches(parameters.emergency_pattern, request.emergency):
            return GateOutcome(gate=NAME, status=Status.PASSED, code="emergency", facts=facts)
    code = "ticket-malformed" if request.ticket else "no-ticket"
    return GateOutcome(gate=NAME, status=Status.BLOCKED, code=code, facts=facts)


def _matches(pattern: str, text: str | None) -> bool:
    return text is not None and len(text) <= LONGEST and re.fullmatch(pattern, text) is not None
