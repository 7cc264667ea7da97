"""The gates by name, `judge`, which runs every one of them for a decision and lets a failure close its gate, and
`earliest`, which finds the instant at which all of them pass.

A new gate is one file beside this one and one line in `GATES`. The files do not know each other or this one: each
offers `NAME`, `Parameters` (what the policy may say of it) and `decide(snapshot, parameters, now)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

from bot.domain.change_request import ChangeRequest, Kind
from bot.domain.outcome import GateOutcome, Readiness, Status
from bot.domain.snapshot import Snapshot
from bot.gates import (
    bypass,
    calendar,
    checklist,
    environments_green,
    immutable_artifact,
    no_open_incident,
    previous_version,
    rollback_target,
    soak,
    staging_verified,
    ticket,
    vulnerabilities,
)

P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Gate(Generic[P]):
    """One rule. `bypassable` says whether a policy may list it among what break-glass bypasses; `passable`, whether
    break-glass may pass an outcome of it that is closed."""

    name: str
    parameters: type[P]
    decide: Callable[[Snapshot, P, datetime], GateOutcome]
    bypassable: bool = True
    passable: Callable[[GateOutcome], bool] = lambda _: True
    for_rollback: bool = False
    """Whether a rollback has to pass it: what judges a new version, or when it may come, holds none (P16)."""

    def outcome(self, snapshot: Snapshot, parameters: BaseModel, now: datetime) -> GateOutcome:
        """The gate's answer; raises `TypeError` for parameters that belong to another gate."""
        if not isinstance(parameters, self.parameters):
            raise TypeError(f"{self.name} cannot read {type(parameters).__qualname__}")
        return self.decide(snapshot, parameters, now)


_GATES: Final[tuple[Gate[Any], ...]] = (
    Gate(staging_verified.NAME, staging_verified.Parameters, staging_verified.decide),
    Gate(soak.NAME, soak.Parameters, soak.decide),
    Gate(vulnerabilities.NAME, vulnerabilities.Parameters, vulnerabilities.decide),
    Gate(
        immutable_artifact.NAME,
        immutable_artifact.Parameters,
        immutable_artifact.decide,
        bypassable=False,
        for_rollback=True,
    ),
    Gate(calendar.NAME, calendar.Parameters, calendar.decide, passable=calendar.break_glass_passes),
    Gate(no_open_incident.NAME, no_open_incident.Parameters, no_open_incident.decide),
    Gate(environments_green.NAME, environments_green.Parameters, environments_green.decide),
    Gate(rollback_target.NAME, rollback_target.Parameters, rollback_target.decide, bypassable=False),
    Gate(ticket.NAME, ticket.Parameters, ticket.decide),
    Gate(checklist.NAME, checklist.Parameters, checklist.decide),
)

GATES: Final[Mapping[str, Gate[Any]]] = MappingProxyType({gate.name: gate for gate in _GATES})
"""Every gate a policy may name."""

NEVER_BYPASSED: Final = frozenset(gate.name for gate in _GATES if not gate.bypassable)
"""The gates that no break-glass bypasses: a wrong artifact, or no way back, is no emergency measure."""


PREVIOUS_VERSION: Final = Gate(
    previous_version.NAME,
    previous_version.Parameters,
    previous_version.decide,
    bypassable=False,
    for_rollback=True,
)
"""Every rollback passes it, whatever the policy names."""


def rules_for(request: ChangeRequest, rules: Mapping[str, BaseModel]) -> Mapping[str, BaseModel]:
    """The gates that this change has to pass, of those that its environment has: all of them; for a rollback the few
    that are for one, and always that it goes back to what ran there and still exists (P14, P16)."""
    if request.kind is not Kind.ROLLBACK:
        return rules
    kept = {name: rule for name, rule in rules.items() if name in GATES and GATES[name].for_rollback}
    return {previous_version.NAME: previous_version.Parameters(), **kept}


def judge(snapshot: Snapshot, rules: Mapping[str, BaseModel], now: datetime, policy_digest: str) -> Readiness:
    """Run all gates of `rules` (gate name to its parameters) in the policy's order: every reason is shown (P1, P23).

    Never raises: a gate that does, or that nobody knows, is `unknown` with the code `gate-failed`. No rules at all
    give a readiness without outcomes, which is unknown too. Where the request's glass is broken, closed gates that it
    bypasses count as passed (P13), judged anew each time.
    """
    outcomes = tuple(_closed_on_failure(name, snapshot, rules[name], now) for name in rules)
    outcomes = checklist.told_beside(outcomes)
    if snapshot.request.break_glass is not None:
        outcomes = bypass.under_glass(snapshot.request.break_glass, outcomes, now, _passable)
    return Readiness(outcomes=outcomes, judged_at=now, policy_digest=policy_digest)


def _passable(outcome: GateOutcome) -> bool:
    gate = GATES.get(outcome.gate)
    return gate is not None and gate.bypassable and gate.passable(outcome)


MOST_STEPS: Final = 64
"""Instants that are looked at for the earliest start: each gate that waits names its own, and few name two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earliest:
    """When everything known passes together, and what is in the way until then."""

    at: datetime | None
    """The first such instant; None where something is blocked or unknown, or awaits an event."""
    readiness: Readiness
    """Judged for `at`; where there is none, for the instant at which time alone cures nothing more: it says why."""
    asked: Readiness
    """Judged for the instant asked about; it keeps `at`."""
    steps: tuple[Readiness, ...] = ()
    """What was judged between the two, in order: what waits, and until when."""
    ages: tuple[GateOutcome, ...] = ()
    """What passes now and will be too old by then, unless it is stated again."""


def earliest(
    snapshot: Snapshot,
    rules: Mapping[str, BaseModel],
    now: datetime,
    policy_digest: str,
    *,
    acknowledged: bool = True,
) -> Earliest:
    """The first instant from `now` on at which every gate passes that can pass by time alone (P6, P12).

    A soak that ends while the window is closed ends at its opening: each gate's own instant is judged by all gates
    again, until none waits any more. Without an `acknowledged` reason a warning is waited out as well, where it says
    when it ends. Looks at `MOST_STEPS` instants at most.
    """
    first = last = judge(snapshot, rules, now, policy_digest)
    steps: list[Readiness] = []
    for _ in range(MOST_STEPS):
        then = _next(last, acknowledged=acknowledged)
        if then is None:
            break
        if last is not first:
            steps.append(last)
        last = judge(snapshot, rules, then, policy_digest)
    at = last.judged_at if _passes(first, last, acknowledged=acknowledged) else None
    return Earliest(
        at=at,
        readiness=replace(last, earliest=at),
        asked=replace(first, earliest=at),
        steps=tuple(steps),
        ages=() if at is None or at == now else _too_old(snapshot, rules, last),
    )


def _next(judged: Readiness, *, acknowledged: bool) -> datetime | None:
    """The next instant at which time alone may have changed the answer; None where it no longer does."""
    waits = [o.until for o in judged.only(Status.WAITING) if o.until is not None]
    if not waits and not acknowledged and judged.may_start:
        waits = [o.until for o in judged.only(Status.WARNED) if o.until is not None]
    later = max(waits, default=None)
    return later if later is not None and later > judged.judged_at else None


def _passes(first: Readiness, last: Readiness, *, acknowledged: bool) -> bool:
    """Whether everything passes at the last instant, and nothing but time was in the way before: what is unknown or
    blocked now is not promised for later."""
    held = not acknowledged and bool(last.only(Status.WARNED))
    return first.may_be_approved and last.may_start and not held


def _too_old(snapshot: Snapshot, rules: Mapping[str, BaseModel], then: Readiness) -> tuple[GateOutcome, ...]:
    """What nobody would believe any more at that instant if it were not stated again: a scan, for one."""
    aged = judge(replace(snapshot, taken_at=then.judged_at), rules, then.judged_at, then.policy_digest)
    pairs = zip(then.outcomes, aged.outcomes, strict=True)
    return tuple(
        old
        for new, old in pairs
        if old.status is Status.UNKNOWN and not old.retry and new.status != old.status
    )


def _closed_on_failure(name: str, snapshot: Snapshot, parameters: BaseModel, now: datetime) -> GateOutcome:
    try:
        gate = PREVIOUS_VERSION if name == previous_version.NAME else GATES[name]
        return gate.outcome(snapshot, parameters, now)
    except Exception as error:  # noqa: BLE001  -- promise 7: whatever fails, the gate closes and says so
        return GateOutcome(
            gate=name,
            status=Status.UNKNOWN,
            code="gate-failed",
            facts={
                "exception": type(error).__name__
            },  # never its text, which may quote what came from outside
        )
