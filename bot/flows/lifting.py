"""Who may lift what holds a request: told beside the gate that waits for it, never part of the judgement."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue

from bot.domain.freeze import Freeze
from bot.domain.outcome import GateOutcome, Readiness
from bot.flows.freeze_roles import lifters
from bot.flows.on_duty import rostered
from bot.policy import Policy
from bot.ports import Transaction


def with_lifters(tx: Transaction, policy: Policy, readiness: Readiness | None) -> Readiness | None:
    """The readiness, in which each gate that waits for declared freezes names the people who may lift all of them."""
    if readiness is None or not readiness.awaits:
        return readiness
    return replace(readiness, outcomes=tuple(_named(tx, policy, o) for o in readiness.outcomes))


def _named(tx: Transaction, policy: Policy, outcome: GateOutcome) -> GateOutcome:
    names = outcome.facts.get("awaits")
    if outcome.awaits is None or not isinstance(names, list):
        return outcome
    freezes = [freeze for name in names if (freeze := tx.freezes.get(str(name))) is not None]
    if len(freezes) < len(names):  # one of them stands in the policy, and nobody lifts that in Slack
        return outcome
    able = _of_all(rostered(tx, policy), freezes, tx.now)
    people: list[JsonValue] = [policy.people[p].name or p for p in able]
    return replace(outcome, facts={**outcome.facts, "may_lift": people})


def _of_all(policy: Policy, freezes: Iterable[Freeze], now: datetime) -> list[str]:
    """The people who may lift every one of them."""
    found = [lifters(policy, freeze, now) for freeze in freezes]
    return [person for person in found[0] if all(person in each for each in found)] if found else []
