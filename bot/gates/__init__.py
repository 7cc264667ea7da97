"""The gates by name, and `judge`, which runs every one of them for a decision and lets a failure close its gate.

A new gate is one file beside this one and one line in `GATES`. The files do not know each other or this one: each
offers `NAME`, `Parameters` (what the policy may say of it) and `decide(snapshot, parameters, now)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

from bot.domain.outcome import GateOutcome, Readiness, Status
from bot.domain.snapshot import Snapshot
from bot.gates import (
    calendar,
    environments_green,
    immutable_artifact,
    no_open_incident,
    rollback_target,
    soak,
    staging_verified,
    ticket,
    vulnerabilities,
)

P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Gate(Generic[P]):
    """One rule. `bypassable` says whether a policy may list it among what break-glass bypasses."""

    name: str
    parameters: type[P]
    decide: Callable[[Snapshot, P, datetime], GateOutcome]
    bypassable: bool = True

    def outcome(self, snapshot: Snapshot, parameters: BaseModel, now: datetime) -> GateOutcome:
        """The gate's answer; raises `TypeError` for parameters that belong to another gate."""
        if not isinstance(parameters, self.parameters):
            raise TypeError(f"{self.name} cannot read {type(parameters).__qualname__}")
        return self.decide(snapshot, parameters, now)


_GATES: Final[tuple[Gate[Any], ...]] = (
    Gate(staging_verified.NAME, staging_verified.Parameters, staging_verified.decide),
    Gate(soak.NAME, soak.Parameters, soak.decide),
    Gate(vulnerabilities.NAME, vulnerabilities.Parameters, vulnerabilities.decide),
    Gate(immutable_artifact.NAME, immutable_artifact.Parameters, immutable_artifact.decide, bypassable=False),
    Gate(calendar.NAME, calendar.Parameters, calendar.decide),
    Gate(no_open_incident.NAME, no_open_incident.Parameters, no_open_incident.decide),
    Gate(environments_green.NAME, environments_green.Parameters, environments_green.decide),
    Gate(rollback_target.NAME, rollback_target.Parameters, rollback_target.decide, bypassable=False),
    Gate(ticket.NAME, ticket.Parameters, ticket.decide),
)

GATES: Final[Mapping[str, Gate[Any]]] = MappingProxyType({gate.name: gate for gate in _GATES})
"""Every gate a policy may name."""

NEVER_BYPASSED: Final = frozenset(gate.name for gate in _GATES if not gate.bypassable)
"""The gates that no break-glass bypasses: a wrong artifact, or no way back, is no emergency measure."""


def judge(snapshot: Snapshot, rules: Mapping[str, BaseModel], now: datetime, policy_digest: str) -> Readiness:
    """Run all gates of `rules` (gate name to its parameters) in the policy's order: every reason is shown (P1, P23).

    Never raises: a gate that does, or that nobody knows, is `unknown` with the code `gate-failed`. No rules at all
    give a readiness without outcomes, which is unknown too.
    """
    outcomes = tuple(_closed_on_failure(name, snapshot, rules[name], now) for name in rules)
    return Readiness(outcomes=outcomes, judged_at=now, policy_digest=policy_digest)


def _closed_on_failure(name: str, snapshot: Snapshot, parameters: BaseModel, now: datetime) -> GateOutcome:
    try:
        return GATES[name].outcome(snapshot, parameters, now)
    except Exception as error:  # noqa: BLE001  -- promise 7: whatever fails, the gate closes and says so
        return GateOutcome(
            gate=name,
            status=Status.UNKNOWN,
            code="gate-failed",
            facts={
                "exception": type(error).__name__
            },  # never its text, which may quote what came from outside
        )
