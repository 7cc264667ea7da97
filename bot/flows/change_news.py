"""What went live is told outside Slack as well: PagerDuty shows it beside what breaks afterwards."""

from typing import Final

from bot.domain.change_request import ChangeRequest
from bot.domain.escalation import TargetKind
from bot.domain.owed import Delivery
from bot.policy import Policy
from bot.ports import Transaction

KIND: Final = "change-news"


def went_live(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """Owe the news of a request that went live to every PagerDuty integration that the policy pages. Which names of
    `incidents.pages` are integrations only the settings know: the announcer passes over those that are none."""
    named = [target.compiled for step in policy.escalation for target in step.notify]
    paged = [target.name for target in named if target.kind is TargetKind.PAGERDUTY]
    for name in dict.fromkeys([*paged, *policy.incidents.pages]):
        tx.owe(
            Delivery(
                key=f"{KIND}:{request.id}:{name}",
                kind=KIND,
                destination=f"pagerduty:{name}",
                subject=request.id,
                due_at=tx.now,
            )
        )
