"""The use of a broken glass (P13): recorded with every gate it passed and why that was closed, told, and reviewed later."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.calendar import ActiveRule
from bot.domain.change_request import Actor, ChangeRequest
from bot.domain.deployment import Run
from bot.domain.outcome import GateOutcome
from bot.flows import loud, owing, review
from bot.gates import calendar
from bot.policy import Policy
from bot.ports import Transaction

REVIEW_WITHIN: Final = timedelta(days=5)  # where the policy lost the section that said it


def used_at_start(tx: Transaction, policy: Policy, request: ChangeRequest, by: Actor) -> ChangeRequest:
    """The request that starts now, with its glass used where a gate that it passes is closed; the entry says why."""
    passed = () if request.readiness is None else request.readiness.bypassed
    if request.break_glass is None or not passed:
        return request
    for rule in _rules(passed):
        tx.remember(_passed_key(request, rule), True)
    gates: list[JsonValue] = [_told(outcome) for outcome in passed]
    return _used(tx, policy, request, by, {"gates": gates})


def used_at_step(
    tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, rules: Iterable[ActiveRule]
) -> ChangeRequest:
    """The request whose rollout goes on in spite of these freezes; each is recorded and told once."""
    fresh = [rule for rule in rules if tx.remembered(_passed_key(request, rule.name)) is None]
    if request.break_glass is None or not fresh:
        return request
    for rule in fresh:
        tx.remember(_passed_key(request, rule.name), True)
    facts: dict[str, JsonValue] = {"percent": run.reached, "rules": [rule.name for rule in fresh]}
    owing.note(tx, policy, request, "glass-step", **facts)
    if request.break_glass.used_at is None:
        return _used(tx, policy, request, request.break_glass.by, facts)
    tx.trail.record(Fact(type="break-glass.passed", facts=facts), subject=f"request/{request.id}")
    loud.everywhere(tx, policy, request, "passed", facts)
    return request


def _used(
    tx: Transaction, policy: Policy, request: ChangeRequest, by: Actor, facts: Mapping[str, JsonValue]
) -> ChangeRequest:
    glass = request.break_glass
    if glass is None or glass.used_at is not None:
        return request
    section = policy.environments[request.environment].break_glass
    due = tx.now + (REVIEW_WITHIN if section is None else section.review_within)
    used = replace(request, break_glass=replace(glass, used_at=tx.now, review_due=due))
    said: dict[str, JsonValue] = {"ticket": glass.ticket, "review_due": due.isoformat(), **facts}
    tx.requests.put(used, Fact(type="break-glass.used", by=by, facts=said))
    loud.everywhere(tx, policy, used, "used", {"rules": facts.get("rules")})
    review.falls_due(tx, used)
    return used


def _told(outcome: GateOutcome) -> dict[str, JsonValue]:
    until = None if outcome.until is None else outcome.until.isoformat()
    return {
        "gate": outcome.gate, "status": outcome.status.value, "code": outcome.code, "until": until,
        "awaits": outcome.awaits, "facts": dict(outcome.facts),
    }  # fmt: skip


def _rules(outcomes: Iterable[GateOutcome]) -> list[str]:
    """The rules of the calendar that were in force."""
    found = []
    for outcome in outcomes:
        rules = outcome.facts.get("rules")
        if outcome.gate == calendar.NAME and isinstance(rules, list):
            found += [str(rule["name"]) for rule in rules if isinstance(rule, dict)]
    return found


def _passed_key(request: ChangeRequest, rule: str) -> str:
    return f"break-glass:{request.id}:passed:{rule}"
