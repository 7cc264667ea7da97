"""What a change of the project's state (K1) is judged by: its own section stands in for the rules of a deployment."""

from dataclasses import replace
from typing import Final

from bot.domain.canonical import digest_of
from bot.domain.change_request import ChangeRequest, Kind
from bot.flows.project_state import project_state
from bot.policy import Environment, Policy, Service
from bot.policy.state_change import PROJECT, StateChange
from bot.ports import Transaction

NOBODY_APPROVES: Final = "no-state-change"
HOLDS_ALREADY: Final = "in-that-state"
"""Why a request is over, as the code of its closing."""
_OF_A_BUILD: Final = frozenset({"commit-authors", "dispatcher"})
"""Whom an approval excludes for what they did to a build: a change of state has none, so nobody did it."""


def as_asked(policy: Policy, request: ChangeRequest) -> Policy:
    """The policy as it judges `request`: for a change of state, the gates and the approval of `state_change` in place of
    those of its environment, which keeps its access. No glass breaks for it, and no rollback undoes it: it is undone by
    the change back. Every other request is judged by the policy as it is; asked twice, the answer is the same."""
    section = _section(policy, request)
    if section is None:
        return policy
    here = policy.environments[section.environment]
    exclude = tuple(word for word in section.approval.exclude if word not in _OF_A_BUILD)
    instead = Environment(
        kind=here.kind,
        gates=section.gates,
        approval=section.approval.model_copy(update={"exclude": exclude}),
        access=here.access,
        monitors=here.monitors,
        severity=here.severity,
        owner=here.owner,
    )
    return replace(
        policy,
        environments={**policy.environments, section.environment: instead},
        services={**policy.services, PROJECT: Service()},
    )


def _section(policy: Policy, request: ChangeRequest) -> StateChange | None:
    """The section that `request` is judged by; None where it is no change of state, or the policy has it no more."""
    section = policy.state_change
    if request.kind is not Kind.CONFIGURATION or section is None:
        return None
    return section if (request.service, request.environment) == (PROJECT, section.environment) else None


def left_policy(policy: Policy, request: ChangeRequest) -> str | None:
    """Why the policy judges `request` no more, as a code; None where it does."""
    if request.kind is Kind.CONFIGURATION:
        return NOBODY_APPROVES if _section(policy, request) is None else None
    if request.service not in policy.services or request.environment not in policy.environments:
        return "no-longer-in-policy"
    return None


def over(tx: Transaction, policy: Policy, request: ChangeRequest) -> str | None:
    """Why nothing is left to decide of `request`, as a code: the project is in that state already, or the policy judges
    it no more."""
    now = project_state(tx)
    if request.kind is Kind.CONFIGURATION and now is not None and now.state == request.artifact.tag:
        return HOLDS_ALREADY
    return left_policy(policy, request)


def asked_digest(tx: Transaction, policy: Policy, state: str) -> str:
    """What exactly a change to `state` asks for: from which state, to which, and by which rules. Where one of these is
    another, it is another change, and no approval of this one is one of that."""
    now = project_state(tx)
    return digest_of({"from": None if now is None else now.state, "to": state, "policy": policy.digest})
