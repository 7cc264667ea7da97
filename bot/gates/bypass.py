"""What a broken glass changes in a judgement (P13): it passes the gates that its policy listed, and demands its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import BrokenGlass
from bot.domain.outcome import GateOutcome, Status

NOTIFIED: Final = "on-call-notified"
"""Stands among the gates' outcomes of a broken glass: nothing starts before whoever is on call was really told."""
ROLLBACK_PLAN: Final = "rollback-plan"
_PLAN: Final = "rollback-target"  # the gate that proves there is a plan
_CLOSED: Final = frozenset({Status.WAITING, Status.UNKNOWN, Status.BLOCKED})
"""What holds a change. A warning does not: the reason that every broken glass has acknowledges it."""


def under_glass(
    glass: BrokenGlass,
    outcomes: Sequence[GateOutcome],
    now: datetime,
    passable: Callable[[GateOutcome], bool],
) -> tuple[GateOutcome, ...]:
    """The outcomes as they decide for a request whose glass is broken, at `now`.

    A gate that is closed and listed counts as passed, its own status kept beside, where it is `passable` and for as
    long as the glass lasts; afterwards it stands closed again. Where the glass demands a rollback plan, the gate of
    the rollback target has to pass: a warning that a reason acknowledges is no plan. Nothing is added to no outcomes:
    a policy without gates passes nothing.
    """
    if not outcomes:
        return ()
    lasts = now < glass.expires_at
    judged = [_planned(glass, outcome) for outcome in outcomes]
    passed = [
        replace(o, bypassed=True)
        if lasts and o.status in _CLOSED and o.gate in glass.bypasses and passable(o)
        else o
        for o in judged
    ]
    return (*passed, _notified(glass))


def _planned(glass: BrokenGlass, outcome: GateOutcome) -> GateOutcome:
    if outcome.gate != _PLAN or outcome.status is not Status.WARNED or ROLLBACK_PLAN not in glass.requires:
        return outcome
    return replace(outcome, status=Status.BLOCKED, code="no-plan", until=None)


def _notified(glass: BrokenGlass) -> GateOutcome:
    facts: dict[str, JsonValue] = {"on_call": [*glass.told]}
    if glass.told_at is None:
        return GateOutcome(
            gate=NOTIFIED, status=Status.WAITING, code="on-call-untold", facts=facts, awaits=NOTIFIED
        )
    facts["told_at"] = glass.told_at.isoformat()
    code = "on-call-told" if glass.told else "others-told"
    return GateOutcome(gate=NOTIFIED, status=Status.PASSED, code=code, facts=facts)
