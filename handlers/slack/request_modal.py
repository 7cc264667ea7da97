"""The form behind `/deploy request` without anything after it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from bot.domain.refusal import Refusal
from bot.flows import request as asking
from bot.flows.asking import REASON_LIMIT
from bot.policy import Policy
from handlers.slack import break_glass
from handlers.slack.blocks import Block, Message, choice, message, modal, option, text_input
from handlers.slack.context import SlackContext
from handlers.slack.listeners import CLOSES, ViewAnswer, later, plain_words, tell
from handlers.slack.payloads import Command, Submission

CALLBACK: Final = "deploy_request"
FIELDS: Final[Mapping[str, str]] = {
    "unknown-service": "service",
    "bad-artifact": "artifact",
    "already-asked": "artifact",
    "unknown-environment": "environment",
    "reason-too-long": "reason",
    "no-reason": "reason",
    "glass-no-reason": "reason",
    "glass-bad-ticket": "emergency",
}
"""Which field a refusal belongs to."""


def open_later(context: SlackContext, command: Command) -> Message:
    """Open the form after the ack. Raises Refusal for somebody whom the policy does not know."""
    policy = context.policy
    command.asker.actor(policy)
    if not policy.services:
        return message(["The policy names no service yet, so there is nothing to ask for."])
    work = later(context, command.response_url, _open(context, command))
    context.background.start(work, name="request-form")
    return message(["The form opens now. In a hurry: `/deploy help` shows how to ask in one line."])


async def _open(context: SlackContext, command: Command) -> None:
    form = render(context.policy, command.asker.reply)
    await context.api.call("views.open", patient=True, trigger_id=command.trigger_id, view=form)


def render(policy: Policy, reply: Mapping[str, Any]) -> Block:
    """The form; `reply` is how to reach whoever asks, carried through it."""
    environments = list(policy.environments)
    kept = {k: v for k, v in reply.items() if k in ("response_url", "channel")}
    return modal(
        CALLBACK,
        "Ask for a deployment",
        [
            choice("service", "Service", list(policy.services)),
            text_input(
                "artifact",
                "Artifact",
                hint="The tag that CI pushed.",
                placeholder="7a3f9c2",
                least=1,
                most=128,
            ),
            choice("environment", "Environment", environments, initial=environments[0]),
            text_input("ticket", "Ticket", placeholder="CHG-1207", most=64, optional=True),
            text_input(
                "emergency",
                "Emergency (incident ticket)",
                hint="Only in an emergency: it is loud, and it is reviewed. It needs a reason.",
                placeholder="INC-7",
                most=64,
                optional=True,
            ),
            text_input(
                "reason",
                "Reason",
                hint="What changes, and why now.",
                most=REASON_LIMIT,
                optional=True,
                multiline=True,
            ),
        ],
        submit="Ask",
        close="Cancel",
        metadata=json.dumps({"reply": kept}),
    )


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Submit it. What a field is refused for stands beside that field."""
    policy = context.policy
    values = {name: value.strip() for name, value in sent.values.items()}
    wanted = asking.Ask(
        asker=sent.asker,
        key=sent.key,
        service=values.get("service", ""),
        artifact=values.get("artifact", ""),
        environment=values.get("environment") or None,
        ticket=values.get("ticket") or None,
        emergency=values.get("emergency") or None,
        reason=values.get("reason") or None,
    )
    try:
        done = await asking.submit(context.ledger, policy, wanted)
    except Refusal as refusal:
        field = str(refusal.facts.get("field") or FIELDS.get(refusal.code) or "")
        field = "emergency" if field == "incident" else field
        if field not in values:
            raise
        return ViewAnswer(errors={field: plain_words(context, refusal)})
    url = sent.asker.reply.get("response_url")
    if isinstance(url, str) and not done.repeated:
        context.background.start(
            tell(context, url, break_glass.submitted(done, policy)), name="request-answer"
        )
    return CLOSES


def suggestions(policy: Policy, action_id: str, typed: str) -> list[Block]:
    """The options of a menu that searches: the names that hold what was typed."""
    names = policy.services if action_id == "service" else policy.environments
    return [option(name) for name in names if typed.casefold() in name.casefold()][:100]
