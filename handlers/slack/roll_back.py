"""`/deploy rollback`: go back to the version before, typed in one line or in a form; and what is told of it (P16, P17)."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows import roll_back as rolling_back
from bot.flows.asking import REASON_LIMIT
from bot.flows.inquire import RequestView
from bot.flows.roll_back import LONGEST_TICKET, Filed, looks_like_incident
from bot.policy import Policy
from handlers.slack.blocks import (
    Block,
    Message,
    actions,
    button,
    choice,
    escape,
    mention,
    message,
    modal,
    text_input,
)
from handlers.slack.context import SlackContext
from handlers.slack.listeners import CLOSES, ViewAnswer, later, plain_words, tell
from handlers.slack.payloads import Command, Press, Submission
from handlers.slack.request_card import DETAILS, title
from handlers.wording import watched
from handlers.wording.facts import Facts
from handlers.wording.rollbacks import telling

USAGE: Final = "/deploy rollback SERVICE ENVIRONMENT [INC-9] [to=TAG] [reason]"
CALLBACK: Final = "deploy_rollback"
FIELDS: Final[Mapping[str, str]] = {
    "unknown-service": "service",
    "nothing-runs": "service",
    "no-way-back": "service",
    "unknown-environment": "environment",
    "may-not-roll-back": "environment",
    "rollback-asked": "environment",
    "needs-incident": "incident",
    "bad-incident": "incident",
    "bad-artifact": "to",
    "never-ran-here": "to",
    "runs-already": "to",
    "reason-too-long": "reason",
    "no-reason": "reason",
}
"""Which field a refusal belongs to."""
_TO: Final = re.compile(r"(?:^|\s)to=(\S*)")
_WORDS_LEAST: Final = 2
_CALLED: Final = watched.CALLED | {"rollback-failed", "rollback-unresolved", "rollback-unverified"}


async def typed(context: SlackContext, command: Command, rest: str) -> Message:
    """Ask for it; nothing after the word opens the form. Raises Refusal."""
    if not rest:
        return open_later(context, command)
    done = await rolling_back.roll_back(context.ledger, context.policy, taken_apart(context, command, rest))
    return said(done)


def taken_apart(context: SlackContext, command: Command, text: str) -> rolling_back.Wanted:
    """SERVICE ENVIRONMENT, then the incident's ticket where the next word is one, `to=TAG` anywhere, and the reason.
    Raises Refusal `too-few-words`, `key-twice` or `key-empty`."""
    tags = _TO.findall(text)
    if len(tags) > 1:
        raise Refusal("key-twice", {"name": "to"})
    if tags == [""]:
        raise Refusal("key-empty", {"name": "to"})
    words = _TO.sub(" ", text).split()
    if len(words) < _WORDS_LEAST:
        missing = "environment" if words else "service"
        raise Refusal("too-few-words", {"missing": missing, "usage": USAGE})
    service, environment, *rest = words
    named = bool(rest) and looks_like_incident(context.policy, environment, rest[0])
    return rolling_back.Wanted(
        asker=command.asker,
        key=command.key,
        service=service,
        environment=environment,
        incident=rest[0] if named else None,
        to=tags[0] if tags else None,
        reason=" ".join(rest[1:] if named else rest) or None,
    )


def said(done: Filed) -> Message:
    """The first answer: what goes back to what, and what happens now."""
    request = done.request
    if done.repeated:
        return message([f"{request.id} was asked for already: {title(request)}"])
    lines = [f"◷ *{request.id}: roll back {title(request)}*"]
    if done.stops is not None:
        lines.append(
            f"{escape(done.stops)} goes no further meanwhile, and ends where it stands when this starts."
        )
    lines.append(
        "No window and no soak holds it. Its message asks for the approval; you may give it yourself, with a second "
        "factor, where a seat is yours."
    )
    return message(lines)


# The form


def open_later(context: SlackContext, command: Command) -> Message:
    """Open the form after the ack. Raises Refusal for somebody whom the policy does not know."""
    policy = context.policy
    command.asker.actor(policy)
    if not policy.services:
        return message(["The policy names no service yet, so there is nothing to roll back."])
    work = later(context, command.response_url, _open(context, command))
    context.background.start(work, name="rollback-form")
    return message([f"The form opens now. In a hurry, in one line: `{escape(USAGE)}`"])


async def _open(context: SlackContext, command: Command) -> None:
    form = render(context.policy, command.asker.reply)
    await context.api.call("views.open", patient=True, trigger_id=command.trigger_id, view=form)


def render(
    policy: Policy,
    reply: Mapping[str, Any],
    *,
    service: str | None = None,
    environment: str | None = None,
    incident: str | None = None,
) -> Block:
    """The form, with what is known already; `reply` is how to reach whoever asks, carried through it."""
    environments = list(policy.environments)
    kept = {k: v for k, v in reply.items() if k in ("response_url", "channel")}
    ticket = text_input(
        "incident",
        "Incident",
        hint="The ticket of the incident that this answers.",
        placeholder="INC-9",
        most=LONGEST_TICKET,
        optional=True,
    )
    if incident is not None:
        ticket["element"]["initial_value"] = incident
    return modal(
        CALLBACK,
        "Roll back",
        [
            choice("service", "Service", list(policy.services), initial=service),
            choice("environment", "Environment", environments, initial=environment or environments[0]),
            ticket,
            text_input(
                "to",
                "Version",
                hint="The tag of a version that ran there. Left empty: the one before what runs.",
                most=128,
                optional=True,
            ),
            text_input("reason", "Reason", most=REASON_LIMIT, optional=True, multiline=True),
        ],
        submit="Roll back",
        close="Cancel",
        metadata=json.dumps({"reply": kept}),
    )


async def open_for(
    context: SlackContext, press: Press, *, service: str, environment: str, incident: str
) -> None:
    """Open the form for what an incident suspects. Its ticket is the incident, where the policy takes such tickets."""
    policy = context.policy
    known = incident if looks_like_incident(policy, environment, incident) else None
    reply = {"response_url": press.response_url} if press.response_url else {}
    form = render(policy, reply, service=service, environment=environment, incident=known)
    await context.api.call("views.open", patient=True, trigger_id=press.trigger_id, view=form)


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """File it. What a field is refused for stands beside that field."""
    values = {name: value.strip() for name, value in sent.values.items()}
    wanted = rolling_back.Wanted(
        asker=sent.asker,
        key=sent.key,
        service=values.get("service", ""),
        environment=values.get("environment", ""),
        incident=values.get("incident") or None,
        to=values.get("to") or None,
        reason=values.get("reason") or None,
    )
    try:
        done = await rolling_back.roll_back(context.ledger, context.policy, wanted)
    except Refusal as refusal:
        field = FIELDS.get(refusal.code, "")
        if field not in values:
            raise
        return ViewAnswer(errors={field: plain_words(context, refusal)})
    url = sent.asker.reply.get("response_url")
    if isinstance(url, str) and not done.repeated:
        context.background.start(tell(context, url, said(done)), name="rollback-answer")
    return CLOSES


# What is told outside the threads


def note(delivery: Delivery, view: RequestView, policy: Policy) -> Message:
    """For everybody, or for whoever is on call: the first line says what happened, the next what is to be done."""
    facts = Facts(delivery.facts)
    told = telling(facts)
    called = ""
    if facts.text("code") in _CALLED and delivery.destination.startswith("slack:channel:"):
        person = policy.people.get(facts.text("on_call", ""))
        called = f"{mention(person.slack) or escape(person.name or '')} " if person is not None else ""
    lines = [f"*{told.sign} {escape(told.head, 600)}*  {view.request.id}", called + escape(told.text, 900)]
    return message(lines, *actions(button(DETAILS, "Details", view.request.id)))
