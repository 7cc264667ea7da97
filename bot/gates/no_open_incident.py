"""The gate of P6: nothing but a fix goes to an environment while an incident is open there."""

from datetime import datetime
from functools import partial
from typing import Final

from pydantic import JsonValue

from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.types import Section

NAME: Final = "no-open-incident"


class Parameters(Section):
    """The target environment must have no open incident; there is nothing to set."""


def decide(snapshot: Snapshot, _parameters: Parameters, _now: datetime) -> GateOutcome:
    """An open incident blocks, unless the request says that it fixes this environment."""
    name = snapshot.request.environment
    status = snapshot.environment(name)
    facts: dict[str, JsonValue] = {"environment": name}
    if status is None:
        return GateOutcome(gate=NAME, status=Status.UNKNOWN, code="no-status", facts=facts)
    if status.incident is None:
        return GateOutcome(gate=NAME, status=Status.PASSED, code="no-incident", facts=facts)
    facts |= {"incident": status.incident, "colour": status.colour.value}
    outcome = partial(
        GateOutcome, gate=NAME, facts=facts, cites=(Citation(source=f"incident:{status.incident}"),)
    )
    if snapshot.request.fixes == name:
        return outcome(status=Status.PASSED, code="fix")
    return outcome(status=Status.BLOCKED, code="incident-open")
